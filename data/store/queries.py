"""Queries that the store's methods share; each runs within the transaction of its caller."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, func, insert, select

from data.admission import Occupancy
from data.analysis_records import StudyEvent, StudyEventKind
from data.errors import StoreError, StudyError
from data.records import (
    Bundle,
    Participant,
    ParticipantKind,
    Recruitment,
    Study,
    StudyCondition,
    StudyRound,
    Trial,
)
from data.said_wrong import nearest
from data.store import sql_tables
from data.stored_record import Record

SomeRecord = TypeVar("SomeRecord", bound=Record)


def read_records(connection: Connection, record: type[SomeRecord], query: Select[Any]) -> list[SomeRecord]:
    """What a query over a record's own table finds, as records."""
    return [record.model_validate(dict(row)) for row in connection.execute(query).mappings()]


def write_records(connection: Connection, table: Table, records: Iterable[Record]) -> None:
    """Insert records into their table."""
    if rows := [record.model_dump() for record in records]:
        connection.execute(insert(table), rows)


def find_study(connection: Connection, name: str, *, lock: bool = False) -> Study:
    """The study of that name; `lock` holds it against other writers until the transaction ends (SQLite's
    writers hold the whole database anyway). Raises StudyError, naming the nearest, where there is none."""
    query = select(sql_tables.study).where(sql_tables.study.c.name == name)
    found = read_records(connection, Study, query.with_for_update() if lock else query)
    if not found:
        known = list(connection.execute(select(sql_tables.study.c.name)).scalars())
        meant = nearest(name, known)
        hint = (
            f'did you mean "{meant}"?' if meant else f"it holds {', '.join(sorted(known)) or 'no study yet'}"
        )
        raise StudyError(f'there is no study "{name}" in this database; {hint}')
    return found[0]


def note_study_event(connection: Connection, study: Study, kind: StudyEventKind, detail: str = "{}") -> None:
    """Write down what happens to a study, and how many of the participants that it recruits had begun by then."""
    people = sql_tables.participant.c
    theirs = [people.study_name == study.name, people.kind == study.participants]
    n_began = connection.execute(
        select(func.count()).select_from(sql_tables.participant).where(*theirs)
    ).scalar_one()
    event = StudyEvent(study_name=study.name, kind=kind, detail=detail, n_began=n_began)
    write_records(connection, sql_tables.study_event, [event])


def find_rounds(connection: Connection, study_name: str) -> list[StudyRound]:
    """The study's rounds in order. Raises StudyError where the study is unknown."""
    columns = sql_tables.study_round.c
    query = (
        select(sql_tables.study_round).where(columns.study_name == study_name).order_by(columns.round_number)
    )
    found = read_records(connection, StudyRound, query)
    if not found:
        find_study(connection, study_name)
    return found


def find_newest_round(connection: Connection, study_name: str) -> StudyRound:
    """The round that new participants join. Raises StudyError before the first round."""
    rounds = find_rounds(connection, study_name)
    if not rounds:
        raise StudyError(f'study "{study_name}" has no round yet; publish a bundle for it first')
    return rounds[-1]


def unknown_participant() -> StoreError:
    """The error for a participant key that is not in the database."""
    return StoreError(
        "there is no such participant in this database; start the study again from its first page"
    )


def token_hash(token: str) -> str:
    """SHA-256 (hex) of a session token: all of it that is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_participant(connection: Connection, participant_key: str, *, lock: bool = False) -> Participant:
    """The participant of that key, held against other writers if `lock`. Raises StoreError if unknown."""
    query = select(sql_tables.participant).where(sql_tables.participant.c.participant_key == participant_key)
    found = read_records(connection, Participant, query.with_for_update() if lock else query)
    if not found:
        raise unknown_participant()
    return found[0]


def find_known_participant(
    connection: Connection, study_name: str, external: Recruitment
) -> Participant | None:
    """Who takes part in the study under that id of that platform already, or None."""
    columns = sql_tables.recruitment.c
    key = connection.execute(
        select(columns.participant_key).where(
            columns.study_name == study_name,
            columns.platform == external.platform,
            columns.external_id == external.external_id,
        )
    ).scalar_one_or_none()
    return None if key is None else find_participant(connection, key)


def find_conditions(connection: Connection, study_name: str) -> list[StudyCondition]:
    """The study's conditions with quota and status, in alphabetical order; [] where it declares none."""
    columns = sql_tables.study_condition.c
    query = select(sql_tables.study_condition).where(columns.study_name == study_name)
    return read_records(connection, StudyCondition, query.order_by(columns.condition))


def find_occupancy(connection: Connection, current: StudyRound, kind: ParticipantKind) -> Occupancy:
    """Who of a kind is active in or has completed a round, by condition, and what conditions take."""
    columns = sql_tables.participant.c
    query = (
        select(columns.condition, columns.slot, columns.status)
        .where(columns.study_name == current.study_name, columns.round_number == current.round_number)
        .where(columns.kind == kind)
    )
    admitted = connection.execute(query).all()
    rows = [row for row in admitted if row.status in ("active", "completed")]
    taken_slots: dict[str, set[int]] = {}
    for row in rows:
        if row.slot is not None:
            taken_slots.setdefault(row.condition, set()).add(row.slot)
    return Occupancy(
        study_round=current,
        counts=dict(Counter(row.condition for row in rows)),
        taken_slots=taken_slots,
        conditions={found.condition: found for found in find_conditions(connection, current.study_name)},
        admitted=dict(Counter(row.condition for row in admitted)),
    )


def find_first_unanswered(connection: Connection, participant_key: str) -> Trial | None:
    """The first trial of the participant without a decision, or None."""
    trials = sql_tables.trial.c
    query = (
        select(sql_tables.trial)
        .outerjoin(sql_tables.decision, sql_tables.decision.c.trial_key == trials.trial_key)
        .where(trials.participant_key == participant_key, sql_tables.decision.c.trial_key.is_(None))
        .order_by(trials.position)
        .limit(1)
    )
    found = read_records(connection, Trial, query)
    return found[0] if found else None


def require_nobody_erased(connection: Connection, bundle: Bundle) -> None:
    """Raise StudyError where the bundle's response model learned from somebody who was erased since."""
    weights = json.loads(bundle.manifest).get("weights", {}).get("response")
    columns = sql_tables.training_run.c
    query = select(columns.run_path).where(columns.response_sha256 == weights, columns.n_erased > 0)
    run_path = connection.execute(query.limit(1)).scalar_one_or_none()
    if weights is not None and run_path is not None:
        raise StudyError(
            f"bundle {bundle.bundle_hash[:12]} learned from somebody who was erased since ({run_path}); train"
            " again and publish what comes of it"
        )
