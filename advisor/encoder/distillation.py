"""The distilled path from an expression to what is read in the face: a small network fitted to the exact one.

Its error is measured whenever it is used (`distillation_r2`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from advisor.drawing.rendering import RENDER_BATCH
from advisor.encoder.composition import PerceptPath, pixel_path
from models.checkpoint import (
    facts_of,
    file_sha256,
    load_checkpoint,
    load_into,
    save_checkpoint,
    shipped_weights,
)
from models.distilled_percept import DistilledPercept
from models.expression import random_expressions
from models.face_generator import FaceGenerator
from models.perception import FacePerception

N_DISTILLED_FACES = 4000
DISTILLED_KIND = "distilled_percept"


def distil(
    generator: FaceGenerator,
    perception: FacePerception,
    n_samples: int,
    rng: np.random.Generator,
    on_progress: Callable[[int], object] = lambda n: None,
) -> tuple[DistilledPercept, np.ndarray]:
    """Fit the distilled path to the exact one.

    Returns:
        the network, frozen, and its R² per axis on faces that it was not fitted to, float [K].
    """
    exact = pixel_path(generator, perception)
    identities = torch.tensor(rng.integers(generator.n_identities, size=n_samples))
    expressions = random_expressions(n_samples, generator.axis_bounds.cpu(), rng)
    with torch.no_grad():
        percepts = []
        for k in range(0, n_samples, RENDER_BATCH):
            percepts.append(exact(identities[k : k + RENDER_BATCH], expressions[k : k + RENDER_BATCH]))
            on_progress(min(RENDER_BATCH, n_samples - k))
    targets = torch.cat(percepts)
    n_fit = n_samples * 9 // 10
    network = fit_distilled(
        generator.n_identities, identities[:n_fit], expressions[:n_fit], targets[:n_fit], rng
    )
    return network, distillation_r2(network, identities[n_fit:], expressions[n_fit:], targets[n_fit:])


def fit_distilled(
    n_identities: int, identities: Tensor, expressions: Tensor, readings: Tensor, rng: np.random.Generator
) -> DistilledPercept:
    """Fit (identity long [N], expression float [N, K]) → reading float [N, K]; frozen."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        network = DistilledPercept(n_identities, expressions.shape[1])
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=1e-4)
    n_steps = 1500
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=n_steps)
    for _ in range(n_steps):
        batch = torch.tensor(rng.integers(len(identities), size=512))
        loss = (network(identities[batch], expressions[batch]) - readings[batch]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def distillation_r2(
    network: DistilledPercept, identities: Tensor, expressions: Tensor, percepts: Tensor
) -> np.ndarray:
    """R² per axis of the distilled path against exact percepts, float [K]."""
    with torch.no_grad():
        residual = (network(identities, expressions) - percepts).square().sum(0)
    total = (percepts - percepts.mean(0)).square().sum(0)
    return (1 - residual / total.clamp(min=1e-9)).numpy()


def _pair_key() -> str:
    """Identifies the shipped generator and perception together."""
    return "-".join(file_sha256(shipped_weights(part))[:16] for part in ("face_generator", "face_perception"))


def save_distilled(path: Path, n_samples: int, on_progress: Callable[[int], object]) -> list[float]:
    """Distil the shipped generator and perception into a weights file; returns R² per axis."""
    rng = np.random.default_rng(0)
    network, r2 = distil(FaceGenerator.load(), FacePerception.load(), n_samples, rng, on_progress)
    facts = {"pair": _pair_key(), "config": network.config, "r2": [float(value) for value in r2]}
    save_checkpoint(path, DISTILLED_KIND, network.state_dict(), facts)
    return facts["r2"]  # type: ignore[return-value]


def distilled_path(cache: Path, on_progress: Callable[[int], object]) -> tuple[PerceptPath, list[float]]:
    """The distilled path and its R² per axis: the shipped one, or `cache`, which is made where neither fits."""
    for place in (shipped_weights(DISTILLED_KIND), cache):
        if place.exists():
            tensors, facts = load_checkpoint(place, DISTILLED_KIND)
            with facts_of(place):
                if facts["pair"] == _pair_key():
                    network = DistilledPercept(**facts["config"])
                    load_into(network, tensors, place)
                    return network.eval().requires_grad_(False), facts["r2"]
    save_distilled(cache, N_DISTILLED_FACES, on_progress)
    return distilled_path(cache, on_progress)
