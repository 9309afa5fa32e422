"""SimulatedObserver: how simulated participants see faces. Built and trained apart from FacePerception."""

from __future__ import annotations

from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from models.checkpoint import load_checkpoint, load_into, save_checkpoint, shipped_weights
from models.device import best_device
from models.expression import EXPRESSION_AXES

WEIGHTS_KIND = "simulated observer"
INPUT_SIZE = 48  # pixels, grey: a glance, not a study


class SimulatedObserver(nn.Module):
    """A coarse reader of expressions in grey pictures of 48 pixels.

    `forward(images [B, 3, S, S] in [0, 1])` gives readings [B, 9] in the units of `EXPRESSION_AXES`. It learned
    from corpus faces alone and never saw a generated one. No training of ĥ or of an encoder looks through it.
    """

    axes = EXPRESSION_AXES

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 24, 5, 2, 2),
            nn.GELU(),
            nn.Conv2d(24, 48, 3, 2, 1),
            nn.GELU(),
            nn.Conv2d(48, 64, 3, 2, 1),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(64 * 6 * 6, 64),
            nn.GELU(),
            nn.Linear(64, len(self.axes)),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Readings [B, 9] of images [B, 3, S, S] in [0, 1], on this network's device."""
        assert images.ndim == 4 and images.shape[1] == 3, (
            f"images are {tuple(images.shape)}, expected [B, 3, S, S]"
        )
        grey = images.to(next(self.parameters()).device).mean(1, keepdim=True)
        if grey.shape[-1] != INPUT_SIZE:
            grey = F.interpolate(grey, size=(INPUT_SIZE, INPUT_SIZE), mode="area")
        grey = grey - grey.mean((1, 2, 3), keepdim=True)
        readings: Tensor = self.net(4 * grey)
        return readings

    def save(self, path: Path, facts: dict[str, object]) -> None:
        """Write fp16 weights with facts for the card."""
        tensors = {name: value.half() for name, value in self.state_dict().items()}
        save_checkpoint(path, WEIGHTS_KIND, tensors, facts)

    @classmethod
    def load(cls, path: Path | None = None) -> SimulatedObserver:
        """The shipped observer, or one from a file that `save` wrote; frozen.

        Raises CheckpointError where the file is absent, damaged, foreign, or of another size.
        """
        path = path or shipped_weights("simulated_observer")
        tensors, _ = load_checkpoint(path, WEIGHTS_KIND)
        observer = cls()
        load_into(observer, tensors, path)
        return observer.requires_grad_(False).eval().to(best_device())
