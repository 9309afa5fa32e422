"""Draws every identity at every axis, for eyes and for readers of faces that had no part in the training."""

import csv
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from advisor.drawing.contact_sheet import write_png, write_sheet
from advisor.drawing.rendering import to_pixels
from data.errors import FacesError
from models.face_generator import FaceGenerator

N_VALUES = 5
MANIFEST_COLUMNS = ("image", "identity", "axis", "value")


def axis_values(low: float, high: float) -> list[float]:
    """The five values of an axis that are drawn: evenly from bound to bound, or to either side of 0."""
    places = [0, 0.5, 1] if low < 0 else [0, 1]
    ends = [low, 0, high] if low < 0 else [low, high]
    return [round(float(value), 4) for value in np.interp(np.linspace(0, 1, N_VALUES), places, ends)]


@torch.no_grad()
def draw_faces(identities: int, out: Path, generator: FaceGenerator | None = None) -> int:
    """Write one PNG an identity, axis and value (other axes neutral), `manifest.csv`, `contact_sheet.png`.

    Returns how many pictures were drawn, the sheet not counted.

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
    return len(rows)
