"""The door: what a GET does not do, what the click does, and what never gets into an address or a page."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from data.errors import StudyError
from data.records import Recruitment
from data.store.decision_store import DecisionStore
from human_study.participants.trial_player.routes import not_served
from human_study.participants.welcome import Welcome
from human_study.participation.running_study import RunningStudy
from human_study.study.study_file import load_study_file
from human_study.web.refusals import NotServedError
from tests.support.browser_check import CHECK_COOKIE
from tests.support.tiny_study import write_study

MakeDoor = Callable[..., tuple[RunningStudy, TestClient]]


@pytest.fixture
def door(tmp_path: Path, store: DecisionStore) -> Iterator[MakeDoor]:
    """Makes a prepared study and a browser at its door; keyword arguments change the study file."""
    with ExitStack() as opened:

        def make(**changes: object) -> tuple[RunningStudy, TestClient]:
            live = RunningStudy(load_study_file(write_study(tmp_path, **changes)), store)
            live.prepare()
            app = Starlette(routes=Welcome(live).routes, exception_handlers={NotServedError: not_served})
            client = TestClient(app, base_url="https://study.example", follow_redirects=False)
            return live, opened.enter_context(client)

        yield make


def entry(client: TestClient) -> str:
    """What the script of a welcome page gets from the websocket, in a browser that keeps its cookie."""
    client.cookies.set(*CHECK_COOKIE.split("="))
    with client.websocket_connect("/api/browser-check", headers={"Cookie": CHECK_COOKIE}) as socket:
        socket.send_text("hello")
        return str(socket.receive_json()["entry"])


def n_participants(live: RunningStudy) -> int:
    """How many slots are taken."""
    return len(live.store.participants_frame("tiny_study", kind=live.study.participants))


def test_looking_takes_no_slot_and_the_click_does(door: MakeDoor) -> None:
    live, client = door()
    for _ in range(3):
        page = client.get("/welcome")
        assert page.status_code == 200
        assert CHECK_COOKIE in page.headers["set-cookie"]
    assert client.get("/begin").status_code == 405
    assert n_participants(live) == 0
    response = client.post("/begin", data={"entry": entry(client), "query": ""})
    assert (response.status_code, response.headers["location"]) == (303, "./")
    assert n_participants(live) == 1


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(door: MakeDoor) -> None:
    live, client = door()
    response = client.post("/begin", data={"entry": entry(client)})
    cookie = response.headers["set-cookie"].lower()
    for property_ in ("httponly", "samesite=lax", "secure", "path=/"):
        assert property_ in cookie
    participant = live.participations.participant(response.cookies[live.cookie.name])
    assert participant is not None
    assert response.cookies[live.cookie.name] not in participant.model_dump_json()


@pytest.mark.parametrize(
    ("platform", "first", "again", "is_one"),
    [
        ("prolific", "PROLIFIC_PID=5a9d64f5", "PROLIFIC_PID=5A9D64F5", True),
        ("mturk", "workerId=A2XB", "workerId=a2xb", True),
        ("sona", "id=p2", "id=P2", False),
    ],
)
def test_a_platforms_id_in_other_capitals_is_the_same_person(
    door: MakeDoor, platform: str, first: str, again: str, is_one: bool
) -> None:
    recruitment = {"platform": platform, **({"completion_code": "F1A2B3"} if platform == "prolific" else {})}
    live, client = door(recruitment=recruitment)
    for query in (first, again):
        assert client.post("/begin", data={"entry": entry(client), "query": query}).status_code == 303
    assert n_participants(live) == (1 if is_one else 2)


def test_people_of_a_pilot_are_not_taken_again(door: MakeDoor, store: DecisionStore, tmp_path: Path) -> None:
    recruitment = {"platform": "prolific", "full_code": "F1A2B3"}
    pilot = write_study(tmp_path / "pilot", name="tiny_pilot", recruitment=recruitment)
    earlier = RunningStudy(load_study_file(pilot), store)
    earlier.prepare()
    earlier.participations.begin(Recruitment(platform="prolific", external_id="piloted"))
    live, client = door(recruitment=recruitment, not_from=["tiny_pilot"])
    page = client.get("/welcome?PROLIFIC_PID=piloted").text
    assert "earlier version of this study" in page and "F1A2B3" in page and "<form" not in page
    sent = {"entry": entry(client), "query": "PROLIFIC_PID=piloted"}
    assert client.post("/begin", data=sent).status_code == 409
    assert n_participants(live) == 0
    assert client.post("/begin", data={**sent, "query": "PROLIFIC_PID=new"}).status_code == 303


def test_an_unknown_pilot_is_a_mistake(door: MakeDoor) -> None:
    with pytest.raises(StudyError, match="tiny_pilott"):
        door(not_from=["tiny_pilott"])


def test_a_form_sent_twice_takes_one_slot(door: MakeDoor) -> None:
    live, client = door()
    page = entry(client)
    for _ in range(2):
        client.post("/begin", data={"entry": page})
    assert n_participants(live) == 1
    client.post("/begin", data={"entry": entry(client)})
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
    for _ in range(2):
        page = client.get(f"/welcome?{query}")
        assert query.replace("&", "&amp;") in page.text
        client.post("/begin", data={"entry": entry(client), "query": query})
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
def test_an_incomplete_link_is_told_so_and_takes_no_slot(
    door: MakeDoor, query: str, capsys: pytest.CaptureFixture[str]
) -> None:
    live, client = door(recruitment={"platform": "prolific"})
    response = client.post("/begin", data={"entry": entry(client), "query": query})
    assert response.status_code == 400
    assert "incomplete" in response.text
    assert "<button" not in client.get(f"/welcome?{query}").text
    assert "PROLIFIC_PID" in capsys.readouterr().err
    assert n_participants(live) == 0


@pytest.mark.parametrize("came", ["same-origin", "none"])
@pytest.mark.parametrize(("platform", "named"), [("prolific", "Prolific"), ("mturk", "Mechanical Turk")])
def test_who_lost_their_cookie_is_sent_to_their_platform_and_no_link_is_called_wrong(
    door: MakeDoor, platform: str, named: str, came: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _, client = door(recruitment={"platform": platform})
    page = client.get("/welcome", headers={"Sec-Fetch-Site": came}).text
    assert f"open the study from {named} again" in page and "continue where you left off" in page
    assert "incomplete" not in page and "<button" not in page
    assert capsys.readouterr().err == ""
    # A platform whose address lacks the parameter sends people in the same way, but from elsewhere.
    assert "incomplete" in client.get("/welcome", headers={"Sec-Fetch-Site": "cross-site"}).text
    assert "no usable" in capsys.readouterr().err


@pytest.mark.parametrize("sent", ["", "\0", "made-up", "x.y.z"])
def test_an_entry_that_the_websocket_did_not_give_takes_no_slot(door: MakeDoor, sent: str) -> None:
    live, client = door()
    entry(client)
    response = client.post("/begin", data={"entry": sent, "query": "\0"})
    assert response.status_code == 400
    assert ("needs JavaScript" if not sent else "press the button once more") in response.text
    assert n_participants(live) == 0


def test_a_browser_that_keeps_no_cookie_is_told_so_and_takes_no_slot(door: MakeDoor) -> None:
    live, client = door()
    proven = entry(client)
    client.cookies.clear()
    with client.websocket_connect("/api/browser-check") as socket:
        socket.send_text("hello")
        assert socket.receive_json() == {"missing": "cookie"}
    response = client.post("/begin", data={"entry": proven})
    assert response.status_code == 400
    assert "allow cookies" in response.text
    assert n_participants(live) == 0


def test_a_full_study_says_so_before_the_button_and_how_to_go_on(door: MakeDoor) -> None:
    live, client = door(
        participants="people",
        conditions={"face": {"share": 1, "quota": 1}},
        recruitment={
            "platform": "prolific",
            "completion_code": "C0DE",
            "full_url": "https://back.example/?id={external_id}",
        },
    )
    client.post("/begin", data={"entry": entry(client), "query": "PROLIFIC_PID=first"})
    client.cookies.clear()
    page = client.get("/welcome?PROLIFIC_PID=second").text
    assert "not taking any more" in page
    assert "https://back.example/?id=second" in page
    assert "Ada Tester" in page
    assert "<button" not in page
    assert n_participants(live) == 1


def test_a_worker_who_only_looks_at_a_hit_takes_no_slot(door: MakeDoor) -> None:
    live, client = door(recruitment={"platform": "mturk"})
    query = "workerId=W1&assignmentId=ASSIGNMENT_ID_NOT_AVAILABLE&hitId=H1"
    page = client.get(f"/welcome?{query}").text
    assert "accept the HIT" in page
    assert "<button" not in page
    assert client.post("/begin", data={"entry": entry(client), "query": query}).status_code == 400
    assert n_participants(live) == 0


def test_in_a_frame_the_page_only_offers_a_tab(door: MakeDoor) -> None:
    _, client = door(recruitment={"platform": "prolific"})
    page = client.get("/welcome?PROLIFIC_PID=a", headers={"Sec-Fetch-Dest": "iframe"}).text
    assert "in a separate tab" in page
    assert 'target="_blank"' in page
    assert ">https://study.example/welcome?PROLIFIC_PID=a<" in page  # where the frame may open nothing
    assert "PROLIFIC_PID=a" in page
    assert "<form" not in page


def test_what_stands_in_a_link_does_not_run(door: MakeDoor) -> None:
    _, client = door()
    page = client.get('/welcome?x="><script>alert(1)</script>').text
    assert "<script>alert" not in page


def test_other_sites_and_huge_forms_take_no_slot(door: MakeDoor) -> None:
    live, client = door()
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/begin", data={"entry": entry(client)}, headers=elsewhere).status_code == 403
    assert client.post("/begin", data={"entry": "x" * 20_000}).status_code == 413
    assert n_participants(live) == 0


def test_a_closed_study_says_so(door: MakeDoor) -> None:
    live, client = door()
    live.store.close_study("tiny_study")
    page = client.get("/welcome").text
    assert "not taking any more" in page
    assert "<button" not in page
    response = client.post("/begin", data={"entry": entry(client)})
    assert response.status_code == 409
    assert "not taking any more" in response.text


def test_a_closed_study_lets_who_is_under_way_go_on_from_another_device(door: MakeDoor) -> None:
    live, client = door(recruitment={"platform": "prolific"})
    sent = {"entry": entry(client), "query": "PROLIFIC_PID=known&SESSION_ID=s"}
    assert client.post("/begin", data=sent).status_code == 303
    live.store.close_study("tiny_study")
    client.cookies.clear()
    page = client.get("/welcome?PROLIFIC_PID=known&SESSION_ID=s").text
    assert "Continue where you left off" in page
    page = client.get("/welcome?PROLIFIC_PID=new&SESSION_ID=s").text
    assert "not taking any more" in page
    assert "<button" not in page
    assert client.post("/begin", data=sent).status_code == 303
    assert client.post("/begin", data={**sent, "query": "PROLIFIC_PID=new&SESSION_ID=s"}).status_code == 409
    assert n_participants(live) == 1


def test_somebody_under_way_is_offered_to_go_on(door: MakeDoor) -> None:
    _, client = door()
    client.post("/begin", data={"entry": entry(client)})
    page = client.get("/welcome").text
    assert "Continue where you left off" in page
    assert "Begin as a different person" in page


def test_two_studies_of_one_name_and_host_keep_their_participants_apart(
    tmp_path: Path, store: DecisionStore
) -> None:
    path = write_study(tmp_path)
    with DecisionStore.open(f"sqlite:///{tmp_path / 'other.db'}") as other:
        lives = [RunningStudy(load_study_file(path), one) for one in (store, other)]
        cookies: dict[str, str] = {}
        for live in lives:
            live.prepare()
            begin = Starlette(routes=Welcome(live).routes)
            with TestClient(begin, base_url="https://study.example", follow_redirects=False) as client:
                response = client.post("/begin", data={"entry": entry(client)})
            cookies |= dict(response.cookies)
        for live in lives:
            replica = RunningStudy(live.study, live.store)
            assert live.participations.participant(replica.cookie.token(cookies)) is not None


def test_who_began_under_the_cookie_of_versions_before_goes_on(door: MakeDoor) -> None:
    live, client = door()
    client.post("/begin", data={"entry": entry(client)})
    token = client.cookies.pop(live.cookie.name)
    client.cookies.set("countenance_session_tiny_study", token)
    assert "Continue where you left off" in client.get("/welcome").text
