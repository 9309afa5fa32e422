"""How far a drawn face is from the picture it should be, and how sharp it is beside it."""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from advisor.faces.corpus.landmarks import EYES, FACE_OVAL

BROWS = ([276, 282, 283, 285, 293, 295, 296, 300, 334, 336], [46, 52, 53, 55, 63, 65, 66, 70, 105, 107])
LIPS = [0, 17, 37, 39, 40, 61, 84, 91, 146, 181, 185, 267, 269, 270, 291, 314, 321, 375, 405, 409]
GRADIENT_WEIGHT = 0.7
TEXTURE_WINDOW = 8  # pixels


def feature_weights(shape: NDArray[np.float64], image_size: int) -> Tensor:
    """Weights [1, 1, S, S] of mean 1 that make eyes, brows and lips (of a canonical shape) count more."""

    def patch(points: NDArray[np.float64], grown: float, blur: float) -> NDArray[np.float32]:
        mask = np.zeros((image_size, image_size), np.uint8)
        hull = cv2.convexHull((points * image_size * 16).astype(np.int32))
        cv2.fillPoly(mask, [hull], 255, shift=4)
        width = int(grown * image_size) * 2 + 1
        thick = cv2.dilate(mask, np.ones((width, width))).astype(np.float32) / 255
        return np.asarray(cv2.GaussianBlur(thick, (0, 0), blur * image_size), dtype=np.float32)

    weights = 0.6 + 0.6 * patch(shape[FACE_OVAL], 0.01, 0.02)
    sides = shape[EYES, 0] > 0.5
    for brow, eye in zip(BROWS, (EYES[sides], EYES[~sides]), strict=True):
        weights = weights + 2 * patch(shape[np.r_[eye, brow]], 0.02, 0.015)
    weights = weights + 2.5 * patch(shape[LIPS], 0.03, 0.02)
    return torch.from_numpy(weights / weights.mean()).float()[None, None]


def reconstruction_loss(
    drawn: Tensor, pictures: Tensor, weights: Tensor, texture_weight: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted L1 of pixels and of their gradients over four scales, plus local texture energy.

    Images [B, 3, S, S]; `weights` [1, 1, S, S] from `feature_weights`. L1 alone draws the median of what it
    cannot know, which is skin without pores; the texture term asks for as much fine detail in every
    neighbourhood as the picture has there, wherever it lies.
    """
    texture = (_texture_energy(drawn) - _texture_energy(pictures)).abs().mean()
    total = texture_weight * texture
    for scale in range(4):
        if scale:
            drawn, pictures = F.avg_pool2d(drawn, 2), F.avg_pool2d(pictures, 2)
        difference = drawn - pictures
        counted = F.adaptive_avg_pool2d(weights, difference.shape[-1])
        pixels = (difference.abs() * counted).mean()
        across = (difference.diff(dim=3).abs() * counted[..., 1:]).mean()
        down = (difference.diff(dim=2).abs() * counted[..., 1:, :]).mean()
        total = total + (1.0 if scale == 0 else 0.5) * pixels + GRADIENT_WEIGHT * (across + down)
    return total, {"texture": texture.detach()}


def _texture_energy(images: Tensor) -> Tensor:
    """Mean absolute difference between neighbours, across and down, in overlapping windows [B, 6, w, w]."""
    steps = torch.cat(
        [F.pad(images.diff(dim=3), (0, 1, 0, 0)), F.pad(images.diff(dim=2), (0, 0, 0, 1))], dim=1
    )
    return F.avg_pool2d(steps.abs(), TEXTURE_WINDOW, stride=TEXTURE_WINDOW // 2)


def sharpened(images: Tensor, amount: float) -> Tensor:
    """Images [B, 3, S, S] with `amount` of their finest detail added: an unsharp mask of five pixels."""
    soft = F.avg_pool2d(images, 5, stride=1, padding=2, count_include_pad=False)
    return (images + amount * (images - soft)).clamp(0, 1)


def fidelity(drawn: Tensor, pictures: Tensor) -> dict[str, float]:
    """PSNR in dB, and gradient energy of drawn faces over that of the pictures, of images in [0, 1].

    Energy is given as the ratio of mean absolute differences between neighbours, and of squared ones.
    """
    mean_squared_error = (drawn - pictures).square().mean().item()
    steps = [torch.cat([x.diff(dim=3).flatten(), x.diff(dim=2).flatten()]) for x in (drawn, pictures)]
    return {
        "psnr_db": -10 * float(np.log10(mean_squared_error)),
        "gradient_energy": (steps[0].abs().mean() / steps[1].abs().mean()).item(),
        "squared_gradient_energy": (steps[0].square().mean() / steps[1].square().mean()).item(),
    }
