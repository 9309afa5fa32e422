"""Trials and what is answered to them. Many decisions are written in one transaction, each by the same rules."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from sqlalchemy import Connection, Row, Table, exists, select, update

from data.errors import StudyError
from data.records import (
    Answer,
    Choice,
    Decision,
    Event,
    InitialDecision,
    PairJudgement,
    Participant,
    Stage,
    Trial,
)
from data.store import sql_tables
from data.store.queries import find_first_unanswered, find_study, read_records, write_records
from data.store.transactions import Transactions
from data.stored_record import now

Outcome = Literal["recorded", "already", "refused"]
Choosing = Decision | InitialDecision


class Trials(Transactions):
    """Trials, decisions, judgements of pairs, answers and events; a part of `DecisionStore`."""

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

    def record_decisions(self, decisions: Sequence[Decision | InitialDecision]) -> list[Outcome]:
        """Write decisions in order, all durable in one commit; the first on a trial stands, whatever arrives later.

        "already": the trial has its decision. "refused", nothing written: the trial is not this
        participant's, is of another bundle, comes after one that is not decided yet, has two stages of which
        the first is not decided yet (or one stage, for an initial decision), or the participation has ended.
        """
        with self._writing() as connection:
            return record_all(connection, self._insert, decisions)

    def add_collected(
        self,
        study_name: str,
        participants: Sequence[Participant],
        trials: Sequence[Trial],
        decisions: Sequence[Decision],
        initial_decisions: Sequence[InitialDecision] = (),
        pair_judgements: Sequence[PairJudgement] = (),
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
                (sql_tables.pair_judgement, pair_judgements),
            ):
                write_records(connection, table, records)

    def add_pair_judgement(self, judgement: PairJudgement) -> None:
        """Write a judgement of a pair; the first on it stands, whatever arrives later."""
        statement = self._insert(sql_tables.pair_judgement).values(judgement.model_dump())
        with self._writing() as connection:
            connection.execute(statement.on_conflict_do_nothing())

    def judged_pairs(self, participant_key: str) -> set[int]:
        """Positions of the pairs that the participant has judged."""
        columns = sql_tables.pair_judgement.c
        with self._reading() as connection:
            query = select(columns.position).where(columns.participant_key == participant_key)
            return set(connection.execute(query).scalars())

    def add_answers(self, answers: Sequence[Answer]) -> None:
        """Write answers, all or none; a later one to the same question supersedes it."""
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


def record_all(
    connection: Connection, insert: Callable[[Table], Any], decisions: Sequence[Choosing]
) -> list[Outcome]:
    """Write decisions in the order given, within the caller's transaction; what became of each.

    Queries are shared by all of them, so that a group costs little more than one decision. `insert` is the
    database's own, with ON CONFLICT.
    """
    outcomes: dict[int, Outcome] = {}
    for turn in _turns(decisions):
        outcomes |= _record_turn(connection, insert, turn)
    return [outcomes[number] for number in range(len(decisions))]


def _turns(decisions: Sequence[Choosing]) -> Iterator[dict[int, Choosing]]:
    """Groups with one decision a participant: a participant's next one depends on what is written before."""
    waiting = dict(enumerate(decisions))
    while waiting:
        firsts = {decision.participant_key: number for number, decision in reversed(waiting.items())}
        yield {number: waiting.pop(number) for number in sorted(firsts.values())}


def _record_turn(
    connection: Connection, insert: Callable[[Table], Any], turn: dict[int, Choosing]
) -> dict[int, Outcome]:
    statuses = _lock_participants(connection, [decision.participant_key for decision in turn.values()])
    trials = _find_trials(connection, [decision.trial_key for decision in turn.values()])
    outcomes = {
        number: _judge(decision, statuses.get(decision.participant_key), trials.get(decision.trial_key))
        for number, decision in turn.items()
    }
    accepted = [decision for number, decision in turn.items() if outcomes[number] == "recorded"]
    for record, table in ((Decision, sql_tables.decision), (InitialDecision, sql_tables.initial_decision)):
        if rows := [decision.model_dump() for decision in accepted if isinstance(decision, record)]:
            connection.execute(insert(table).on_conflict_do_nothing(), rows)
    if accepted:
        people = sql_tables.participant.c
        keys = [decision.participant_key for decision in accepted]
        connection.execute(
            update(sql_tables.participant).where(people.participant_key.in_(keys)).values(last_seen_at=now())
        )
    return outcomes


def _judge(decision: Choosing, status: str | None, trial: Row[Any] | None) -> Outcome:
    if (
        trial is None
        or trial.participant_key != decision.participant_key
        or trial.bundle_hash != decision.bundle_hash
    ):
        return "refused"
    is_final = isinstance(decision, Decision)
    if trial.has_final if is_final else trial.has_initial:
        return "already"
    due: Stage = "initial" if trial.n_stages == 2 and not trial.has_initial else "final"
    is_due = not trial.has_final and not trial.has_undecided_before
    if status != "active" or not is_due or due != ("final" if is_final else "initial"):
        return "refused"
    return "recorded"


def _lock_participants(connection: Connection, participant_keys: Sequence[str]) -> dict[str, str]:
    """Their statuses. PostgreSQL waits here for other decisions of theirs; SQLite's lock is taken already."""
    people = sql_tables.participant.c
    query = (
        select(people.participant_key, people.status)
        .where(people.participant_key.in_(participant_keys))
        # In one order for everybody, so that two groups cannot wait for each other.
        .order_by(people.participant_key)
        .with_for_update()
    )
    return {row.participant_key: row.status for row in connection.execute(query)}


def _find_trials(connection: Connection, trial_keys: Sequence[str]) -> dict[str, Row[Any]]:
    """Trials by key, with what is decided on them and whether one that comes before is not decided yet."""
    trials, before = sql_tables.trial.c, sql_tables.trial.alias("before")
    query = select(
        trials.trial_key,
        trials.participant_key,
        trials.bundle_hash,
        trials.n_stages,
        exists().where(sql_tables.decision.c.trial_key == trials.trial_key).label("has_final"),
        exists().where(sql_tables.initial_decision.c.trial_key == trials.trial_key).label("has_initial"),
        exists()
        .where(before.c.participant_key == trials.participant_key, before.c.position < trials.position)
        .where(~exists().where(sql_tables.decision.c.trial_key == before.c.trial_key))
        .label("has_undecided_before"),
    ).where(trials.trial_key.in_(trial_keys))
    return {row.trial_key: row for row in connection.execute(query)}


def _due_stage(connection: Connection, trial: Trial) -> Stage:
    if trial.n_stages == 1:
        return "final"
    columns = sql_tables.initial_decision.c
    query = select(columns.trial_key).where(columns.trial_key == trial.trial_key)
    return "initial" if connection.execute(query).one_or_none() is None else "final"
