"""Draws every identity at every axis, and extreme expressions, for eyes and for readers of faces."""

import csv
from itertools import product
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import track

from advisor.drawing.contact_sheet import write_png, write_sheet
from advisor.drawing.rendering import to_pixels
from data.errors import FacesError
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS, coupling_matrix, within_couplings
from models.face_generator import FaceGenerator

N_VALUES = 5
N_RANDOM, N_EXTREME = 3000, 60  # expressions that are drawn at random, and the most extreme of them
EXTREMES_A_ROW = 20
EXTREME_SIZE = 128  # pixels of a face on the sheet of extremes
MANIFEST_COLUMNS = ("image", "identity", "axis", "value")


def axis_values(low: float, high: float) -> list[float]:
    """The five values of an axis that are drawn: evenly from bound to bound, or to either side of 0."""
    places = [0, 0.5, 1] if low < 0 else [0, 1]
    ends = [low, 0, high] if low < 0 else [low, high]
    return [round(float(value), 4) for value in np.interp(np.linspace(0, 1, N_VALUES), places, ends)]


@torch.no_grad()
def draw_faces(identities: int, out: Path, generator: FaceGenerator | None = None) -> int:
    """Write one PNG an identity, axis and value (other axes neutral), `manifest.csv` and two sheets.

    `contact_sheet.png` has identities by axes, `extremes.png` the faces of `extreme_expressions`. Returns how many
    pictures were drawn, the sheets not counted.

    Raises:
        FacesError: the generator has fewer identities, or none was asked for.
        CheckpointError: the shipped weights are absent or damaged.
    """
    generator = generator or FaceGenerator.load()
    if not 1 <= identities <= generator.n_identities:
        raise FacesError(
            f"the generator has {generator.n_identities} identities; ask for 1 to {generator.n_identities}"
        )
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for identity in track(range(identities), description="identities"):
        for number, axis in enumerate(generator.axes):
            values = axis_values(*generator.axis_bounds[number].tolist())
            expressions = torch.zeros(N_VALUES, len(generator.axes))
            expressions[:, number] = torch.tensor(values)
            faces = to_pixels(generator(torch.full((N_VALUES,), identity), expressions))
            for step, (value, face) in enumerate(zip(values, faces, strict=True)):
                name = f"identity{identity:02d}_{axis}_{step}.png"
                write_png(out / name, face)
                rows.append((name, identity, axis, value))
    with (out / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(MANIFEST_COLUMNS)
        writer.writerows(rows)
    write_sheet(generator, out / "contact_sheet.png", identities)
    _write_extremes(generator, out / "extremes.png", identities)
    return len(rows)


def extreme_expressions(rng: np.random.Generator) -> torch.Tensor:
    """The 60 most extreme of many random expressions, then the corners of the axes' box, float [316, 9].

    All are such as muscles can make (`within_couplings`). In the corners the head tilts to either side in turn, since
    a tilt changes nothing in a face.
    """
    low, high = torch.tensor(EXPRESSION_BOUNDS).T
    drawn = torch.from_numpy(rng.random((N_RANDOM, len(low)), dtype=np.float32)) * (high - low) + low
    random = within_couplings(drawn, coupling_matrix())
    furthest = (random.abs() / high).sum(1).argsort(descending=True)[:N_EXTREME]
    tilt = EXPRESSION_AXES.index("head_tilt")
    ends = list(product((0.0, 1.0), repeat=tilt))
    corners = torch.tensor([[*end, float(k % 2)] for k, end in enumerate(ends)]) * (high - low) + low
    return torch.cat([random[furthest], within_couplings(corners, coupling_matrix())])


def _write_extremes(generator: FaceGenerator, path: Path, n_identities: int) -> None:
    expressions = extreme_expressions(np.random.default_rng(0))
    identities = torch.arange(len(expressions)) % n_identities
    tiles: list[np.ndarray] = []
    for some, shown in zip(expressions.split(16), identities.split(16), strict=True):
        size = (EXTREME_SIZE, EXTREME_SIZE)
        tiles.extend(
            to_pixels(F.interpolate(generator(shown, some), size=size, mode="bilinear", antialias=True))
        )
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % EXTREMES_A_ROW)
    rows = range(0, len(tiles), EXTREMES_A_ROW)
    write_png(path, np.vstack([np.hstack(tiles[k : k + EXTREMES_A_ROW]) for k in rows]))
