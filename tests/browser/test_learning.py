"""A participant's way through trials to learn from, with past cases beside the face: what is told, and when."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from data.records import Participant
from data.store.decision_store import DecisionStore
from tests.browser.participation import Walk
from tests.browser.test_whole_participation import bodies
from tests.support.served_study import ServedStudy
from tests.support.tiny_study import write_study

NewVisitor = Callable[..., BrowserContext]
SIZES = {"desktop": (1280, 800), "phone": (390, 664)}
TRIALS = {"main": 2, "learning": 2, "practice": 1, "attention": 1, "repeated": 1, "confidence_points": 5}
SCREENING = [{"id": "adult", "question": "Are you 18 or older?", "options": ["Yes", "No"], "accept": ["Yes"]}]


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, serve_study: Callable[[Path], ServedStudy]
) -> ServedStudy:
    path = write_study(
        tmp_path_factory.mktemp("to_learn_from"),
        conditions={"examples": 1},
        trials=TRIALS,
        screening=SCREENING,
        comprehension=None,
        n_learning=6,
    )
    return serve_study(path)


def newest(store: DecisionStore) -> Participant:
    keys = store.participants_frame("tiny_study", kind="simulated").sort_values("created_at")[
        "participant_key"
    ]
    return store.participant(str(keys.iloc[-1]))


class ThroughPastCases(Walk):
    """Opens the past cases of every trial where a button shows them."""

    def __init__(self, served: ServedStudy, size: str, visitor: BrowserContext, looks: Path) -> None:
        def look(name: str, _page: object) -> None:
            self.page.screenshot(path=looks / f"{size} {name.replace('/', ' ')}.png")
            self.told.setdefault(name, self.page.locator("body").inner_text())

        super().__init__(served, visitor.new_page(), look)
        self.told: dict[str, str] = {}
        self.n_opened = 0

    def approve(self) -> None:
        """Look at the past cases first: face and choices stay in view, and nothing moves."""
        page = self.page
        toggle = page.locator(".past-toggle")
        if toggle.is_visible():
            places = [page.locator(what).bounding_box() for what in (".advice", ".choices")]
            toggle.click()
            self.n_opened += 1
            self.look(
                f"past cases {'learning' if 'learn' in page.locator('.where').inner_text() else 'main'}"
            )
            assert page.locator(".past-case").count() == 3
            assert page.locator(".facts").is_hidden()
            assert [page.locator(what).bounding_box() for what in (".advice", ".choices")] == places
            toggle.click()
            assert page.locator(".facts").is_visible()
        elif page.locator(".advice img").is_visible():
            assert page.locator(".past-strip .past-case").count() == 3
        super().approve()


@pytest.mark.parametrize("size", SIZES)
def test_outcomes_are_told_of_what_is_learned_from_alone_and_only_after_the_decision(
    served: ServedStudy, new_visitor: NewVisitor, tmp_path: Path, size: str
) -> None:
    width, height = SIZES[size]
    har = tmp_path / "traffic.har"
    visitor = new_visitor(
        viewport={"width": width, "height": height}, record_har_path=har, record_har_content="embed"
    )
    walk = ThroughPastCases(served, size, visitor, tmp_path)
    walk.to_the_trials()
    walk.trials("learning")
    walk.trials("main")
    walk.page.locator(".code").wait_for()
    visitor.close()
    assert "2 more applications to learn from" in walk.told["welcome"]
    assert "2 other applications" in walk.told["consent"]
    assert "To learn from." in walk.told["instructions"] and "Past applications." in walk.told["instructions"]
    received = bodies(har)
    with DecisionStore.open(served.database_url) as store:
        person = newest(store)
        trials = store.trials(person.participant_key)
        decisions = store.decisions_frame(
            "tiny_study", kind="simulated", participant_key=person.participant_key
        ).set_index("trial_key")
    assert person.status == "completed"
    with_feedback = [trial.trial_key for trial in trials if trial.kind in ("practice", "learning")]
    told = [
        url.rsplit("/", 1)[1] for url, body in received if "/api/feedback/" in url and b'"outcome"' in body
    ]
    assert told == with_feedback
    # Nothing else tells an outcome but the past cases, and none of these is one that is yet to be decided.
    learning = {trial.application_id for trial in trials if trial.kind == "learning"}
    for trial in trials:
        shown = json.loads(trial.examples or "[]")
        assert len(shown) == (0 if trial.kind in ("practice", "attention") else 3)
        if trial.kind == "learning":
            assert not learning & set(shown)
    assert any(b'"good"' in body.replace(b"\\", b"") for _, body in received)  # past cases did pass here
    without_cases = re.compile(rb'"examples": ?\[(\{.*?\})?\]')
    for url, body in received:
        if "/api/feedback/" not in url:
            rest = without_cases.sub(b"", body.replace(b"\\", b""))
            assert b'"outcome"' not in rest and b'"good"' not in rest
    opened = decisions["n_examples_opened"]
    if size == "phone":
        advised = [trial.trial_key for trial in trials if trial.examples]
        assert (opened[advised] == 1).all() and walk.n_opened == len(advised)
        assert opened.drop(advised).isna().all()
    else:
        assert opened.isna().all()
