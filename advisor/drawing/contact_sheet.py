"""Contact sheets: identities down, expressions across."""

from pathlib import Path

import cv2
import numpy as np
import torch

from advisor.drawing.rendering import to_pixels
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS
from models.face_generator import FaceGenerator

SMILE_BOUNDS = EXPRESSION_BOUNDS[EXPRESSION_AXES.index("smile")]
SHEET_SMILES = (SMILE_BOUNDS[0], SMILE_BOUNDS[0] / 2, 0.0, SMILE_BOUNDS[1] / 2, SMILE_BOUNDS[1])


def sheet_expressions() -> torch.Tensor:
    """The columns of a sheet [13, 9]: five smiles, then every other axis alone at its end."""
    rows = torch.zeros(len(SHEET_SMILES) + len(EXPRESSION_AXES) - 1, len(EXPRESSION_AXES))
    rows[: len(SHEET_SMILES), 0] = torch.tensor(SHEET_SMILES)
    for axis in range(1, len(EXPRESSION_AXES)):
        rows[len(SHEET_SMILES) + axis - 1, axis] = EXPRESSION_BOUNDS[axis][1]
    return rows


@torch.no_grad()
def write_sheet(generator: FaceGenerator, path: Path, n_identities: int) -> None:
    """Draw the first identities at every column of `sheet_expressions` into one PNG."""
    columns = sheet_expressions()
    rows = []
    for identity in range(min(n_identities, generator.n_identities)):
        faces = generator(torch.full((len(columns),), identity), columns)
        rows.append(np.hstack(list(to_pixels(faces))))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, np.vstack(rows))


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Write RGB pixels; raises OSError where that fails (no space, no permission)."""
    if not cv2.imwrite(str(path), np.ascontiguousarray(pixels[..., ::-1])):
        raise OSError(f"could not write {path}")
