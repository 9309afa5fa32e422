"""The part of the store that keeps what analysts add: the code book, and the codes given to reasons."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pydantic import ValidationError
from sqlalchemy import Select, Table, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from data.analysis_records import CodeBookEntry, ReasonCode
from data.codebook import record_name
from data.errors import StoreError
from data.records import ParticipantKind
from data.store import sql_tables
from data.store.queries import find_study, read_records, write_records
from data.store.transactions import Transactions
from data.stored_record import Record


class ReasonCodes(Transactions):
    """Code books and codes by coder; a part of `DecisionStore`."""

    def code_book(self, study_name: str) -> list[CodeBookEntry]:
        """The study's code book in order; [] before anybody wrote one."""
        columns = sql_tables.code_book_entry.c
        query = select(sql_tables.code_book_entry).where(columns.study_name == study_name)
        with self._reading() as connection:
            return read_records(connection, CodeBookEntry, query.order_by(columns.place, columns.code))

    def replace_code_book(self, study_name: str, entries: Sequence[CodeBookEntry]) -> None:
        """Write a code book in place of the present one; codes that were given stay as they are.

        Raises StudyError for an unknown study, StoreError where a code stands twice or is empty.
        """
        names = [entry.code for entry in entries]
        if any(not name.strip() for name in names) or len(set(names)) != len(names):
            raise StoreError("a code is empty or stands twice in the code book; give each its own name")
        with self._writing() as connection:
            find_study(connection, study_name, lock=True)
            columns = sql_tables.code_book_entry.c
            connection.execute(delete(sql_tables.code_book_entry).where(columns.study_name == study_name))
            placed = [entry.model_copy(update={"place": place}) for place, entry in enumerate(entries)]
            write_records(connection, sql_tables.code_book_entry, placed)

    def code_reason(self, trial_key: str, coder: str, codes: Sequence[str]) -> None:
        """Set a coder's codes of one reason, in place of the coder's former ones; [] says that none applies.

        Raises StoreError where the trial has no decision (any more) or the coder has no name.
        """
        if not coder.strip():
            raise StoreError("codes need the coder's name; enter yours")
        decisions = sql_tables.decision.c
        with self._writing() as connection:
            person = connection.execute(
                select(decisions.participant_key).where(decisions.trial_key == trial_key)
            ).scalar_one_or_none()
            if person is None:
                raise StoreError("that decision is not in the database any more; choose another")
            columns = sql_tables.reason_code.c
            theirs = (columns.trial_key == trial_key) & (columns.coder == coder)
            connection.execute(delete(sql_tables.reason_code).where(theirs))
            given = [
                ReasonCode(trial_key=trial_key, coder=coder, code=code, participant_key=person).model_dump()
                for code in (dict.fromkeys(codes) or [""])
            ]
            connection.execute(insert(sql_tables.reason_code), given)

    def reason_codes_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """All codes given: trial_key, coder, code ("" where none applied), by trial, coder and code."""
        people, columns = sql_tables.participant.c, sql_tables.reason_code.c
        query = (
            select(columns.trial_key, columns.coder, columns.code)
            .join_from(sql_tables.reason_code, sql_tables.participant)
            .where(people.study_name == study_name, people.kind == kind)
            .order_by(columns.trial_key, columns.coder, columns.code)
        )
        with self._reading() as connection:
            rows = list(map(tuple, connection.execute(query)))
        return pd.DataFrame.from_records(rows, columns=["trial_key", "coder", "code"])

    def state_of(self, study_name: str, kind: ParticipantKind) -> tuple[object, ...]:
        """Something that changes whenever the study has anything new to show; cheap to ask for."""
        people, decisions = sql_tables.participant.c, sql_tables.decision.c
        theirs = [people.study_name == study_name, people.kind == kind]
        with self._reading() as connection:
            study = find_study(connection, study_name)
            by_status = connection.execute(
                select(people.status, func.count()).where(*theirs).group_by(people.status)
            )
            statuses = sorted(tuple(row) for row in by_status)
            decided = connection.execute(
                select(func.count(), func.max(decisions.decided_at))
                .join_from(sql_tables.decision, sql_tables.participant)
                .where(*theirs)
            ).one()
            coded = connection.execute(
                select(func.count(), func.max(sql_tables.reason_code.c.coded_at))
                .join_from(sql_tables.reason_code, sql_tables.participant)
                .where(*theirs)
            ).one()
            rounds = sql_tables.study_round.c
            n_rounds = connection.execute(
                select(func.count()).where(rounds.study_name == study_name)
            ).scalar_one()
            events = sql_tables.study_event.c
            n_events = connection.execute(
                select(func.count())
                .select_from(sql_tables.study_event)
                .where(events.study_name == study_name)
            ).scalar_one()
            runs = sql_tables.training_run.c
            n_trained = connection.execute(
                select(func.count(runs.response_sha256)).where(runs.study_name == study_name)
            ).scalar_one()
        return (study.status, n_rounds, n_trained, n_events, *statuses, *decided, *coded)

    def stored_rows(
        self, records: Sequence[type[Record]], study_name: str, kind: ParticipantKind
    ) -> dict[str, list[dict[str, Any]]]:
        """Everything stored of a study and one kind of participant: record's name → rows, in a fixed order.

        Rows that refer to others are read before those: nothing refers to a row that came later. Raises
        StudyError for an unknown study.
        """
        wanted = {record_name(record) for record in records}
        rows: dict[str, list[dict[str, Any]]] = {}
        with self._reading() as connection:
            find_study(connection, study_name)
            for table in reversed(sql_tables.metadata.sorted_tables):
                if table.name in wanted:
                    query = _rows_of_study(table, study_name, kind)
                    rows[table.name] = [dict(row) for row in connection.execute(query).mappings()]
        return rows

    def add_stored_rows(self, records: Sequence[type[Record]], rows: Mapping[str, Sequence[Any]]) -> None:
        """Write rows as `stored_rows` gave them, all or nothing, into a database that lacks their study.

        Raises StoreError where something of it is there already or a row makes no sense.
        """
        by_name = {record_name(record): record for record in records}
        try:
            checked = {
                name: [by_name[name].model_validate(row) for row in found] for name, found in rows.items()
            }
            with self._writing() as connection:
                for table in sql_tables.metadata.sorted_tables:
                    write_records(connection, table, checked.get(table.name, []))
        except (ValidationError, StoreError) as error:
            if isinstance(error, StoreError) and not isinstance(error.__cause__, IntegrityError):
                raise
            raise StoreError(
                "the rows contradict this database or each other (is the study in it already?); name an"
                " empty database"
            ) from error


def _rows_of_study(table: Table, study_name: str, kind: ParticipantKind) -> Select[Any]:
    """The rows of one table that belong to a study and one kind of participant, in a fixed order."""
    fields = [column for column in table.c if column.name != "row_number"]
    order = [table.c.row_number] if "row_number" in table.c else list(table.primary_key)
    query = select(*fields).order_by(*order)
    if table is sql_tables.study:
        return query.where(table.c.name == study_name)
    if table is sql_tables.bundle:
        served = select(sql_tables.study_round.c.bundle_hash).where(
            sql_tables.study_round.c.study_name == study_name
        )
        return query.where(table.c.bundle_hash.in_(served))
    if "participant_key" not in table.c:
        return query.where(table.c.study_name == study_name)
    people = sql_tables.participant.c
    if table is not sql_tables.participant:
        query = query.join_from(
            table, sql_tables.participant, table.c.participant_key == people.participant_key
        )
    return query.where(people.study_name == study_name, people.kind == kind)
