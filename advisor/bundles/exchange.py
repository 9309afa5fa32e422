"""Rounds run elsewhere: trials and pictures out, decisions back in. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from advisor.bundles.bundle import (
    FACE_CONDITIONS,
    Bundle,
    Condition,
    load_bundle,
    require_whole,
    task_of_bundle,
)
from advisor.bundles.decision_file import (
    OPTIONAL_COLUMNS,
    REQUIRED_COLUMNS,
    plain_number,
    read_decision_file,
)
from advisor.bundles.draw_trials import draw_trials
from data.errors import BundleError, TrialsError
from data.formats.delimited_text import MISSING_WORDS
from data.formats.files import where_moved
from data.tasks.applications import read_applications

CHOICES = ("approve", "deny")
MAX_NAMED_LINES = 50


class Export(BaseModel):
    """What export.json says of a folder of trials."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bundle_path: str
    bundle_hash: str
    round_number: int
    trained_on: Literal["nothing", "people", "simulated"]
    task_name: str
    task_path: str
    task_hash: str
    seed: int
    split: Literal["train", "test"]
    n_participants: int
    n_trials: int
    conditions: tuple[Condition, ...]


def export_trials(
    bundle_path: Path,
    n_participants: int,
    n_trials: int,
    conditions: Sequence[Condition],
    split: Literal["train", "test"],
    seed: int,
    out: Path,
) -> Export:
    """Write trials.csv, images/ and export.json for a study on any other platform; never an outcome.

    Participants are spread over the conditions evenly, in random order.

    Raises:
        BundleError: the bundle is gone, its task has changed, or it cannot serve what is asked.
        TrialsError: `out` is not empty.
    """
    bundle = load_bundle(bundle_path)
    task = task_of_bundle(bundle)
    require_whole(bundle)
    if out.exists() and any(out.iterdir()):
        raise TrialsError(f"{out} is not empty; choose another --out.")
    shown = read_applications(task).frame[task.shown_columns]
    rows = _trial_rows(bundle, shown, n_participants, n_trials, conditions, split, seed)
    (out / "images").mkdir(parents=True, exist_ok=True)
    for image in sorted({row["image"] for row in rows} - {""}):
        (out / image).write_bytes(bundle.image_bytes(image))
    pd.DataFrame(rows).to_csv(out / "trials.csv", index=False)
    export = Export(
        bundle_path=str(bundle.path.resolve()),
        bundle_hash=bundle.bundle_hash,
        round_number=bundle.manifest.round_number,
        trained_on=bundle.manifest.trained_on,
        task_name=task.name,
        task_path=bundle.manifest.task_path,
        task_hash=task.task_hash,
        seed=seed,
        split=split,
        n_participants=n_participants,
        n_trials=n_trials,
        conditions=tuple(conditions),
    )
    (out / "export.json").write_text(export.model_dump_json(indent=2) + "\n")
    return export


def _trial_rows(
    bundle: Bundle,
    shown: pd.DataFrame,
    n_participants: int,
    n_trials: int,
    conditions: Sequence[Condition],
    split: str,
    seed: int,
) -> list[dict[str, Any]]:
    """Rows of trials.csv: every participant has one condition, all conditions as evenly as they go."""
    outcomes, rng = bundle.outcomes(), np.random.default_rng(seed)
    cells = [conditions[k % len(conditions)] for k in range(n_participants)]
    rows: list[dict[str, Any]] = []
    for k, cell in enumerate(rng.permutation(n_participants)):
        condition = cells[cell]
        for trial in draw_trials(bundle, outcomes, condition, n_trials, float(split == "test"), rng):
            rows.append(
                {
                    "participant": f"p{k + 1:0{len(str(n_participants))}d}",
                    "trial": trial.position + 1,
                    "condition": condition,
                    "application_id": trial.application_id,
                    "image": trial.image or "",
                    "score": "" if trial.score is None else f"{trial.score:.3f}",
                    **{str(name): value for name, value in shown.loc[trial.application_id].items()},
                }
            )
    return rows


def read_export(trials: Path) -> Export:
    """Read export.json of a folder of trials; TrialsError when there is none."""
    try:
        return Export.model_validate(json.loads((trials / "export.json").read_text()))
    except (OSError, ValueError, ValidationError) as error:
        raise TrialsError(
            f"{trials} is no folder that `advisor export-trials` wrote; name that folder."
        ) from error


def exported_bundle(trials: Path) -> Bundle:
    """The bundle that a folder of trials was exported from, also where both were moved together.

    Raises BundleError where it is gone or altered, TrialsError where another one stands in its place.
    """
    export = read_export(trials)
    for path in where_moved(export.bundle_path, trials):
        try:
            bundle = load_bundle(path)
        except BundleError:
            continue
        if bundle.bundle_hash == export.bundle_hash:
            return bundle
    found = load_bundle(export.bundle_path)
    raise TrialsError(f"{found.path} holds another bundle than {trials} was exported from; restore that one.")


def read_trials(trials: Path) -> pd.DataFrame:
    """trials.csv with all columns as text, but `trial` as a number. TrialsError where it is not as exported."""
    export = read_export(trials)
    altered = f"{trials / 'trials.csv'} is gone or altered; export the trials again."
    try:
        table = pd.read_csv(trials / "trials.csv", dtype=str, keep_default_na=False)
        table["trial"] = table["trial"].astype(int)
        is_whole = (
            len(table) == export.n_participants * export.n_trials and not table["participant"].eq("").any()
        )
        of_one = table.groupby("participant")["condition"].nunique().max() == 1
        known = table["condition"].isin(export.conditions).all() and table["application_id"].ne("").all()
        has_face = table["condition"].isin(FACE_CONDITIONS)
        fits = (
            table["image"].ne("").eq(has_face).all()
            and table["score"].ne("").eq(table["condition"] == "score").all()
        )
        pd.to_numeric(table["score"])
    except (OSError, ValueError, KeyError) as error:
        raise TrialsError(altered) from error
    if not (is_whole and of_one and known and fits):
        raise TrialsError(altered)
    return table


LEAST_MEDIAN_MS, MOST_MEDIAN_MS = 100, 3_600_000  # of a file's response times; beyond, their unit is another


def _read_line(
    row: dict[str, str], known: dict[tuple[str, int], str], seen: set[tuple[str, int]]
) -> tuple[dict[str, Any], str | None]:
    """One line of a decisions file as values, and what is wrong with it, or None; remembers the trial as seen.

    `known`: (participant in small letters, trial) → participant as exported.
    """
    values: dict[str, Any] = {name: text for name, text in row.items() if text}
    trial = plain_number(row["trial"])
    if trial is None or not trial.is_integer():
        return values, f"trial is {row['trial']!r}, must be a whole number"
    key = (row["participant"].casefold(), int(trial))
    if key not in known:
        return values, f"there is no trial {key[1]} of participant {row['participant']!r} in this export"
    if key in seen:
        return values, f"trial {key[1]} of participant {row['participant']!r} was decided on an earlier line"
    seen.add(key)
    choice = row["choice"].casefold()
    if choice not in CHOICES:
        return values, f"choice is {row['choice']!r}, must be approve or deny"
    values |= {"participant": known[key], "trial": int(trial), "choice": choice}
    for column, high in (("confidence", 1.0), ("response_time_ms", float("inf"))):
        text = row.get(column, "")
        if text.casefold() in MISSING_WORDS:
            values.pop(column, None)
        else:
            number = plain_number(text)
            if number is None or not number <= high or number == float("inf"):
                limits = "from 0 to 1" if column == "confidence" else "of milliseconds, at least 0"
                return values, f"{column} is {text!r}, must be a number {limits}"
            values[column] = number
    return values, None


def read_exported_decisions(decisions_file: Path, trials: Path) -> pd.DataFrame:
    """Read participant,trial,choice (and confidence, response_time_ms, reason), joined with their trials.

    Raises TrialsError that names every bad line; a file that is partly bad is rejected whole.
    """
    written = read_decision_file(decisions_file)
    exported = read_trials(trials)
    known = {
        (participant.casefold(), trial): participant
        for participant, trial in zip(exported["participant"], exported["trial"], strict=True)
    }
    seen: set[tuple[str, int]] = set()
    decisions, problems = [], list(written.problems)
    for line, row in written.rows:
        values, problem = _read_line(row, known, seen)
        decisions.append(values)
        if problem:
            problems.append(f"line {line}: {problem}")
    if problems:
        named = "\n  ".join(problems[:MAX_NAMED_LINES])
        more = f"\n  and {len(problems) - MAX_NAMED_LINES} more" if len(problems) > MAX_NAMED_LINES else ""
        raise TrialsError(
            f"{decisions_file} was not imported; correct these lines or leave them out:\n  {named}{more}"
        )
    if not decisions:
        raise TrialsError(f"{decisions_file} holds no decisions; give a file with at least one line.")
    columns = [*REQUIRED_COLUMNS, *(name for name in OPTIONAL_COLUMNS if name in written.rows[0][1])]
    table = pd.DataFrame(decisions, columns=columns, dtype=object)
    table = table.where(table.notna(), None).astype({"trial": int})
    _require_milliseconds(decisions_file, table)
    return table.merge(exported, on=["participant", "trial"], validate="one_to_one")


def _require_milliseconds(decisions_file: Path, decisions: pd.DataFrame) -> None:
    """Raise TrialsError where response times as a whole cannot be milliseconds that people take to decide."""
    if "response_time_ms" not in decisions:
        return
    median = decisions["response_time_ms"].astype(float).median()
    if median < LEAST_MEDIAN_MS:
        raise TrialsError(
            f"{decisions_file} has a median response_time_ms of {median:g}, and nobody decides so fast; if these are "
            "seconds, multiply them by 1000; if they were not measured, leave the column out."
        )
    if median > MOST_MEDIAN_MS:
        raise TrialsError(
            f"{decisions_file} has a median response_time_ms of {median:g}, more than an hour; write how many "
            "milliseconds each decision took, and no microseconds or times of day."
        )
