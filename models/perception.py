"""Pixels to the nine expression parameters: what the response model's head sees of a face."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.checkpoint import load_checkpoint, load_into, save_checkpoint, shipped_weights
from models.device import best_device
from models.expression import EXPRESSION_AXES

WEIGHTS_KIND = "face perception"
INPUT_SIZE = 128  # pixels
WIDTHS = (64, 96, 96, 128, 128, 128)
STRIDES = (1, 2, 1, 2, 1, 2)


class FacePerception(nn.Module):
    """A small convolutional reader of expressions.

    `forward(images [B, 3, S, S] in [0, 1])` gives readings [B, 9] in the units of `EXPRESSION_AXES`, not
    clipped to their bounds; any square size, differentiable. It was trained over many identities to report
    the expression alone.
    """

    axes = EXPRESSION_AXES

    def __init__(self) -> None:
        super().__init__()
        n_in = 3 * 4 * 4
        layers: list[nn.Module] = [nn.PixelUnshuffle(4)]  # all pixels, at a quarter of the size
        for n_out, stride in zip(WIDTHS, STRIDES, strict=True):
            layers += [
                nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False),
                nn.BatchNorm2d(n_out),
                nn.ReLU(inplace=True),
            ]
            n_in = n_out
        self.features = nn.Sequential(*layers)
        # Where something is matters as much as what: the map is flattened, not pooled.
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(n_in * 4 * 4, 96), nn.ReLU(inplace=True), nn.Linear(96, len(self.axes))
        )

    def forward(self, images: Tensor) -> Tensor:
        """Readings [B, 9] of images [B, 3, S, S] in [0, 1], on this network's device."""
        assert images.ndim == 4 and images.shape[1] == 3 and images.shape[2] == images.shape[3], (
            f"images must be [B, 3, S, S], found {tuple(images.shape)}"
        )
        images = images.to(next(self.parameters()).device)
        if images.shape[-1] != INPUT_SIZE:
            images = F.interpolate(
                images, size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear", antialias=True, align_corners=False
            )
        features = self.features((2 * images - 1).contiguous(memory_format=torch.channels_last))
        readings: Tensor = self.head(features)
        return readings

    def save(self, path: Path, facts: dict[str, object]) -> None:
        """Write fp16 weights with facts for the card."""
        tensors = {
            name: value.half() if value.is_floating_point() else value
            for name, value in self.state_dict().items()
        }
        save_checkpoint(path, WEIGHTS_KIND, tensors, facts)

    @classmethod
    def load(cls, path: Path | None = None) -> "FacePerception":
        """The shipped reader, or one from a file that `save` wrote; frozen, in evaluation mode.

        Raises:
            CheckpointError: the file is absent, damaged, foreign, or of another size.
        """
        path = path or shipped_weights("face_perception")
        tensors, _ = load_checkpoint(path, WEIGHTS_KIND)
        perception = cls()
        load_into(perception, tensors, path)
        return perception.requires_grad_(False).eval().to(best_device())
