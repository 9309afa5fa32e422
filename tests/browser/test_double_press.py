"""The second press of a double click or double tap answers nothing: what it would answer, nobody has read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page

from data.store.decision_store import DecisionStore
from tests.browser.test_screen import enter
from tests.support.load_participants import admit
from tests.support.served_study import ServedStudy, wait_until
from tests.support.tiny_study import write_study

pytestmark = pytest.mark.browser

SIZES = [(390, 664), (360, 560), (640, 400)]
GAPS_MS = (60, 430)  # between the two presses

LONGEST_DOUBLE_PRESS_MS = 550
NOTE_PRESSES = (
    "addEventListener('pointerdown', ({ timeStamp }) => (window.presses ??= []).push(timeStamp), true)"
)


class TooSlowError(Exception):
    """The machine was so busy that two presses were no double press."""


def press_twice(page: Page, selector: str, gap_ms: int) -> None:
    """Two presses on the same place, at 80 % of a button's width, where a point of the next scale may lie.

    Raises TooSlowError where the page got the second one too late.
    """
    page.locator(f"{selector}:enabled").first.wait_for()
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    place = box["x"] + 0.8 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.click(*place)
    page.wait_for_timeout(gap_ms)
    page.mouse.click(*place)
    page.wait_for_timeout(300)
    first, second = page.evaluate("window.presses.slice(-2)")
    if second - first > LONGEST_DOUBLE_PRESS_MS:
        raise TooSlowError


@pytest.fixture(
    scope="module",
    params=[{"confidence_points": 5, "stages": 1}, {"confidence_points": 0, "stages": 2}],
    ids=str,
)
def served(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    serve_study: Callable[[Path], ServedStudy],
) -> ServedStudy:
    """Trials with a question after the choice, and with a stage after it."""
    trials: dict[str, Any] = {"main": len(GAPS_MS), **request.param}
    return serve_study(write_study(tmp_path_factory.mktemp("twice"), conditions={"face": 1}, trials=trials))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_no_second_press_answers_what_has_just_been_drawn(
    served: ServedStudy, new_visitor: Callable[..., BrowserContext], size: tuple[int, int]
) -> None:
    for _ in range(5):
        context = new_visitor(viewport={"width": size[0], "height": size[1]})
        context.add_init_script(NOTE_PRESSES)
        (person,) = admit(served.study_path, 1)
        page = enter(served, context, person.token)
        try:
            decide_with_double_presses(served, page, person.participant_key)
            return
        except TooSlowError:
            context.close()
    pytest.skip("this machine is too busy to press twice within half a second")


def decide_with_double_presses(served: ServedStudy, page: Page, key: str) -> None:
    """Press everything twice; raises TooSlowError."""
    is_two_stage = "stages: 2" in served.study_path.read_text()
    with DecisionStore.open(served.database_url) as store:
        for n_decided, gap_ms in enumerate(GAPS_MS):
            due = store.trials(key)[n_decided].trial_key
            press_twice(page, "[data-choice=approve]", gap_ms)
            assert store.choice(due) is None, gap_ms
            # The answer itself is pressed twice, too: the next trial stays undecided.
            press_twice(page, "[data-choice=deny]" if is_two_stage else ".points button", gap_ms)
            wait_until(lambda due=due: store.choice(due) is not None, "the decision")  # type: ignore[misc]
            if n_decided + 1 < len(GAPS_MS):
                following = store.due(key)
                assert following is not None and following[1] == ("initial" if is_two_stage else "final")
                assert page.locator(".points").count() == 0, gap_ms
