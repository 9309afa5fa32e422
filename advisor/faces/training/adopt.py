"""Turns a StyleGAN2 that was trained elsewhere, on pictures alone, into a generator with readable axes.

Its style space has directions that move an expression. They are found by regressing what FacePerception
reads in drawn faces on their styles: readings ≈ styles @ A + b. Of all changes of style that move the
readings as asked, the one that is likeliest under the styles' own covariance C is taken (the generalised
least-squares inverse C A (AᵀC A)⁻¹), so that faces stay where the network has seen faces.
"""

import math
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from advisor.faces.training.run_state import RUN_KIND
from advisor.faces.training.train_perception import draw_faces_at_random, r_squared
from models.checkpoint import load_checkpoint, load_into, load_package_checkpoint
from models.errors import CheckpointError
from models.expression import EXPRESSION_AXES
from models.face_generator import FaceGenerator, LatentNetwork
from models.perception import FacePerception
from models.stylegan2 import StyleVectorizer

TRUNCATION = 0.7  # identities are drawn this near to the mean style, where faces look best
N_CHECKED = 300


def adopt_generator(
    checkpoint: Path,
    out: Path,
    n_identities: int = 24,
    n_samples: int = 2000,
    seed: int = 0,
    perception: FacePerception | None = None,
) -> dict[str, float]:
    """Write the weights file `out` for `FaceGenerator.load`; R² of every axis read on its own faces.

    `checkpoint` is a `model_N.pt` of the package's command line, or that of a run of
    `advisor.faces.training.train_plain`; its averaged networks are used. An axis
    whose R² is low cannot be read in these faces, and `advisor publish` will say so.

    Raises:
        CheckpointError: no such file, a foreign one, or one with transparency.
    """
    perception = perception or FacePerception.load()
    if checkpoint.suffix == ".safetensors":
        tensors, _ = load_checkpoint(checkpoint, RUN_KIND)
    else:
        tensors = load_package_checkpoint(checkpoint)
    mapping, network = _networks(tensors, checkpoint)
    generator = torch.Generator().manual_seed(seed)
    styles = _styles(mapping, n_samples, generator)
    readings = torch.cat(
        [_read(network, perception, part) for part in track(styles.split(16), "reading drawn faces")]
    )
    directions, rest = steering(styles, readings)
    network.directions.copy_(directions)
    middle = styles.mean(0)
    identities = middle + TRUNCATION * (_styles(mapping, n_identities, generator) - middle)
    # An identity at rest reads as neutral on every axis.
    identities = identities - (identities @ rest[0] + rest[1]) @ directions
    adopted = FaceGenerator(network, identities)
    faces = draw_faces_at_random(adopted, N_CHECKED, adopted.image_size, np.random.default_rng(seed))
    readable = r_squared(perception, *faces)
    adopted.save(out, {"adopted_from": checkpoint.name, "seed": seed, "r_squared": readable})
    return readable


def steering(styles: Tensor, readings: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Directions [9, D] that move readings by one, from styles [n, D] and readings [n, 9].

    Also the regression itself, (A [D, 9], b [9]). A little ridge keeps it determined where n < D.
    """
    centred = styles - styles.mean(0)
    covariance = centred.T @ centred / len(styles)
    ridge = 1e-3 * covariance.diagonal().mean() * torch.eye(styles.shape[1])
    cross = centred.T @ (readings - readings.mean(0)) / len(styles)
    slopes = torch.linalg.solve(covariance + ridge, cross)
    offset = readings.mean(0) - styles.mean(0) @ slopes
    moved = covariance @ slopes
    reached = slopes.T @ moved
    jitter = 1e-6 * reached.diagonal().mean() * torch.eye(len(EXPRESSION_AXES))
    return torch.linalg.solve(reached + jitter, moved.T), (slopes, offset)


def _networks(tensors: dict[str, Tensor], path: Path) -> tuple[torch.nn.Module, LatentNetwork]:
    """The averaged mapping and synthesis networks, their sizes read off the weights."""
    synthesis = {k.removeprefix("GE."): v.float() for k, v in tensors.items() if k.startswith("GE.")}
    mapped = {k.removeprefix("SE."): v.float() for k, v in tensors.items() if k.startswith("SE.")}
    widths: list[int] = []
    while f"blocks.{len(widths)}.conv2.weight" in synthesis:
        widths.append(synthesis[f"blocks.{len(widths)}.conv2.weight"].shape[0])
    if not widths or "net.0.weight" not in mapped:
        raise CheckpointError(
            f"{path} has no averaged generator; pass a model_N.pt that stylegan2-pytorch wrote"
        )
    if synthesis["blocks.0.to_rgb.conv.weight"].shape[0] != 3:
        raise CheckpointError(f"{path} draws transparent pictures; train without --transparent")
    n_layers = len(widths)
    attended = {int(name.split(".")[1]) for name in synthesis if name.startswith("attns.")}
    network = LatentNetwork(
        image_size=2 ** (n_layers + 1),
        network_capacity=math.ceil(widths[-1] / 2),
        fmap_max=max(widths),
        latent_dim=mapped["net.0.weight"].shape[0],
        attn_layers=sorted(n_layers - index for index in attended),
        no_const="to_initial_block.weight" in synthesis,
    )
    load_into(network.synthesis, synthesis, path)
    n_mapping_layers = len({name.split(".")[1] for name in mapped})
    mapping = StyleVectorizer(network.shape["latent_dim"], n_mapping_layers, lr_mul=0.1)
    load_into(mapping, mapped, path)
    return mapping.eval(), network.eval().requires_grad_(False)


@torch.no_grad()
def _styles(mapping: torch.nn.Module, n: int, generator: torch.Generator) -> Tensor:
    latent_dim = next(mapping.parameters()).shape[1]
    styles: Tensor = mapping(torch.randn(n, latent_dim, generator=generator))
    return styles


@torch.no_grad()
def _read(network: LatentNetwork, perception: FacePerception, styles: Tensor) -> Tensor:
    faces = network(styles, torch.zeros(len(styles), len(EXPRESSION_AXES))).clamp(0, 1)
    readings: Tensor = perception(faces).cpu()
    return readings
