"""The store's tables for analysis and training: joins over its records, as data frames."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Select, Table, case, func, select

from data import tables
from data.records import ParticipantKind

NUMBER_COLUMNS = [
    "score",
    "propensity",
    "confidence",
    "response_time_ms",
    "followup_time_ms",
    "initial_confidence",
    "initial_response_time_ms",
]
SECRET_COLUMNS = ("session_token_hash", "lease_id", "completion_code")


def decisions_frame(
    connection: Connection,
    study_name: str,
    kind: ParticipantKind,
    conditions: Sequence[str] | None,
    split: str | None,
    participant_key: str | None,
) -> pd.DataFrame:
    """See `DecisionStore.decisions_frame`."""
    person, trial, decision = tables.participant.c, tables.trial.c, tables.decision.c
    initial = tables.initial_decision.c
    query = (
        select(
            person.participant_key,
            person.kind,
            person.round_number,
            trial.condition,
            trial.trial_key,
            trial.position,
            trial.kind.label("trial_kind"),
            trial.application_id,
            trial.split,
            trial.bundle_hash,
            trial.image,
            trial.image_sha256,
            trial.score,
            trial.propensity,
            trial.n_stages,
            trial.asked_choice,
            decision.choice,
            case((decision.choice == "approve", 1), else_=0).label("approved"),
            decision.confidence,
            decision.response_time_ms,
            decision.followup_time_ms,
            decision.reason,
            decision.n_blur,
            decision.n_focus,
            decision.n_key,
            decision.n_paste,
            decision.decided_at,
            initial.choice.label("initial_choice"),
            initial.confidence.label("initial_confidence"),
            initial.response_time_ms.label("initial_response_time_ms"),
        )
        .join_from(tables.decision, tables.trial, decision.trial_key == trial.trial_key)
        .join(tables.participant, trial.participant_key == person.participant_key)
        .outerjoin(tables.initial_decision, initial.trial_key == trial.trial_key)
        .where(person.study_name == study_name, person.kind == kind)
        .order_by(person.created_at, person.participant_key, trial.position)
    )
    if conditions is not None:
        query = query.where(trial.condition.in_(list(conditions)))
    if participant_key is not None:
        query = query.where(person.participant_key == participant_key)
    if split is not None:
        query = query.where(trial.split == split)
    return _frame(connection, query)


def participants_frame(connection: Connection, study_name: str, kind: ParticipantKind) -> pd.DataFrame:
    """See `DecisionStore.participants_frame`."""
    person = tables.participant.c
    n_trials = _count_of(tables.trial)
    n_decisions = _count_of(tables.decision)
    query = (
        select(*(column for column in person if column.name not in SECRET_COLUMNS), n_trials, n_decisions)
        .where(person.study_name == study_name, person.kind == kind)
        .order_by(person.created_at, person.participant_key)
    )
    return _frame(connection, query)


def _count_of(table: Table) -> Any:
    counted = select(func.count()).where(table.c.participant_key == tables.participant.c.participant_key)
    return counted.correlate(tables.participant).scalar_subquery().label(f"n_{table.name}s")


def happenings_frame(
    connection: Connection, table: Table, study_name: str, kind: ParticipantKind
) -> pd.DataFrame:
    """The rows of `answer` or `event` of a study's participants of one kind, in the order of writing."""
    person = tables.participant.c
    query = (
        select(*(column for column in table.c if column.name != "row_number"))
        .join(tables.participant, table.c.participant_key == person.participant_key)
        .where(person.study_name == study_name, person.kind == kind)
        .order_by(table.c.row_number)
    )
    return _frame(connection, query)


def _frame(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    result = connection.execute(query)
    # plain tuples: pandas looks for attributes in every row of any other kind
    frame = pd.DataFrame.from_records(list(map(tuple, result.all())), columns=list(result.keys()))
    for name in frame.columns.intersection(NUMBER_COLUMNS):
        frame[name] = frame[name].astype(float)  # a column of nothing but None would stay without a type
    return frame
