"""Faces a second, and how much faster the shipped generator is than the package's own networks.

Run: python -m tests.benchmarks.bench_faces. Every figure is a ratio within this one run, or a rate beside
the machine's own matrix-multiply rate: compare machines by the ratios.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor

from models.device import fast_dtype
from models.face_generator import FaceGenerator
from models.stylegan2 import PackageGenerator

BATCH_SIZE = 16
MATRIX_SIZE = 2048


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The fastest of some repeats, after one to warm up: what the machine can do when it is left alone."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def matmul_rate(dtype: torch.dtype) -> float:
    """Floating-point operations a second of a large square product."""
    a, b = (torch.randn(MATRIX_SIZE, MATRIX_SIZE).to(dtype) for _ in range(2))
    return 2 * MATRIX_SIZE**3 / seconds(lambda: a @ b, 5)


def convolution_operations(generator: FaceGenerator) -> int:
    """Operations of the convolutions in drawing one face, done one by one; a multiply-add counts two.

    In float32 fewer are done (models/upsampled_convolution.py), so that its share of the matmul rate may exceed 100 %.
    """
    total = 0
    side = 4
    synthesis = generator.network.synthesis
    total += 2 * synthesis.initial_conv.weight.numel() * side**2
    for block in synthesis.blocks:
        side = side * 2 if block.upsample is not None else side
        for conv in (block.conv1, block.conv2, block.to_rgb.conv):
            total += 2 * conv.weight.numel() * side**2
    return total


def draw_with_gradient(generator: FaceGenerator) -> Callable[[], Tensor | None]:
    """Forward and backward to the expression, weights frozen."""
    identities = torch.arange(BATCH_SIZE) % generator.n_identities

    def work() -> Tensor | None:
        expressions = torch.zeros(BATCH_SIZE, len(generator.axes), requires_grad=True)
        generator(identities, expressions).mean().backward()
        return expressions.grad

    return work


def package_with_gradient(generator: FaceGenerator) -> Callable[[], Tensor | None]:
    """The same through the package's own generator, fp32, with the same weights."""
    shape = generator.network.shape
    package = PackageGenerator(
        shape["image_size"],
        shape["latent_dim"],
        network_capacity=shape["network_capacity"],
        fmap_max=shape["fmap_max"],
    )
    package.load_state_dict(generator.network.synthesis.state_dict())
    package.requires_grad_(False)
    noise = torch.zeros(BATCH_SIZE, shape["image_size"], shape["image_size"], 1)

    def work() -> Tensor | None:
        style = torch.randn(BATCH_SIZE, shape["latent_dim"], requires_grad=True)
        package(style[:, None].expand(-1, package.num_layers, -1), noise).mean().backward()
        return style.grad

    return work


def main() -> None:
    """Print the figures of this machine."""
    exact, shipped = FaceGenerator.load(dtype=torch.float32), FaceGenerator.load()
    package = seconds(package_with_gradient(exact), 3)
    in_fp32 = seconds(draw_with_gradient(exact), 3)
    in_fast = seconds(draw_with_gradient(shipped), 5)
    print(f"forward + backward, batch {BATCH_SIZE}, gradient to the expression, {shipped.image_size} px")
    print(f"  package, float32        {package:7.3f} s")
    print(f"  this project, float32   {in_fp32:7.3f} s   {package / in_fp32:5.1f} x")
    print(
        f"  this project, {str(fast_dtype(torch.device('cpu')))[6:]:9} {in_fast:7.3f} s   {package / in_fast:5.1f} x"
    )
    operations = convolution_operations(exact) * BATCH_SIZE
    identities = torch.arange(BATCH_SIZE) % shipped.n_identities
    with torch.inference_mode():
        for generator, dtype in ((exact, torch.float32), (shipped, fast_dtype(torch.device("cpu")))):
            drawn = seconds(lambda g=generator: g(identities, torch.zeros(BATCH_SIZE, 9)), 5)
            share = operations / drawn / matmul_rate(dtype)
            print(
                f"drawing in {str(dtype)[6:]:9} {BATCH_SIZE / drawn:6.0f} faces/s, {share:4.0%} of its matmul rate"
            )


if __name__ == "__main__":
    main()
