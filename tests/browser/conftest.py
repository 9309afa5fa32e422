"""A headless Chromium and served studies, for the browser tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, expect, sync_playwright

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

PATIENCE_MS = 60_000  # a busy machine takes long to draw what is expected
expect.set_options(timeout=PATIENCE_MS)

# The files that take long, the longest first: whole files go to one of several processes in this order, and a long one
# at the end would leave the others idle.
LONG_FILES = (
    "test_analyst.py",
    "test_analyst_bad_input.py",
    "test_leases.py",
    "test_preview.py",
    "test_participant.py",
    "test_whole_participation.py",
    "test_live_page.py",
    "test_screen.py",
    "test_text_from_outside.py",
    "test_arrival.py",
    "test_loop.py",
    "test_learning.py",
    "test_keyboard.py",
    "test_double_press.py",
    "test_face_questions.py",
    "test_firefox.py",
    "test_translation.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first among the browser tests."""
    here = [item for item in items if item.path.parent == Path(__file__).parent]
    order = {name: place for place, name in enumerate(LONG_FILES)}
    in_order = iter(sorted(here, key=lambda item: order.get(item.path.name, len(order))))
    items[:] = [next(in_order) if item.path.parent == Path(__file__).parent else item for item in items]


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
