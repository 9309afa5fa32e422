"""The canonical face and what the expression axes move in it, as landmark geometry.

Landmarks are the 478 points of MediaPipe Face Mesh, float [478, 2] as x, y. In the *canonical frame*
the output image is the unit square, y down, with the pupils on a level line at `PUPIL_HEIGHT`,
`PUPIL_DISTANCE` apart and centred; `MARGIN` more is kept around it, so that a tilted face still has a
surround. Nothing here knows pixels or files.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.expression import EXPRESSION_AXES

Array = NDArray[np.float64]

N_LANDMARKS = 478
PUPIL_DISTANCE = 0.335
PUPIL_HEIGHT = 0.425
MARGIN = 0.15
RIGHT_PUPIL, LEFT_PUPIL = 468, 473  # the person's own right and left: the right one is left in the picture

UPPER_INNER_LIP = np.array([78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308])
LOWER_INNER_LIP = np.array([78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308])
FACE_OVAL = np.r_[
    [10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377],
    [152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109],
]
EYES = np.r_[
    [249, 263, 362, 373, 374, 380, 381, 382, 384, 385, 386, 387, 388, 390, 398, 466],
    [7, 33, 133, 144, 145, 153, 154, 155, 157, 158, 159, 160, 161, 163, 173, 246],
    np.arange(468, 478),
]
MOUTH_CORNERS = (61, 291)

# Full smile: the pictured people's own smiles fall a little short of what reads as one at a glance.
SMILE_GAIN = 1.15


def to_canonical(landmarks: Array) -> tuple[Array, Array]:
    """The similarity that levels the pupils: matrix [2, 2] and offset [2], canonical = p @ matrix.T + offset."""
    right, left = landmarks[RIGHT_PUPIL], landmarks[LEFT_PUPIL]
    across = left - right
    scale = PUPIL_DISTANCE / np.hypot(*across)
    angle = np.arctan2(across[1], across[0])
    matrix = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return matrix, np.array([0.5, PUPIL_HEIGHT]) - matrix @ ((right + left) / 2)


def canonical_shape(neutral: Array, smiling: Array) -> Array:
    """The mean face [478, 2] of canonical neutral and smiling landmarks [N, 478, 2], its mouth held open.

    A closed mouth would fold the warp where teeth have to appear.
    """
    shape = (neutral.mean(0) + smiling.mean(0)) / 2
    bump = np.sin(np.linspace(0, np.pi, len(UPPER_INNER_LIP)))
    for j in range(1, len(UPPER_INNER_LIP) - 1):
        upper, lower = UPPER_INNER_LIP[j], LOWER_INNER_LIP[j]
        missing = max(0.0, 0.034 * bump[j] - (shape[lower, 1] - shape[upper, 1]))
        shape[upper, 1] -= missing / 2
        shape[lower, 1] += missing / 2
    return shape


def mouth_opening(landmarks: Array) -> Array:
    """Gap between the inner lips in pupil distances, of canonical landmarks [..., 478, 2]."""
    gap: Array = (landmarks[..., 14, 1] - landmarks[..., 13, 1]) / PUPIL_DISTANCE
    return gap


def part_lips(landmarks: Array) -> Array:
    """The landmarks [478, 2], inner lips moved apart where they crossed."""
    parted = landmarks.copy()
    upper, lower = UPPER_INNER_LIP[1:-1], LOWER_INNER_LIP[1:-1]
    crossed = parted[lower, 1] - parted[upper, 1] < 0.002
    middle = (parted[lower, 1] + parted[upper, 1]) / 2
    parted[upper[crossed], 1] = middle[crossed] - 0.001
    parted[lower[crossed], 1] = middle[crossed] + 0.001
    return parted


class ActionUnits:
    """Landmark offsets of the axes between smile and head tilt, on one canonical shape.

    The numbers (in pupil distances) were set by eye after the Facial Action Coding System: axis ids
    stand beside the action unit that they imitate.
    """

    def __init__(self, shape: Array) -> None:
        self.shape = shape
        raise_inner, raise_outer, lower_brow = self._brows()
        raise_lid, tighten_lid = self._lids()
        offsets = {
            "inner_brow_raise": raise_inner,  # AU 1
            "outer_brow_raise": raise_outer,  # AU 2
            "brow_lower": lower_brow,  # AU 4
            "lid_raise": raise_lid,  # AU 5
            "lid_tighten": tighten_lid,  # AU 7 with the cheek of AU 6
            "lip_corner_depress": self._lip_corners(),  # AU 15 with the chin of AU 17
            "jaw_drop": self._jaw(),  # AU 25, 26
        }
        self.offsets = PUPIL_DISTANCE * np.stack([offsets[axis] for axis in EXPRESSION_AXES[1:8]])

    def displacement(self, expression: Array) -> Array:
        """Offsets [478, 2] of an expression [9]; smile and head tilt are not made here."""
        moved: Array = np.tensordot(expression[1:8], self.offsets, 1)
        return moved

    def _bell(self, centre: Array, width: float, height: float) -> Array:
        away = (self.shape - centre) / PUPIL_DISTANCE
        bell: Array = np.exp(-((away[:, 0] / width) ** 2) / 2 - (away[:, 1] / height) ** 2 / 2)
        return bell

    def _brows(self) -> tuple[Array, Array, Array]:
        still_eyes = np.ones(N_LANDMARKS)
        still_eyes[EYES] = 0.05
        raise_inner, raise_outer, lower = (np.zeros_like(self.shape) for _ in range(3))
        for inner, outer, middle, inward in (
            ([107, 55], [70, 46, 63, 53], [52, 105], 1),
            ([336, 285], [300, 276, 293, 283], [282, 334], -1),
        ):
            at_inner, at_outer, at_middle = (self.shape[part].mean(0) for part in (inner, outer, middle))
            raise_inner[:, 1] -= 0.155 * self._bell(at_inner, 0.17, 0.22) * still_eyes
            # An arch, not a slant: the middle of the brow rises with its end, or the face looks sinister.
            raise_outer[:, 1] -= 0.085 * self._bell(at_outer, 0.20, 0.22) * still_eyes
            raise_outer[:, 1] -= 0.085 * self._bell(at_middle, 0.18, 0.22) * still_eyes
            raise_outer[:, 1] -= 0.045 * self._bell(at_inner, 0.14, 0.22) * still_eyes
            lower[:, 1] += 0.135 * self._bell(at_inner, 0.18, 0.2) * still_eyes
            lower[:, 1] += 0.065 * self._bell(at_middle, 0.2, 0.2) * still_eyes
            lower[:, 0] += inward * 0.055 * self._bell(at_inner, 0.14, 0.14) * still_eyes
        return raise_inner, raise_outer, lower

    def _lids(self) -> tuple[Array, Array]:
        widen, tighten = np.zeros_like(self.shape), np.zeros_like(self.shape)
        along_lid = np.array([0.45, 0.8, 1, 1, 1, 0.8, 0.45])
        for upper, lower, crease in (
            (
                [246, 161, 160, 159, 158, 157, 173],
                [7, 163, 144, 145, 153, 154, 155],
                [247, 30, 29, 27, 28, 56, 190],
            ),
            (
                [466, 388, 387, 386, 385, 384, 398],
                [249, 390, 373, 374, 380, 381, 382],
                [467, 260, 259, 257, 258, 286, 414],
            ),
        ):
            widen[upper, 1] -= 0.074 * along_lid
            widen[crease, 1] -= 0.042 * along_lid
            widen[lower, 1] += 0.016 * along_lid
            tighten[lower, 1] -= 0.060 * along_lid
            tighten[upper, 1] += 0.030 * along_lid
            tighten[crease, 1] += 0.018 * along_lid
            below = self.shape[lower].mean(0) + np.array([0, 0.08 * PUPIL_DISTANCE])
            cheek = 0.05 * self._bell(below, 0.24, 0.10)
            cheek[EYES] = 0
            tighten[:, 1] -= cheek
        return widen, tighten

    def _lip_corners(self) -> Array:
        depress = np.zeros_like(self.shape)
        for corner in MOUTH_CORNERS:
            depress[:, 1] += 0.082 * self._bell(self.shape[corner], 0.24, 0.21)
            outward = np.sign(self.shape[corner, 0] - 0.5)
            depress[:, 0] += outward * 0.018 * self._bell(self.shape[corner], 0.2, 0.2)
        depress[:, 1] -= 0.040 * self._bell(self.shape[[13, 14]].mean(0), 0.20, 0.14)
        depress[:, 1] -= 0.022 * self._bell(self.shape[[17, 152]].mean(0), 0.22, 0.16)
        return depress

    def _jaw(self) -> Array:
        drop = np.zeros_like(self.shape)
        middle = self.shape[UPPER_INNER_LIP, 1] * 0.5 + self.shape[LOWER_INNER_LIP, 1] * 0.5
        line = np.interp(self.shape[:, 0], self.shape[UPPER_INNER_LIP, 0], middle)
        below = (self.shape[:, 1] > line + 0.002).astype(float)
        below[UPPER_INNER_LIP[1:-1]] = 0
        below[LOWER_INNER_LIP[1:-1]] = 1
        drop[:, 1] = 0.125 * below * np.exp(-(((self.shape[:, 0] - 0.5) / PUPIL_DISTANCE / 0.42) ** 2))
        for corner in (61, 291, 78, 308):
            drop[corner, 1] = 0.035
            drop[corner, 0] += np.sign(0.5 - self.shape[corner, 0]) * 0.02
        drop[[82, 13, 312, 81, 311, 80, 310, 0, 37, 267], 1] -= 0.012
        return drop


@cache
def _far_anchors() -> Array:
    grid = np.linspace(-0.5, 1.5, 6)
    points = np.array([[x, y] for x in grid for y in grid])
    return points[(points.min(1) < -0.4) | (points.max(1) > 1.4)]


class Warp:
    """Dense smooth displacement [G, G, 2] of the canonical frame from moved landmarks (thin-plate spline).

    The operator is computed once for a shape: after that a field is one product with the offsets of the
    landmarks. Rings around the face oval carry hair and ears along; far anchors stay where they are.
    """

    GRID = 128

    def __init__(self, shape: Array) -> None:
        self._rest = self._with_rings(shape)
        anchors = np.concatenate([self._rest, _far_anchors()])
        self.axis = (np.arange(self.GRID) + 0.5) / self.GRID * (1 + 2 * MARGIN) - MARGIN
        x, y = np.meshgrid(self.axis, self.axis)
        self.points = np.stack([x, y], -1).astype(np.float32)
        self._operator = _spline_operator(anchors, self.points.reshape(-1, 2).astype(np.float64))

    def displacement(self, landmarks: Array) -> NDArray[np.float32]:
        """Field [G, G, 2] over the frame and its margin: how canonical points move as the shape becomes `landmarks`."""
        offsets = np.concatenate([self._with_rings(landmarks) - self._rest, np.zeros_like(_far_anchors())])
        return (self._operator @ offsets.astype(np.float32)).reshape(self.GRID, self.GRID, 2)

    @staticmethod
    def _with_rings(landmarks: Array) -> Array:
        oval = landmarks[FACE_OVAL]
        centre = oval.mean(0)
        return np.concatenate([landmarks, centre + (oval - centre) * 1.25, centre + (oval - centre) * 1.6])


SMOOTHNESS = 1e-6  # of the spline, an anchor


def _spline_operator(anchors: Array, queries: Array) -> NDArray[np.float32]:
    """Linear map [Q, N] from offsets at anchors [N, 2] to a thin-plate spline at queries [Q, 2]."""

    def kernel(a: Array, b: Array) -> Array:
        squared = (a[:, None, 0] - b[:, 0]) ** 2 + (a[:, None, 1] - b[:, 1]) ** 2
        bent: Array = squared * np.log(squared + 1e-12) / 2
        return bent

    n = len(anchors)
    affine = np.c_[np.ones(n), anchors]
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = kernel(anchors, anchors) + SMOOTHNESS * n * np.eye(n)
    system[:n, n:], system[n:, :n] = affine, affine.T
    solved = np.linalg.inv(system)[:, :n]
    return (np.c_[kernel(queries, anchors), np.ones(len(queries)), queries] @ solved).astype(np.float32)
