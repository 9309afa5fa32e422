"""The fast generator is the package's own, only faster."""

import subprocess
import sys

import pytest
import torch

from models.stylegan2 import Discriminator, FastGenerator, PackageGenerator, StyleVectorizer


def pair(**options: int | bool) -> tuple[FastGenerator, torch.nn.Module]:
    torch.manual_seed(0)
    fast = FastGenerator(32, 48, **options)
    package = PackageGenerator(32, 48, **options)
    package.load_state_dict(fast.state_dict())
    return fast, package


@pytest.mark.parametrize(
    "options",
    [{"network_capacity": 4, "fmap_max": 24}, {"network_capacity": 2, "fmap_max": 64, "no_const": True}],
)
def test_equals_the_package_with_and_without_noise(options: dict[str, int | bool]) -> None:
    fast, package = pair(**options)
    styles, noise = torch.randn(3, fast.num_layers, 48), torch.rand(3, 32, 32, 1)
    assert torch.allclose(fast(styles, noise), package(styles, noise), atol=1e-4)
    assert torch.allclose(fast(styles), package(styles, torch.zeros_like(noise)), atol=1e-4)


def test_equals_the_package_with_attention() -> None:
    torch.manual_seed(0)
    options = {"network_capacity": 4, "fmap_max": 32, "attn_layers": [2]}
    fast, package = FastGenerator(32, 48, **options), PackageGenerator(32, 48, **options)
    package.load_state_dict(fast.state_dict())
    styles, noise = torch.randn(2, fast.num_layers, 48), torch.rand(2, 32, 32, 1)
    assert torch.allclose(fast(styles, noise), package(styles, noise), atol=1e-4)


def test_gradients_equal_the_package() -> None:
    fast, package = pair(network_capacity=4, fmap_max=24)
    styles, noise = torch.randn(2, fast.num_layers, 48), torch.rand(2, 32, 32, 1)
    gradients = []
    for network in (fast, package):
        leaf = styles.clone().requires_grad_(True)
        network(leaf, noise).square().mean().backward()
        gradients.append((leaf.grad, network.blocks[1].conv1.weight.grad))
    for ours, theirs in zip(*gradients, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4 * float(theirs.abs().max()) + 1e-7)


def test_bfloat16_is_close_and_the_image_is_float32() -> None:
    fast, package = pair(network_capacity=4, fmap_max=24)
    styles = torch.randn(2, fast.num_layers, 48)
    exact = package(styles, torch.zeros(2, 32, 32, 1))
    drawn = fast.to(torch.bfloat16)(styles)
    assert drawn.dtype == torch.float32
    assert (drawn - exact).abs().mean() < 0.02 * exact.abs().mean() + 0.01


@pytest.mark.server
def test_import_needs_no_gpu_and_leaves_no_stand_in() -> None:
    code = (
        "import sys, torch, models.stylegan2 as s\n"
        "assert not torch.cuda.is_available() or torch.cuda.device_count()\n"
        "assert 'aim' not in sys.modules\n"
        "assert s.PackageGenerator.__module__ == 'stylegan2_pytorch.stylegan2_pytorch'\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_mapping_and_discriminator_are_the_package_own() -> None:
    assert StyleVectorizer(16, 2)(torch.randn(2, 16)).shape == (2, 16)
    logits, _ = Discriminator(32, network_capacity=2, fmap_max=16)(torch.rand(3, 3, 32, 32))
    assert logits.shape == (3,)
