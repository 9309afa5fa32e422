"""The store's tables for analysis and training: joins over its records, as data frames."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pandas as pd
from sqlalchemy import Boolean, ColumnElement, Connection, Double, Select, Table, case, func, select

from data.records import ParticipantKind
from data.store import sql_tables
from data.store.queries import find_study
from data.store.sql_tables import UtcTime
from data.store.transactions import Transactions

SECRET_COLUMNS = ("session_token_hash", "lease_id", "completion_code")

_person, _trial, _decision = sql_tables.participant.c, sql_tables.trial.c, sql_tables.decision.c
_initial = sql_tables.initial_decision.c
_DECISION_COLUMNS: dict[Table, tuple[ColumnElement[Any], ...]] = {
    sql_tables.participant: (_person.participant_key, _person.kind, _person.round_number),
    sql_tables.trial: (
        _trial.condition,
        _trial.trial_key,
        _trial.position,
        _trial.kind.label("trial_kind"),
        _trial.application_id,
        _trial.split,
        _trial.bundle_hash,
        _trial.image,
        _trial.image_sha256,
        _trial.score,
        _trial.propensity,
        _trial.n_stages,
        _trial.asked_choice,
        _trial.perception_question,
        _trial.examples,
    ),
    sql_tables.decision: (
        _decision.choice,
        case((_decision.choice == "approve", 1), else_=0).label("approved"),
        _decision.confidence,
        _decision.response_time_ms,
        _decision.followup_time_ms,
        _decision.reason,
        _decision.perceived,
        _decision.perceived_time_ms,
        _decision.n_examples_opened,
        _decision.n_blur,
        _decision.n_focus,
        _decision.n_key,
        _decision.n_paste,
        _decision.decided_at,
    ),
    sql_tables.initial_decision: (
        _initial.choice.label("initial_choice"),
        _initial.confidence.label("initial_confidence"),
        _initial.response_time_ms.label("initial_response_time_ms"),
    ),
}
_KEYS_READ = {
    sql_tables.participant: (_person.participant_key,),
    sql_tables.trial: (_trial.participant_key, _trial.trial_key),
    sql_tables.decision: (_decision.trial_key,),
    sql_tables.initial_decision: (_initial.trial_key,),
}


class Frames(Transactions):
    """Tables for analysis and training; a part of `DecisionStore`."""

    def decisions_frame(
        self,
        study_name: str,
        *,
        kind: ParticipantKind,
        columns: Sequence[str] | None = None,
        participant_key: str | None = None,
    ) -> pd.DataFrame:
        """One row a decision, by participant and position; people and simulated are never mixed.

        Columns, all of them or those that are named: participant_key, kind, round_number, condition, trial_key,
        position, trial_kind, application_id, split, bundle_hash, image, image_sha256, score, propensity,
        n_stages, asked_choice, perception_question, examples (JSON), choice, approved (0/1), confidence,
        response_time_ms, followup_time_ms, reason, perceived, perceived_time_ms, n_examples_opened, n_blur,
        n_focus, n_key, n_paste, decided_at, and of the answer before the advice, in two-stage trials:
        initial_choice, initial_confidence, initial_response_time_ms. Raises StudyError if the study is unknown.
        """
        # The tables are read one by one and joined here: the database would look up each row's keys one after the
        # other, which takes twice as long. What refers to a row is read before it, so that all that was read has it.
        people = [_person.study_name == study_name, _person.kind == kind]
        if participant_key is not None:
            people.append(_person.participant_key == participant_key)

        with self._reading() as connection:
            find_study(connection, study_name)

            def read(
                table: Table, where: Sequence[ColumnElement[bool]], *order: ColumnElement[Any]
            ) -> pd.DataFrame:
                wanted = [one for one in _DECISION_COLUMNS[table] if columns is None or one.name in columns]
                read_as = {one.name: one for one in (*_KEYS_READ[table], *wanted)}
                return _frame(connection, select(*read_as.values()).where(*where).order_by(*order))

            decisions = read(sql_tables.decision, [_of_people(sql_tables.decision, people)])
            initial = read(sql_tables.initial_decision, [_of_people(sql_tables.initial_decision, people)])
            shown = read(
                sql_tables.trial,
                [_of_people(sql_tables.trial, people)],
                _trial.participant_key,
                _trial.position,
            )
            frame = read(sql_tables.participant, people, _person.created_at, _person.participant_key)
        frame = frame.merge(shown, on="participant_key")
        frame = frame.merge(decisions, on="trial_key").merge(initial, how="left", on="trial_key")
        if "initial_choice" in frame:  # the join leaves a number where there was no first stage
            frame["initial_choice"] = (
                frame["initial_choice"].astype(object).where(frame["initial_choice"].notna(), None)
            )
        return frame[
            list(columns or (one.name for of_table in _DECISION_COLUMNS.values() for one in of_table))
        ]

    def participants_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """One row a participant: the record's fields but its secrets, and `n_trials`, `n_decisions`."""
        with self._reading() as connection:
            find_study(connection, study_name)
            return _participants_frame(connection, study_name, kind)

    def status_counts(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """How many participants: columns round_number, condition, status, n_participants, in that order."""
        with self._reading() as connection:
            find_study(connection, study_name)
            return _status_counts(connection, study_name, kind)

    def attempts_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """Every answer in the order of writing, those that a later one superseded too: participant_key, kind,
        question, value, is_correct, answered_at."""
        with self._reading() as connection:
            find_study(connection, study_name)
            return _happenings_frame(connection, sql_tables.answer, study_name, kind)

    def pair_judgements_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """All judgements of pairs of faces, by participant and position: the record's fields."""
        columns = sql_tables.pair_judgement.c
        query = (
            select(*columns)
            .join(sql_tables.participant, columns.participant_key == _person.participant_key)
            .where(_person.study_name == study_name, _person.kind == kind)
            .order_by(columns.participant_key, columns.position)
        )
        with self._reading() as connection:
            find_study(connection, study_name)
            return _frame(connection, query)

    def events_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """All events in the order of writing: participant_key, kind, detail, happened_at."""
        with self._reading() as connection:
            find_study(connection, study_name)
            return _happenings_frame(connection, sql_tables.event, study_name, kind)


def _of_people(table: Table, people: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    return table.c.participant_key.in_(select(_person.participant_key).where(*people))


def _participants_frame(connection: Connection, study_name: str, kind: ParticipantKind) -> pd.DataFrame:
    n_trials = _count_of(sql_tables.trial)
    n_decisions = _count_of(sql_tables.decision)
    query = (
        select(*(column for column in _person if column.name not in SECRET_COLUMNS), n_trials, n_decisions)
        .where(_person.study_name == study_name, _person.kind == kind)
        .order_by(_person.created_at, _person.participant_key)
    )
    return _frame(connection, query)


def _count_of(table: Table) -> Any:
    counted = select(func.count()).where(table.c.participant_key == sql_tables.participant.c.participant_key)
    return counted.correlate(sql_tables.participant).scalar_subquery().label(f"n_{table.name}s")


def _status_counts(connection: Connection, study_name: str, kind: ParticipantKind) -> pd.DataFrame:
    by = [_person.round_number, _person.condition, _person.status]
    query = select(*by, func.count().label("n_participants")).group_by(*by).order_by(*by)
    return _frame(connection, query.where(_person.study_name == study_name, _person.kind == kind))


def _happenings_frame(
    connection: Connection, table: Table, study_name: str, kind: ParticipantKind
) -> pd.DataFrame:
    """The rows of `answer` or `event` of a study's participants of one kind, in the order of writing."""
    query = (
        select(*(column for column in table.c if column.name != "row_number"))
        .join(sql_tables.participant, table.c.participant_key == _person.participant_key)
        .where(_person.study_name == study_name, _person.kind == kind)
        .order_by(table.c.row_number)
    )
    return _frame(connection, query)


def _frame(connection: Connection, query: Select[Any]) -> pd.DataFrame:
    """The rows of a query, each column of the type that its table declares.

    As the driver gives them, and converted a column at a time: SQLAlchemy's own rows and conversions, one by one,
    take longer than the reading itself.
    """
    declared = {column.name: column.type for column in query.selected_columns}
    with closing(connection.execute(query)) as result:
        frame = pd.DataFrame.from_records(result.cursor.fetchall(), columns=list(declared))
    for name, sql_type in declared.items():
        if isinstance(sql_type, UtcTime):
            frame[name] = pd.to_datetime(frame[name], utc=True, format="ISO8601").dt.as_unit("us")
        elif isinstance(sql_type, Double):
            frame[name] = frame[name].astype(float)  # nothing but None has no type of its own
        elif isinstance(sql_type, Boolean):
            frame[name] = frame[name].astype("boolean")
    return frame
