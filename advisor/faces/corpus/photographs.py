"""Reads a folder of face pictures and lays every one onto the canonical shape.

The folder holds, anywhere under it, `ID_neutral.*` and `ID_smiling.*` for each person, and at its top
`landmarks.npz` (arrays `ID_neutral`, `ID_smiling`: float [478, 2], x and y in widths and heights of the
picture) and, optionally, `people.csv` (`face_id, age, gender, ethnicity, fringe_covers_forehead,
hair_makes_poor_surround`). A person whose pictures cannot be used is skipped, named and counted.
"""

import csv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from advisor.drawing.picture_files import read_picture
from advisor.faces.corpus.landmarks import (
    MARGIN,
    N_LANDMARKS,
    Warp,
    canonical_shape,
    to_canonical,
)
from data.errors import FacesError, SetupError
from data.formats.files import replaced_whole

TEXTURE_SIZE = 384  # pixels of the canonical frame with its margin
MIN_PEOPLE = 6
MIN_LIKENESS = 0.4  # correlation with the mean face below which landmarks are held to be another picture's
SUFFIXES = (".jpg", ".jpeg", ".png")

LandmarkReader = Callable[[NDArray[np.uint8]], NDArray[np.float64]]


@dataclass(frozen=True)
class People:
    """N pictured people, canonical. Landmarks float64 [N, 478, 2]; textures uint8 RGB [N, 384, 384, 3]."""

    ids: list[str]
    genders: list[str]
    ethnicities: list[str]
    poor_surround: NDArray[np.bool_]
    neutral: NDArray[np.float64]
    smiling: NDArray[np.float64]
    neutral_textures: NDArray[np.uint8]
    smiling_textures: NDArray[np.uint8]

    def save(self, folder: Path) -> None:
        """Write the people where `People.load` maps them into memory, so that processes share one copy."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "neutral_textures.npy", self.neutral_textures)
        np.save(folder / "smiling_textures.npy", self.smiling_textures)
        with replaced_whole(folder / "people.npz") as partial:
            np.savez(
                partial,
                ids=np.array(self.ids),
                genders=np.array(self.genders),
                ethnicities=np.array(self.ethnicities),
                poor_surround=self.poor_surround,
                neutral=self.neutral,
                smiling=self.smiling,
            )

    @classmethod
    def load(cls, folder: Path) -> "People":
        """The people that `save` wrote; textures stay on disk until they are touched."""
        with (folder / "people.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
            table = dict(stored)
        return cls(
            ids=table["ids"].tolist(),
            genders=table["genders"].tolist(),
            ethnicities=table["ethnicities"].tolist(),
            poor_surround=table["poor_surround"],
            neutral=table["neutral"],
            smiling=table["smiling"],
            neutral_textures=np.load(folder / "neutral_textures.npy", mmap_mode="r"),
            smiling_textures=np.load(folder / "smiling_textures.npy", mmap_mode="r"),
        )


def read_people(folder: Path) -> tuple[People, dict[str, str]]:
    """The usable people of a folder, and for each skipped one (id or file name) the reason.

    Raises:
        FacesError: no pictures, no landmarks, or fewer than `MIN_PEOPLE` usable people.
        SetupError: no landmarks.npz, and mediapipe is not installed to find them.
    """
    pictures = _find_pictures(folder)
    landmarks = _open_landmarks(folder)
    facts = _read_facts(folder)
    skipped: dict[str, str] = {}
    usable: dict[str, tuple[_Picture, _Picture]] = {}
    for person in sorted({stem.rsplit("_", 1)[0] for stem in pictures}):
        if facts.get(person, {}).get("fringe_covers_forehead") == "1":
            skipped[person] = "its fringe covers the forehead"
            continue
        try:
            pair = [_read_picture(f"{person}_{kind}", pictures, landmarks) for kind in ("neutral", "smiling")]
        except FacesError as problem:
            skipped[person] = str(problem)
            continue
        usable[person] = (pair[0], pair[1])
    people = _assemble(usable, facts)
    strangers = _misfits(people)
    if strangers:
        skipped.update(dict.fromkeys(strangers, "its landmarks do not fit its pictures"))
        del people  # before the others are laid out again, on the shape without the strangers
        people = _assemble({k: v for k, v in usable.items() if k not in strangers}, facts)
    return people, skipped


@dataclass(frozen=True)
class _Picture:
    path: Path  # pixels are read when they are laid out: all pictures together would fill the memory
    landmarks: NDArray[np.float64]  # in pixels


def _find_pictures(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise FacesError(f"there is no folder {folder}; pass the folder that holds the face pictures")
    found = {
        path.stem: path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.stem.endswith(("_neutral", "_smiling"))
    }
    if not found:
        raise FacesError(
            f"{folder} holds no pictures named ID_neutral.jpg and ID_smiling.jpg; pass a folder that does"
        )
    return found


def _open_landmarks(folder: Path) -> dict[str, NDArray[np.float64]] | LandmarkReader:
    path = folder / "landmarks.npz"
    if not path.is_file():
        return _mediapipe_reader(folder)
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key].astype(np.float64) for key in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as problem:
        raise FacesError(f"{path} cannot be read as landmarks ({problem}); write it again") from None


def _mediapipe_reader(folder: Path) -> LandmarkReader:
    try:
        from mediapipe.python.solutions.face_mesh import FaceMesh
    except ImportError:
        raise SetupError(
            f"{folder} has no landmarks.npz, and mediapipe, which would find landmarks, is not installed; "
            "add the file, or `pip install -e .[faces]`"
        ) from None
    mesh = FaceMesh(static_image_mode=True, max_num_faces=2, refine_landmarks=True)

    def read(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        faces = mesh.process(pixels).multi_face_landmarks or []
        if len(faces) != 1:
            raise FacesError(f"{len(faces) or 'no'} faces are in the picture where there must be one")
        return np.array([[point.x, point.y] for point in faces[0].landmark])

    return read


def _read_facts(folder: Path) -> dict[str, dict[str, str]]:
    path = folder / "people.csv"
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    if not rows or "face_id" not in rows[0]:
        raise FacesError(f"{path} has no column face_id; name the people there or remove the file")
    return {row["face_id"]: row for row in rows}


def _read_picture(
    stem: str, pictures: dict[str, Path], landmarks: dict[str, NDArray[np.float64]] | LandmarkReader
) -> _Picture:
    if stem not in pictures:
        raise FacesError(f"{stem} is missing")
    pixels = read_picture(pictures[stem])
    if isinstance(landmarks, dict):
        if stem not in landmarks:
            raise FacesError(f"landmarks.npz has no {stem}")
        points = landmarks[stem]
    else:
        points = landmarks(pixels)
    if points.shape != (N_LANDMARKS, 2) or not np.isfinite(points).all():
        raise FacesError(f"the landmarks of {stem} are not {N_LANDMARKS} finite points")
    height, width = pixels.shape[:2]
    return _Picture(pictures[stem], points * [width, height])


def _assemble(usable: dict[str, tuple[_Picture, _Picture]], facts: dict[str, dict[str, str]]) -> People:
    if len(usable) < MIN_PEOPLE:
        raise FacesError(
            f"{len(usable)} people have two usable pictures with landmarks, {MIN_PEOPLE} are needed; add people"
        )
    shapes = []
    for kind in (0, 1):
        moves = [to_canonical(pair[kind].landmarks) for pair in usable.values()]
        points = [pair[kind].landmarks for pair in usable.values()]
        shapes.append(np.array([p @ m.T + t for p, (m, t) in zip(points, moves, strict=True)]))
    warp = Warp(canonical_shape(shapes[0], shapes[1]))
    textures = np.empty((2, len(usable), TEXTURE_SIZE, TEXTURE_SIZE, 3), np.uint8)
    for kind in (0, 1):
        for n, pair in enumerate(usable.values()):
            textures[kind, n] = _texture(pair[kind], shapes[kind][n], warp)
    return People(
        ids=list(usable),
        genders=[facts.get(person, {}).get("gender", "") for person in usable],
        ethnicities=[facts.get(person, {}).get("ethnicity", "") for person in usable],
        poor_surround=np.array(
            [facts.get(person, {}).get("hair_makes_poor_surround") == "1" for person in usable]
        ),
        neutral=shapes[0],
        smiling=shapes[1],
        neutral_textures=textures[0],
        smiling_textures=textures[1],
    )


def _texture(picture: _Picture, shape: NDArray[np.float64], warp: Warp) -> NDArray[np.uint8]:
    """The picture on the canonical shape, RGB uint8 [384, 384, 3]."""
    matrix, offset = to_canonical(picture.landmarks)
    target = cv2.resize(
        warp.displacement(shape) + warp.points, (TEXTURE_SIZE, TEXTURE_SIZE), interpolation=cv2.INTER_CUBIC
    )
    source = ((target - offset) @ np.linalg.inv(matrix).T).astype(np.float32)
    pixels_a_texel = (1 + 2 * MARGIN) / TEXTURE_SIZE / np.sqrt(abs(np.linalg.det(matrix)))
    smoothed = cv2.GaussianBlur(read_picture(picture.path), (0, 0), max(0.3, pixels_a_texel * 0.35))
    laid = cv2.remap(smoothed, source, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, dtype=np.uint8)


def _misfits(people: People) -> list[str]:
    """Ids whose inner face does not resemble the mean one: their landmarks belong to another picture."""
    centre = slice(TEXTURE_SIZE // 4, TEXTURE_SIZE * 3 // 4)
    misfits = set()
    for textures in (people.neutral_textures, people.smiling_textures):
        grey = textures[:, centre, centre].mean(-1)
        flat = grey.reshape(len(grey), -1)
        flat = flat - flat.mean(1, keepdims=True)
        flat /= np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9
        mean = np.median(flat, 0)
        likeness = flat @ (mean / np.linalg.norm(mean))
        misfits |= {people.ids[i] for i in np.nonzero(likeness < MIN_LIKENESS)[0]}
    return sorted(misfits)
