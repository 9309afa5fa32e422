"""The applications of a study as its task's table holds them: what people saw, and what audits may see.

Bundles carry no features; they name the task they were published for. Where that has moved or changed since,
there is a reason in place of the table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from advisor.bundles.bundle import Bundle
from data.errors import TaskError
from data.records import Study
from data.tasks.applications import read_applications
from data.tasks.decision_task import DecisionTask, load_recorded_task, load_task

MAX_CATEGORIES = 6
OTHER = "all others"


@dataclass(frozen=True)
class StudyApplications:
    """The task and its applications, indexed by application id; or neither, and why."""

    task: DecisionTask | None
    frame: pd.DataFrame
    reason: str = ""


def applications_of(study: Study, bundles: Iterable[Bundle]) -> StudyApplications:
    """The applications that the bundles of a study were published for."""
    newest = list(bundles)[-1:]
    if not newest:
        return StudyApplications(None, pd.DataFrame(), "the study has no round yet")
    try:
        task = study_task(study, newest[0])
        return StudyApplications(task, read_applications(task).frame)
    except TaskError as error:
        return StudyApplications(None, pd.DataFrame(), str(error).splitlines()[0].rstrip("."))


def study_task(study: Study, bundle: Bundle) -> DecisionTask:
    """The task of a study, by its study file, which moves with it, or else as its bundle knows it.

    Raises TaskError where it is gone or has changed.
    """
    manifest = bundle.manifest
    for recorded in (study.declared.get("task"), manifest.task_path):
        try:
            found = load_recorded_task(recorded or manifest.task_path, manifest.task_hash, bundle.path)
        except TaskError:
            continue
        if found.has_hash(manifest.task_hash):
            return found
    load_task(manifest.task_path)
    raise TaskError(f"the task {manifest.task_name} has changed since the bundle was published")


def features_of(applications: StudyApplications) -> pd.DataFrame:
    """What can be compared: a numeric column a feature, or a category, of what machine or people see.

    Index application id; columns are (label, direction) such as "Annual income" or "Term: 60 months"; numbers
    are ranks from 0 to 1, so that no outlier speaks for all, and missing ones are in the middle.
    """
    assert applications.task is not None, "ask for the reason first"
    columns: dict[str, pd.Series] = {}
    for name, column in applications.task.columns.items():
        if column.role != "feature" or name not in applications.frame:
            continue
        values, label = applications.frame[name], applications.task.label(name)
        if column.kind in ("number", "integer"):
            columns[label] = values.astype(float).rank(pct=True).fillna(0.5)
        elif column.kind == "yes_no":
            columns[label] = values.astype("boolean").fillna(False).astype(float)
        else:
            common = values.value_counts().index[:MAX_CATEGORIES]
            for value in common if len(common) > 2 else common[:1]:
                shown = applications.task.display(name, value)
                columns[f"{label}: {shown}"] = (values == value).fillna(False).astype(float)
    return pd.DataFrame(columns, index=applications.frame.index)


def groups_or_reason(applications: StudyApplications, task_name: str) -> dict[str, pd.Series] | str:
    """`protected_groups`, or why there are none: no task, or it declares no protected attribute."""
    if applications.task is None:
        return applications.reason
    return protected_groups(applications) or f"the task {task_name} declares no protected attribute"


def protected_groups(applications: StudyApplications) -> dict[str, pd.Series]:
    """Label of each protected column → the group of each application, as text; missing is no group.

    Numbers are cut into thirds; of many categories the most frequent stand alone and the rest together.
    """
    assert applications.task is not None, "ask for the reason first"
    groups = {}
    for name, column in applications.task.columns.items():
        if column.role != "protected" or name not in applications.frame:
            continue
        values, label = applications.frame[name], applications.task.label(name)
        if column.kind in ("number", "integer"):
            groups[label] = _thirds(values.astype(float), column.unit)
        else:
            shown = values.map(partial(applications.task.display, name)).astype(object)  # may be categories
            common = shown[values.notna()].value_counts().index[:MAX_CATEGORIES]
            groups[label] = shown.where(shown.isin(common), OTHER).where(values.notna())
    return groups


def _thirds(values: pd.Series, unit: str) -> pd.Series:
    """The third in which each value lies, named by the smallest and the largest value in it: no two share an edge."""
    known = values.dropna()
    inner = known.quantile([1 / 3, 2 / 3]).to_numpy()
    place = pd.Series(np.searchsorted(inner, values.to_numpy(), side="left"), index=values.index)
    names = {
        third: " to ".join(dict.fromkeys(map(_number, (inside.min(), inside.max())))) + f" {unit}".rstrip()
        for third, inside in known.groupby(place.loc[known.index])
    }
    return place.map(names).astype(object).where(values.notna())


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.6g}"


def application_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """A row an application, the one decided wrongly most often first.

    Columns application_id, split, outcome, machine_score, n_decisions, share_wrong,
    share_approved. `decisions` are main trials with outcomes.
    """
    table = decisions.assign(wrong=decisions["approved"] != decisions["outcome"])
    grouped = table.groupby("application_id").agg(
        split=("split", "first"),
        outcome=("outcome", "first"),
        machine_score=("machine_score", "first"),
        n_decisions=("wrong", "size"),
        share_wrong=("wrong", "mean"),
        share_approved=("approved", "mean"),
    )
    return grouped.reset_index().sort_values(
        ["share_wrong", "n_decisions", "application_id"], ascending=[False, False, True], ignore_index=True
    )
