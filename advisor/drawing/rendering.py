"""Faces as pictures: rendered, encoded, decoded and read, and which expressions can be read in them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from advisor.drawing.picture_files import read_picture
from data.errors import FacesError, TrainingError
from data.formats.picture_format import SUFFIX
from models.checkpoint import facts_of, load_checkpoint, shipped_weights
from models.face_generator import WEIGHTS_KIND as GENERATOR_KIND
from models.face_generator import FaceGenerator
from models.perception import WEIGHTS_KIND as PERCEPTION_KIND
from models.perception import FacePerception

RENDER_BATCH = 8  # whose tensors are small enough for `keep_freed_memory`
READ_BATCH = 8  # as fast as 64, which takes 200 MB more of 256 pixels
JPEG_QUALITY = 90
USABLE_AXIS_R2 = 0.91  # a little above what publication asks for, since bundles are small samples
EXPRESSION_DECIMALS = 6  # of a bundle's tables

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


PictureKey = tuple[float, ...]
"""An identity and its expression to `EXPRESSION_DECIMALS`: the same picture."""


def picture_keys(identities: Iterable[int], expressions: np.ndarray) -> list[PictureKey]:
    """The key of each of N faces, expressions float [N, K]."""
    rounded = np.round(expressions.astype(float), EXPRESSION_DECIMALS) + 0.0  # no minus zero
    return [(identity, *values) for identity, values in zip(identities, rounded.tolist(), strict=True)]


def draw_once(
    generator: FaceGenerator,
    identities: Tensor,
    expressions: Tensor,
    drawn_before: Container[PictureKey],
    on_progress: Progress = no_progress,
) -> dict[PictureKey, bytes]:
    """Picture files of identities long [N] at expressions float [N, K]: each once, and none that was drawn before."""
    place: dict[PictureKey, int] = {}
    for k, key in enumerate(picture_keys(identities.tolist(), expressions.numpy())):
        if key not in drawn_before:
            place.setdefault(key, k)
    if not place:
        return {}
    asked = torch.tensor(list(place.values()))
    faces = render_faces(generator, identities[asked], expressions[asked], on_progress)
    return {key: encode_face(face) for key, face in zip(place, faces, strict=True)}


def encode_face(face: np.ndarray) -> bytes:
    """RGB uint8 [S, S, 3] → JPEG bytes, colours at full resolution: about a sixth of a PNG's, and looks the same."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        JPEG_QUALITY,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    ok, content = cv2.imencode(SUFFIX, face[..., ::-1], options)
    assert ok, "JPEG encoding failed"
    return content.tobytes()


def decode_face(content: bytes) -> np.ndarray:
    """Bytes of a JPEG, or of a PNG of an earlier version → RGB uint8 [S, S, 3]."""
    try:
        return read_picture(content)
    except FacesError as problem:
        raise TrainingError(f"A face's picture file is damaged: {problem}. Restore its bundle.") from problem


def to_pixels(faces: Tensor) -> np.ndarray:
    """Faces float [B, 3, S, S] in [0, 1] as RGB uint8 [B, S, S, 3]."""
    return (faces * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()


def as_images(pictures: np.ndarray) -> Tensor:
    """uint8 [N, S, S, 3] → float [N, 3, S, S] in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255


def read_percepts(
    perception: FacePerception,
    contents: Sequence[bytes | Path],
    on_progress: Callable[[int], object] = lambda n: None,
) -> np.ndarray:
    """What FacePerception reads in picture files (paths or their bytes), float [N, K].

    Raises FacesError for a picture that is damaged, transparent, not square or else unreadable, and for none.
    """
    if not len(contents):
        raise FacesError("there is no picture to read; pass one or more")
    percepts = []
    with torch.no_grad():
        for k in range(0, len(contents), READ_BATCH):
            batch = [_square(content, k + n) for n, content in enumerate(contents[k : k + READ_BATCH])]
            if len({face.shape for face in batch}) == 1:
                percepts.append(perception(as_images(np.stack(batch))).cpu().numpy())
            else:  # of several sizes
                percepts += [perception(as_images(face[None])).cpu().numpy() for face in batch]
            on_progress(len(batch))
    return np.concatenate(percepts)


class Percepts:
    """What FacePerception reads in picture files, each read once however often it is asked for."""

    def __init__(self) -> None:
        self._read: dict[str, np.ndarray] = {}

    def __contains__(self, sha256: str) -> bool:
        return sha256 in self._read

    def know(self, sha256s: Iterable[str], percepts: np.ndarray) -> None:
        """Take percepts float [N, K] that were read before in pictures of these SHA-256 (hex)."""
        self._read |= dict(zip(sha256s, percepts.astype(np.float32), strict=True))

    def of_named(
        self,
        names: Sequence[str],
        content: Callable[[str], bytes],
        on_progress: Callable[[int], object] = lambda n: None,
    ) -> np.ndarray:
        """Percepts float [N, K] of named pictures; `content` is asked only for names that are no known SHA-256."""
        unknown = [name for name in dict.fromkeys(names) if name not in self._read]
        on_progress(len(names) - len(unknown))
        contents = [content(name) for name in unknown]
        new = dict(zip(unknown, self.of(contents, on_progress), strict=True)) if unknown else {}
        return np.stack([new[name] if name in new else self._read[name] for name in names])

    def of(
        self, contents: Sequence[bytes], on_progress: Callable[[int], object] = lambda n: None
    ) -> np.ndarray:
        """As `read_percepts`, float [N, K]."""
        keys = [hashlib.sha256(content).hexdigest() for content in contents]
        new = {key: one for key, one in zip(keys, contents, strict=True) if key not in self._read}
        on_progress(len(contents) - len(new))
        if new or not keys:
            found = read_percepts(FacePerception.load(), list(new.values()), on_progress)
            self._read |= dict(zip(new, found, strict=True))
        return np.stack([self._read[key] for key in keys])


def _square(content: bytes | Path, place: int) -> np.ndarray:
    name = content.name if isinstance(content, Path) else f"picture {place + 1}"
    face = read_picture(content, name)
    height, width = face.shape[:2]
    if height != width:
        raise FacesError(
            f"{name} has {width:,} × {height:,} pixels; cut it square, with the face as the shipped ones have it"
        )
    return face


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
    if own := facts.get("r_squared"):
        told_by = path
    else:
        told_by = shipped_weights("face_perception")
        _, facts = load_checkpoint(told_by, PERCEPTION_KIND)
    with facts_of(told_by):
        r2 = own or facts["r_squared"]["generated"]
        readable = torch.tensor([r2[axis] >= USABLE_AXIS_R2 for axis in generator.axes])
    if not readable.any():
        best = max(r2, key=lambda axis: r2[axis])
        raise FacesError(
            f"no expression can be read in the faces of {path}: the best, {best}, has R² {r2[best]:.2f} of "
            f"{USABLE_AXIS_R2}; train the generator longer or on clearer faces"
        )
    return generator.axis_bounds.cpu() * readable[:, None]
