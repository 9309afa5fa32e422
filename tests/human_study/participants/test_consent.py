"""The consent page: what an answer does, whose answer it is, and what an old page can still do."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from data.records import Recruitment
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import load_task
from human_study.analysis.study_results import collect_results
from human_study.findings.main_results import design_findings
from human_study.participants.consent import ConsentPage, consent_text
from human_study.participation.running_study import RunningStudy, study_messages
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study

MakeVisitor = Callable[[str], TestClient]
APP = "the app"  # stands where Streamlit's page would


@pytest.fixture
def live(tmp_path: Path, store: DecisionStore) -> RunningStudy:
    """A prepared study on both databases."""
    running = RunningStudy(load_study_file(write_study(tmp_path)), store)
    running.prepare()
    return running


@pytest.fixture
def visitor_of() -> Iterator[Callable[[RunningStudy], MakeVisitor]]:
    """Makes, of a study, what makes a browser of somebody who has begun, by a name that stands for the person."""
    with ExitStack() as opened:

        def of(live: RunningStudy) -> MakeVisitor:
            consent = ConsentPage(live)

            async def index(request: Request) -> Response:
                return await consent.page(request) or PlainTextResponse(APP)

            app = Starlette(routes=[Route("/", index), *consent.routes])

            def make(name: str) -> TestClient:
                client = TestClient(app, base_url="https://study.example", follow_redirects=False)
                token = live.participations.begin(Recruitment(platform="link", external_id=name))
                client.cookies.set(live.cookie.name, token)
                return opened.enter_context(client)

            return make

        yield of


@pytest.fixture
def visitor(live: RunningStudy, visitor_of: Callable[[RunningStudy], MakeVisitor]) -> MakeVisitor:
    """Makes a browser of somebody who has begun, by a name that stands for the person."""
    return visitor_of(live)


def asked(client: TestClient) -> str:
    """Whom the page that the browser shows asks."""
    (participant,) = set(re.findall(r'name="participant" value="(\w+)"', client.get("/").text))
    return str(participant)


def answer(client: TestClient, participant: str, choice: str) -> str:
    """Press a button of the page, and read where it leads."""
    response = client.post("/consent", data={"participant": participant, "choice": choice})
    assert (response.status_code, response.headers["location"]) == (303, "./")
    return client.get("/").text


def record(live: RunningStudy, client: TestClient) -> tuple[str, str, bool, list[str]]:
    """Status, step, whether consent is dated, and events."""
    participant = live.participations.participant(client.cookies[live.cookie.name])
    assert participant is not None
    events = live.store.events_frame("tiny_study", kind=live.study.participants)
    own = events.loc[events["participant_key"] == participant.participant_key, "kind"]
    return participant.status, participant.step, participant.consented_at is not None, list(own)


def test_who_agrees_goes_on_to_the_app_and_consent_is_dated(live: RunningStudy, visitor: MakeVisitor) -> None:
    client = visitor("anna")
    assert record(live, client)[:3] == ("active", "", False)
    page = client.get("/")
    assert page.headers["cache-control"] == "no-store"
    key = live.participations.participant(client.cookies[live.cookie.name])
    assert key is not None and key.participant_key in page.text and "Step 1 of " in page.text
    assert answer(client, asked(client), "agree") == APP
    assert record(live, client)[:3] == ("active", "instructions", True)


def test_who_refuses_is_out_without_consent(live: RunningStudy, visitor: MakeVisitor) -> None:
    client = visitor("anna")
    participant = asked(client)
    last = answer(client, participant, "refuse")
    assert "Your participation has ended" in last and "No decisions or answers were recorded" in last
    assert record(live, client) == ("returned", "", False, ["withdrew"])
    answer(client, participant, "agree")
    assert record(live, client)[0] == "returned"


def test_results_tell_who_declined_from_who_withdrew_later(
    live: RunningStudy, visitor: MakeVisitor, store: DecisionStore
) -> None:
    declining, leaving = visitor("anna"), visitor("ben")
    answer(declining, asked(declining), "refuse")
    answer(leaving, asked(leaving), "agree")
    participant = live.participations.participant(leaving.cookies[live.cookie.name])
    assert participant is not None
    live.participations.withdraw(participant)
    results = collect_results(store, "tiny_study", "simulated")
    assert sorted(results.excluded) == ["declined consent", "withdrew"]
    flow = results.participant_flow()
    assert (flow["declined"].sum(), flow["returned"].sum()) == (1, 1)
    told = " ".join(design_findings(results).sentences)
    assert "neither declined consent nor withdrew" in told


@pytest.mark.parametrize("choice", ["agree", "refuse"])
def test_an_old_page_and_a_second_press_change_nothing(
    live: RunningStudy, visitor: MakeVisitor, choice: str
) -> None:
    client = visitor("anna")
    participant = asked(client)
    answer(client, participant, "agree")
    before = record(live, client)
    assert answer(client, participant, choice) == APP
    assert record(live, client) == before


def test_a_page_of_the_person_before_does_not_answer_for_another(
    live: RunningStudy, visitor: MakeVisitor
) -> None:
    before, client = visitor("anna"), visitor("ben")
    answer(client, asked(before), "agree")
    assert record(live, client)[:3] == ("active", "", False)
    assert 'value="agree"' in client.get("/").text


def test_without_a_cookie_and_with_no_choice_nothing_happens(
    live: RunningStudy, visitor: MakeVisitor
) -> None:
    client = visitor("anna")
    participant = asked(client)
    answer(client, participant, "perhaps")
    token = client.cookies[live.cookie.name]
    client.cookies.clear()
    assert answer(client, participant, "agree") == APP
    client.cookies.set(live.cookie.name, token)
    assert record(live, client)[:3] == ("active", "", False)


@pytest.mark.parametrize(
    ("language", "said", "promised"),
    [("en", "had not agreed to take part", "until then"), ("de", "hatten nicht eingewilligt", "bis dahin")],
)
def test_whose_time_runs_out_before_consent_is_told_of_nothing_decided_and_no_pay(
    tmp_path: Path,
    store: DecisionStore,
    visitor_of: Callable[[RunningStudy], MakeVisitor],
    language: str,
    said: str,
    promised: str,
) -> None:
    path = write_study(
        tmp_path,
        language=language,
        payment={"currency": "EUR", "base": 3, "timed_out": 0.3},
        recruitment={"timed_out_code": "T1MED"},
    )
    live = RunningStudy(load_study_file(path), store)
    live.prepare()
    client = visitor_of(live)("anna")
    participant = live.participations.participant(client.cookies[live.cookie.name])
    assert participant is not None
    page = asked(client)
    store.release_timed_out("tiny_study", timedelta(0))
    last = answer(client, page, "agree")
    assert said in last and "T1MED" in last and participant.participant_key in last
    assert promised not in last and "EUR" not in last and "€" not in last and "<form" not in last
    assert record(live, client)[:3] == ("timed_out", "", False)


def test_it_promises_what_is_paid_and_how_long_it_takes(tmp_path: Path) -> None:
    path = write_study(
        tmp_path,
        conditions={"face": 1, "none": 1},
        trials={"main": 8, "attention": 1, "repeated": 2},
        payment={"currency": "EUR", "base": 2, "bonus_per_correct": 0.05},
        expected_minutes=15,
    )
    study = load_study_file(path)
    messages = study_messages(study, load_task(study.task))
    told = " ".join(consent_text(study, messages, "the-key", trained_on_simulated=False).split())
    assert "You read 11 applications" in told
    assert "for each correct decision among the 8 that count" in told
    assert f"up to {messages.amount(2.4, 'EUR')} in total" in told
    assert "Repeated applications" in told and "not paid separately" in told
    assert "About 15 minutes" in told and "`the-key`" in told


@pytest.mark.parametrize(
    ("language", "payment", "said"),
    [
        ("en", {}, "Stopping has no disadvantage for you."),
        ("en", {"currency": "EUR", "base": 2}, "If you stop before the end, you are not paid."),
        (
            "en",
            {"currency": "EUR", "base": 2, "returned": 0.5},
            "If you stop before the end, you are paid {amount}.",
        ),
        (
            "en",
            {"currency": "EUR", "bonus_per_correct": 0.05},
            "If you stop before the end, you are not paid.",
        ),
        ("de", {"currency": "EUR", "base": 2}, "Wenn Sie vor dem Ende aufhören, werden Sie nicht bezahlt."),
        ("de", {"currency": "EUR", "base": 2, "returned": 0.5}, "bekommen Sie {amount}."),
    ],
)
def test_it_promises_no_free_stopping_where_stopping_costs_the_pay(
    tmp_path: Path, language: str, payment: dict, said: str
) -> None:
    study = load_study_file(write_study(tmp_path, language=language, payment=payment))
    messages = study_messages(study, load_task(study.task))
    told = re.sub(r"[ \n]+", " ", consent_text(study, messages, "the-key", trained_on_simulated=False))
    assert said.format(amount=messages.amount(0.5, "EUR")) in told
    assert ("without any disadvantage" in told, "ohne Nachteil" in told) == (False, False)
