"""Convolving first and upsampling then is upsampling first, borders and gradients included."""

import torch
import torch.nn.functional as F

from models.upsampled_convolution import convolve_upsampled


def test_equals_a_convolution_of_the_upsampled_image_at_the_borders_too() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 5, 7, 4, dtype=torch.float64, requires_grad=True)
    kernel = torch.randn(3, 5, 3, 3, dtype=torch.float64, requires_grad=True)
    plain = F.conv2d(
        F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False), kernel, padding=1
    )
    assert torch.allclose(convolve_upsampled(x, kernel), plain)
    weights = torch.randn_like(plain)
    ours, theirs = (
        torch.autograd.grad((image * weights).sum(), (x, kernel))
        for image in (convolve_upsampled(x, kernel), plain)
    )
    for gradient, expected in zip(ours, theirs, strict=True):
        assert torch.allclose(gradient, expected)
