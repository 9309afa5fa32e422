"""How simulated participants see faces: a network of their own, which no training of ours looks through."""

from __future__ import annotations

import numpy as np
import torch

from advisor.simulation.simulated_participant import FaceReader
from models.face_generator import EXPRESSION_AXES
from models.observer import SimulatedObserver

READ_BATCH = 64


def load_simulated_observer() -> tuple[tuple[str, ...], FaceReader]:
    """Axes and reader of the shipped observer, trained apart from FacePerception."""
    observer = SimulatedObserver.load()

    def read(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            parts = [
                observer(torch.from_numpy(np.ascontiguousarray(images[k : k + READ_BATCH])))
                for k in range(0, len(images), READ_BATCH)
            ]
        return torch.cat(parts).numpy()

    return EXPRESSION_AXES, read
