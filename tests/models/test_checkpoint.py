"""Weights files: whole or not at all, and never a pickle."""

import pickle
from pathlib import Path

import pytest
import torch

from models.checkpoint import file_sha256, load_checkpoint, load_into, save_checkpoint
from models.errors import CheckpointError


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "weights" / "some.safetensors"
    save_checkpoint(path, "face reader", {"a": torch.arange(6.0).reshape(2, 3)}, {"seed": 3, "axes": ["x"]})
    return path


def test_tensors_and_facts_come_back(saved: Path) -> None:
    tensors, facts = load_checkpoint(saved, "face reader")
    assert torch.equal(tensors["a"], torch.arange(6.0).reshape(2, 3))
    assert facts == {"seed": 3, "axes": ["x"]}
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_transposed_tensor_and_shared_storage_are_saved(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    save_checkpoint(tmp_path / "w.safetensors", "k", {"t": whole.t(), "again": whole}, {})
    tensors, _ = load_checkpoint(tmp_path / "w.safetensors", "k")
    assert torch.equal(tensors["t"], whole.t())


@pytest.mark.parametrize("damage", ["absent", "truncated", "empty", "pickle"])
def test_a_file_that_is_no_weights_file_is_named(saved: Path, damage: str) -> None:
    if damage == "absent":
        saved.unlink()
    elif damage == "truncated":
        saved.write_bytes(saved.read_bytes()[:-5])
    elif damage == "empty":
        saved.write_bytes(b"")
    else:
        saved.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(CheckpointError, match=saved.name):
        load_checkpoint(saved, "face reader")


def test_weights_of_another_kind_or_program_are_refused(saved: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    with pytest.raises(CheckpointError, match="face reader, not of a face generator"):
        load_checkpoint(saved, "face generator")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CheckpointError, match="not written by this project"):
        load_checkpoint(tmp_path / "foreign.safetensors", "face reader")


def test_an_interrupted_write_leaves_the_last_whole_file(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("models.checkpoint.save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(saved, "face reader", {"a": torch.zeros(1)}, {})
    assert load_checkpoint(saved, "face reader")[1]["seed"] == 3
    assert len(list(saved.parent.iterdir())) == 1


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"weight": torch.zeros(3, 2)}, "lacks bias"),
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(3), "extra": torch.zeros(1)}, "unknown extra"),
        ({"weight": torch.zeros(4, 2), "bias": torch.zeros(3)}, "same size"),
    ],
)
def test_weights_of_another_size_are_refused(tensors: dict[str, torch.Tensor], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        load_into(torch.nn.Linear(2, 3), tensors, Path("some.safetensors"))


def test_equal_weights_have_equal_hashes(tmp_path: Path) -> None:
    tensors = {name: torch.arange(3.0) for name in ("b", "a", "c")}
    hashes = set()
    for number in range(12):
        path = tmp_path / f"{number}.safetensors"
        save_checkpoint(path, "test", tensors, {"y": 1, "x": [2]})
        hashes.add(file_sha256(path))
    assert len(hashes) == 1
    loaded, facts = load_checkpoint(path, "test")
    assert facts == {"y": 1, "x": [2]}
    assert all(torch.equal(loaded[name], tensor) for name, tensor in tensors.items())
