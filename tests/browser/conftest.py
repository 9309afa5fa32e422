"""A headless Chromium and served studies, for the browser tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.browser.chromium import find_chromium
from tests.browser.participation import WHOLE_STUDY
from tests.support.served_study import ServedStudy
from tests.support.tiny_study import write_study

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What drives browsers."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """A headless Chromium for all browser tests."""
    executable = find_chromium()
    assert executable is not None, "the browser tests need Chromium: python -m tests.browser.chromium"
    browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS, timeout=120_000)
    yield browser
    browser.close()


@pytest.fixture
def new_visitor(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browsers that share nothing with each other; keyword arguments as for `Browser.new_context`."""
    contexts: list[BrowserContext] = []

    def make(**options: object) -> BrowserContext:
        context = chromium.new_context(**options)  # type: ignore[arg-type]
        context.set_default_timeout(120_000)  # a busy machine takes long to draw a first page
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def whole_study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudy]:
    """A study with every step and every kind of trial, all of them with a face; served to several files' tests."""
    served = ServedStudy(
        write_study(tmp_path_factory.mktemp("everything"), conditions={"face": 1}, **WHOLE_STUDY)
    )
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def serve_study() -> Iterator[Callable[[Path], ServedStudy]]:
    """Serves study files; every server is ended when the tests of its file are over."""
    servers: list[ServedStudy] = []

    def serve(study_path: Path) -> ServedStudy:
        served = ServedStudy(study_path)
        servers.append(served)
        served.start()
        return served

    yield serve
    for served in servers:
        served.stop()
