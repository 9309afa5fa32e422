"""A whole participation in a real browser: accessible on every page, and nothing in the traffic that must not be."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Route

from advisor.bundles.bundle import load_bundle
from data.records import Participant
from data.store.decision_store import DecisionStore
from tests.browser.participation import KINDS, N_REASONS, WHOLE_STUDY, Walk
from tests.support.served_study import ServedStudy
from tests.support.tiny_study import write_study

pytestmark = pytest.mark.browser

NewVisitor = Callable[..., BrowserContext]
WCAG_22_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, serve_study: Callable[[Path], ServedStudy]
) -> ServedStudy:
    """A study with every step and every kind of trial, in German."""
    folder = tmp_path_factory.mktemp("whole")
    return serve_study(
        write_study(folder, language="de", conditions={"risk_to_smile": 1, "none": 1}, **WHOLE_STUDY)
    )


@pytest.fixture
def store(served: ServedStudy) -> Iterator[DecisionStore]:
    """The served study's database."""
    with DecisionStore.open(served.database_url) as opened:
        yield opened


def newest(store: DecisionStore) -> Participant:
    """Who came last."""
    people = store.participants_frame("tiny_study", kind="simulated")
    return store.participant(people["participant_key"].iloc[-1])


def problems(name: str, page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA on a page, and whether it is wider than the screen."""
    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG_22_AA}})
    found = [
        f"{name}: {violation['id']} ({node['html'][:120]})"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append(f"{name}: wider than the screen")
    return found


def test_the_check_finds_what_is_wrong(new_visitor: NewVisitor) -> None:
    page = new_visitor(viewport=PHONE).new_page()
    page.set_content(
        '<html lang="de"><title>t</title><main><p style="color: #bbb; width: 900px">faint and wide</p></main>'
    )
    found = " ".join(problems("page", page))
    assert "color-contrast" in found
    assert "wider than the screen" in found


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone that prefers dark"]
)
def test_every_page_meets_wcag_and_fits_the_screen_and_what_is_answered_is_stored(
    served: ServedStudy, store: DecisionStore, new_visitor: NewVisitor, viewport: dict[str, int], scheme: str
) -> None:
    found: list[str] = []
    seen: list[str] = []

    def look_on(name: str, page: Page) -> None:
        seen.append(name)
        found.extend(problems(name, page))
        assert page.evaluate("document.documentElement.lang") == "de"
        if page.locator("[data-testid=stMain]").count() and not name.endswith(
            ("trial", "reason", "explained")
        ):
            assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollTop") == 0, name

    page = new_visitor(viewport=viewport, color_scheme=scheme).new_page()
    walk = Walk(served, page, look_on)
    walk.whole()
    assert found == []
    assert len(seen) >= 12
    person = newest(store)
    assert person.status == "completed"
    assert_stored(store, person, walk.reason)


def assert_stored(store: DecisionStore, person: Participant, reason: str) -> None:
    """Whether the store holds what the walk answered."""
    decisions = store.decisions_frame("tiny_study", kind="simulated", participant_key=person.participant_key)
    assert decisions["trial_kind"].value_counts().to_dict() == KINDS
    two_stage = decisions[decisions["n_stages"] == 2]
    assert len(two_stage) == (0 if person.condition == "none" else KINDS["main"] + KINDS["repeated"])
    assert two_stage["initial_choice"].notna().all()
    assert set(decisions["confidence"].dropna()) == {0.5}
    assert decisions.loc[decisions["trial_kind"] == "attention", "confidence"].isna().all()
    assert list(decisions["reason"].dropna()) == [reason] * N_REASONS
    assert (decisions["followup_time_ms"].dropna() > 0).all()
    answers = store.attempts_frame("tiny_study", kind="simulated")
    own = answers[answers["participant_key"] == person.participant_key]
    own = own.drop_duplicates("question", keep="last").set_index("question")
    assert own.loc[own["kind"] == "comprehension", "is_correct"].all()
    assert own.loc["age", "value"] == "44"
    assert own.loc["strategy", "value"] == reason
    assert person.consented_at is not None


def bodies(har: Path) -> list[tuple[str, bytes]]:
    """Everything that came over the network: (address, headers and body), websocket messages included."""
    received = []
    for entry in json.loads(har.read_text())["log"]["entries"]:
        content: dict[str, Any] = entry["response"]["content"]
        text = str(content.get("text", ""))
        body = base64.b64decode(text) if content.get("encoding") == "base64" else text.encode()
        headers = json.dumps(entry["response"]["headers"]).encode()
        received.append((entry["request"]["url"], headers + b"\n" + body))
        for message in entry.get("_webSocketMessages", []):
            if message["type"] == "receive":
                data = message["data"].encode()
                received.append(
                    (entry["request"]["url"], base64.b64decode(data) if message["opcode"] == 2 else data)
                )
    return received


def keeping_pictures(pictures: dict[str, bytes]) -> Callable[[Route], None]:
    """Lets pictures through and keeps them by address: an archive of the traffic holds no bodies of pictures."""

    def let_through(route: Route) -> None:
        answer = route.fetch()
        if answer.ok:
            pictures[route.request.url] = answer.body()
        route.fulfill(response=answer)

    return let_through


def test_the_traffic_of_a_whole_participation_gives_nothing_away(
    served: ServedStudy, store: DecisionStore, new_visitor: NewVisitor, tmp_path: Path
) -> None:
    for number in range(4):  # until one has seen faces: of a random block, three at most begin without
        har = tmp_path / f"{number}.har"
        context = new_visitor(record_har_path=har, record_har_content="embed")
        page = context.new_page()
        pictures: dict[str, bytes] = {}
        page.route("**/faces/*", keeping_pictures(pictures))
        walk = Walk(served, page)
        walk.to_the_trials()
        page.reload()
        walk.trials("main")
        walk.questionnaire()
        page.locator(".code").wait_for()
        context.close()
        person = newest(store)
        received = bodies(har)
        traffic = b"\n".join(body for _, body in received)
        assert traffic.count(b"Loan amount") >= 2  # the trials did pass here
        assert all(
            url.startswith((served.url, served.url.replace("http", "ws"), "data:", "blob:"))
            for url, _ in received
        )
        bundle = load_bundle(served.study_path.parent / "round_0" / "bundle")
        loans = pd.read_csv(served.study_path.parent / "task" / "loans.csv")
        forbidden = {*loans["loan_id"], "risk_to_smile", "shuffled", "propensity", "Debt ratio", "is_correct"}
        forbidden |= set(bundle.images["image_sha256"].str[:16]) | {
            bundle.bundle_hash,
            person.participant_key,
        }
        # Consent and the last page tell people their own key, by which they can ask for erasure; nothing else does.
        elsewhere = traffic
        key = person.participant_key
        for told in (
            f"nennen Sie dazu diesen Schlüssel: <code>{key}</code>",
            f"falls Ihre Daten gelöscht werden sollen: `{key}`",
        ):
            told_key = told.encode()
            assert told_key in traffic
            elsewhere = elsewhere.replace(told_key, b"")
        assert [word for word in sorted(forbidden) if word.encode() in elsewhere] == []
        assert not any(b"Age" in body for url, body in received if url.startswith("ws"))  # is not shown
        # The pictures that came are those of this participant's own trials, each under an address of its own, at
        # which nobody else finds anything.
        own = {trial.trial_key: trial.image for trial in store.trials(person.participant_key) if trial.image}
        assert {url.rsplit("/", 1)[1] for url, _ in received if "/faces/" in url} == set(own)
        assert len(pictures) == len(own)
        stranger = new_visitor()
        for url, picture in pictures.items():
            assert picture == bundle.image_bytes(own[url.rsplit("/", 1)[1]])
            assert not stranger.request.get(url).ok
        told = [url for url, body in received if "/api/feedback/" in url and b'"outcome"' in body]
        assert len(told) == KINDS["practice"]  # on nothing else
        assert [url for url, body in received if b'"outcome"' in body and "/api/feedback/" not in url] == []
        if own:
            return
    pytest.fail("nobody was shown a face")
