"""DecisionStore: everything that is ever recorded about studies, participants and their decisions."""

import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Literal

import pandas as pd
from sqlalchemy import insert, select, update

from data import store_frames, tables
from data.errors import StoreError, StudyError
from data.records import (
    FINAL_STATUSES,
    Answer,
    Decision,
    Event,
    Participant,
    ParticipantKind,
    ParticipantPlan,
    ParticipantStatus,
    Recruitment,
    Trial,
    new_key,
    now,
)
from data.store_queries import (
    condition_counts,
    find_first_unanswered,
    find_known_participant,
    find_newest_round,
    find_participant,
    find_study,
    read_records,
    token_hash,
    unknown_participant,
    write_records,
)
from data.store_studies import DEFAULT_DATABASE_URL, StudyStore

__all__ = ["DEFAULT_DATABASE_URL", "DecisionStore"]


class DecisionStore(StudyStore):
    """All reading and writing of the database. Safe to share between threads; processes open their own.

    Every method is one transaction. Each raises StoreError where the database does not answer. It does not
    decide who sees what (`human_study.assignment`) and computes no statistics (`decision_statistics`).
    """

    # Participants

    def add_participant(
        self,
        study_name: str,
        kind: ParticipantKind,
        choose: Callable[[dict[str, int]], ParticipantPlan],
        *,
        external: Recruitment | None = None,
    ) -> Participant:
        """Admit a participant into the newest round, with all trials, in one transaction.

        `choose` is given the number of completed and active participants of this kind in that round by
        condition, while no other participant can be added, and returns the condition and the trials in
        order; keys and positions of the trials are set here. `external` holds platform and external id (its
        other keys are set here); somebody who is known by it already is returned instead of being added.

        Raises StudyError for an unknown or closed study, one without a round, or one whose newest round
        serves another bundle than the trials are of (it began while they were prepared).
        """
        with self._writing() as connection:
            study = find_study(connection, study_name, lock=True)
            if external and (known := find_known_participant(connection, study_name, external)):
                return known
            if study.status == "closed":
                raise StudyError(
                    f'study "{study_name}" is closed; open a new study to take more participants'
                )
            current = find_newest_round(connection, study_name)
            plan = choose(condition_counts(connection, current, kind))
            if any(trial.bundle_hash != current.bundle_hash for trial in plan.trials):
                raise StudyError(f'a new round of study "{study_name}" has just begun; begin once more')
            participant = Participant(
                study_name=study_name,
                round_number=current.round_number,
                bundle_hash=current.bundle_hash,
                kind=kind,
                condition=plan.condition,
            )
            key = participant.participant_key
            connection.execute(insert(tables.participant).values(participant.model_dump()))
            if external:
                known_by = {"participant_key": key, "study_name": study_name}
                connection.execute(insert(tables.recruitment).values({**external.model_dump(), **known_by}))
            if plan.trials:
                trials = [
                    {
                        **trial.model_dump(),
                        "trial_key": new_key(),
                        "participant_key": key,
                        "position": position,
                    }
                    for position, trial in enumerate(plan.trials)
                ]
                connection.execute(insert(tables.trial), trials)
            return participant

    def participant(self, participant_key: str) -> Participant:
        """One participant. Raises StoreError where the key is unknown."""
        with self._reading() as connection:
            return find_participant(connection, participant_key)

    def participant_by_session(self, token: str) -> Participant | None:
        """Whom a session token (from `start_session`) belongs to, or None."""
        columns = tables.participant.c
        with self._reading() as connection:
            found = read_records(
                connection,
                Participant,
                select(tables.participant).where(columns.session_token_hash == token_hash(token)),
            )
        return found[0] if found else None

    def start_session(self, participant_key: str) -> str:
        """A new secret for the participant's cookie; older ones stop working. Only its hash is stored."""
        token = secrets.token_urlsafe(32)
        self._set(participant_key, session_token_hash=token_hash(token))
        return token

    def take_lease(self, participant_key: str) -> str:
        """A new lease id, for the tab that acts for the participant from now on; the one before lost it."""
        lease_id = new_key()
        self._set(participant_key, lease_id=lease_id)
        return lease_id

    def touch(self, participant_key: str) -> None:
        """Note that the participant was heard of just now."""
        self._set(participant_key, last_seen_at=now())

    def set_step(self, participant_key: str, step: str) -> None:
        """Note the step that the participant is at."""
        self._set(participant_key, step=step, last_seen_at=now())

    def set_status(self, participant_key: str, status: ParticipantStatus) -> None:
        """Change a participant's status; a final one never changes (setting it again is harmless).

        Completion also writes `completed_at` and a random `completion_code`. Raises StoreError where the
        key is unknown or the status is final and another.
        """
        values: dict[str, Any] = {"status": status}
        if status == "completed":
            values |= {"completed_at": now(), "completion_code": secrets.token_hex(4).upper()}
        with self._writing() as connection:
            present = find_participant(connection, participant_key, lock=True).status
            if present in FINAL_STATUSES and present != status:
                raise StoreError(f"the participation is {present}, which is final; it cannot become {status}")
            if present != status:
                columns = tables.participant.c
                connection.execute(
                    update(tables.participant)
                    .where(columns.participant_key == participant_key)
                    .values(values)
                )

    def release_timed_out(self, study_name: str, older_than: timedelta) -> int:
        """Time out active participants not heard of for so long; returns how many. Frees their places."""
        columns = tables.participant.c
        statement = (
            update(tables.participant)
            .where(columns.study_name == study_name, columns.status == "active")
            .where(columns.last_seen_at < now() - older_than)
        )
        with self._writing() as connection:
            return connection.execute(statement.values(status="timed_out")).rowcount

    # Trials and what is answered to them

    def trials(self, participant_key: str) -> list[Trial]:
        """The participant's trials in order."""
        columns = tables.trial.c
        with self._reading() as connection:
            return read_records(
                connection,
                Trial,
                select(tables.trial)
                .where(columns.participant_key == participant_key)
                .order_by(columns.position),
            )

    def first_unanswered(self, participant_key: str) -> Trial | None:
        """The trial that the participant is to decide next; None when all are decided."""
        with self._reading() as connection:
            return find_first_unanswered(connection, participant_key)

    def record_decision(self, decision: Decision) -> Literal["recorded", "already", "refused"]:
        """Write a decision durably, once: the first decision on a trial stands, whatever arrives later.

        "already": the trial has its decision. "refused", nothing written: the trial is not this
        participant's, is of another bundle, comes after one that is not decided yet, or the participation
        has ended.
        """
        with self._writing() as connection:
            people, trials = tables.participant.c, tables.trial.c
            # PostgreSQL waits here for another decision of the same participant; SQLite's lock is taken.
            status = connection.execute(
                select(people.status)
                .where(people.participant_key == decision.participant_key)
                .with_for_update()
            ).scalar_one_or_none()
            belongs = connection.execute(
                select(tables.decision.c.trial_key)
                .select_from(tables.trial.outerjoin(tables.decision))
                .where(trials.trial_key == decision.trial_key, trials.bundle_hash == decision.bundle_hash)
                .where(trials.participant_key == decision.participant_key)
            ).one_or_none()
            if belongs is None:
                return "refused"
            if belongs.trial_key is not None:
                return "already"
            due = find_first_unanswered(connection, decision.participant_key)
            if status != "active" or due is None or due.trial_key != decision.trial_key:
                return "refused"
            connection.execute(
                self._insert(tables.decision).values(decision.model_dump()).on_conflict_do_nothing()
            )
            connection.execute(
                update(tables.participant)
                .where(people.participant_key == decision.participant_key)
                .values(last_seen_at=decision.decided_at)
            )
            return "recorded"

    def add_collected(
        self,
        study_name: str,
        participants: Sequence[Participant],
        trials: Sequence[Trial],
        decisions: Sequence[Decision],
    ) -> None:
        """Write decisions that were collected elsewhere, or simulated, all or nothing.

        The records refer to each other by their keys. Raises StudyError if the study is unknown or closed.
        """
        assert all(participant.study_name == study_name for participant in participants), "another study's"
        with self._writing() as connection:
            if find_study(connection, study_name, lock=True).status == "closed":
                raise StudyError(f'study "{study_name}" is closed; name a new study for these decisions')
            for table, records in (
                (tables.participant, participants),
                (tables.trial, trials),
                (tables.decision, decisions),
            ):
                write_records(connection, table, records)

    def add_answer(self, answer: Answer) -> None:
        """Write an answer; a later one to the same question supersedes it."""
        with self._writing() as connection:
            write_records(connection, tables.answer, [answer])

    def add_event(self, event: Event) -> None:
        """Write an event."""
        with self._writing() as connection:
            write_records(connection, tables.event, [event])

    # Tables for analysis and training

    def decisions_frame(
        self,
        study_name: str,
        *,
        kind: ParticipantKind,
        conditions: Sequence[str] | None = None,
        split: Literal["train", "test"] | None = None,
    ) -> pd.DataFrame:
        """One row a decision, by participant and position; people and simulated are never mixed.

        Columns: participant_key, kind, round_number, condition, trial_key, position, trial_kind,
        application_id, split, bundle_hash, image, image_sha256, score, propensity, choice, approved (0/1),
        confidence, response_time_ms, reason, decided_at. Raises StudyError if the study is unknown.
        """
        with self._reading() as connection:
            find_study(connection, study_name)
            return store_frames.decisions_frame(connection, study_name, kind, conditions, split)

    def participants_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """One row a participant: the record's fields but its secrets, and `n_trials`, `n_decisions`."""
        with self._reading() as connection:
            find_study(connection, study_name)
            return store_frames.participants_frame(connection, study_name, kind)

    def status_counts(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """How many participants: columns round_number, condition, status, n_participants."""
        participants = self.participants_frame(study_name, kind=kind)
        by = ["round_number", "condition", "status"]
        return participants.groupby(by, as_index=False).size().rename(columns={"size": "n_participants"})

    def answers_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """The newest answer to each question: participant_key, question, value, answered_at."""
        with self._reading() as connection:
            find_study(connection, study_name)
            answers = store_frames.happenings_frame(connection, tables.answer, study_name, kind)
        return answers.drop_duplicates(["participant_key", "question"], keep="last", ignore_index=True)

    def events_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """All events in the order of writing: participant_key, kind, detail, happened_at."""
        with self._reading() as connection:
            find_study(connection, study_name)
            return store_frames.happenings_frame(connection, tables.event, study_name, kind)

    def _set(self, participant_key: str, **values: Any) -> None:
        columns = tables.participant.c
        statement = (
            update(tables.participant).where(columns.participant_key == participant_key).values(values)
        )
        with self._writing() as connection:
            if connection.execute(statement).rowcount == 0:
                raise unknown_participant()
