"""The sheet of faces that a bundle shows, from the application with the best score to the riskiest."""

import base64
from dataclasses import dataclass
from html import escape

import cv2
import numpy as np

from advisor.bundles.bundle import Bundle
from data.formats.picture_format import media_type
from human_study.presentation import palette


@dataclass(frozen=True)
class FaceColumn:
    """One application of a sheet: the machine's belief, and its face on several identities (PNG)."""

    application_id: str
    score: float
    pictures: tuple[bytes, ...]


def face_sheet(bundle: Bundle, n_columns: int = 10, n_identities: int = 3) -> list[FaceColumn]:
    """Faces of test applications, evenly by rank of the machine's score, the safest first.

    Empty where the bundle has no faces of the condition `face`. Raises BundleError where a picture is gone.
    """
    faces = bundle.images[bundle.images["condition"] == "face"]
    scores = bundle.applications.loc[bundle.applications["split"] == "test", "score"]
    scores = scores[scores.index.isin(faces["application_id"])].sort_values(ascending=False, kind="stable")
    ranks = np.unique(np.linspace(0, len(scores) - 1, min(n_columns, len(scores))).round().astype(int))
    columns = []
    for application_id, score in scores.iloc[ranks].items():
        images = faces.loc[faces["application_id"] == application_id, "image"].head(n_identities)
        pictures = tuple(bundle.image_bytes(image) for image in images)
        columns.append(FaceColumn(str(application_id), float(score), pictures))
    return columns


def face_sheet_html(columns: list[FaceColumn]) -> str:
    """The sheet as HTML that asks for nothing else: pictures are data URIs, styles are inline."""
    cells = [_cell(f"{column.score:.0%}") for column in columns]
    for row in range(max(len(column.pictures) for column in columns)):
        cells += [_picture(column, row) for column in columns]
    small = f"font: 13px/1.9 {palette.SANS}; color: {palette.MUTED}"
    return (
        '<div style="overflow-x: auto"><div style="min-width: 34rem">'
        f'<div style="display: flex; justify-content: space-between; {small}">'
        "<span>← safest, the machine believes</span><span>riskiest →</span></div>"
        f'<div style="display: grid; gap: 3px; grid-template-columns: repeat({len(columns)}, 1fr)">'
        f"{''.join(cells)}</div></div></div>"
    )


def face_sheet_png(columns: list[FaceColumn]) -> bytes:
    """The sheet's pictures as one PNG: a column an application, the safest first; identities below each other."""
    n_rows = max(len(column.pictures) for column in columns)
    decoded = [
        [cv2.imdecode(np.frombuffer(p, np.uint8), cv2.IMREAD_COLOR) for p in c.pictures] for c in columns
    ]
    assert decoded[0][0] is not None, "a picture that cannot be read"
    size = decoded[0][0].shape[0]
    sheet = np.full((n_rows * size, len(columns) * size, 3), 255, np.uint8)
    for place, pictures in enumerate(decoded):
        for row, picture in enumerate(pictures):
            sheet[row * size : (row + 1) * size, place * size : (place + 1) * size] = picture
    return bytes(cv2.imencode(".png", sheet)[1])


def _cell(text: str) -> str:
    style = f"font: 600 12px/1.6 {palette.SANS}; text-align: center"
    return f'<div style="{style}">{escape(text)}</div>'


def _picture(column: FaceColumn, row: int) -> str:
    """One face; an empty place where this application has fewer identities than others."""
    if row >= len(column.pictures):
        return "<span></span>"
    source = base64.b64encode(column.pictures[row]).decode("ascii")
    name = f"Face drawn for application {column.application_id}, score {column.score:.0%}"
    style = "width: 100%; aspect-ratio: 1; display: block"
    return f'<img style="{style}" alt="{escape(name)}" src="data:{media_type(column.pictures[row])};base64,{source}">'
