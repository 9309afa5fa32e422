"""The door: what a GET does not do, what the click does, and what never gets into an address or a page."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from data.records import Recruitment
from data.store.decision_store import DecisionStore
from human_study.participants.trial_player.routes import not_served
from human_study.participants.welcome import welcome_routes
from human_study.participation.running_study import LiveStudy
from human_study.study.study_file import load_study_file
from human_study.web.refusals import NotServedError
from human_study.web.request_guard import SESSION_COOKIE
from tests.support.tiny_study import write_study

MakeDoor = Callable[..., tuple[LiveStudy, TestClient]]


@pytest.fixture
def door(tmp_path: Path, store: DecisionStore) -> Iterator[MakeDoor]:
    """Makes a prepared study and a browser at its door; keyword arguments change the study file."""
    with ExitStack() as opened:

        def make(**changes: object) -> tuple[LiveStudy, TestClient]:
            live = LiveStudy(load_study_file(write_study(tmp_path, **changes)), store)
            live.prepare()
            app = Starlette(routes=welcome_routes(live), exception_handlers={NotServedError: not_served})
            client = TestClient(app, base_url="https://study.example", follow_redirects=False)
            return live, opened.enter_context(client)

        yield make


def n_participants(live: LiveStudy) -> int:
    """How many slots are taken."""
    return len(live.store.participants_frame("tiny_study", kind=live.study.participants))


def test_looking_takes_no_slot_and_the_click_does(door: MakeDoor) -> None:
    live, client = door()
    for _ in range(3):
        assert client.get("/welcome").status_code == 200
    assert client.get("/begin").status_code == 405
    assert n_participants(live) == 0
    response = client.post("/begin", data={"entry": "an-entry-token", "query": ""})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert n_participants(live) == 1


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(door: MakeDoor) -> None:
    live, client = door()
    response = client.post("/begin", data={"entry": "an-entry-token"})
    cookie = response.headers["set-cookie"].lower()
    for property_ in ("httponly", "samesite=lax", "secure", "path=/"):
        assert property_ in cookie
    participant = live.participant(response.cookies[SESSION_COOKIE])
    assert participant is not None
    assert response.cookies[SESSION_COOKIE] not in participant.model_dump_json()


def test_a_form_sent_twice_takes_one_slot(door: MakeDoor) -> None:
    live, client = door()
    for _ in range(2):
        client.post("/begin", data={"entry": "an-entry-token"})
    assert n_participants(live) == 1
    client.post("/begin", data={"entry": "another-token"})
    assert n_participants(live) == 2


def test_every_page_of_a_simulated_study_says_so(door: MakeDoor) -> None:
    _, client = door(participants="simulated")
    assert "Simulated study" in client.get("/welcome").text


def test_a_study_of_people_is_not_called_simulated(door: MakeDoor) -> None:
    _, client = door(participants="people")
    assert "Simulated" not in client.get("/welcome").text


@pytest.mark.parametrize(
    ("platform", "query", "external_id"),
    [
        ("prolific", "PROLIFIC_PID=abc123&STUDY_ID=s&SESSION_ID=t", "abc123"),
        ("mturk", "workerId=W1&assignmentId=A1&hitId=H1", "W1"),
        ("sona", "id=77", "77"),
    ],
)
def test_a_platforms_participant_takes_part_once(
    door: MakeDoor, platform: str, query: str, external_id: str
) -> None:
    live, client = door(recruitment={"platform": platform})
    for entry in ("one-entry", "another-entry"):
        page = client.get(f"/welcome?{query}")
        assert query.replace("&", "&amp;") in page.text
        client.post("/begin", data={"entry": entry, "query": query})
    assert n_participants(live) == 1
    known = live.store.add_participant(
        "tiny_study",
        "simulated",
        lambda _counts: pytest.fail("a known participant was assigned again"),
        external=Recruitment(platform=platform, external_id=external_id),
    )
    assert known.study_name == "tiny_study"


@pytest.mark.parametrize(
    "query", ["", "STUDY_ID=s", "PROLIFIC_PID=", "PROLIFIC_PID=" + "x" * 300, "PROLIFIC_PID=a%00b"]
)
def test_an_incomplete_link_is_told_so_and_takes_no_slot(door: MakeDoor, query: str) -> None:
    live, client = door(recruitment={"platform": "prolific"})
    response = client.post("/begin", data={"entry": "an-entry-token", "query": query})
    assert response.status_code == 400
    assert "not complete" in response.text
    assert n_participants(live) == 0


def test_a_nul_in_a_link_or_form_neither_fails_nor_brings_two_people_together(door: MakeDoor) -> None:
    live, client = door()
    for _ in range(2):
        assert client.post("/begin", data={"entry": "\0", "query": "\0"}).status_code == 303
    assert n_participants(live) == 2


def test_what_stands_in_a_link_does_not_run(door: MakeDoor) -> None:
    _, client = door()
    page = client.get('/welcome?x="><script>alert(1)</script>').text
    assert "<script>alert" not in page


def test_other_sites_and_huge_forms_take_no_slot(door: MakeDoor) -> None:
    live, client = door()
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/begin", data={"entry": "an-entry-token"}, headers=elsewhere).status_code == 403
    assert client.post("/begin", data={"entry": "x" * 20_000}).status_code == 413
    assert n_participants(live) == 0


def test_a_closed_study_says_so(door: MakeDoor) -> None:
    live, client = door()
    live.store.close_study("tiny_study")
    page = client.get("/welcome").text
    assert "no more participants" in page
    assert "<button" not in page
    response = client.post("/begin", data={"entry": "an-entry-token"})
    assert response.status_code == 409
    assert "no more participants" in response.text


def test_a_closed_study_lets_who_is_under_way_go_on_from_another_device(door: MakeDoor) -> None:
    live, client = door(recruitment={"platform": "prolific"})
    sent = {"entry": "an-entry-token", "query": "PROLIFIC_PID=known&SESSION_ID=s"}
    assert client.post("/begin", data=sent).status_code == 303
    live.store.close_study("tiny_study")
    client.cookies.clear()
    page = client.get("/welcome?PROLIFIC_PID=known&SESSION_ID=s").text
    assert "no more participants" in page
    assert "Go on where you stopped" in page
    assert client.post("/begin", data=sent).status_code == 303
    assert client.post("/begin", data={**sent, "query": "PROLIFIC_PID=new&SESSION_ID=s"}).status_code == 409
    assert n_participants(live) == 1


def test_somebody_under_way_is_offered_to_go_on(door: MakeDoor) -> None:
    _, client = door()
    client.post("/begin", data={"entry": "an-entry-token"})
    page = client.get("/welcome").text
    assert "Go on where you stopped" in page
    assert "Begin as another person" in page
