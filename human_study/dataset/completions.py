"""Who took part, how it ended and what is owed: the list by which a lab approves, pays, and looks up a code.

It names people as their platform knows them: it is for payment only, and never goes with the data.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pandas as pd

from advisor.measurement.counted_decisions import failed_checks, has_consented, statuses_apart
from data.errors import StudyError
from data.store.decision_store import DecisionStore
from human_study.dataset.overdue import release_overdue
from human_study.study.recruitment import RecruitmentPlan
from human_study.study.study_sections import Payment

CompletionFormat = Literal["table", "prolific", "mturk"]
COLUMNS = (
    "external_id",
    "session_id",
    "participant_key",
    "status",
    "completion_code",
    "minutes",
    "attention_failed",
    "attention_shown",
    "pay",
    "bonus",
    "currency",
)


def completions(store: DecisionStore, study_name: str) -> pd.DataFrame:
    """One row a participant, in the order in which they began, with COLUMNS.

    `minutes` from beginning to end, missing for who is under way; `pay` is the base for who completed and the part
    that the study file promises for other endings, 0 for who never consented; `bonus` is missing until
    `human-study bonuses` has noted it. Raises StudyError where the study is unknown.
    """
    release_overdue(store, study_name)
    study = store.study(study_name)
    payment = Payment.model_validate(study.declared.get("payment", {}))
    plan = RecruitmentPlan.model_validate(study.declared.get("recruitment", {}))
    people = store.participants_frame(study_name, kind=study.participants)
    decisions = store.decisions_frame(
        study_name,
        kind=study.participants,
        columns=["participant_key", "trial_kind", "asked_choice", "approved"],
    )
    n_failed = failed_checks(decisions)
    n_shown = decisions.loc[decisions["asked_choice"].notna(), "participant_key"].value_counts()
    known = {one.participant_key: one for one in store.recruitments(study_name)}
    bonus = {one.participant_key: one.amount for one in store.bonuses(study_name)}
    rows = []
    for key, status, consented in zip(
        people["participant_key"], people["status"], has_consented(people), strict=True
    ):
        recruited, is_complete = known.get(key), status == "completed"
        # A code of one's own is kept out of the tables that many read.
        code = (plan.code("completion") or store.participant(key).completion_code) if is_complete else None
        rows.append(
            {
                "external_id": recruited.external_id if recruited and recruited.platform != "link" else None,
                "session_id": recruited.session_id if recruited else None,
                "participant_key": key,
                "status": status,
                "completion_code": code,
                "attention_failed": int(n_failed.get(key, 0)),
                "attention_shown": int(n_shown.get(key, 0)),
                "pay": payment.base if is_complete else payment.for_a_part(status, consented=consented),
                "bonus": bonus.get(key),
                "currency": payment.currency,
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS)).assign(minutes=minutes_taken(people).to_numpy())


def n_declined(people: pd.DataFrame) -> int:
    """How many of `participants_frame` declined consent, whose status is that of who withdrew later."""
    return int((statuses_apart(people) == "declined").sum())


def minutes_taken(people: pd.DataFrame) -> pd.Series:
    """Minutes from beginning to end of participants (`participants_frame`), missing for who is under way."""
    ended = people["completed_at"].fillna(people["ended_at"])
    return ((ended - people["created_at"]).dt.total_seconds() / 60).round(1)


def write_completions(store: DecisionStore, study_name: str, out: Path, form: CompletionFormat) -> int:
    """Write the list; returns how many lines name somebody.

    `table`: COLUMNS as CSV. `prolific`: lines `id,amount` for its box of bonus payments, of what is owed beyond the
    reward that Prolific itself pays for completion. `mturk`: the columns of its review file, an x for who completed.
    Raises StudyError where `out` exists, the study is unknown, or it recruits elsewhere than the format is for.
    """
    if out.exists():
        raise StudyError(f"{out} exists and is left as it is; choose another name.")
    platform = RecruitmentPlan.model_validate(
        store.study(study_name).declared.get("recruitment", {})
    ).platform
    if form not in ("table", platform):
        raise StudyError(
            f"{study_name} recruits by {platform}, not by {form}; write --format table or {platform}."
        )
    people = completions(store, study_name)
    if form == "table":
        people.to_csv(out, index=False)
        return len(people)
    lines = list(_prolific_lines(people) if form == "prolific" else _mturk_lines(people))
    with out.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(lines)
    return len(lines) - (form == "mturk")


def _prolific_lines(people: pd.DataFrame) -> Iterable[tuple[str, str]]:
    for person in people.to_dict("records"):
        beyond = 0 if person["status"] == "completed" else person["pay"]
        owed = beyond + (0 if pd.isna(person["bonus"]) else person["bonus"])
        if owed > 0:
            yield person["external_id"], f"{owed:.2f}"


def _mturk_lines(people: pd.DataFrame) -> Iterable[tuple[str, ...]]:
    yield "AssignmentId", "WorkerId", "Approve", "Reject"
    for person in people[people["status"] == "completed"].to_dict("records"):
        yield person["session_id"] or "", person["external_id"], "x", ""
