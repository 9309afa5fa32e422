"""The sheet of faces that a bundle shows, from the application with the best score to the riskiest."""

from dataclasses import dataclass

import cv2
import numpy as np
from markupsafe import Markup

from advisor.bundles.bundle import Bundle
from human_study.presentation.html_templates import render_html


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


def face_sheet_html(columns: list[FaceColumn]) -> Markup:
    """The sheet as HTML that asks for nothing else, for a page that has the palette's custom properties."""
    return render_html("presentation/templates/face_sheet.html", columns=columns, n_rows=_n_rows(columns))


def face_sheet_png(columns: list[FaceColumn]) -> bytes:
    """The sheet's pictures as one PNG: a column an application, the safest first; identities below each other."""
    n_rows = _n_rows(columns)
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


def _n_rows(columns: list[FaceColumn]) -> int:
    return max(len(column.pictures) for column in columns)
