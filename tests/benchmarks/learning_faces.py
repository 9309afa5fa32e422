"""How faces reach FacePerception and the simulated observer: rendered, or by networks distilled from that.

The rendered path is the reference. The distilled one replaces it where a table must be cheap; its R² against
the rendered path, per axis and for both readers, is measured when it is made and printed into the table.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from zipfile import ZipFile

import numpy as np
import torch
from torch import Tensor

from advisor.drawing.rendering import RENDER_BATCH, as_images, decode_face, encode_face, render_faces
from advisor.encoder.distillation import distillation_r2, fit_distilled
from models.checkpoint import file_sha256, load_checkpoint, load_into, save_checkpoint, shipped_weights
from models.distilled_percept import DistilledPercept
from models.expression import random_expressions
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
    expressions = random_expressions(N_DISTILLED_FACES, generator.axis_bounds.cpu(), rng)
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


@dataclass
class RenderedFaces:
    """The reference: faces are rendered, rounded to eight bits, encoded, and read from these pixels.

    Pictures that several cells ask for alike (of round 0, of the risk drawn as a smile) are kept in `folder`, a
    zip file a request, since drawing them is most of a cell's time on a machine without bfloat16.
    """

    generator: FaceGenerator
    observer: SimulatedObserver
    folder: Path
    _pictures: dict[str, bytes] = field(default_factory=dict)

    def readings(
        self, identities: Tensor, expressions: Tensor, keep: bool = False
    ) -> tuple[list[str], np.ndarray]:
        """SHA-256 of each face, and what the simulated observer reads in it, float [N, K].

        Args:
            identities: long [N].
            expressions: float [N, K].
            keep: another cell will ask for these very faces.
        """
        contents = self._kept(identities, expressions) if keep else self._drawn(identities, expressions)
        names = [hashlib.sha256(content).hexdigest() for content in contents]
        self._pictures.update(zip(names, contents, strict=True))
        parts = []
        with torch.no_grad():
            for k in range(0, len(contents), RENDER_BATCH):
                faces = np.stack([decode_face(content) for content in contents[k : k + RENDER_BATCH]])
                parts.append(self.observer(as_images(faces)).numpy())
        return names, np.concatenate(parts)

    def content(self, sha256: str) -> bytes:
        """The picture as it was rendered, for training that looks through FacePerception."""
        return self._pictures[sha256]

    def _drawn(self, identities: Tensor, expressions: Tensor) -> list[bytes]:
        return [encode_face(face) for face in render_faces(self.generator, identities, expressions)]

    def _kept(self, identities: Tensor, expressions: Tensor) -> list[bytes]:
        asked = identities.numpy().tobytes() + expressions.numpy().astype(np.float32).tobytes()
        weights = file_sha256(shipped_weights("face_generator"))
        archive = self.folder / f"{hashlib.sha256(weights.encode() + asked).hexdigest()[:20]}.zip"
        names = [f"{k:05d}.jpg" for k in range(len(identities))]
        if archive.exists():
            with ZipFile(archive) as kept:
                return [kept.read(name) for name in names]
        contents = self._drawn(identities, expressions)
        self.folder.mkdir(parents=True, exist_ok=True)
        # Another cell may be writing the same.
        with NamedTemporaryFile(dir=self.folder, delete=False) as partial, ZipFile(partial, "w") as new:
            for name, content in zip(names, contents, strict=True):
                new.writestr(name, content)
        Path(partial.name).replace(archive)
        return contents
