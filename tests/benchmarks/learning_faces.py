"""How faces reach FacePerception and the simulated observer: rendered, or by networks distilled from that.

The rendered path is the reference. The distilled one replaces it where a table must be cheap; its R² against
the rendered path, per axis and for both readers, is measured when it is made and printed into the table.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from advisor.composition import RENDER_BATCH, distillation_r2, fit_distilled, random_expressions
from advisor.pictures import as_images, encode_png, render_faces
from models.checkpoint import file_sha256, load_checkpoint, load_into, save_checkpoint, shipped_weights
from models.distilled_percept import DistilledPercept
from models.face_generator import FaceGenerator
from models.observer import SimulatedObserver

N_DISTILLED_FACES = 4000
KIND = "distilled_observer"


def observer_path(cache: Path) -> tuple[DistilledPercept, list[float]]:
    """(identity, expression) → what the simulated observer reads, and its R² per axis on unseen faces."""
    parts = ("face_generator", "simulated_observer")
    key = "-".join(file_sha256(shipped_weights(part))[:16] for part in parts)
    if cache.exists():
        tensors, facts = load_checkpoint(cache, KIND)
        if facts["pair"] == key:
            network = DistilledPercept(**facts["config"])
            load_into(network, tensors, cache)
            return network.eval().requires_grad_(False), facts["r2"]
    generator, observer = FaceGenerator.load(), SimulatedObserver.load()
    rng = np.random.default_rng(1)
    identities = torch.tensor(rng.integers(generator.n_identities, size=N_DISTILLED_FACES))
    expressions = random_expressions(N_DISTILLED_FACES, generator.axis_bounds, rng)
    with torch.no_grad():
        readings = torch.cat(
            [
                observer(generator(identities[k : k + RENDER_BATCH], expressions[k : k + RENDER_BATCH]))
                for k in range(0, N_DISTILLED_FACES, RENDER_BATCH)
            ]
        )
    n_fit = N_DISTILLED_FACES * 9 // 10
    network = fit_distilled(
        generator.n_identities, identities[:n_fit], expressions[:n_fit], readings[:n_fit], rng
    )
    r2 = [
        float(v) for v in distillation_r2(network, identities[n_fit:], expressions[n_fit:], readings[n_fit:])
    ]
    cache.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(cache, KIND, network.state_dict(), {"pair": key, "config": network.config, "r2": r2})
    return network, r2


class FaceSource(Protocol):
    """Makes faces; a face is known by a hash under which its picture can be had."""

    def readings(self, identities: Tensor, expressions: Tensor) -> tuple[list[str], np.ndarray]:
        """SHA-256 of each face, and what the simulated observer reads in it, float [N, K]."""
        ...

    def content(self, sha256: str) -> bytes:
        """The face's PNG, for training that looks through FacePerception."""
        ...


@dataclass
class RenderedFaces:
    """The reference: faces are rendered, rounded to eight bits, encoded, and read from these pixels."""

    generator: FaceGenerator
    observer: SimulatedObserver
    _pictures: dict[str, bytes] = field(default_factory=dict)

    def readings(self, identities: Tensor, expressions: Tensor) -> tuple[list[str], np.ndarray]:
        """Render and read."""
        faces = render_faces(self.generator, identities, expressions)
        names, parts = [], []
        for k in range(0, len(faces), RENDER_BATCH):
            with torch.no_grad():
                parts.append(self.observer(as_images(faces[k : k + RENDER_BATCH])).numpy())
        for face in faces:
            content = encode_png(face)
            names.append(hashlib.sha256(content).hexdigest())
            self._pictures[names[-1]] = content
        return names, np.concatenate(parts)

    def content(self, sha256: str) -> bytes:
        """The PNG as it was rendered."""
        return self._pictures[sha256]
