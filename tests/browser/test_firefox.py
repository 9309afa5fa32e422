"""The same way in Firefox, over WebDriver BiDi: from the link to the code on a phone's screen."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright

from data.store.decision_store import DecisionStore
from tests.browser.participation import KINDS, Walk
from tests.browser.test_whole_participation import newest
from tests.support.served_study import ServedStudy

pytestmark = pytest.mark.browser
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")


@pytest.fixture
def firefox(playwright: Playwright) -> Iterator[Browser]:
    """A headless Firefox as it is installed."""
    if FIREFOX is None:
        pytest.skip("no Firefox is installed")
    browser = playwright.firefox.launch(channel="moz-firefox", executable_path=FIREFOX, timeout=120_000)
    yield browser
    browser.close()


def test_a_whole_participation_in_firefox(firefox: Browser, whole_study: ServedStudy) -> None:
    seen: list[str] = []
    wide: list[str] = []

    def look_on(name: str, page: Page) -> None:
        seen.append(name)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(name)

    context = firefox.new_context(viewport={"width": 390, "height": 664})
    context.set_default_timeout(120_000)
    Walk(whole_study, context.new_page(), look_on).whole()
    context.close()
    assert "debrief" in seen
    assert wide == []
    with DecisionStore.open(whole_study.database_url) as store:
        key = newest(store).participant_key
        decisions = store.decisions_frame("tiny_study", kind="simulated", participant_key=key)
    assert decisions["trial_kind"].value_counts().to_dict() == KINDS
