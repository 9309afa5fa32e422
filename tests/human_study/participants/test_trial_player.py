"""The trial player's routes: what is stored, what is refused, and with which status."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from data.records import Recruitment, Trial
from data.store.decision_store import DecisionStore
from human_study.participants.trial_player.routes import not_served, trial_player_routes
from human_study.participation.running_study import RunningStudy
from human_study.participation.trial_delivery import N_FACES_AHEAD
from human_study.study.study_file import load_study_file
from human_study.web.refusals import NotServedError
from human_study.web.request_guard import session_cookie_before
from tests.support.tiny_study import write_study


@pytest.fixture
def live(tmp_path: Path, store: DecisionStore) -> RunningStudy:
    """A prepared study in which everybody sees faces; on SQLite, and on PostgreSQL where there is one."""
    study_file = load_study_file(write_study(tmp_path, conditions={"face": 1}, trials={"main": 6}))
    study = RunningStudy(study_file, store)
    study.prepare()
    return study


@pytest.fixture
def client(live: RunningStudy) -> Iterator[TestClient]:
    """The routes alone, without Streamlit."""
    app = Starlette(routes=trial_player_routes(live), exception_handlers={NotServedError: not_served})
    with TestClient(app) as opened:
        yield opened


class Visitor:
    """A participant with a cookie, past consent and instructions."""

    def __init__(self, live: RunningStudy, name: str = "a") -> None:
        self.token = live.participations.begin(Recruitment(platform="link", external_id=name))
        participant = live.participations.participant(self.token)
        assert participant is not None
        self.key = participant.participant_key
        live.store.set_step(self.key, "trials")
        self.trials: list[Trial] = live.store.trials(self.key)
        self.headers = {"Cookie": f"{session_cookie_before('tiny_study')}={self.token}"}


def message(trial_key: str, **changes: Any) -> dict[str, Any]:
    """A decision as the player sends it."""
    counts = {"n_blur": 0, "n_focus": 0, "n_key": 1, "n_paste": 0}
    decision = {"trial_key": trial_key, "choice": "approve", "response_time_ms": 812.5, **counts}
    return {**decision, "idempotency_key": "0123456789abcdef", **changes}


def n_decisions(live: RunningStudy) -> int:
    """How many decisions the study holds."""
    return len(live.store.decisions_frame("tiny_study", kind="simulated"))


def test_a_decision_is_stored_as_sent_and_traceable(live: RunningStudy, client: TestClient) -> None:
    visitor = Visitor(live)
    sent = message(visitor.trials[0].trial_key, choice="deny", n_blur=2, n_focus=3)
    response = client.post("/api/decisions", json=sent, headers=visitor.headers)
    assert (response.status_code, response.json()) == (200, {"status": "recorded", "lease": "newest"})
    (row,) = live.store.decisions_frame("tiny_study", kind="simulated").to_dict("records")
    assert (row["choice"], row["response_time_ms"]) == ("deny", 812.5)
    assert row["bundle_hash"] == live.store.newest_round("tiny_study").bundle_hash
    assert row["image_sha256"] == visitor.trials[0].image_sha256


def test_a_replay_is_acknowledged_and_changes_nothing(live: RunningStudy, client: TestClient) -> None:
    visitor = Visitor(live)
    first = message(visitor.trials[0].trial_key)
    client.post("/api/decisions", json=first, headers=visitor.headers)
    for again in (first, {**first, "choice": "deny", "idempotency_key": "another-one-0000"}):
        response = client.post("/api/decisions", json=again, headers=visitor.headers)
        assert (response.status_code, response.json()) == (200, {"status": "already", "lease": "newest"})
    frame = live.store.decisions_frame("tiny_study", kind="simulated")
    assert list(frame["choice"]) == ["approve"]


def test_only_the_first_unanswered_trial_is_taken(live: RunningStudy, client: TestClient) -> None:
    visitor = Visitor(live)
    for position in (1, 5):
        sent = message(visitor.trials[position].trial_key)
        assert client.post("/api/decisions", json=sent, headers=visitor.headers).status_code == 409
    assert n_decisions(live) == 0


def test_another_participants_trial_and_a_made_up_one_are_unknown(
    live: RunningStudy, client: TestClient
) -> None:
    mine, other = Visitor(live, "a"), Visitor(live, "b")
    for key in (other.trials[0].trial_key, "x" * 22):
        assert client.post("/api/decisions", json=message(key), headers=mine.headers).status_code == 404
        assert client.get(f"/faces/{key}", headers=mine.headers).status_code == 404
    assert n_decisions(live) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Cookie": f"{session_cookie_before('tiny_study')}=forged"},
        {"Cookie": f"{session_cookie_before('tiny_study')}="},
    ],
)
def test_without_a_known_session_nothing_is_taken_or_shown(
    live: RunningStudy, client: TestClient, headers: dict[str, str]
) -> None:
    trial_key = Visitor(live).trials[0].trial_key
    assert client.post("/api/decisions", json=message(trial_key), headers=headers).status_code == 401
    assert client.get(f"/faces/{trial_key}", headers=headers).status_code == 401
    assert n_decisions(live) == 0


def decided(client: TestClient, visitor: Visitor, number: int, **changes: Any) -> tuple[int, dict[str, Any]]:
    """Send the decision on a trial; status and answer."""
    sent = message(visitor.trials[number].trial_key, **changes)
    response = client.post("/api/decisions", json=sent, headers=visitor.headers)
    return response.status_code, response.json()


def test_a_second_entry_takes_over_and_what_the_first_had_queued_counts_for_one_trial(
    live: RunningStudy, client: TestClient
) -> None:
    first = Visitor(live, "same")
    assert decided(client, first, 0) == (200, {"status": "recorded", "lease": "newest"})
    second = Visitor(live, "same")
    assert first.key == second.key
    assert decided(client, first, 1) == (200, {"status": "recorded", "lease": "older"})
    status, told = decided(client, first, 2)
    assert (status, told["reason"]) == (409, "older_lease")
    assert decided(client, second, 1) == (200, {"status": "already", "lease": "newest"})
    assert decided(client, second, 2) == (200, {"status": "recorded", "lease": "newest"})
    assert client.get(f"/faces/{first.trials[3].trial_key}", headers=first.headers).status_code == 401


def lease(client: TestClient, visitor: Visitor, name: str, *, take: bool) -> bool:
    """Take or ask for a lease."""
    response = client.post("/api/leases", json={"lease": name, "take": take}, headers=visitor.headers)
    assert response.status_code == 200
    return bool(response.json()["is_newest"])


def test_the_newest_tab_acts_and_the_older_one_is_told(live: RunningStudy, client: TestClient) -> None:
    visitor = Visitor(live)
    assert lease(client, visitor, "first-tab", take=True)
    assert lease(client, visitor, "first-tab", take=True)  # asked again after a lost answer
    assert decided(client, visitor, 0, lease="first-tab")[1]["lease"] == "newest"
    assert lease(client, visitor, "second-tab", take=True)
    assert not lease(client, visitor, "first-tab", take=False)
    assert lease(client, visitor, "second-tab", take=False)
    assert decided(client, visitor, 1, lease="first-tab") == (200, {"status": "recorded", "lease": "older"})
    assert decided(client, visitor, 2, lease="first-tab")[1]["reason"] == "older_lease"
    assert decided(client, visitor, 2, lease="second-tab")[1] == {"status": "recorded", "lease": "newest"}
    assert lease(client, visitor, "first-tab", take=True)  # reloaded
    assert decided(client, visitor, 3, lease="first-tab")[1] == {"status": "recorded", "lease": "newest"}


def test_a_page_that_follows_another_in_its_tab_is_no_move(live: RunningStudy, client: TestClient) -> None:
    visitor = Visitor(live)
    for name, before in (("consent-page", None), ("app-page", "consent-page"), ("reloaded", "app-page")):
        wanted = {"lease": name, "take": True, "before": before}
        assert client.post("/api/leases", json=wanted, headers=visitor.headers).json()["is_newest"]
    events = live.store.events_frame("tiny_study", kind="simulated")
    assert "moved_lease" not in set(events["kind"])
    assert decided(client, visitor, 0, lease="app-page")[1]["reason"] == "older_lease"
    assert decided(client, visitor, 0, lease="reloaded")[0] == 200
    other = {"lease": "other-tab", "take": True, "before": "app-page"}  # the page before was not the newest
    assert client.post("/api/leases", json=other, headers=visitor.headers).json()["is_newest"]
    events = live.store.events_frame("tiny_study", kind="simulated")
    assert list(events["kind"]).count("moved_lease") == 1


def test_what_waited_at_the_older_tab_does_not_count_once_the_newer_one_went_on(
    live: RunningStudy, client: TestClient
) -> None:
    visitor = Visitor(live)
    lease(client, visitor, "first-tab", take=True)
    lease(client, visitor, "second-tab", take=True)
    assert decided(client, visitor, 0, lease="second-tab", choice="deny")[0] == 200
    assert decided(client, visitor, 0, lease="first-tab")[1] == {"status": "already", "lease": "older"}
    assert decided(client, visitor, 1, lease="first-tab")[0] == 409
    assert list(live.store.decisions_frame("tiny_study", kind="simulated")["choice"]) == ["deny"]


def test_nobody_takes_a_lease_without_a_session_or_after_the_end(
    live: RunningStudy, client: TestClient
) -> None:
    visitor = Visitor(live)
    wanted = {"lease": "some-tab", "take": True}
    assert client.post("/api/leases", json=wanted).status_code == 401
    assert client.post("/api/leases", json={"lease": "x"}, headers=visitor.headers).status_code == 400
    live.store.set_status(visitor.key, "returned")
    assert client.post("/api/leases", json=wanted, headers=visitor.headers).status_code == 403


@pytest.mark.parametrize("status", ["completed", "returned", "timed_out", "screened_out"])
def test_a_final_status_is_final(live: RunningStudy, client: TestClient, status: Any) -> None:
    visitor = Visitor(live)
    live.store.set_status(visitor.key, status)
    trial_key = visitor.trials[0].trial_key
    assert client.post("/api/decisions", json=message(trial_key), headers=visitor.headers).status_code == 403
    assert client.get(f"/faces/{trial_key}", headers=visitor.headers).status_code == 403
    assert n_decisions(live) == 0


def test_requests_from_other_sites_are_refused(live: RunningStudy, client: TestClient) -> None:
    visitor = Visitor(live)
    sent = message(visitor.trials[0].trial_key)
    headers = {**visitor.headers, "Sec-Fetch-Site": "cross-site"}
    assert client.post("/api/decisions", json=sent, headers=headers).status_code == 403
    as_form = {**visitor.headers, "Content-Type": "text/plain"}
    assert client.post("/api/decisions", content=json.dumps(sent), headers=as_form).status_code == 400
    assert n_decisions(live) == 0


def test_a_huge_body_is_refused(live: RunningStudy, client: TestClient) -> None:
    headers = {**Visitor(live).headers, "Content-Type": "application/json"}
    pieces = iter([b"x" * 1024] * 10 * 1024)  # without a Content-Length to go by
    assert client.post("/api/decisions", content=pieces, headers=headers).status_code == 413


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_wrong_body_is_stored(live: RunningStudy, client: TestClient, data: st.DataObject) -> None:
    visitor = Visitor(live)
    right = message(visitor.trials[0].trial_key)
    field = data.draw(st.sampled_from([*right, "extra"]))
    value = data.draw(JSON_VALUES)
    body = data.draw(
        st.one_of(
            st.binary(max_size=200),
            JSON_VALUES.map(lambda made: json.dumps(made).encode()),
            st.just(json.dumps({name: part for name, part in right.items() if name != field}).encode()),
            st.just(json.dumps({**right, field: value}).encode()),
        )
    )
    headers = {**visitor.headers, "Content-Type": "application/json"}
    before = live.store.first_unanswered(visitor.key)
    response = client.post("/api/decisions", content=body, headers=headers)
    assert response.status_code in (200, 400, 404)
    is_stored = before != live.store.first_unanswered(visitor.key)
    assert is_stored == (response.json().get("status") == "recorded")
    if response.status_code == 200:
        # A value that is as right as the one it replaced, or a body that left nothing required out.
        assert json.loads(body).keys() == right.keys()


def test_faces_are_served_from_the_current_trial_to_a_few_ahead(
    live: RunningStudy, client: TestClient
) -> None:
    visitor = Visitor(live)
    bundle = live.bundles.served(live.store.newest_round("tiny_study").bundle_hash).bundle

    def statuses() -> list[int]:
        return [
            client.get(f"/faces/{trial.trial_key}", headers=visitor.headers).status_code
            for trial in visitor.trials
        ]

    assert statuses() == [200] * (1 + N_FACES_AHEAD) + [409] * (5 - N_FACES_AHEAD)
    response = client.get(f"/faces/{visitor.trials[0].trial_key}", headers=visitor.headers)
    assert response.content == bundle.image_bytes(str(visitor.trials[0].image))
    assert response.headers["cache-control"] == "no-store"
    client.post("/api/decisions", json=message(visitor.trials[0].trial_key), headers=visitor.headers)
    assert statuses()[0] == 409
    assert statuses()[1 + N_FACES_AHEAD] == 200


def played(live: RunningStudy, visitor: Visitor) -> list[dict[str, Any]]:
    """What the player is given."""
    participant = live.participations.participant(visitor.token)
    assert participant is not None
    return live.trials.to_play(participant)


def test_the_player_gets_the_shown_columns_and_its_own_advice_only(
    tmp_path: Path, store: DecisionStore
) -> None:
    path = write_study(tmp_path, conditions={"face": 1, "score": 1, "none": 1}, trials={"main": 6})
    live = RunningStudy(load_study_file(path), store)
    live.prepare()
    given = {}
    for name in "abcdefghi":  # a block of the allocation at most
        visitor = Visitor(live, name)
        trials = played(live, visitor)
        assert len(trials) == 6
        for trial in trials:
            assert set(trial) == {
                "key", "number", "rows", "image", "score",
                "stages", "is_two_stage", "before", "confidence", "reason", "asked_choice", "feedback",
                "perception", "examples",
            }  # fmt: skip
            assert [row[0] for row in trial["rows"]] == ["Loan amount", "Annual income", "Term"]
            assert trial["rows"][2][1] in ("36 months", "60 months")
        given[visitor.trials[0].condition] = (trials[0]["image"], trials[0]["score"], visitor.trials[0])
    assert given["none"][:2] == (None, None)
    assert given["face"][:2] == (f"faces/{given['face'][2].trial_key}", None)
    assert given["score"][:2] == (None, f"{given['score'][2].score:.0%}")
