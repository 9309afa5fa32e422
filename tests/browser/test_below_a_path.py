"""A study behind the shipped Caddyfile, with TLS, at a host of its own and below a path of one."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from data.store.decision_store import DecisionStore
from tests.browser.participation import WHOLE_STUDY, Walk
from tests.support.served_caddy import ServedCaddy
from tests.support.served_study import ServedStudy, wait_until
from tests.support.tiny_study import write_study

pytestmark = [pytest.mark.browser, pytest.mark.server]


@pytest.fixture(scope="module")
def served(
    serve_study: Callable[[Path], ServedStudy], tmp_path_factory: pytest.TempPathFactory
) -> ServedStudy:
    """A study in which everybody sees faces."""
    trials = {"main": 2, "practice": 1, "attention": 0, "repeated": 0, "stages": 2}
    folder = tmp_path_factory.mktemp("below")
    study = {**WHOLE_STUDY, "questionnaire": [], "trials": trials, "conditions": {"face": 1}}
    return serve_study(write_study(folder, **study))


@pytest.fixture(scope="module")
def caddy(served: ServedStudy, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedCaddy]:
    started = ServedCaddy(served, tmp_path_factory.mktemp("caddy"))
    yield started
    started.stop()


def test_a_whole_participation_below_a_path(
    caddy: ServedCaddy, served: ServedStudy, new_visitor: Callable[..., BrowserContext]
) -> None:
    page = new_visitor(ignore_https_errors=True).new_page()
    walk = Walk(served, page)
    walk.entry_url = caddy.url + "/study/"
    walk.to_the_trials()
    walk.trials("main")
    page.locator(".code").wait_for()
    assert page.url == caddy.url + "/study/"
    ours = [cookie for cookie in page.context.cookies() if cookie["name"].startswith("countenance_session_")]
    assert [cookie["secure"] for cookie in ours] == [True]
    with DecisionStore.open(served.database_url) as store:
        decided = store.decisions_frame("tiny_study", kind="simulated")
    assert (decided["trial_kind"] == "main").sum() == 2


def test_metrics_are_nobodys_and_nothing_is_logged(caddy: ServedCaddy) -> None:
    assert caddy.status(caddy.url + "/_stcore/metrics") == 404
    assert caddy.status(caddy.url + "/welcome?PROLIFIC_PID=abc4711") == 200
    assert caddy.status(caddy.url + "/study/welcome?PROLIFIC_PID=abc4711") == 200
    assert "abc4711" not in caddy.log_path.read_text()


def test_analysts_come_in_by_their_own_host(caddy: ServedCaddy) -> None:
    wait_until(lambda: caddy.status(caddy.analyst_url + "/enter") == 200, "the analyst app")
