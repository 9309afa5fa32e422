"""Faces as pictures: rendered, encoded, decoded, and read."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

from advisor.drawing.contact_sheet import to_pixels
from data.errors import TrainingError
from models.face_generator import FaceGenerator
from models.perception import FacePerception

RENDER_BATCH = 8  # whose tensors are small enough for `keep_freed_memory`
READ_BATCH = 64

Progress = Callable[[str, int, int], object]
"""(what is being done, units done just now, units in all)."""


def no_progress(what: str, n_done: int, n_all: int) -> None:
    """Report nothing."""


def render_faces(
    generator: FaceGenerator, identities: Tensor, expressions: Tensor, on_progress: Progress = no_progress
) -> np.ndarray:
    """Faces uint8 [N, S, S, 3] of identities long [N] at expressions float [N, K]."""
    faces = []
    with torch.no_grad():
        for k in range(0, len(identities), RENDER_BATCH):
            batch = generator(identities[k : k + RENDER_BATCH], expressions[k : k + RENDER_BATCH])
            faces.append(to_pixels(batch))
            on_progress("rendering faces", len(batch), len(identities))
    return np.concatenate(faces)


def encode_png(face: np.ndarray) -> bytes:
    """RGB uint8 [S, S, 3] → PNG bytes."""
    ok, content = cv2.imencode(".png", face[..., ::-1])
    assert ok, "PNG encoding failed"
    return content.tobytes()


def decode_png(content: bytes) -> np.ndarray:
    """PNG bytes → RGB uint8 [S, S, 3]."""
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        raise TrainingError("A face's PNG file is damaged; restore its bundle.")
    return image[..., ::-1]


def as_images(pictures: np.ndarray) -> Tensor:
    """uint8 [N, S, S, 3] → float [N, 3, S, S] in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255


def read_percepts(
    perception: FacePerception, contents: list[bytes], on_progress: Callable[[int], object] = lambda n: None
) -> np.ndarray:
    """What FacePerception reads in PNG files, float [N, K]."""
    percepts = []
    with torch.no_grad():
        for k in range(0, len(contents), READ_BATCH):
            batch = np.stack([decode_png(content) for content in contents[k : k + READ_BATCH]])
            percepts.append(perception(as_images(batch)).numpy())
            on_progress(len(batch))
    return np.concatenate(percepts)
