"""DecisionStore: everything that is ever recorded about studies, participants and their decisions."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from sqlalchemy import Connection, select

from data.errors import StudyError
from data.records import (
    Answer,
    Choice,
    Decision,
    Event,
    InitialDecision,
    Participant,
    ParticipantKind,
    Stage,
    Trial,
)
from data.store import frames, sql_tables
from data.store.participants import ParticipantStore
from data.store.queries import find_first_unanswered, find_study, read_records, write_records
from data.store.recording import Outcome, record_all


class DecisionStore(ParticipantStore):
    """All reading and writing of the database. Safe to share between threads; processes open their own.

    Every method is one transaction. Each raises StoreError where the database does not answer. It does not
    decide who sees what (`human_study.participation.assignment`) and computes no statistics (`decision_statistics`).
    """

    # Trials and what is answered to them

    def trials(self, participant_key: str) -> list[Trial]:
        """The participant's trials in order."""
        columns = sql_tables.trial.c
        with self._reading() as connection:
            return read_records(
                connection,
                Trial,
                select(sql_tables.trial)
                .where(columns.participant_key == participant_key)
                .order_by(columns.position),
            )

    def trials_by_key(self, trial_keys: Sequence[str]) -> dict[str, Trial]:
        """Trials of whoever's, by key; unknown keys are left out."""
        with self._reading() as connection:
            query = select(sql_tables.trial).where(sql_tables.trial.c.trial_key.in_(trial_keys))
            return {trial.trial_key: trial for trial in read_records(connection, Trial, query)}

    def first_unanswered(self, participant_key: str) -> Trial | None:
        """The trial that the participant is to decide next; None when all are decided."""
        with self._reading() as connection:
            return find_first_unanswered(connection, participant_key)

    def due(self, participant_key: str) -> tuple[Trial, Stage] | None:
        """What the participant is to decide next: the trial, and whether before or with the advice."""
        with self._reading() as connection:
            trial = find_first_unanswered(connection, participant_key)
            return None if trial is None else (trial, _due_stage(connection, trial))

    def choice(self, trial_key: str) -> str | None:
        """What was decided on a trial, or None where it is not decided yet."""
        columns = sql_tables.decision.c
        with self._reading() as connection:
            query = select(columns.choice).where(columns.trial_key == trial_key)
            return connection.execute(query).scalar_one_or_none()

    def initial_choice(self, trial_key: str) -> Choice | None:
        """What was chosen before the advice on a trial of two stages, or None where that is not decided yet."""
        columns = sql_tables.initial_decision.c
        with self._reading() as connection:
            query = select(columns.choice).where(columns.trial_key == trial_key)
            return connection.execute(query).scalar_one_or_none()

    def record_decision(self, decision: Decision) -> Outcome:
        """Write a decision durably, once: the first decision on a trial stands, whatever arrives later.

        "already": the trial has its decision. "refused", nothing written: the trial is not this
        participant's, is of another bundle, comes after one that is not decided yet, has two stages of which
        the first is not decided yet, or the participation has ended.
        """
        return self.record_decisions([decision])[0]

    def record_initial_decision(self, initial: InitialDecision) -> Outcome:
        """Write the choice before the advice, by the rules of `record_decision`; refused in one-stage trials."""
        return self.record_decisions([initial])[0]

    def record_decisions(self, decisions: Sequence[Decision | InitialDecision]) -> list[Outcome]:
        """Write decisions as `record_decision` does, in order, all of them durable in one commit."""
        with self._writing() as connection:
            return record_all(connection, self._insert, decisions)

    def add_collected(
        self,
        study_name: str,
        participants: Sequence[Participant],
        trials: Sequence[Trial],
        decisions: Sequence[Decision],
        initial_decisions: Sequence[InitialDecision] = (),
    ) -> None:
        """Write decisions that were collected elsewhere, or simulated, all or nothing.

        The records refer to each other by their keys. Raises StudyError if the study is unknown or closed.
        """
        assert all(participant.study_name == study_name for participant in participants), "another study's"
        with self._writing() as connection:
            if find_study(connection, study_name, lock=True).status == "closed":
                raise StudyError(f'study "{study_name}" is closed; name a new study for these decisions')
            for table, records in (
                (sql_tables.participant, participants),
                (sql_tables.trial, trials),
                (sql_tables.initial_decision, initial_decisions),
                (sql_tables.decision, decisions),
            ):
                write_records(connection, table, records)

    def add_answer(self, answer: Answer) -> None:
        """Write an answer; a later one to the same question supersedes it."""
        with self._writing() as connection:
            write_records(connection, sql_tables.answer, [answer])

    def add_answers(self, answers: Sequence[Answer]) -> None:
        """Write answers, all or none."""
        with self._writing() as connection:
            write_records(connection, sql_tables.answer, answers)

    def answers(self, participant_key: str) -> list[Answer]:
        """All answers of a participant in the order of writing, those that a later one superseded too."""
        columns = sql_tables.answer.c
        query = (
            select(*(column for column in columns if column.name != "row_number"))
            .where(columns.participant_key == participant_key)
            .order_by(columns.row_number)
        )
        with self._reading() as connection:
            return read_records(connection, Answer, query)

    def add_event(self, event: Event) -> None:
        """Write an event."""
        with self._writing() as connection:
            write_records(connection, sql_tables.event, [event])

    # Tables for analysis and training

    def decisions_frame(
        self,
        study_name: str,
        *,
        kind: ParticipantKind,
        columns: Sequence[str] | None = None,
        conditions: Sequence[str] | None = None,
        split: Literal["train", "test"] | None = None,
        participant_key: str | None = None,
    ) -> pd.DataFrame:
        """One row a decision, by participant and position; people and simulated are never mixed.

        Columns, all of them or those that are named: participant_key, kind, round_number, condition, trial_key,
        position, trial_kind, application_id, split, bundle_hash, image, image_sha256, score, propensity,
        n_stages, asked_choice, choice, approved (0/1), confidence, response_time_ms, followup_time_ms, reason,
        n_blur, n_focus, n_key, n_paste, decided_at, and of the answer before the advice, in two-stage trials:
        initial_choice, initial_confidence, initial_response_time_ms. Raises StudyError if the study is unknown.
        """
        with self._reading() as connection:
            find_study(connection, study_name)
            return frames.decisions_frame(
                connection, study_name, kind, columns, conditions, split, participant_key
            )

    def participants_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """One row a participant: the record's fields but its secrets, and `n_trials`, `n_decisions`."""
        with self._reading() as connection:
            find_study(connection, study_name)
            return frames.participants_frame(connection, study_name, kind)

    def status_counts(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """How many participants: columns round_number, condition, status, n_participants, in that order."""
        with self._reading() as connection:
            find_study(connection, study_name)
            return frames.status_counts(connection, study_name, kind)

    def answers_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """The newest answer to each question: participant_key, kind, question, value, is_correct,
        answered_at. `attempts_frame` has the earlier ones too."""
        answers = self.attempts_frame(study_name, kind=kind)
        return answers.drop_duplicates(["participant_key", "question"], keep="last", ignore_index=True)

    def attempts_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """Every answer in the order of writing, those that a later one superseded too; as `answers_frame`."""
        with self._reading() as connection:
            find_study(connection, study_name)
            return frames.happenings_frame(connection, sql_tables.answer, study_name, kind)

    def events_frame(self, study_name: str, *, kind: ParticipantKind) -> pd.DataFrame:
        """All events in the order of writing: participant_key, kind, detail, happened_at."""
        with self._reading() as connection:
            find_study(connection, study_name)
            return frames.happenings_frame(connection, sql_tables.event, study_name, kind)


def _due_stage(connection: Connection, trial: Trial) -> Stage:
    if trial.n_stages == 1:
        return "final"
    columns = sql_tables.initial_decision.c
    query = select(columns.trial_key).where(columns.trial_key == trial.trial_key)
    return "initial" if connection.execute(query).one_or_none() is None else "final"
