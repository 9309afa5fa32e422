"""The part of the store that knows studies, the bundles they serve, and their rounds."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select, update

from data.analysis_records import StudyEvent
from data.errors import StoreError, StudyError
from data.records import Bundle, Study, StudyCondition, StudyRound
from data.store import sql_tables
from data.store.queries import (
    find_conditions,
    find_newest_round,
    find_rounds,
    find_study,
    note_study_event,
    read_records,
    require_nobody_erased,
)
from data.store.transactions import Transactions
from data.stored_record import now


class Studies(Transactions):
    """Studies, bundles and rounds; a part of `DecisionStore`."""

    def create_study(self, study: Study, quotas: Mapping[str, int | None] | None = None) -> None:
        """Write a study with its conditions and their quotas.

        One of the same name and the same `study_hash` is left as it is, with all that was changed while live.
        Raises StudyError where the name is taken by a study of another content.
        """
        with self._writing() as connection:
            connection.execute(
                self._insert(sql_tables.study).values(study.model_dump()).on_conflict_do_nothing()
            )
            if find_study(connection, study.name, lock=True).study_hash != study.study_hash:
                raise StudyError(
                    f'study "{study.name}" exists already with another study file or task; '
                    "give the changed study a new name"
                )
            for condition, quota in (quotas or {}).items():
                declared = StudyCondition(study_name=study.name, condition=condition, quota=quota)
                statement = self._insert(sql_tables.study_condition).values(declared.model_dump())
                connection.execute(statement.on_conflict_do_nothing())

    def set_task_hash(self, name: str, task_hash: str) -> None:
        """Record the hash under which a study's unchanged task is known from now on."""
        with self._writing() as connection:
            find_study(connection, name, lock=True)
            columns = sql_tables.study.c
            connection.execute(
                update(sql_tables.study).where(columns.name == name).values(task_hash=task_hash)
            )

    def study(self, name: str) -> Study:
        """One study. Raises StudyError, naming the nearest, where there is none of that name."""
        with self._reading() as connection:
            return find_study(connection, name)

    def studies(self) -> list[Study]:
        """All studies, the oldest first."""
        with self._reading() as connection:
            return read_records(
                connection, Study, select(sql_tables.study).order_by(sql_tables.study.c.created_at)
            )

    def close_study(self, name: str) -> None:
        """Take no more participants; those who are active may finish. Raises StudyError if unknown."""
        with self._writing() as connection:
            study = find_study(connection, name, lock=True)
            if study.status == "open":
                columns = sql_tables.study.c
                connection.execute(
                    update(sql_tables.study)
                    .where(columns.name == name)
                    .values(status="closed", closed_at=now())
                )
                note_study_event(connection, study, "closed")

    def amend_study(self, study: Study, quotas: Mapping[str, int | None], detail: Mapping[str, Any]) -> None:
        """Replace the file and the quotas of a study that runs; whoever calls says what may differ.

        The hash that it was begun with stays: applications go on being dealt by it.

        `detail` says what changed, and is kept as a study event.

        Raises StudyError where the study is unknown.
        """
        columns, conditions = sql_tables.study.c, sql_tables.study_condition
        with self._writing() as connection:
            before = {one.condition: one.quota for one in find_conditions(connection, study.name)}
            stored = find_study(connection, study.name, lock=True)
            note_study_event(connection, stored, "changed", json.dumps(detail))
            connection.execute(
                update(sql_tables.study).where(columns.name == study.name).values(study_file=study.study_file)
            )
            for condition, quota in quotas.items():
                if before.get(condition) != quota:
                    is_it = conditions.c.condition == condition
                    connection.execute(
                        update(conditions)
                        .where(conditions.c.study_name == study.name, is_it)
                        .values(quota=quota, changed_at=now())
                    )

    def open_study(self, name: str) -> None:
        """Take participants again. Raises StudyError where the study is unknown or not closed."""
        columns = sql_tables.study.c
        with self._writing() as connection:
            study = find_study(connection, name, lock=True)
            if study.status == "open":
                raise StudyError(f'study "{name}" is open already')
            values = {"status": "open", "closed_at": None}
            connection.execute(update(sql_tables.study).where(columns.name == name).values(values))
            note_study_event(connection, study, "opened")

    def study_events(self, name: str) -> list[StudyEvent]:
        """What happened to the study as a whole, in order."""
        columns = sql_tables.study_event.c
        query = select(
            sql_tables.study_event.c.study_name,
            columns.kind,
            columns.detail,
            columns.n_began,
            columns.happened_at,
        )
        with self._reading() as connection:
            return read_records(
                connection, StudyEvent, query.where(columns.study_name == name).order_by(columns.row_number)
            )

    def set_condition(self, condition: StudyCondition) -> None:
        """Write a condition's quota and status; while live, too. Raises StudyError where there is no study."""
        statement = self._insert(sql_tables.study_condition).values(condition.model_dump())
        changed = condition.model_dump(include={"quota", "status", "changed_at"})
        with self._writing() as connection:
            find_study(connection, condition.study_name, lock=True)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["study_name", "condition"], set_=changed)
            )

    def conditions(self, study_name: str) -> list[StudyCondition]:
        """The study's conditions with quota and status; [] for a study that declares none."""
        with self._reading() as connection:
            find_study(connection, study_name)
            return find_conditions(connection, study_name)

    def register_bundle(self, bundle: Bundle) -> None:
        """Make a bundle known; one that is known already only gets its present path."""
        statement = self._insert(sql_tables.bundle).values(bundle.model_dump())
        with self._writing() as connection:
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["bundle_hash"], set_={"bundle_path": bundle.bundle_path}
                )
            )

    def bundle(self, bundle_hash: str) -> Bundle:
        """A registered bundle. Raises StoreError where none has that hash."""
        with self._reading() as connection:
            found = read_records(
                connection,
                Bundle,
                select(sql_tables.bundle).where(sql_tables.bundle.c.bundle_hash == bundle_hash),
            )
        if not found:
            raise StoreError(
                f"no bundle {bundle_hash[:12]} is registered here; publish it into this database"
            )
        return found[0]

    def bundles(self) -> list[Bundle]:
        """All registered bundles, the oldest first."""
        with self._reading() as connection:
            return read_records(
                connection, Bundle, select(sql_tables.bundle).order_by(sql_tables.bundle.c.registered_at)
            )

    def start_round(self, study_name: str, bundle_hash: str, *, again: bool = False) -> int:
        """Serve a registered bundle from now on; returns the round's number, from 0.

        Where the newest round serves it already, that round goes on, unless `again` asks for another one (as
        when the next advisor failed its checks). Raises StudyError for a closed or
        unknown study, a bundle of another task, one that learned from somebody who was erased since, or one
        trained on simulated people in a study of people whose study file does not say
        `allow_simulated_advisor: true`.
        """
        bundle = self.bundle(bundle_hash)
        with self._writing() as connection:
            study = find_study(connection, study_name, lock=True)
            _check_bundle_suits(study, bundle)
            rounds = find_rounds(connection, study_name)
            if rounds and rounds[-1].bundle_hash == bundle_hash and not again:
                return rounds[-1].round_number
            require_nobody_erased(connection, bundle)
            started = StudyRound(
                study_name=study_name,
                round_number=len(rounds),
                bundle_hash=bundle_hash,
                allocation_seed=secrets.randbits(31),
            )
            connection.execute(insert(sql_tables.study_round).values(started.model_dump()))
            return started.round_number

    def rounds(self, study_name: str) -> list[StudyRound]:
        """The study's rounds in order; [] before the first."""
        with self._reading() as connection:
            return find_rounds(connection, study_name)

    def newest_round(self, study_name: str) -> StudyRound:
        """The round that new participants join. Raises StudyError before the first round."""
        with self._reading() as connection:
            return find_newest_round(connection, study_name)


def _check_bundle_suits(study: Study, bundle: Bundle) -> None:
    if study.status == "closed":
        raise StudyError(f'study "{study.name}" is closed; open a new study to start a round')
    if bundle.task_hash != study.task_hash:
        raise StudyError(
            f'bundle {bundle.bundle_hash[:12]} advises on another task than study "{study.name}" '
            f"({study.task_name}); name a bundle that was published for this very task file and table"
        )
    allowed = study.declared.get("allow_simulated_advisor", False)
    if study.participants == "people" and bundle.trained_on == "simulated" and not allowed:
        raise StudyError(
            f'bundle {bundle.bundle_hash[:12]} was trained on simulated people and "{study.name}" recruits'
            " real ones; write allow_simulated_advisor: true into the study file if that is meant"
        )
