"""Participants of a served study as load: each knows its trials, and decides over the route that browsers use."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from data.records import Recruitment
from data.store.decision_store import DecisionStore
from human_study.participation.running_study import RunningStudy
from human_study.study.protocol import step_of_trial
from human_study.web.request_guard import session_cookie_before
from tests.support.http_load import Connection, Timings


@dataclass
class Decider:
    """Somebody at their trials: `trial_keys` are those still to decide, in order."""

    participant_key: str
    token: str
    trial_keys: list[str]
    acknowledged: list[str] = field(default_factory=list)

    def body(self, trial_key: str) -> bytes:
        """The decision on a trial, as the player sends it."""
        counts = {"n_blur": 0, "n_focus": 0, "n_key": 1, "n_paste": 0}
        message = {"trial_key": trial_key, "choice": "approve", "response_time_ms": 812.5, **counts}
        return json.dumps({**message, "idempotency_key": trial_key}).encode()

    async def decide(self, connection: Connection) -> None:
        """Decide on the next trial; AssertionError where it is not taken."""
        trial_key = self.trial_keys[0]
        answer = await connection.request("POST", "/api/decisions", self.body(trial_key))
        assert answer.status == 200, f"status {answer.status}: {answer.body[:200]!r}"
        self.acknowledged.append(self.trial_keys.pop(0))


def admit(study_path: Path, n_participants: int, database_url: str | None = None) -> list[Decider]:
    """Admit participants who are past consent and instructions, without the server's help."""
    live = RunningStudy.open(str(study_path), database_url)
    deciders = []
    with live.store:
        live.prepare()
        for number in range(n_participants):
            token = live.participations.begin(
                Recruitment(platform="link", external_id=f"load {time.time_ns()} {number}")
            )
            participant = live.participations.participant(token)
            assert participant is not None
            trials = live.store.trials(participant.participant_key)
            live.store.set_step(participant.participant_key, step_of_trial(trials[0].kind))
            keys = [trial.trial_key for trial in trials]
            deciders.append(Decider(participant.participant_key, token, keys))
    return deciders


async def without_pause(port: int, deciders: list[Decider], n_connections: int, duration_s: float) -> Timings:
    """Decide as fast as acknowledgements come, over so many connections at once."""
    timings, waiting = Timings(), list(reversed(deciders))
    start = time.perf_counter()

    async def one_after_another() -> None:
        while waiting and time.perf_counter() - start < duration_s:
            decider = waiting.pop()
            async with Connection(
                port, f"{session_cookie_before('tiny_study')}={decider.token}"
            ) as connection:
                while decider.trial_keys and time.perf_counter() - start < duration_s:
                    await timings.take(decider.decide(connection))

    await asyncio.gather(*(one_after_another() for _ in range(n_connections)))
    timings.wall_s = time.perf_counter() - start
    return timings


async def at_pace(port: int, deciders: list[Decider], every_s: float, duration_s: float) -> Timings:
    """Everybody decides once each `every_s` seconds, begun evenly; a slow answer delays nobody else."""
    timings = Timings()
    start = time.perf_counter()

    async def one(number: int, decider: Decider) -> None:
        async with Connection(port, f"{session_cookie_before('tiny_study')}={decider.token}") as connection:
            for turn in range(int(duration_s / every_s)):
                due = start + every_s * (turn + number / len(deciders))
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                await timings.take(decider.decide(connection))

    await asyncio.gather(*(one(number, decider) for number, decider in enumerate(deciders)))
    timings.wall_s = time.perf_counter() - start
    return timings


class Persistent:
    """Somebody who, as the player does, sends a decision again until it is acknowledged."""

    def __init__(self, port: int, decider: Decider) -> None:
        self.port, self.decider = port, decider
        self.statuses: Counter[int] = Counter()

    async def play(self, stop: asyncio.Event, pause_s: float = 0.02) -> None:
        """Decide until all is decided or `stop` is set; a server that is gone is asked again and again."""
        async with Connection(
            self.port, f"{session_cookie_before('tiny_study')}={self.decider.token}"
        ) as connection:
            while self.decider.trial_keys and not stop.is_set():
                trial_key = self.decider.trial_keys[0]
                try:
                    body = self.decider.body(trial_key)
                    answer = await connection.request("POST", "/api/decisions", body)
                except (OSError, EOFError):
                    await asyncio.sleep(0.1)
                    continue
                self.statuses[answer.status] += 1
                if answer.status == 200:
                    self.decider.acknowledged.append(self.decider.trial_keys.pop(0))
                await asyncio.sleep(pause_s if answer.status == 200 else 0.1)


def assert_nothing_lost_or_doubled(database_url: str, people: list[Decider]) -> None:
    """All that was acknowledged is stored, in the order of trials and once; hardly anything else is."""
    with DecisionStore.open(database_url) as store:
        stored = store.decisions_frame("tiny_study", kind="simulated")
    assert stored["trial_key"].is_unique
    for person in people:
        own = stored[stored["participant_key"] == person.participant_key].sort_values("position")
        assert list(own["position"]) == list(range(len(own)))
        kept = list(own["trial_key"])
        assert kept[: len(person.acknowledged)] == person.acknowledged
        assert len(kept) - len(person.acknowledged) <= 1  # written, and killed before the answer went out
