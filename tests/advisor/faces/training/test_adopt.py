"""A generator of the package's own command line becomes one of ours, and foreign pickles stay shut."""

import pickle
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from advisor.cli import app
from advisor.drawing.rendering import usable_bounds
from advisor.faces.training.adopt import adopt_generator, steering
from data.errors import FacesError
from models.errors import CheckpointError
from models.expression import EXPRESSION_AXES
from models.face_generator import FaceGenerator
from models.perception import FacePerception
from models.stylegan2 import PackageGenerator, StyleVectorizer

pytestmark = pytest.mark.training


def write_checkpoint(path: Path, **options: object) -> tuple[torch.nn.Module, torch.nn.Module]:
    """What the package writes: both networks twice (trained and averaged), under `GAN`."""
    torch.manual_seed(0)
    mapping = StyleVectorizer(24, 3, lr_mul=0.1)
    synthesis = PackageGenerator(16, 24, network_capacity=4, **options)
    gan = {f"{part}.{k}": v for part in ("S", "SE") for k, v in mapping.state_dict().items()}
    gan |= {f"{part}.{k}": v for part in ("G", "GE") for k, v in synthesis.state_dict().items()}
    torch.save({"GAN": gan, "version": "1.9.0"}, path)
    return mapping, synthesis


@pytest.mark.parametrize("options", [{}, {"fmap_max": 16}, {"no_const": True}, {"attn_layers": [2]}])
def test_adopted_faces_are_the_packages_own(tmp_path: Path, options: dict[str, object]) -> None:
    _, synthesis = write_checkpoint(tmp_path / "model_3.pt", **options)
    readable = adopt_generator(
        tmp_path / "model_3.pt", tmp_path / "g.safetensors", 5, 40, perception=FacePerception().eval()
    )
    assert readable.keys() == set(EXPRESSION_AXES)
    adopted = FaceGenerator.load(tmp_path / "g.safetensors", dtype=torch.float32)
    assert (adopted.n_identities, adopted.image_size) == (5, 16)
    faces = adopted(torch.arange(5), torch.zeros(5, 9))
    styles = adopted.identity_codes[:, None].expand(-1, 3, -1)
    expected = synthesis(styles, torch.zeros(5, 16, 16, 1)).clamp(0, 1)
    assert (faces - expected).abs().mean() < 0.01


def test_steering_moves_the_readings_as_asked_and_nothing_else() -> None:
    generator = torch.Generator().manual_seed(1)
    styles = torch.randn(400, 30, generator=generator) * torch.linspace(0.3, 2, 30)
    truth = torch.randn(30, 9, generator=generator)
    readings = styles @ truth + 0.5
    directions, (slopes, offset) = steering(styles, readings)
    assert torch.allclose(directions @ truth, torch.eye(9), atol=0.02)
    assert torch.allclose(styles @ slopes + offset, readings, atol=0.1)


class Malicious:
    """A pickle that would write a file when it is executed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_a_foreign_pickle_is_refused_without_being_executed(tmp_path: Path) -> None:
    for name, stored in (("a.pt", Malicious(tmp_path / "executed")), ("b.pt", {"GAN": 3}), ("c.pt", [1])):
        if name == "a.pt":
            (tmp_path / name).write_bytes(pickle.dumps(stored))
        else:
            torch.save(stored, tmp_path / name)
        with pytest.raises(CheckpointError, match=name):
            adopt_generator(tmp_path / name, tmp_path / "out", perception=FacePerception())
    assert not (tmp_path / "executed").exists()
    torch.save(Malicious(tmp_path / "executed"), tmp_path / "d.pt")
    with pytest.raises(CheckpointError, match="not executed"):
        adopt_generator(tmp_path / "d.pt", tmp_path / "out", perception=FacePerception())
    assert not (tmp_path / "executed").exists()


def test_transparent_or_absent_checkpoints_are_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "rgba.pt", transparent=True)
    with pytest.raises(CheckpointError, match="transparent"):
        adopt_generator(tmp_path / "rgba.pt", tmp_path / "out", perception=FacePerception())
    with pytest.raises(CheckpointError, match="no weights file"):
        adopt_generator(tmp_path / "absent.pt", tmp_path / "out", perception=FacePerception())
    torch.save({"GAN": {"S.x": torch.zeros(1)}}, tmp_path / "empty.pt")
    with pytest.raises(CheckpointError, match="no averaged generator"):
        adopt_generator(tmp_path / "empty.pt", tmp_path / "out", perception=FacePerception())


def test_ones_own_weights_are_used_by_everything_and_unreadable_ones_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path / "model_3.pt")
    mine = tmp_path / "weights"
    adopted = CliRunner().invoke(
        app,
        [
            "adopt-faces",
            str(tmp_path / "model_3.pt"),
            "--out",
            str(mine),
            "--identities",
            "2",
            "--samples",
            "100",
        ],
    )
    assert adopted.exit_code == 0, adopted.output
    assert "no expression can be read in these faces" in adopted.output
    assert "COUNTENANCE_WEIGHTS" not in adopted.output  # an untrained generator is not recommended
    shipped = FaceGenerator.load()
    monkeypatch.setenv("COUNTENANCE_WEIGHTS", str(mine))
    generator = FaceGenerator.load()
    assert (generator.n_identities, generator.image_size) == (2, 16) != (shipped.n_identities, 128)
    assert FacePerception.load().axes == EXPRESSION_AXES  # what the folder lacks is the project's
    with pytest.raises(FacesError, match="no expression can be read"):
        usable_bounds(generator)
