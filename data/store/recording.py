"""How decisions are written: many in one transaction, each by the same rules, the first one on a trial stands."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

from sqlalchemy import Connection, Row, Table, exists, select, update

from data.records import Decision, InitialDecision, Stage, now
from data.store import sql_tables

Outcome = Literal["recorded", "already", "refused"]
Choosing = Decision | InitialDecision


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
