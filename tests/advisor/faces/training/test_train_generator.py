"""Training runs: what they leave, that they go on where they stopped, and what they refuse."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from advisor.faces.corpus.corpus import build_corpus
from advisor.faces.corpus.landmarks import canonical_shape
from advisor.faces.corpus.photographs import People
from advisor.faces.draw import axis_values, draw_faces, extreme_expressions
from advisor.faces.training.image_losses import feature_weights, fidelity, reconstruction_loss
from advisor.faces.training.train_generator import FaceTrainingOptions, train_faces
from advisor.faces.training.train_perception import (
    PerceptionTrainingOptions,
    degrade,
    mirror,
    r_squared,
    train_perception,
)
from data.errors import FacesError
from models.checkpoint import load_checkpoint, shipped_weights
from models.errors import CheckpointError
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS, coupling_matrix, within_couplings
from models.face_generator import FaceGenerator
from models.perception import FacePerception
from tests.support.drawn_people import write_people

pytestmark = pytest.mark.training

SMALL = FaceTrainingOptions(
    network_capacity=2, fmap_max=16, n_half_size_steps=2, n_steps=4, batch_size=2, snapshot_every=2
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("faces")
    build_corpus(
        write_people(folder / "pictures"), folder / "corpus", 60, image_size=32, n_processes=1, shard_size=20
    )
    return folder / "corpus"


@pytest.fixture(scope="module")
def run(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    train_faces(corpus, out, SMALL)
    return out


@pytest.fixture(scope="module")
def generator(run: Path) -> FaceGenerator:
    return FaceGenerator.load(run / "face_generator.safetensors", dtype=torch.float32)


def test_a_run_leaves_statistics_sheets_and_a_generator_of_the_corpus_size(
    run: Path, generator: FaceGenerator
) -> None:
    rows = [json.loads(line) for line in (run / "statistics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert {"psnr_db", "gradient_energy", "loss"} <= rows[0].keys()
    assert len(list((run / "sheets").glob("*.png"))) == 2
    assert generator.image_size == 32
    assert generator.n_identities >= 4


def test_a_stopped_run_goes_on_as_if_it_had_not_been(
    corpus: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []

    def stop_at_the_second(*_: object, **__: object) -> None:
        saved.append(1)
        if len(saved) == 2:  # half size at step 2, full size at step 2
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("advisor.faces.training.train_generator.write_sheet", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            train_faces(corpus, tmp_path, SMALL)
    train_faces(corpus, tmp_path, SMALL)
    ours, facts = load_checkpoint(tmp_path / "checkpoint.safetensors", "face training run")
    theirs, _ = load_checkpoint(run / "checkpoint.safetensors", "face training run")
    assert facts["step"] == 4
    for name, value in theirs.items():
        assert torch.allclose(ours[name].float(), value.float(), atol=1e-5), name


def test_other_options_or_weights_that_do_not_fit_are_refused(
    corpus: Path, run: Path, tmp_path: Path
) -> None:
    with pytest.raises(FacesError, match="other options"):
        train_faces(corpus, run, SMALL.model_copy(update={"seed": 9}))
    with pytest.raises(FacesError, match="no corpus"):
        train_faces(tmp_path, tmp_path / "run", SMALL)
    with pytest.raises(CheckpointError, match="not of a face training run"):
        train_faces(corpus, tmp_path / "run", SMALL, initial=shipped_weights("face_perception"))


def test_a_run_goes_on_from_the_weights_that_another_one_shipped(
    corpus: Path, run: Path, tmp_path: Path
) -> None:
    slow = SMALL.model_copy(
        update={
            "n_half_size_steps": 0,
            "n_steps": 1,
            "learning_rate": 1e-9,
            "mapping_learning_rate": 1e-9,
            "matrix_learning_rate": 1e-9,
        }
    )
    theirs = train_faces(corpus, run, SMALL)
    ours = train_faces(corpus, tmp_path, slow, initial=run / "face_generator.safetensors")
    assert ours["psnr_db"] == pytest.approx(theirs["psnr_db"], abs=0.05)


def test_loss_is_zero_for_the_picture_itself_and_grows_with_blur(corpus: Path) -> None:
    people = People.load(corpus / "people")
    weights = feature_weights(canonical_shape(people.neutral, people.smiling), 32)
    assert weights.mean() == pytest.approx(1, abs=1e-5)
    pictures = torch.from_numpy(np.load(corpus / "train-0000.npy")[:4]).permute(0, 3, 1, 2).float() / 255
    blurred = torch.nn.functional.avg_pool2d(pictures, 3, 1, 1, count_include_pad=False)
    assert reconstruction_loss(pictures, pictures, weights, 1.0)[0] == 0
    assert reconstruction_loss(blurred, pictures, weights, 1.0)[0] > 0.01
    figures = fidelity(blurred, pictures)
    assert figures["gradient_energy"] < 0.95
    assert figures["psnr_db"] < 35


def test_perception_learns_and_goes_on_where_it_stopped(
    corpus: Path, generator: FaceGenerator, tmp_path: Path
) -> None:
    options = PerceptionTrainingOptions(n_steps=3, batch_size=4, n_generated=8, snapshot_every=2)
    figures = train_perception(corpus, generator, tmp_path, options)
    assert figures.keys() == {"held_out", "held_out_people", "generated"}
    assert set(figures["generated"]) == set(EXPRESSION_AXES)
    steps = [json.loads(line)["step"] for line in (tmp_path / "statistics.jsonl").read_text().splitlines()]
    assert steps == [2, 3]
    first = (tmp_path / "face_perception.safetensors").read_bytes()
    train_perception(corpus, generator, tmp_path, options)
    assert (tmp_path / "face_perception.safetensors").read_bytes() == first
    assert FacePerception.load(tmp_path / "face_perception.safetensors")


def test_degraded_pictures_are_pictures_and_a_seed_repeats() -> None:
    images = torch.rand(3, 3, 32, 32)
    seen = [degrade(images, np.random.default_rng(4)) for _ in range(2)]
    assert torch.equal(*seen)
    assert 0 <= seen[0].min() <= seen[0].max() <= 1
    assert not torch.allclose(seen[0], images, atol=0.01)


def test_a_mirrored_face_tilts_the_other_way() -> None:
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    expressions = np.full((2, 9), 0.5, np.float32)
    seen, tilted = mirror(images.copy(), expressions.copy(), np.array([True, False]))
    assert (seen[0] == images[0, :, ::-1]).all()
    assert (seen[1] == images[1]).all()
    assert tilted[0].tolist() == [0.5] * 8 + [-0.5]
    assert tilted[1].tolist() == [0.5] * 9


def test_r_squared_of_the_mean_is_zero_and_of_the_truth_one() -> None:
    truth = np.random.default_rng(0).uniform(0, 1, (50, 9)).astype(np.float32)
    pixels = np.zeros((50, 8, 8, 3), np.uint8)

    class Fixed(FacePerception):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            answer = self.answers[: len(images)]
            self.answers = self.answers[len(images) :]
            return answer

    reader = Fixed()
    for answers, expected in ((truth, 1.0), (np.tile(truth.mean(0), (50, 1)), 0.0)):
        reader.answers = torch.from_numpy(answers)
        assert r_squared(reader, pixels, truth)["smile"] == pytest.approx(expected, abs=1e-5)


def test_drawn_faces_come_with_their_manifest(generator: FaceGenerator, tmp_path: Path) -> None:
    import csv

    from PIL import Image

    n_drawn = draw_faces(2, tmp_path, generator)
    with (tmp_path / "manifest.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert n_drawn == len(rows) == len({row["image"] for row in rows}) == 2 * 9 * 5
    assert list(rows[0]) == ["image", "identity", "axis", "value"]
    for axis, (low, high) in zip(EXPRESSION_AXES, EXPRESSION_BOUNDS, strict=True):
        values = [float(row["value"]) for row in rows if row["axis"] == axis and row["identity"] == "0"]
        assert values == axis_values(low, high)
        assert 0 in values
    for row in rows:
        with Image.open(tmp_path / row["image"]) as picture:
            assert (picture.size, picture.mode) == ((32, 32), "RGB")
    assert (tmp_path / "contact_sheet.png").is_file()
    with Image.open(tmp_path / "extremes.png") as sheet:
        assert sheet.width == 20 * 128
    with pytest.raises(FacesError, match="ask for 1 to"):
        draw_faces(99, tmp_path, generator)


def test_extreme_expressions_lie_at_the_ends_and_are_such_as_muscles_can_make() -> None:
    extremes = extreme_expressions(np.random.default_rng(0))
    low, high = torch.tensor(EXPRESSION_BOUNDS).T
    assert ((extremes >= low) & (extremes <= high)).all()
    torch.testing.assert_close(within_couplings(extremes, coupling_matrix()), extremes)
    ends = torch.isclose(extremes, low) | torch.isclose(extremes, high)
    assert ends[60:].any(0).all()  # every axis is at an end in some corner
