"""A decision holds what its trial asks for, no more and no less; what a person could not have sent is not stored."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from data.store.decision_store import DecisionStore
from data.stored_record import new_key
from human_study.participation.running_study import RunningStudy
from human_study.study.study_file import load_study_file
from tests.human_study.participants.test_trial_player import Visitor, client, message, played
from tests.support.tiny_study import write_study

__all__ = ["client"]  # a fixture

N_POINTS = 5
TRIALS = {
    "main": 4,
    "attention": 1,
    "repeated": 1,
    "stages": 2,
    "confidence_points": N_POINTS,
    "reason_share": 0.5,
}
ADDRESSES = {"initial": "/api/initial-decisions", "final": "/api/decisions"}


@pytest.fixture
def live(tmp_path: Path, store: DecisionStore) -> RunningStudy:
    """A study that asks for everything, on some trials or on all; on both kinds of database."""
    live = RunningStudy(load_study_file(write_study(tmp_path, conditions={"face": 1}, trials=TRIALS)), store)
    live.prepare()
    return live


def asked(live: RunningStudy, visitor: Visitor) -> tuple[dict[str, Any], str, set[str]]:
    """The trial that the player shows now, its stage, and what it asks for beside the choice."""
    trial = played(live, visitor)[0]
    stage = trial["stages"][0]
    wanted = {
        name for name in ("confidence", "reason") if trial[name] and (name, stage) != ("reason", "initial")
    }
    return trial, stage, wanted | ({"followup_time_ms"} if wanted else set())


RIGHT = {"confidence": 0.75, "reason": "", "followup_time_ms": 900.5}


def decide(live: RunningStudy, client: TestClient, visitor: Visitor) -> None:
    """Decide as the player lets people."""
    trial, stage, wanted = asked(live, visitor)
    sent = message(trial["key"], **{name: RIGHT[name] for name in wanted})
    assert client.post(ADDRESSES[stage], json=sent, headers=visitor.headers).status_code == 200


def n_stored(live: RunningStudy, visitor: Visitor) -> int:
    """How many choices of the participant are in the store, of either stage."""
    frame = live.store.decisions_frame("tiny_study", kind="simulated", participant_key=visitor.key)
    due = live.store.due(visitor.key)
    is_half = due is not None and due[0].n_stages == 2 and due[1] == "final"
    return len(frame) + int(frame["initial_choice"].notna().sum()) + is_half


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_a_person_could_not_have_sent_is_refused_and_not_stored(
    live: RunningStudy,
    client: TestClient,
    data: st.DataObject,
) -> None:
    visitor = Visitor(live, new_key())
    for _ in range(data.draw(st.integers(0, 9), label="choices before")):
        decide(live, client, visitor)
    trial, stage, wanted = asked(live, visitor)
    points = [point / (N_POINTS - 1) for point in range(N_POINTS)]
    given_confidence = data.draw(st.none() | st.sampled_from(points) | st.floats(0, 1), label="confidence")
    given_reason = data.draw(st.none() | st.text(max_size=30), label="reason")
    given_time = data.draw(st.none() | st.floats(-10, 1e6), label="followup_time_ms")
    response_time = data.draw(st.floats(0, 1000) | st.floats(1e3, 1e10), label="response_time_ms")
    sent = {
        "confidence": given_confidence,
        "reason": given_reason,
        "followup_time_ms": given_time,
        "response_time_ms": response_time,
    }
    could_be = (
        {name for name in RIGHT if sent[name] is not None} == wanted
        and (given_confidence is None or any(abs(given_confidence - point) <= 1e-6 for point in points))
        and (given_time is None or given_time >= 0)
        and 300 <= response_time <= 30 * 24 * 3600 * 1000
    )
    before = n_stored(live, visitor)
    response = client.post(ADDRESSES[stage], json=message(trial["key"], **sent), headers=visitor.headers)
    assert response.status_code == (200 if could_be else 400)
    assert n_stored(live, visitor) == before + could_be
    if not could_be:
        decide(live, client, visitor)  # the trial is still there to be decided


@pytest.mark.parametrize(
    "changes",
    [
        {"confidence": None},
        {"confidence": 0.6},
        {"confidence": 1.25},
        {"confidence": "0.5"},
        {"followup_time_ms": None},
        {"followup_time_ms": -1},
        {"response_time_ms": 299.9},
        {"response_time_ms": None},
        {"reason": "nobody asked"},
        {"reason": "x" * 1001},
        {"n_key": -1},
        {"choice": "maybe"},
    ],
)
def test_each_wrong_part_is_refused(
    live: RunningStudy,
    client: TestClient,
    changes: dict[str, Any],
) -> None:
    visitor = Visitor(live)
    trial, stage, wanted = asked(live, visitor)
    assert (stage, wanted) == ("initial", {"confidence", "followup_time_ms"})
    right = message(trial["key"], **{name: RIGHT[name] for name in wanted})
    response = client.post(ADDRESSES[stage], json={**right, **changes}, headers=visitor.headers)
    assert (response.status_code, n_stored(live, visitor)) == (400, 0)
    assert client.post(ADDRESSES[stage], json=right, headers=visitor.headers).status_code == 200


def test_a_reason_is_wanted_where_the_trial_asks_for_one(
    live: RunningStudy,
    client: TestClient,
) -> None:
    visitor = Visitor(live)
    while "reason" not in asked(live, visitor)[2]:
        decide(live, client, visitor)
    trial, stage, wanted = asked(live, visitor)
    right = message(trial["key"], **{name: RIGHT[name] for name in wanted})
    for wrong in ({"reason": None}, {"reason": "x" * 1001}):
        assert (
            client.post(ADDRESSES[stage], json={**right, **wrong}, headers=visitor.headers).status_code == 400
        )
    assert live.store.due(visitor.key)[0].trial_key == trial["key"]  # type: ignore[index]
    sent = {**right, "reason": "long\0 enough " * 76}
    assert client.post(ADDRESSES[stage], json=sent, headers=visitor.headers).status_code == 200
