"""Adapts the networks of the package `stylegan2-pytorch`; nothing else here knows of it.

The package cannot be imported without a CUDA device, and pulls in an experiment logger and torchvision, which its
networks do not use (1.5 s and 150 MB); all three are replaced while it is imported. Its modulated convolution builds
a kernel for every sample and runs a grouped convolution, which makes a CPU crawl. `FastGenerator` scales the input,
shares one kernel and scales the output: the same function of the same parameters (Karras et al. 2020, arXiv
1912.04958, eq. 1-3).
"""

import functools
import importlib
import math
import sys
import types
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.upsampled_convolution import convolve_upsampled

LEAST_UPSAMPLED_LAST, LEAST_UPSAMPLED_LAST_BFLOAT16 = 8, 128  # pixels a side


def _import_package() -> types.ModuleType:
    stand_ins = {name: mock.MagicMock() for name in ("aim", "torchvision") if name not in sys.modules}
    with mock.patch("torch.cuda.is_available", return_value=True), mock.patch.dict(sys.modules):
        sys.modules.update(stand_ins)
        module = importlib.import_module("stylegan2_pytorch.stylegan2_pytorch")
        loaded = {name: m for name, m in sys.modules.items() if name not in stand_ins}
    # patch.dict forgets what was imported meanwhile; only the stand-ins shall be forgotten.
    sys.modules.update(loaded)
    return module


package: Any = _import_package()
StyleVectorizer = package.StyleVectorizer
PackageGenerator = package.Generator
Discriminator = package.Discriminator


class FastGenerator(PackageGenerator):  # type: ignore[misc, valid-type]
    """The package's `Generator`, same parameters and state dict, several times as fast on a CPU.

    `forward(styles [B, n_layers, latent])` gives what the package gives at zero noise, images [B, 3, S, S],
    and `forward(styles, noise [B, S, S, 1])` what it gives with noise, to about 1e-5.
    """

    def forward(self, styles: Tensor, input_noise: Tensor | None = None) -> Tensor:
        """Images float32 [B, 3, S, S] of styles [B, n_layers, latent]."""
        styles = styles.to(self.initial_conv.weight.dtype)
        if self.no_const:
            x = self.to_initial_block(styles.mean(dim=1)[:, :, None, None])
        else:
            x = self.initial_block.expand(len(styles), -1, -1, -1)
        x = self.initial_conv(x.contiguous(memory_format=torch.channels_last))
        # `x * owed` is the package's activation: a factor a channel, paid where it costs least.
        owed: Tensor = torch.ones_like(x[:, :, 0, 0])
        rgb: Tensor | None = None
        for style, block, attention in zip(styles.transpose(0, 1), self.blocks, self.attns, strict=False):
            if attention is not None:
                x, owed = attention(x * owed[:, :, None, None]), torch.ones_like(owed)
            x, owed = _styled(block, 1, x, owed, style, input_noise)
            x, owed = _styled(block, 2, x, owed, style, input_noise)
            rgb = _add_colours(block.to_rgb, x, owed, rgb, style)
        assert rgb is not None
        return rgb


def _kernel_energy(conv: Any) -> Tensor:
    """Sum of squares of a kernel over its window, float32 [C, C']: what demodulation weighs styles with."""
    energy: Tensor = conv.weight.float().square().sum((2, 3)).t()
    return energy


def freeze(generator: nn.Module) -> None:
    """Promise that the weights change no more: what follows from them alone is computed once."""
    generator.requires_grad_(False)
    for block in generator.blocks:  # type: ignore[union-attr]
        for conv in (block.conv1, block.conv2):
            conv.register_buffer("kernel_energy", _kernel_energy(conv), persistent=False)


def _styled(
    block: Any, number: int, x: Tensor, owed: Tensor, style: Tensor, noise: Tensor | None
) -> tuple[Tensor, Tensor]:
    """One modulated convolution with its noise and activation: the new x and the factor it owes.

    Three identities save passes over x. A factor a channel commutes with upsampling, so it is applied
    before. Demodulation multiplies by d > 0 after the convolution, and leaky ReLU of d*(y + b/d) is d times
    leaky ReLU of y + b/d, so d joins the next factor.
    """
    conv, to_noise = getattr(block, f"conv{number}"), getattr(block, f"to_noise{number}")
    scale = getattr(block, f"to_style{number}")(style) + 1
    x = _each_channel(torch.mul, x, (owed * scale).to(x.dtype))
    x = _convolved(x, conv.weight.to(x.dtype), block.upsample if number == 1 else None)
    kernel_energy = conv.kernel_energy if hasattr(conv, "kernel_energy") else _kernel_energy(conv)
    energy = scale.float().square() @ kernel_energy
    demodulation = torch.rsqrt(energy + conv.eps)
    if noise is None:
        x = _each_channel(torch.add, x, (to_noise.bias / demodulation).to(x.dtype))
    else:
        # The package crops the noise and swaps its axes.
        added = to_noise(noise[:, : x.shape[2], : x.shape[3]].to(to_noise.weight.dtype)).permute(0, 3, 2, 1)
        x = x + (added / demodulation[:, :, None, None]).to(x.dtype)
    return F.leaky_relu(x, 0.2, inplace=True), demodulation.to(scale.dtype)


def _each_channel(operation: Callable[[Tensor, Tensor], Tensor], x: Tensor, values: Tensor) -> Tensor:
    """`operation` of x [B, C, H, W], channels last, and a value for each channel [B, C].

    Whole rows of pixels are taken at once: on a CPU a few channels at a time take up to six times as long.
    """
    if x.requires_grad or values.requires_grad:  # the way back would take longer
        return operation(x, values[:, :, None, None])
    pixels = x.permute(0, 2, 3, 1)
    rows = operation(pixels.flatten(2), values.repeat(1, x.shape[3])[:, None])
    return rows.unflatten(2, pixels.shape[2:]).permute(0, 3, 1, 2)


def _convolved(x: Tensor, kernel: Tensor, upsample: nn.Module | None) -> Tensor:
    """The kernel's convolution of x, upsampled before where that is asked for."""
    if upsample is None:
        return F.conv2d(x, kernel, padding=1)
    # The other order pays where multiplying is dear, or the image large and no gradient wanted.
    least_size = LEAST_UPSAMPLED_LAST if x.dtype == torch.float32 else LEAST_UPSAMPLED_LAST_BFLOAT16
    if x.shape[-1] >= least_size and (x.dtype == torch.float32 or not x.requires_grad):
        return convolve_upsampled(x, kernel)
    return F.conv2d(upsample(x), kernel, padding=1)


def _add_colours(to_rgb: Any, x: Tensor, owed: Tensor, rgb: Tensor | None, style: Tensor) -> Tensor:
    """The package's RGBBlock as matrix products; float32, for bfloat16 would band the background."""
    kernel = to_rgb.conv.weight[:, :, 0, 0] * (owed * (to_rgb.to_style(style) + 1))[:, None, :]
    pixels = x.permute(0, 2, 3, 1).flatten(1, 2)
    added = torch.bmm(kernel.to(pixels.dtype), pixels.transpose(1, 2)).float().unflatten(2, x.shape[2:])
    rgb = added if rgb is None else rgb + added
    if to_rgb.upsample is None:
        return rgb
    enlarging = torch.tensor(_enlarging(rgb.shape[-1]), device=rgb.device)
    with torch.autocast(rgb.device.type, enabled=False):
        return enlarging @ rgb @ enlarging.T


@functools.lru_cache
def _enlarging(size: int) -> np.ndarray:
    """What the package's `upsample` makes of each column of an image, float32 [2 S, S]: twice as long, and blurred."""
    places = np.clip((np.arange(2 * size) - 0.5) / 2, 0, size - 1)
    enlarged = np.stack([np.interp(places, np.arange(size), pixel) for pixel in np.eye(size)], axis=1)
    above, here, below = (np.pad(enlarged, [(1, 1), (0, 0)], "reflect")[k : k + 2 * size] for k in range(3))
    return ((above + 2 * here + below) / 4).astype(np.float32)


def lay_out(generator: nn.Module) -> nn.Module:
    """Kernels channels-last, as convolutions on a CPU like them; colour kernels, used as matrices, stay."""
    generator.to(memory_format=torch.channels_last)
    for block in generator.blocks:  # type: ignore[union-attr]
        colours = block.to_rgb.conv.weight
        colours.data = colours.data.clone(memory_format=torch.contiguous_format)
    return generator


def initialise(mapping: nn.Module, generator: nn.Module, latent_dim: int) -> None:
    """Starting weights for a generator told what to draw.

    The package's own give the mapping network styles so small that all inputs look alike; its layers start
    at a gain of one, the first one above. Noise starts at zero: what is drawn is known.
    """
    with torch.no_grad():
        layers = [layer for layer in mapping.modules() if isinstance(layer, package.EqualLinear)]
        for number, layer in enumerate(layers):
            std = 1.5 if number == 0 else math.sqrt(2 / latent_dim)
            layer.weight.normal_(0, std / layer.lr_mul)
        for block in generator.blocks:  # type: ignore[union-attr]
            for noise in (block.to_noise1, block.to_noise2):
                noise.weight.zero_()
                noise.bias.zero_()
