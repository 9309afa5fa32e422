"""A plain run on a folder of pictures: on a CPU, resumable, and fit to be adopted."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from advisor.faces.training.adopt import adopt_generator
from advisor.faces.training.train_plain import PlainTrainingOptions, read_pictures, train_plain
from data.errors import FacesError
from models.checkpoint import load_checkpoint
from models.face_generator import FaceGenerator
from models.perception import FacePerception

pytestmark = pytest.mark.training

ONE_THREAD = """
import numpy as np
import torch
from accelerate import Accelerator
from advisor.faces.training.adversary import Adversary

torch.set_num_threads(1)
adversary = Adversary(Accelerator(cpu=True), 16, 2, 16, 1e-3, 1.0)
for step in range(8):
    pictures = torch.rand(2, 20, 20, 3).permute(0, 3, 1, 2)
    adversary.learn(pictures, pictures.flip(3), step, np.random.default_rng(step))
"""
SMALL = PlainTrainingOptions(
    image_size=16,
    network_capacity=2,
    fmap_max=16,
    latent_dim=16,
    n_mapping_layers=2,
    n_steps=3,
    batch_size=2,
    snapshot_every=2,
)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for n in range(5):
        cv2.imwrite(str(folder / f"{n}.png"), rng.integers(0, 255, (20, 30, 3), dtype=np.uint8))
    (folder / "corrupt.jpg").write_bytes(b"no picture")
    return folder


def test_one_thread_learns_without_spoiling_memory() -> None:
    """As under torchrun; where it does spoil it, the process is aborted."""
    done = subprocess.run([sys.executable, "-c", ONE_THREAD], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:300]


def test_a_run_skips_a_corrupt_file_and_can_be_adopted(pictures: Path, tmp_path: Path) -> None:
    skipped = train_plain(pictures, tmp_path / "run", SMALL)
    assert list(skipped) == ["corrupt.jpg"]
    rows = [json.loads(line) for line in (tmp_path / "run" / "statistics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 3]
    assert len(list((tmp_path / "run" / "sheets").glob("*.png"))) == 2
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"
    adopt_generator(checkpoint, tmp_path / "g.safetensors", 3, 40, perception=FacePerception().eval())
    assert FaceGenerator.load(tmp_path / "g.safetensors").n_identities == 3


def test_a_stopped_run_goes_on(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    train_plain(pictures, tmp_path / "whole", SMALL)
    with monkeypatch.context() as patch:
        patch.setattr("advisor.faces.training.train_plain._write_samples", stop)
        with pytest.raises(KeyboardInterrupt):
            train_plain(pictures, tmp_path / "run", SMALL)
    train_plain(pictures, tmp_path / "run", SMALL)
    ours, facts = load_checkpoint(tmp_path / "run" / "checkpoint.safetensors", "face training run")
    theirs, _ = load_checkpoint(tmp_path / "whole" / "checkpoint.safetensors", "face training run")
    assert facts["step"] == 3
    # On some processors a sum's rounding depends on where memory lies, and Adam makes a step of any rounding: a few
    # weights of two uninterrupted runs differ as well. Other draws or a lost optimiser would change them all.
    apart = sum(float((ours[name] - value).abs().sum()) for name, value in theirs.items())
    assert apart / sum(value.numel() for value in theirs.values()) < 1e-5


def test_pictures_are_cut_square(pictures: Path) -> None:
    images, _ = read_pictures(pictures, 16)
    assert images.shape == (5, 16, 16, 3)


def test_a_folder_without_pictures_or_an_odd_size_is_refused(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FacesError, match="no readable pictures"):
        read_pictures(tmp_path / "empty", 16)
    with pytest.raises(FacesError, match="no folder"):
        read_pictures(tmp_path / "absent", 16)
    with pytest.raises(FacesError, match="power of two"):
        train_plain(pictures, tmp_path / "run", SMALL.model_copy(update={"image_size": 48}))
