"""Reads who a face is, to keep shipped identities away from everyone pictured; needs the extra `faces`.

The reader is dlib's residual network (King, dlib.net, "High Quality Face Recognition with Deep Metric
Learning", 2017) from the package `face_recognition_models`: two pictures are of one person, for it, when their
descriptors are nearer than about 0.6. It had no part in training any weights.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from advisor.drawing.rendering import to_pixels
from advisor.faces.corpus.blend import FaceRenderer
from advisor.faces.corpus.identities import Identity, NeighbourDistance
from data.errors import SetupError
from models.expression import EXPRESSION_AXES
from models.face_generator import FaceGenerator

PICTURE_SIZE = 448  # pixels; the landmarks of a smaller face are found less exactly
FACE_BOX = (0.22, 0.25, 0.78, 0.85)  # left, top, right, bottom of a face in the canonical frame


class IdentityReader:
    """`read(faces uint8 [B, S, S, 3])`, levelled as the corpus has them, gives descriptors float64 [B, 128].

    Raises:
        SetupError: dlib or the models are not installed.
    """

    def __init__(self) -> None:
        try:
            import dlib
        except ModuleNotFoundError:
            dlib = None
        found = find_spec("face_recognition_models")
        if dlib is None or found is None or found.origin is None:
            raise SetupError("reading identities needs the extra: `pip install -e '.[faces]'`")
        models = Path(found.origin).parent / "models"
        self._dlib: Any = dlib
        self._landmarks: Any = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self._network: Any = dlib.face_recognition_model_v1(
            str(models / "dlib_face_recognition_resnet_model_v1.dat")
        )

    def read(self, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Descriptors [B, 128] of faces; distances between them are Euclidean."""
        return np.stack([self._read_one(face) for face in faces])

    def _read_one(self, face: NDArray[np.uint8]) -> NDArray[np.float64]:
        large = cv2.resize(face, (PICTURE_SIZE, PICTURE_SIZE), interpolation=cv2.INTER_CUBIC)
        box = self._dlib.rectangle(*(round(PICTURE_SIZE * side) for side in FACE_BOX))
        chip = self._dlib.get_face_chip(large, self._landmarks(large, box), size=150, padding=0.25)
        return np.array(self._network.compute_face_descriptor(chip))


def neighbour_distance(renderer: FaceRenderer, reader: IdentityReader) -> NeighbourDistance:
    """How far, for the reader, a neutral identity is from the nearest picture, and how far it must be.

    The least distance is the median of how far pictured people, neutral, are from their nearest other.
    """
    rest = np.zeros(len(EXPRESSION_AXES))
    smiling = np.eye(len(EXPRESSION_AXES))[EXPRESSION_AXES.index("smile")]
    alone = [
        Identity(weights, n) for n, weights in enumerate(np.eye(len(renderer.people.ids), dtype=np.float32))
    ]
    neutral = reader.read(np.stack([renderer.render(one, rest) for one in alone]))
    pictures = np.concatenate(
        [neutral, reader.read(np.stack([renderer.render(one, smiling) for one in alone]))]
    )
    least = float(np.median(nearest_others(neutral)))

    def read(identity: Identity) -> NDArray[np.float64]:
        return reader.read(renderer.render(identity, rest)[None])[0]

    return NeighbourDistance(read, pictures, least)


def nearest_others(descriptors: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each of descriptors [N, D] is from the nearest of the others, [N]."""
    between = np.linalg.norm(descriptors[:, None] - descriptors, axis=-1)
    np.fill_diagonal(between, np.inf)
    return np.asarray(between.min(1))


def measure_shipped(
    generator: FaceGenerator, renderer: FaceRenderer, reader: IdentityReader
) -> dict[str, list[float]]:
    """For the reader: how far neutral faces of the generator are from the nearest picture of a person.

    `nearest` of every identity, `nearest_identity` of every identity to the other identities, `nearest_other` of
    every pictured person to the other people, and `least`, the median of those.
    """
    distance = neighbour_distance(renderer, reader)
    n = len(renderer.people.ids)
    with torch.inference_mode():
        faces = generator(
            torch.arange(generator.n_identities), torch.zeros(generator.n_identities, len(EXPRESSION_AXES))
        )
    drawn = reader.read(to_pixels(faces))
    return {
        "nearest": np.linalg.norm(drawn[:, None] - distance.pictures, axis=-1).min(1).tolist(),
        "nearest_identity": nearest_others(drawn).tolist(),
        "nearest_other": nearest_others(distance.pictures[:n]).tolist(),
        "least": [distance.least],
    }
