"""Mind composed with machine: application → expression → face → what is read in it → a person's choice.

Two paths lead from an expression to what is read in the face. The exact one renders the face and reads its
pixels. The distilled one is a small network that was fitted to the exact one; its error is measured
whenever it is used (`distillation_r2`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from advisor.drawing.rendering import RENDER_BATCH
from data.errors import FacesError
from models.checkpoint import file_sha256, load_checkpoint, load_into, save_checkpoint, shipped_weights
from models.distilled_percept import DistilledPercept
from models.encoder import FeatureDecoder, FeatureEncoder
from models.expression import coupling_matrix, within_couplings
from models.face_generator import WEIGHTS_KIND as GENERATOR_KIND
from models.face_generator import FaceGenerator
from models.perception import WEIGHTS_KIND as PERCEPTION_KIND
from models.perception import FacePerception
from models.response import ResponseModel

PerceptPath = Callable[[Tensor, Tensor], Tensor]
"""(identities long [B], expressions float [B, K]) → percepts float [B, K]."""

N_DISTILLED_FACES = 4000
DISTILLED_KIND = "distilled_percept"
USABLE_AXIS_R2 = 0.91  # a little above what publication asks for, since bundles are small samples


@dataclass(frozen=True)
class Composed:
    """What passes through the composition for a batch of B applications.

    Attributes:
        expression: float [B, K].
        percept: what FacePerception reads in the face, float [B, K].
        member_probabilities: P(approve) by ĥ's members, float [M, B].
        reconstruction: features recovered from the percept, float [B, F].
    """

    expression: Tensor
    percept: Tensor
    member_probabilities: Tensor
    reconstruction: Tensor


class AdviceComposition(nn.Module):
    """The trainable encoder and decoder around the frozen path to a percept and the frozen ĥ."""

    def __init__(
        self,
        encoder: FeatureEncoder,
        decoder: FeatureDecoder,
        response: ResponseModel,
        percept_path: PerceptPath,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.response = response.requires_grad_(False)
        self._percept_path = percept_path

    def forward(self, features: Tensor, seen_features: Tensor, identities: Tensor) -> Composed:
        """Compose a batch.

        Args:
            features: what the encoder gets, float [B, F].
            seen_features: what ĥ knows of the application, float [B, G].
            identities: whose faces, long [B]; drawn at random by the caller.
        """
        expression = self.encoder(features)
        percept = self._percept_path(identities, expression)
        probabilities = self.response.member_probabilities(torch.cat([percept, seen_features], 1))
        return Composed(expression, percept, probabilities, self.decoder(percept))


def pixel_path(generator: FaceGenerator, perception: FacePerception) -> PerceptPath:
    """The exact path: render, then read the pixels. Differentiable in the expression."""

    def path(identities: Tensor, expressions: Tensor) -> Tensor:
        if not len(identities):  # no face, no reading
            return torch.zeros(0, len(generator.axes))
        return torch.cat(
            [
                perception(generator(identities[k : k + RENDER_BATCH], expressions[k : k + RENDER_BATCH]))
                for k in range(0, len(identities), RENDER_BATCH)
            ]
        )

    return path


def random_expressions(n: int, axis_bounds: Tensor, rng: np.random.Generator) -> Tensor:
    """Expressions float [n, K] that a face can make, covering the whole space.

    Two-sided axes are uniform. One-sided axes are at rest in half of the draws, since a face with all of
    its muscles at work is one that people never meet.
    """
    low, high = (axis_bounds[:, k].numpy() for k in (0, 1))
    values = rng.uniform(low, high, size=(n, len(low)))
    values[(rng.random(values.shape) < 0.5) & (low >= 0)] = 0.0
    return within_couplings(torch.tensor(values, dtype=torch.float32), coupling_matrix())


def usable_bounds(generator: FaceGenerator) -> Tensor:
    """The generator's axis bounds, float [K, 2]; 0 to 0 for axes that FacePerception does not read well enough.

    Advice on an axis that cannot be read would be noise, so neither exploration nor an encoder uses it. How
    well each axis is read on generated faces was measured when FacePerception was trained, and stands in its
    weights file; for adopted faces, in the generator's own.

    Raises:
        FacesError: no axis can be read.
    """
    path = shipped_weights("face_generator")
    _, facts = load_checkpoint(path, GENERATOR_KIND)
    if "r_squared" in facts:
        r2 = facts["r_squared"]
    else:
        r2 = load_checkpoint(shipped_weights("face_perception"), PERCEPTION_KIND)[1]["r_squared"]["generated"]
    readable = torch.tensor([r2[axis] >= USABLE_AXIS_R2 for axis in generator.axes])
    if not readable.any():
        best = max(r2, key=lambda axis: r2[axis])
        raise FacesError(
            f"no expression can be read in the faces of {path}: the best, {best}, has R² {r2[best]:.2f} of "
            f"{USABLE_AXIS_R2}; train the generator longer or on clearer faces"
        )
    return generator.axis_bounds * readable[:, None]


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
    expressions = random_expressions(n_samples, generator.axis_bounds, rng)
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
            if facts["pair"] == _pair_key():
                network = DistilledPercept(**facts["config"])
                load_into(network, tensors, place)
                return network.eval().requires_grad_(False), facts["r2"]
    save_distilled(cache, N_DISTILLED_FACES, on_progress)
    return distilled_path(cache, on_progress)
