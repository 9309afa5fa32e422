"""Draws the face of a blend of pictured people at a known expression: warp, blend, colour, mouth.

Textures lie on the canonical shape. A face is their weighted mean inside a soft oval; hair, ears and neck
are the donor's. The shape (weighted mean, smile, action units) gives a dense field, whose inverse is found
by fixed-point iteration, and one remap draws the picture.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from advisor.faces.corpus.identities import Identity
from advisor.faces.corpus.landmarks import (
    FACE_OVAL,
    LOWER_INNER_LIP,
    MARGIN,
    PUPIL_DISTANCE,
    SMILE_GAIN,
    UPPER_INNER_LIP,
    ActionUnits,
    Warp,
    canonical_shape,
    mouth_opening,
    part_lips,
)
from advisor.faces.corpus.photographs import TEXTURE_SIZE, People

Image = NDArray[np.float32]

MAX_TILT_DEGREES = 9.0
N_INVERSION_STEPS = 14
TILT_PIVOT = (0.5, 0.62)
BRIGHT_TEETH = 95  # mean grey between the lips, of 255
JAW_OPENS = 1.2  # how much higher a full drop of the jaw makes the mouth of a smile, in heights of it
TEETH_EDGE = 0.12  # of the mouth's height, over which teeth fade into the dark
OPEN_SMILE = 0.05  # inner-lip gap, in pupil distances, from which a smile shows teeth
MOUTH_DARK = np.array([46, 22, 24], np.float32)
MOUTH_TONGUE = np.array([112, 58, 58], np.float32)


class FaceRenderer:
    """Renders identities at expressions; deterministic. Holds no picture but the textures of `people`."""

    def __init__(self, people: People, image_size: int) -> None:
        self.people = people
        self.image_size = image_size
        self.shape = canonical_shape(people.neutral, people.smiling)
        self._units = ActionUnits(self.shape)
        self._warp = Warp(self.shape)
        self._make_masks()
        self._opens = self._open_smiles()
        own = people.smiling - people.neutral
        # Half the person's own smile, half the mean open one: some hardly smile when asked to.
        self._own_smile, self._mean_smile = own, own[self._opens].mean(0)
        self.skin_rgb = np.array([self._skin_mean(t.astype(np.float32)) for t in people.neutral_textures])

    @property
    def skin_lab(self) -> NDArray[np.float64]:
        """Mean skin colour of every pictured person as CIE L*a*b* [N, 3]."""
        lab = cv2.cvtColor((self.skin_rgb[None] / 255).astype(np.float32), cv2.COLOR_RGB2Lab)
        return lab[0].astype(np.float64)

    def render(self, identity: Identity, expression: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The face at expression [9] (ids and bounds of `EXPRESSION_AXES`), RGB uint8 [S, S, 3]."""
        smile = SMILE_GAIN * expression[0] if expression[0] > 0 else expression[0]
        texture = self._texture(identity, min(1.0, max(0.0, smile)), expression)
        field = self._warp.displacement(self._landmarks(identity, smile, expression))
        source = self._inverse(field, float(expression[8]))
        size = 2 * self.image_size
        source = cv2.resize(source, (size, size), interpolation=cv2.INTER_LINEAR)
        source = (source + MARGIN) / (1 + 2 * MARGIN) * TEXTURE_SIZE - 0.5
        drawn = cv2.remap(texture, source, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        small = cv2.resize(drawn, (self.image_size, self.image_size), interpolation=cv2.INTER_AREA)
        return np.asarray(small, dtype=np.uint8)

    def _landmarks(
        self, identity: Identity, smile: float, expression: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        parts = np.nonzero(identity.weights)[0]
        weights = identity.weights[parts].astype(np.float64)
        neutral = np.tensordot(weights, self.people.neutral[parts], 1)
        own = np.tensordot(weights, self._own_smile[parts], 1)
        moved = neutral + smile * (own + self._mean_smile) / 2 + self._units.displacement(expression)
        return part_lips(moved)

    def _texture(
        self, identity: Identity, smile: float, expression: NDArray[np.float64]
    ) -> NDArray[np.uint8]:
        people, parts = self.people, np.nonzero(identity.weights)[0]
        blend = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE, 3), np.float32)
        for n in parts:
            if smile < 1:
                blend += people.neutral_textures[n] * np.float32(identity.weights[n] * (1 - smile))
            if smile > 0:
                blend += people.smiling_textures[n] * np.float32(identity.weights[n] * smile)
        gain = self.skin_rgb[identity.donor] / np.maximum(self._skin_mean(blend), 1)
        blend *= gain.astype(np.float32)
        self._shade(blend, expression)
        self._fill_mouth(blend, identity, smile, expression)
        inner = self._inner
        blend *= inner
        blend += people.neutral_textures[identity.donor] * (1 - inner)
        return np.clip(blend, 0, 255).astype(np.uint8)

    def _fill_mouth(
        self, blend: Image, identity: Identity, smile: float, expression: NDArray[np.float64]
    ) -> None:
        jaw = float(expression[7])
        top, bottom, left, right = self._mouth_box
        box = (slice(top, bottom), slice(left, right))
        teeth = self._teeth(identity, box)
        mask = self._mouth[box]
        depth = self._mouth_depth[box]
        # Teeth keep their height while a jaw opens the mouth, and what is below them is dark.
        end = np.float32(1 / (1 + JAW_OPENS * jaw))
        if smile > 0.02:
            strength = min(1.0, smile / 0.3)
            blend[box] += (self._shortened(teeth, depth, end) - blend[box]) * (mask * strength)
        if jaw > 0.02:
            tongue = np.clip((depth - 0.5) / 0.45, 0, 1) ** 1.2 * 0.75
            # In the light of this face: a tongue as bright as on pale skin would glow on a dark one.
            light = np.float32(np.clip(self.skin_rgb[identity.donor].mean() / 150, 0.5, 1))
            cavity = (MOUTH_DARK + (MOUTH_TONGUE - MOUTH_DARK) * tongue) * light
            hint = np.clip((0.42 - depth) / 0.2, 0, 1) * 0.62
            cavity = cavity + (teeth * 0.86 * light - cavity) * hint
            below = np.clip((depth - end) / TEETH_EDGE + 0.5, 0, 1)
            strength = min(1.0, jaw * 2.5) * (1 - smile + smile * below)
            blend[box] += (cavity - blend[box]) * (mask * strength.astype(np.float32))

    def _shortened(self, teeth: Image, depth: Image, end: np.float32) -> Image:
        """Teeth squeezed into the upper part of the mouth, down to the depth `end`."""
        if end >= 1:
            return teeth
        height, width = depth.shape[:2]
        left = self._mouth_box[2]
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        source = y + (1 / end - 1) * depth[..., 0] * self._mouth_height[left : left + width]
        squeezed = cv2.remap(teeth, x, source, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(squeezed, dtype=np.float32)

    def _open_smiles(self) -> NDArray[np.bool_]:
        """Whose smile [N] shows teeth: the lips are apart and what is between them is bright; all, if nobody's."""
        top, bottom, left, right = self._mouth_box
        mask = self._mouth[top:bottom, left:right, 0]
        grey = self.people.smiling_textures[:, top:bottom, left:right].mean(-1)
        brightness = (grey * mask).sum((1, 2)) / mask.sum()
        opens = mouth_opening(self.people.smiling) > OPEN_SMILE
        opens &= brightness > BRIGHT_TEETH
        return opens if opens.any() else np.ones_like(opens)

    def _teeth(self, identity: Identity, box: tuple[slice, slice]) -> Image:
        """Mouth of the open smiles in the blend, mostly of the strongest one: a mean of teeth is a white band."""
        weights = (identity.weights * self._opens).astype(np.float64) ** 3
        if weights.sum() == 0:
            n_open = np.nonzero(self._opens)[0]
            weights[n_open[identity.donor % len(n_open)]] = 1
        weights /= weights.sum()
        mouth: Image = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start, 3), np.float32)
        for n in np.nonzero(weights)[0]:
            mouth += self.people.smiling_textures[n][box] * np.float32(weights[n])
        return mouth

    def _shade(self, blend: Image, expression: NDArray[np.float64]) -> None:
        """Darken the furrows that brows draw on the skin; the warp alone leaves the forehead smooth."""
        for axis, shade in self._furrows.items():
            if expression[axis] > 0.02:
                top, bottom = self._furrow_rows
                blend[top:bottom] *= 1 - np.float32(expression[axis]) * shade[top:bottom]

    def _inverse(self, field: NDArray[np.float32], tilt: float) -> NDArray[np.float32]:
        """Canonical points [G, G, 2] shown at each point of the output frame."""
        grid = Warp.GRID
        at = (np.arange(grid, dtype=np.float32) + 0.5) / grid
        x, y = np.meshgrid(at, at)
        angle = np.deg2rad(tilt * MAX_TILT_DEGREES)
        px, py = TILT_PIVOT
        turned_x = px + np.cos(angle) * (x - px) + np.sin(angle) * (y - py)
        turned_y = py - np.sin(angle) * (x - px) + np.cos(angle) * (y - py)
        target = np.stack([turned_x, turned_y], -1).astype(np.float32)
        found = target.copy()
        scale = np.float32(grid / (1 + 2 * MARGIN))
        # Where a mouth opens to several times its height, a whole step would overshoot for ever.
        stretch = cv2.dilate(1 + np.maximum(0, np.gradient(field[..., 1], axis=0)) * scale, np.ones((3, 3)))
        known = np.dstack([field, 1 / stretch]).astype(np.float32)
        for _ in range(N_INVERSION_STEPS):
            at_grid = (found + np.float32(MARGIN)) * scale - np.float32(0.5)
            moved = cv2.remap(known, at_grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            found += np.float32(0.8) * moved[..., 2:] * (target - found - moved[..., :2])
        return found

    def _skin_mean(self, texture: Image) -> NDArray[np.float64]:
        rows = slice(*self._skin_rows)
        mean: NDArray[np.float64] = np.tensordot(self._skin[rows], texture[rows], 2) / self._skin_weight
        return mean

    def _make_masks(self) -> None:
        oval = self.shape[FACE_OVAL]
        centre = oval.mean(0)
        # The blended part stops short of the hair line.
        inner = centre + (oval - centre) * [0.93, 0.95]
        inner[:, 1] = np.maximum(inner[:, 1], oval[:, 1].min() + 0.115)
        self._inner = _soft_polygon(inner, TEXTURE_SIZE * 0.018)[..., None]
        lips = np.r_[self.shape[UPPER_INNER_LIP], self.shape[LOWER_INNER_LIP[::-1]]]
        mouth = _soft_polygon(lips, 1.2)
        skin = cv2.GaussianBlur(_soft_polygon(centre + (oval - centre) * 0.75, 4), (0, 0), 3) * (1 - mouth)
        self._mouth = mouth[..., None]
        rows, columns = np.nonzero(mouth > 0.003)
        self._mouth_box = (int(rows.min()), int(rows.max()) + 1, int(columns.min()), int(columns.max()) + 1)
        self._skin, self._skin_weight = skin, float(skin.sum())
        lit = np.nonzero(skin.max(1) > 0)[0]
        self._skin_rows = (int(lit.min()), int(lit.max()) + 1)
        at = (np.arange(TEXTURE_SIZE) + 0.5) / TEXTURE_SIZE * (1 + 2 * MARGIN) - MARGIN
        upper = np.interp(at, self.shape[UPPER_INNER_LIP, 0], self.shape[UPPER_INNER_LIP, 1])
        lower = np.interp(at, self.shape[LOWER_INNER_LIP, 0], self.shape[LOWER_INNER_LIP, 1])
        height = np.maximum(lower - upper, 1e-3)
        self._mouth_height = (height / (1 + 2 * MARGIN) * TEXTURE_SIZE).astype(np.float32)
        depth = (at[:, None] - upper) / height
        self._mouth_depth = np.clip(depth, 0, 1).astype(np.float32)[..., None]
        self._make_furrows(at)

    def _make_furrows(self, at: NDArray[np.float64]) -> None:
        x, y = (axis / PUPIL_DISTANCE for axis in np.meshgrid(at, at))
        brow_y = self.shape[[107, 336], 1].mean() / PUPIL_DISTANCE
        between = self.shape[[55, 285]].mean(0) / PUPIL_DISTANCE
        frown = np.zeros_like(x)
        for side in (-1, 1):
            bend = between[0] + side * (0.085 + 0.10 * (y - between[1]))
            frown += 0.24 * np.exp(
                -(((x - bend) / 0.022) ** 2) / 2 - ((y - between[1] + 0.05) / 0.10) ** 2 / 2
            )
        lines = np.zeros_like(x)
        for height in (0.20, 0.32):
            curve = brow_y - height + 0.12 * (x - between[0]) ** 2
            lines += 0.13 * np.exp(-(((y - curve) / 0.016) ** 2) / 2 - ((x - between[0]) / 0.30) ** 2 / 2)
        self._furrows = {1: lines.astype(np.float32)[..., None], 3: frown.astype(np.float32)[..., None]}
        dark = np.nonzero((frown + lines).max(1) > 0.004)[0]
        self._furrow_rows = (int(dark.min()), int(dark.max()) + 1)


def _soft_polygon(points: NDArray[np.float64], blur: float) -> Image:
    """Mask float32 [384, 384] of a polygon in the canonical frame, its edge blurred by `blur` pixels."""
    corners = ((points + MARGIN) / (1 + 2 * MARGIN) * TEXTURE_SIZE * 16).round().astype(np.int32)
    mask = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE), np.uint8)
    cv2.fillPoly(mask, [corners], 255, shift=4, lineType=cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), blur), dtype=np.float32)
