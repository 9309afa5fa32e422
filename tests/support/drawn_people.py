"""A folder of people to build a corpus from: drawings with 478 points laid where a face has them."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from advisor.faces.corpus.landmarks import FACE_OVAL, LOWER_INNER_LIP, UPPER_INNER_LIP

N_PEOPLE = 12


def face_points(rng: np.random.Generator) -> NDArray[np.float64]:
    """478 points of a drawn face in units of the picture, the named ones where a face has them."""
    angle, radius = rng.uniform(0, 2 * np.pi, 478), np.sqrt(rng.uniform(0, 0.9, 478))
    points = np.c_[0.5 + 0.2 * radius * np.cos(angle), 0.55 + 0.27 * radius * np.sin(angle)]
    around = np.linspace(0, 2 * np.pi, len(FACE_OVAL), endpoint=False)
    points[FACE_OVAL] = np.c_[0.5 + 0.21 * np.sin(around), 0.55 - 0.29 * np.cos(around)]
    across = np.linspace(-0.07, 0.07, len(UPPER_INNER_LIP))
    points[UPPER_INNER_LIP] = np.c_[0.5 + across, np.full_like(across, 0.7)]
    points[LOWER_INNER_LIP[1:-1]] = np.c_[0.5 + across, np.full_like(across, 0.702)][1:-1]
    points[[61, 291]] = [[0.42, 0.7], [0.58, 0.7]]
    for pupil, upper, lower, brow, x in (
        (
            468,
            [246, 161, 160, 159, 158, 157, 173],
            [7, 163, 144, 145, 153, 154, 155],
            [107, 55, 52, 105, 70, 46, 63, 53],
            0.375,
        ),
        (
            473,
            [466, 388, 387, 386, 385, 384, 398],
            [249, 390, 373, 374, 380, 381, 382],
            [336, 285, 282, 334, 300, 276, 293, 283],
            0.625,
        ),
    ):
        lid = x + np.linspace(-0.035, 0.035, 7)
        points[pupil : pupil + 5] = np.array([x, 0.45]) + rng.normal(0, 0.004, (5, 2))
        points[pupil] = [x, 0.45]
        points[upper], points[lower] = np.c_[lid, np.full(7, 0.438)], np.c_[lid, np.full(7, 0.462)]
        inward = np.sign(0.5 - x)
        points[brow] = np.c_[x + inward * np.linspace(0.045, -0.045, 8), np.full(8, 0.40)]
    return points


def write_people(folder: Path, n_people: int = N_PEOPLE) -> Path:
    """A folder of drawn people, half of either gender."""
    rng = np.random.default_rng(5)
    base, landmarks, rows = (
        face_points(rng),
        {},
        ["face_id,age,gender,ethnicity,fringe_covers_forehead,hair_makes_poor_surround"],
    )
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(n_people):
        stretch = rng.normal(1, 0.02, 2)
        skin = rng.uniform(90, 200, 3)
        for kind, smile in (("neutral", 0.0), ("smiling", 1.0)):
            points = (base - 0.5) * stretch + 0.5
            points[[61, 291], 1] -= 0.02 * smile
            points[LOWER_INNER_LIP[1:-1], 1] += 0.025 * smile
            landmarks[f"{n:03d}_{kind}"] = points.astype(np.float32)
            cv2.imwrite(str(folder / f"{n:03d}_{kind}.jpg"), draw_picture(points, skin, bool(smile)))
        rows.append(f"{n:03d},30,{'female' if n % 2 else 'male'},{'a' if n % 3 else 'b'},0,{int(n == 0)}")
    np.savez(folder / "landmarks.npz", **landmarks)
    (folder / "people.csv").write_text("\n".join(rows) + "\n")
    return folder


def draw_picture(points: NDArray[np.float64], skin: NDArray[np.float64], smiles: bool) -> NDArray[np.uint8]:
    size = 160
    picture = np.full((size, size, 3), 215, np.uint8)
    at = (points * size).astype(np.int32)
    cv2.fillPoly(picture, [at[FACE_OVAL]], skin.tolist())
    for pupil in (468, 473):
        cv2.circle(picture, at[pupil].tolist(), 4, (30, 30, 30), -1)
    lips = np.r_[at[UPPER_INNER_LIP], at[LOWER_INNER_LIP[::-1]]]
    cv2.fillPoly(picture, [lips], (235, 235, 235) if smiles else (60, 60, 150))
    cv2.polylines(picture, [lips], True, (60, 60, 150), 3)
    return picture
