"""Whether the faces of a bundle can be asked about as a study wants to."""

from __future__ import annotations

from collections.abc import Iterable

from advisor.bundles.bundle import FACE_CONDITIONS, Bundle
from advisor.bundles.face_questions import moving_axes
from advisor.measurement.readability import READABLE_R2
from advisor.measurement.told_by_faces import told_column
from data.errors import StudyError
from data.said_wrong import instead_of
from data.tasks.applications import Applications
from human_study.study.study_file import StudyFile


def require_askable(study: StudyFile, bundle: Bundle, applications: Applications) -> None:
    """Raises StudyError where the study asks what this bundle's faces cannot tell."""
    columns = study.perception_questions.columns if study.perception_questions else ()
    for column in columns:
        if sentence := _why_not(column, study, bundle, applications):
            raise StudyError(f"perception_questions.columns names {column}, {sentence}.")
    if study.pairs is None:
        return
    moving = moving_axes(bundle)
    for axis in study.pairs.axes or ():
        if axis not in bundle.manifest.axes:
            raise StudyError(
                f"pairs.axes names {axis}, which is no axis; {instead_of(axis, bundle.manifest.axes)}."
            )
        if axis not in moving:
            raise StudyError(
                f"pairs.axes names {axis}, which hardly moves in the faces of {bundle.path}; take it out, or leave"
                " axes out to ask about all that move."
            )
    if not moving:
        raise StudyError(
            f"pairs ask on which of two faces an axis is stronger, but none moves in the faces of {bundle.path};"
            " leave pairs out, or publish a bundle whose faces differ."
        )


def _why_not(column: str, study: StudyFile, bundle: Bundle, applications: Applications) -> str:
    """Why a column cannot be asked about, as the end of a sentence; "" where it can."""
    task = applications.task
    declared = task.columns.get(column)
    askable: Iterable[str] = [
        name
        for name, one in task.columns.items()
        if one.role == "feature" and one.kind in ("number", "integer") and name not in task.shown_columns
    ]
    if declared is None:
        return f"which is no column of {task.name}; {instead_of(column, askable)}"
    if declared.role != "feature" or declared.kind not in ("number", "integer"):
        return "which is no feature with higher and lower numbers; take it out"
    if column in task.shown_columns:
        return (
            "which stands among the facts, so that answers would not say what was seen in the face; ask about a"
            " column that is not shown"
        )
    if "face" not in study.conditions:
        shown = ", ".join(condition for condition in FACE_CONDITIONS if condition in study.conditions)
        return f"which no face of {shown} tells; take it out, or add the condition face"
    if bundle.manifest.kind == "explore":
        return (
            f"but {bundle.path} is exploratory: its faces are drawn at random and tell nothing; take it out, or serve"
            " a trained advisor"
        )
    if told_column(bundle, applications.frame[column]) is None:
        return (
            f"which the faces of {bundle.path} do not tell (R² of one look at one axis at most {READABLE_R2:g}); the"
            " analyst page Faces lists what they tell"
        )
    return ""
