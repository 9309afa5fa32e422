"""Convolution of an image made twice as large, without computing on the large one."""

import torch
import torch.nn.functional as F
from torch import Tensor

# Bilinear enlargement to twice the size: zeros between the pixels, then these weights along each side.
BILINEAR = (0.25, 0.75, 0.75, 0.25)


def convolve_upsampled(x: Tensor, kernel: Tensor) -> Tensor:
    """`conv2d(upsample(x), kernel, padding=1)` of x [B, C, H, W] and a kernel [C', C, 3, 3]: float [B, C', 2H, 2W].

    `upsample` is bilinear, to twice the size, with corners not aligned. As a filter that treats all channels alike, it
    can also come after the convolution, which is then a transposed one and takes a quarter of the multiplications
    (StyleGAN2's own code upsamples in this order: Karras et al. 2020, arXiv 1912.04958).

    Beyond the border, a convolution of the enlarged image sees zeros where a filter of the result sees the outermost
    pixels again, so what they contribute to the result's outermost pixels is subtracted.
    """
    n_out = len(kernel)
    extended = _repeat_border(_repeat_border(x, 2), 3).contiguous(memory_format=torch.channels_last)
    turned = kernel.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)
    spread = F.conv_transpose2d(extended, turned, stride=2, padding=1)
    weights = torch.tensor(BILINEAR, dtype=x.dtype, device=x.device)
    down = F.conv2d(spread, weights[:, None].expand(n_out, 1, 4, 1), groups=n_out)
    result = F.conv2d(down, weights.expand(n_out, 1, 1, 4), groups=n_out)

    top, bottom, left, right = (_upsample_line(line) for line in _outermost(x))
    result[:, :, 0] -= F.conv1d(_repeat_border(top, 2), kernel[:, :, 0])
    result[:, :, -1] -= F.conv1d(_repeat_border(bottom, 2), kernel[:, :, 2])
    result[:, :, :, 0] -= F.conv1d(left, kernel[:, :, :, 0], padding=1)
    result[:, :, :, -1] -= F.conv1d(right, kernel[:, :, :, 2], padding=1)
    return result


def _outermost(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Top and bottom row [B, C, W], left and right column [B, C, H]."""
    return x[:, :, 0], x[:, :, -1], x[:, :, :, 0], x[:, :, :, -1]


def _upsample_line(line: Tensor) -> Tensor:
    """[B, C, L] → [B, C, 2L], linearly."""
    return F.interpolate(line, scale_factor=2, mode="linear", align_corners=False)


def _repeat_border(x: Tensor, dim: int) -> Tensor:
    """The first and the last along `dim` once more."""
    return torch.cat([x.narrow(dim, 0, 1), x, x.narrow(dim, -1, 1)], dim)
