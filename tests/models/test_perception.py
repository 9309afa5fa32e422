"""The reader of expressions: any size, differentiable, the same after saving."""

from pathlib import Path

import pytest
import torch

from models.errors import CheckpointError
from models.expression import EXPRESSION_AXES
from models.perception import FacePerception


@pytest.mark.parametrize("size", [32, 64, 128, 200])
def test_reads_images_of_any_size(size: int) -> None:
    readings = FacePerception().eval()(torch.rand(2, 3, size, size))
    assert readings.shape == (2, len(EXPRESSION_AXES))
    assert torch.isfinite(readings).all()


def test_gradient_reaches_the_pixels() -> None:
    images = torch.rand(1, 3, 64, 64, requires_grad=True)
    FacePerception().eval()(images).sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(AssertionError, match="3, S, S"):
        FacePerception()(torch.rand(3, 64, 64))


def test_saved_and_loaded_it_reads_the_same_and_is_frozen(tmp_path: Path) -> None:
    torch.manual_seed(0)
    perception = FacePerception()
    perception(torch.rand(8, 3, 64, 64))  # moves the running statistics
    perception.eval().save(tmp_path / "p.safetensors", {"seed": 1})
    again = FacePerception.load(tmp_path / "p.safetensors")
    images = torch.rand(2, 3, 128, 128)
    assert torch.allclose(perception(images), again(images), atol=5e-3)
    assert not any(parameter.requires_grad for parameter in again.parameters())
    assert not again.training
    (tmp_path / "p.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="whole safetensors"):
        FacePerception.load(tmp_path / "p.safetensors")
