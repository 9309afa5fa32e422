"""What is asked about faces, in a real browser: after the decision, kept through a reload, and accessible."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from data.store.decision_store import DecisionStore
from tests.browser.test_whole_participation import DESKTOP, PHONE, problems
from tests.support.served_study import ServedStudy
from tests.support.tiny_study import write_study

pytestmark = pytest.mark.browser

N_PAIRS = 4


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, serve_study: Callable[[Path], ServedStudy]
) -> ServedStudy:
    """A study that asks about the face on both of its trials, and shows pairs."""
    return serve_study(
        write_study(
            tmp_path_factory.mktemp("asked"),
            conditions={"face": 1},
            trained_on="simulated",
            trials={"main": 2, "confidence_points": 5},
            perception_questions={"trials": 2, "columns": ["debt"]},
            pairs={"number": N_PAIRS},
        )
    )


def to_the_trials(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("form button").click()
    for wanted in ("I agree", "Start with"):
        page.get_by_role("button", name=wanted).click()
    page.locator(".player.started").wait_for()


def press(page: Page, selector: str) -> None:
    """Press the first of these buttons, once the page takes answers."""
    page.locator(selector).first.click()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_questions_follow_the_decision_and_outlive_a_reload(
    served: ServedStudy, new_visitor: Callable[..., BrowserContext], viewport: dict[str, int]
) -> None:
    page = new_visitor(viewport=viewport, bypass_csp=True).new_page()
    to_the_trials(page, served.url)
    found = []
    for trial in range(2):
        press(page, "[data-choice=approve]:enabled")
        press(page, ".confidence .points button")
        page.locator(".perception").wait_for()
        if trial == 0:
            page.wait_for_timeout(1200)  # more than a decision takes here: none of it is response time
            page.reload()
            page.locator(".perception").wait_for()
            assert page.locator(".choices").is_hidden()
        found += problems(f"question {trial}", page)
        press(page, ".perception button")
    page.locator(".pairs .start").wait_for()
    found += problems("introduction of pairs", page)
    press(page, ".pairs .start")
    for pair in range(1, N_PAIRS + 1):
        page.locator(".pairs .where", has_text=f"Pair {pair} of {N_PAIRS}").wait_for()
        if pair == 1:
            found += problems("pair", page)
        if pair == 3:
            page.reload()
            page.locator(".pairs .where", has_text=f"Pair {pair} of {N_PAIRS}").wait_for()
        if pair == 2:
            page.locator(".pairs [data-side=right]:enabled").wait_for()
            page.keyboard.press("j")
        else:
            press(page, ".pairs [data-side=left]:enabled")
    page.locator(".code").wait_for()
    assert found == []
    with DecisionStore.open(served.database_url) as store:
        key = store.participants_frame("tiny_study", kind="simulated")["participant_key"].iloc[-1]
        decisions = store.decisions_frame("tiny_study", kind="simulated", participant_key=key)
        pairs = store.pair_judgements_frame("tiny_study", kind="simulated")
    answered = dict(zip(decisions["perception_question"], decisions["perceived"], strict=True))
    assert answered == {"debt": "higher", "face_sureness": "1"}
    assert (decisions["perceived_time_ms"] >= 300).all() and decisions["confidence"].tolist() == [0.0, 0.0]
    assert pairs.loc[pairs["participant_key"] == key, "choice"].tolist() == ["left", "right", "left", "left"]
