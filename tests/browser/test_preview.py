"""A preview that ends while somebody looks at it."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

from tests.human_study.test_preview import previewed
from tests.support.tiny_study import write_study

pytestmark = pytest.mark.browser


def test_open_pages_of_a_preview_say_at_its_end_that_it_is_over(
    tmp_path: Path, new_visitor: Callable[..., BrowserContext]
) -> None:
    study_path = write_study(tmp_path / "study", ethics={"contact": "Dr. A, a@lab.example"})
    lasts_s = 45
    process, url = previewed(study_path, tmp_path, "--hours", str(lasts_s / 3600))
    try:
        began = time.monotonic()
        reading, deciding = (new_visitor().new_page() for _ in range(2))
        for page in (reading, deciding):
            page.goto(url + "/welcome")
        deciding.get_by_role("button", name="Begin").click()
        deciding.get_by_role("button", name="I agree").click()
        deciding.get_by_role("button", name="Stop taking part").wait_for()  # the app's own page by now
        assert time.monotonic() - began < lasts_s
        for page in (reading, deciding):
            page.get_by_text("This preview of the study has expired").wait_for()
            assert "a@lab.example" in page.inner_text("body")
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
