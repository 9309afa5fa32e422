"""The part of the store that forgets people, and knows where copies of their data went.

Not responsible for the folders themselves: `human_study.dataset.erase` cleans exports and runs.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, delete, func, select, update

from data.analysis_records import Erasure, ExportFolder, StudyEventKind, TrainingRun
from data.errors import ErasedParticipantError, SetupError, StoreError
from data.records import Participant, ParticipantKind, Recruitment, Study, spellings
from data.store import sql_tables
from data.store.database import compact, overwrite_what_is_deleted
from data.store.erasure_key import KEY_VARIABLE, ErasureKey, find_erasure_key
from data.store.queries import find_study, note_study_event, read_records, write_records
from data.store.transactions import Transactions
from data.stored_record import now


class Erasures(Transactions):
    """Erasure, retention, and the register of exports and runs; a part of `DecisionStore`."""

    def erase(
        self, study_name: str, *, participant_key: str | None = None, external_id: str | None = None
    ) -> dict[str, int]:
        """Delete a person's rows from every table; returns table → how many (none: erased before).

        Exactly one of the two names the person. What stays is a record that somebody was erased, with keyed
        hashes. Call `compact` afterwards, so that nothing is left in the file's free space.

        Raises StoreError where the study knows no such person and never erased them, SetupError without the
        erasure key, StudyError for an unknown study.
        """
        assert (participant_key is None) != (external_id is None), "name the person in one way"
        has_erasures = self._has_erasures()
        with self._writing() as connection:
            overwrite_what_is_deleted(connection)
            find_study(connection, study_name, lock=True)
            people = _people(connection, study_name, participant_key, external_id)
            if not people and not has_erasures:
                raise _nobody(study_name)
            key = find_erasure_key(self._database_path, create=not has_erasures)
            _require_same_key(connection, key)
            counts: dict[str, int] = {}
            for person, known_as in people:
                write_records(connection, sql_tables.erasure, [_erasure(person, known_as, key)])
                for name, n_rows in _delete_person(connection, person.participant_key).items():
                    counts[name] = counts.get(name, 0) + n_rows
            if not people and not _was_erased(connection, study_name, key, participant_key, external_id):
                raise _nobody(study_name)
            return counts

    def compact(self) -> bool:
        """Leave nothing of deleted rows in the database's file; True where that is certain.

        False on a server, which keeps its own log, and where another program holds the log open.
        """
        return compact(self._engine)

    def erasures(self, study_name: str) -> list[Erasure]:
        """Who was erased from the study, as keyed hashes, the oldest first."""
        columns = sql_tables.erasure.c
        query = select(sql_tables.erasure).where(columns.study_name == study_name).order_by(columns.erased_at)
        with self._reading() as connection:
            return read_records(connection, Erasure, query)

    def erased_among(self, study_name: str, participant_keys: Iterable[str]) -> set[str]:
        """Those of the keys whose people were erased from the study. Raises SetupError without the key."""
        hashes = {erasure.participant_hash for erasure in self.erasures(study_name)}
        if not hashes:
            return set()
        key = self._checked_key()
        return {name for name in participant_keys if key.participant_hash(name) in hashes}

    def require_erasure_key(self) -> None:
        """Raise SetupError, before a study is served, where erased people could not be recognised."""
        if self._has_erasures():
            self._checked_key()

    # Copies of the data

    def register_export(self, export: ExportFolder) -> None:
        """Note that a folder holds a copy of a study's data, each time it is written; of an open study it is a look."""
        statement = self._insert(sql_tables.export_folder).values(export.model_dump())
        with self._writing() as connection:
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["folder"], set_=export.model_dump(exclude={"folder"})
                )
            )
            _note_look(connection, export.study_name, export.kind, "exported")

    def exports(self, study_name: str) -> list[ExportFolder]:
        """The folders that hold a copy of the study's data, in the order of writing."""
        columns = sql_tables.export_folder.c
        query = select(sql_tables.export_folder).where(columns.study_name == study_name)
        with self._reading() as connection:
            return read_records(connection, ExportFolder, query.order_by(columns.exported_at))

    def register_run(self, run: TrainingRun) -> None:
        """Note that a run learns from a study, which is a look where it is open; a known run only gets its new path."""
        statement = self._insert(sql_tables.training_run).values(run.model_dump())
        columns = sql_tables.training_run.c
        with self._writing() as connection:
            known = connection.execute(select(columns.run_key).where(columns.run_key == run.run_key)).first()
            if known is None:
                _note_look(connection, run.study_name, run.participants, "trained")
            connection.execute(
                statement.on_conflict_do_update(index_elements=["run_key"], set_={"run_path": run.run_path})
            )

    def set_run(self, run_key: str, **values: str | int) -> None:
        """Change `response_sha256` or `n_erased` of a run; an unknown run is left alone."""
        assert values.keys() <= {"response_sha256", "n_erased"}, "the rest of a run never changes"
        columns = sql_tables.training_run.c
        with self._writing() as connection:
            connection.execute(
                update(sql_tables.training_run).where(columns.run_key == run_key).values(**values)
            )

    def runs(self, study_name: str) -> list[TrainingRun]:
        """The runs that learned from the study, the oldest first."""
        columns = sql_tables.training_run.c
        query = select(sql_tables.training_run).where(columns.study_name == study_name)
        with self._reading() as connection:
            return read_records(connection, TrainingRun, query.order_by(columns.started_at))

    # Retention

    def delete_due_recruitment(self, at: datetime | None = None) -> dict[str, int]:
        """Delete the recruitment ids of studies closed longer than their file's `ethics.retention_days`.

        Returns study → how many ids were deleted. Call `compact` afterwards where any were.
        """
        moment = at or now()
        deleted: dict[str, int] = {}
        with self._writing() as connection:
            overwrite_what_is_deleted(connection)
            columns = sql_tables.recruitment.c
            closed = select(sql_tables.study).where(sql_tables.study.c.status == "closed")
            for study in read_records(connection, Study, closed):
                due = _due(study)
                if due is not None and due <= moment:
                    gone = connection.execute(
                        delete(sql_tables.recruitment).where(columns.study_name == study.name)
                    ).rowcount
                    if gone:
                        deleted[study.name] = gone
        return deleted

    def _has_erasures(self) -> bool:
        with self._reading() as connection:
            count = select(func.count()).select_from(sql_tables.erasure)
            return bool(connection.execute(count).scalar_one())

    def _checked_key(self) -> ErasureKey:
        key = find_erasure_key(self._database_path, create=False)
        with self._reading() as connection:
            _require_same_key(connection, key)
        return key


def _nobody(study_name: str) -> StoreError:
    return StoreError(
        f'study "{study_name}" knows no such participant; see the keys on the page People, or name the id under which'
        " the platform sent them"
    )


def _note_look(connection: Connection, study_name: str, kind: ParticipantKind, what: StudyEventKind) -> None:
    """Count it where data of an open study are seen, of the kind that it recruits."""
    study = find_study(connection, study_name, lock=True)
    if study.status == "open" and study.participants == kind:
        note_study_event(connection, study, what)


def require_not_erased(
    connection: Connection, database_path: str | None, study_name: str, external: Recruitment
) -> None:
    """Raise ErasedParticipantError where that person was erased from the study."""
    columns = sql_tables.erasure.c
    query = select(columns.identity_hash).where(columns.study_name == study_name)
    hashes = set(connection.execute(query.where(columns.identity_hash.is_not(None))).scalars())
    if not hashes:
        return
    key = find_erasure_key(database_path, create=False)
    _require_same_key(connection, key)
    if key.identity_hash(study_name, external.external_id) in hashes:
        raise ErasedParticipantError(
            f'somebody who was erased from study "{study_name}" does not take part in it again'
        )


def _due(study: Study) -> datetime | None:
    days = study.declared.get("ethics", {}).get("retention_days")
    if days is None or study.closed_at is None:
        return None
    return study.closed_at + timedelta(days=days)


def _require_same_key(connection: Connection, key: ErasureKey) -> None:
    checks = set(connection.execute(select(sql_tables.erasure.c.key_check).distinct()).scalars())
    if checks - {key.check}:
        raise SetupError(
            f"the erasure key is not the one that this database's erased people were noted with; set"
            f" {KEY_VARIABLE} to that one, or put its file back"
        )


def _people(
    connection: Connection, study_name: str, participant_key: str | None, external_id: str | None
) -> list[tuple[Participant, list[Recruitment]]]:
    """Everybody meant (one external id may come from two platforms), with their ids elsewhere."""
    people, known_as = sql_tables.participant.c, sql_tables.recruitment.c
    query = select(sql_tables.participant).where(people.study_name == study_name)
    if participant_key is not None:
        query = query.where(people.participant_key == participant_key)
    else:
        ids = select(known_as.participant_key).where(
            known_as.study_name == study_name, known_as.external_id.in_(spellings(external_id or ""))
        )
        query = query.where(people.participant_key.in_(ids))
    found = read_records(connection, Participant, query)
    return [(person, _identities(connection, person.participant_key)) for person in found]


def _identities(connection: Connection, participant_key: str) -> list[Recruitment]:
    columns = sql_tables.recruitment.c
    query = select(sql_tables.recruitment).where(columns.participant_key == participant_key)
    return read_records(connection, Recruitment, query)


def _erasure(person: Participant, known_as: list[Recruitment], key: ErasureKey) -> Erasure:
    identities = [key.identity_hash(person.study_name, known.external_id) for known in known_as]
    return Erasure(
        study_name=person.study_name,
        participant_hash=key.participant_hash(person.participant_key),
        identity_hash=identities[0] if identities else None,
        key_check=key.check,
    )


def _was_erased(
    connection: Connection,
    study_name: str,
    key: ErasureKey,
    participant_key: str | None,
    external_id: str | None,
) -> bool:
    columns = sql_tables.erasure.c
    query = select(func.count()).select_from(sql_tables.erasure).where(columns.study_name == study_name)
    if participant_key is not None:
        query = query.where(columns.participant_hash == key.participant_hash(participant_key))
    else:
        assert external_id is not None
        hashes = [key.identity_hash(study_name, one) for one in spellings(external_id)]
        query = query.where(columns.identity_hash.in_(hashes))
    return bool(connection.execute(query).scalar_one())


def _delete_person(connection: Connection, participant_key: str) -> dict[str, int]:
    """Delete the rows of every table that names the participant, those that refer to others first."""
    counts: dict[str, int] = {}
    for table in reversed(sql_tables.metadata.sorted_tables):
        n_rows = _delete_from(connection, table, participant_key)
        if n_rows:
            counts[table.name] = n_rows
    return counts


def _delete_from(connection: Connection, table: Table, participant_key: str) -> int:
    if "participant_key" in table.c:
        return connection.execute(delete(table).where(table.c.participant_key == participant_key)).rowcount
    for key in table.foreign_keys:
        if key.target_fullname == "trial.trial_key":
            theirs = select(sql_tables.trial.c.trial_key).where(
                sql_tables.trial.c.participant_key == participant_key
            )
            return connection.execute(delete(table).where(key.parent.in_(theirs))).rowcount
    return 0
