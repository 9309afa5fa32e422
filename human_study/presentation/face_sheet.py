"""The sheet of faces that a bundle shows, from the application with the best score to the riskiest."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from markupsafe import Markup
from PIL import Image

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
    size = Image.open(BytesIO(columns[0].pictures[0])).height
    sheet = Image.new("RGB", (len(columns) * size, n_rows * size), "white")
    for place, column in enumerate(columns):
        for row, picture in enumerate(column.pictures):
            sheet.paste(Image.open(BytesIO(picture)), (place * size, row * size))
    png = BytesIO()
    sheet.save(png, "PNG")
    return png.getvalue()


def _n_rows(columns: list[FaceColumn]) -> int:
    return max(len(column.pictures) for column in columns)
