"""Serves the analyst app alone on a database, enters it as analysts do, and finds its way about in it."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, TimeoutError, expect

from human_study.analysts.key import ANALYST_KEY_VARIABLE
from human_study.analysts.views.environment import DATABASE_VARIABLE, STUDY_VARIABLE
from tests.support.served_study import ANALYST_KEY, PATIENCE_S, answers, free_port, wait_until

STILL_MS = 150


class ServedAnalysts:
    """The analyst app in a process of its own."""

    def __init__(self, database_url: str, study: str, log_path: Path, first: str = "") -> None:
        """`first` is what to execute in the process before the app."""
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            **os.environ,
            DATABASE_VARIABLE: database_url,
            STUDY_VARIABLE: study,
            ANALYST_KEY_VARIABLE: ANALYST_KEY,
        }
        run = "import runpy; runpy.run_module('human_study.analysts.server', run_name='__main__', alter_sys=True)"
        command = [sys.executable, "-c", f"{first}\n{run}", str(self.port), str(os.getpid())]
        with log_path.open("w") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until(lambda: answers(self.url + "/enter"), "the analyst app")
        except BaseException:
            self.stop()
            raise

    def libraries(self) -> set[str]:
        """Paths of the shared libraries that the process has mapped."""
        mapped = Path(f"/proc/{self.process.pid}/maps").read_text().splitlines()
        return {path for line in mapped if ".so" in (path := line.split(maxsplit=5)[-1])}

    def stop(self) -> None:
        """End it by its id."""
        self.process.terminate()
        self.process.wait(timeout=PATIENCE_S)


def entered(visitor: BrowserContext, url: str) -> Page:
    """The page of a browser that came by the address with the key in it; `url` is where the app is."""
    page = visitor.new_page()
    page.goto(f"{url}/enter#key={ANALYST_KEY}")
    page.wait_for_url(url + "/")
    return page


def choose(page: Page, label: str, option: str) -> None:
    """Choose an option of a list in the sidebar; the list closes when the page is drawn anew just then."""
    wanted = page.get_by_role("option", name=option, exact=True)
    for _ in range(20):
        if not wanted.is_visible():
            page.get_by_test_id("stSidebar").get_by_role("combobox", name=label).click()
        try:
            wanted.click(timeout=2000)
            return
        except TimeoutError:
            continue
    pytest.fail(f"{label} never offered {option}")


def settled(page: Page, study: str) -> None:
    """Wait until the page of that study is drawn to its end, and nothing of what was there before."""
    drawn = page.get_by_text("As of ")
    page.get_by_text(f"Study {study}").first.wait_for()
    # What the choice before had drawn stays until the script has come to its end.
    page.locator("[data-stale=true]").first.wait_for(state="detached")
    expect(drawn).to_have_count(1)
    wait_until(lambda: _stands_still(page), "a page that stands still")


def _stands_still(page: Page) -> bool:
    """Whether the script has ended and the page shows the same a moment later."""
    ended, main = page.locator("[data-test-script-state=notRunning]"), page.get_by_test_id("stMain")
    if ended.count() == 0:
        return False
    shown = main.inner_text()
    page.wait_for_timeout(STILL_MS)
    return ended.count() > 0 and main.inner_text() == shown


def turn_to(page: Page, title: str, study: str) -> None:
    """Turn to another page of the app, as people do, by its name in the sidebar."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=title).click()
    settled(page, study)


def csv_of(page: Page, place: int) -> list[dict[str, str]]:
    """The rows of the file behind the page's CSV button of that place."""
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").filter(has_text="CSV").nth(place).click()
    return list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))


def rows(page: Page, table: int) -> list[str]:
    """The rows of one table of the page, cells parted by |."""
    found = page.get_by_test_id("stTable").nth(table).locator("tbody tr")
    found.first.wait_for()
    return ["|".join(row.locator("td, th").all_inner_texts()) for row in found.all()]
