"""A page's first moments: what is fetched ahead, and where a new step begins."""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from data.store.decision_store import DecisionStore
from human_study.web.static_files import files_of_the_first_page
from tests.support.served_study import ServedStudy, wait_until
from tests.support.tiny_study import write_study

pytestmark = pytest.mark.browser

FETCHED = """() => Object.fromEntries(performance.getEntriesByType('resource')
  .map(({ name, transferSize }) => [new URL(name).pathname, transferSize]))"""

# The words stand until the next page comes, which may be at once.
KEEP_WHAT_IS_SAID = """() => {
  const status = document.querySelector("[role=status]");
  new MutationObserver(() => { sessionStorage.said = status.textContent; }).observe(status, { childList: true });
}"""


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, serve_study: Callable[[Path], ServedStudy]
) -> ServedStudy:
    """One study for all tests of this file."""
    folder, code = tmp_path_factory.mktemp("arrival"), {"returned_code": "N0T-ME"}
    return serve_study(write_study(folder, comprehension=None, recruitment=code))


def people(served: ServedStudy) -> pd.DataFrame:
    """Who has taken a slot."""
    with DecisionStore.open(served.database_url) as store:
        return store.participants_frame("tiny_study", kind="simulated")


def fetched(page: Page) -> dict[str, int]:
    """What the page fetched: path, and the bytes that came over the network (0: from the browser's cache)."""
    return {str(path): int(size) for path, size in page.evaluate(FETCHED).items()}


def test_the_click_finds_scripts_and_styles_in_the_browsers_cache(
    served: ServedStudy, new_visitor: Callable[..., BrowserContext]
) -> None:
    page = new_visitor().new_page()
    page.goto(served.url)
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="I agree").wait_for()
    named = set(files_of_the_first_page())
    wait_until(lambda: named <= fetched(page).keys(), "what the next page asks for")
    assert all(fetched(page)[name] > 0 for name in named)
    page.get_by_role("button", name="I agree").click()
    page.get_by_role("button", name="Continue to a few questions").wait_for()
    assert page.get_by_test_id("stSkipToContent").is_hidden()  # Streamlit's own English words
    sizes = fetched(page)
    assert {name: sizes[name] for name in named if sizes[name] > 0} == {}
    page.get_by_role("button", name="Continue to a few questions").click()
    page.wait_for_function("document.activeElement.tagName === 'H1'")  # where screen readers go on


def test_where_streamlits_own_connection_is_swallowed_words_come_soon_and_no_slot_is_taken(
    served: ServedStudy, new_visitor: Callable[..., BrowserContext]
) -> None:
    n_before, is_open = len(people(served)), False

    def swallow(socket: WebSocketRoute) -> None:
        if is_open:
            socket.connect_to_server()

    context = new_visitor()
    context.route_web_socket(re.compile("_stcore/stream"), swallow)
    page = context.new_page()
    page.goto(served.url)
    page.get_by_role("button", name="Begin").click()
    page.get_by_text("is being blocked").wait_for(timeout=10_000)
    assert len(people(served)) == n_before
    is_open = True
    agree = page.get_by_role("button", name="I agree")
    agree.wait_for()  # a later try got through, and Begin was pressed before
    is_open = False
    agree.click()
    page.get_by_text("is being blocked").wait_for()


def test_what_a_browser_lacks_is_said_and_no_slot_is_taken(
    served: ServedStudy, new_visitor: Callable[..., BrowserContext]
) -> None:
    n_before = len(people(served))
    without_script = new_visitor(java_script_enabled=False)
    too_old = new_visitor()
    too_old.add_init_script("delete AbortSignal.timeout")
    for context, place, told in (
        (without_script, "noscript p", "needs JavaScript"),
        (too_old, "#missing", "Your browser is too old"),
    ):
        page = context.new_page()
        page.goto(served.url)
        words = page.locator(place)
        words.wait_for()
        assert told in words.inner_text()
        assert page.locator("form button").is_disabled()
    assert len(people(served)) == n_before


def test_who_turns_scripts_off_can_still_refuse_and_reads_how_it_ended(
    served: ServedStudy, new_visitor: Callable[..., BrowserContext]
) -> None:
    with_scripts = new_visitor()
    page = with_scripts.new_page()
    page.goto(served.url)
    page.get_by_role("button", name="Begin").click()
    page.get_by_role("button", name="I agree").wait_for()
    assert page.locator("summary").count() == 0
    context = new_visitor(java_script_enabled=False, storage_state=with_scripts.storage_state())
    page = context.new_page()
    page.goto(served.url)
    assert page.locator("#refuse").is_hidden()
    page.locator("summary", has_text="I do not want to take part").click()
    page.get_by_role("button", name="Yes, I do not want to take part").click()
    page.get_by_text("No decisions or answers were recorded").wait_for()
    page.get_by_text("N0T-ME").wait_for()


def test_a_choice_is_said_to_be_on_its_way_and_arrives_where_the_database_did_not_take_it_at_once(
    served: ServedStudy, new_visitor: Callable[..., BrowserContext]
) -> None:
    waiting, failing = new_visitor().new_page(), new_visitor().new_page()
    for page in (waiting, failing):
        page.goto(served.url)
        page.get_by_role("button", name="Begin").click()
        page.get_by_role("button", name="I agree").wait_for()
    waiting.evaluate(KEEP_WHAT_IS_SAID)
    waiting.get_by_role("button", name="I agree").click()
    waiting.get_by_role("heading", name="What you will do").wait_for()
    assert "your choice is being saved" in waiting.evaluate("sessionStorage.said")
    database = sqlite3.connect(served.study_path.parent / "study.db", isolation_level=None)
    database.execute("ALTER TABLE participant RENAME TO nobody")
    failing.get_by_role("button", name="I agree").click()
    failing.get_by_text("your choice is not saved yet").wait_for()
    database.execute("ALTER TABLE nobody RENAME TO participant")
    database.close()
    failing.get_by_role("heading", name="What you will do").wait_for()


def test_who_refuses_is_asked_once_more_and_may_still_agree(
    served: ServedStudy, new_visitor: Callable[..., BrowserContext]
) -> None:
    before = people(served)["participant_key"]
    refused, agreed = new_visitor().new_page(), new_visitor().new_page()
    for page in (refused, agreed):
        page.goto(served.url)
        page.get_by_role("button", name="Begin").click()
        page.get_by_role("button", name="I do not want to take part", exact=True).click()
        page.get_by_role("dialog", name="You do not want to take part?").wait_for()
    agreed.keyboard.press("Escape")
    # Back by keyboard alone, and by pointer; what a slip chose is undone either way.
    agreed.get_by_role("button", name="I do not want to take part", exact=True).press("Enter")
    expect(agreed.get_by_role("button", name="Back to the consent page")).to_be_focused()
    agreed.keyboard.press("Enter")
    expect(agreed.get_by_role("dialog")).to_have_count(0)
    agreed.get_by_role("button", name="I do not want to take part", exact=True).click()
    agreed.get_by_role("button", name="Back to the consent page").click()
    expect(agreed.get_by_role("dialog")).to_have_count(0)
    agreed.get_by_role("button", name="I agree").click()
    agreed.get_by_role("heading", name="What you will do").wait_for()
    refused.get_by_role("button", name="Yes, I do not want to take part").click()
    refused.get_by_text("No decisions or answers were recorded").wait_for()
    came = people(served).set_index("participant_key").drop(before)
    assert sorted(zip(came["status"], came["consented_at"].notna(), strict=True)) == [
        ("active", True),
        ("returned", False),
    ]
