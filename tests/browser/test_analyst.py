"""The analyst app in a real browser, on studies with known answers: what stands on each page."""

import os
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from data.store import DecisionStore
from tests.analysed_study import STUDY, add_participant, build_known_study, create_study
from tests.served_study import answers, free_port, wait_until

pytestmark = pytest.mark.browser


class ServedAnalysts:
    """An analyst app of its own process on a database with four studies."""

    def __init__(self, folder: Path) -> None:
        self.database_url = f"sqlite:///{folder / 'analysts.db'}"
        build_known_study(self.database_url, folder / "known", "people")
        with DecisionStore.open(self.database_url) as store:
            create_study(store, folder / "empty", "people", n_rounds=1, name="nobody_yet")
            self.live_bundle = create_study(store, folder / "live", "people", n_rounds=1, name="one_person")[
                0
            ]
            add_participant(store, self.live_bundle, 0, "face", "people", 7, study_name="one_person")
            bundle = create_study(store, folder / "simulated", "simulated", n_rounds=1, name="rehearsal")[0]
            for condition, n_correct in (("face", 8), ("face", 6), ("none", 6), ("none", 5)):
                add_participant(store, bundle, 0, condition, "simulated", n_correct, study_name="rehearsal")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            **os.environ,
            "COUNTENANCE_DATABASE_URL": self.database_url,
            "COUNTENANCE_STUDY": STUDY,
        }
        with (folder / "analysts.log").open("w") as log:
            command = [sys.executable, "-m", "human_study.server", str(self.port)]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)


@pytest.fixture(scope="module")
def analysts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedAnalysts]:
    """One analyst app for all tests."""
    served = ServedAnalysts(tmp_path_factory.mktemp("analysts"))
    try:
        wait_until(lambda: answers(served.url + "/_stcore/health"), "the analyst app")
        yield served
    finally:
        served.process.terminate()
        served.process.wait(timeout=30)


@pytest.fixture
def page(new_visitor: Callable[..., BrowserContext]) -> Page:
    """A fresh browser's page."""
    return new_visitor().new_page()


def open_page(page: Page, served: ServedAnalysts, path: str, study: str = STUDY) -> None:
    """Open a page of the app and choose a study, and wait until that and nothing else is drawn."""
    page.goto(f"{served.url}/{path}")
    drawn = page.get_by_text("As of ")
    drawn.wait_for()
    if study != STUDY:
        page.get_by_role("combobox", name="Study").click()
        page.get_by_role("option", name=study).click()
    page.get_by_role("heading", name=study).wait_for()
    # What the choice before had drawn stays until the script has come to its end.
    page.locator("[data-stale=true]").first.wait_for(state="detached")
    expect(drawn).to_have_count(1)


def rows(page: Page, table: int) -> list[str]:
    """The rows of one table of the page, cells parted by |."""
    found = page.get_by_test_id("stTable").nth(table).locator("tbody tr")
    found.first.wait_for()
    return ["|".join(row.locator("td, th").all_inner_texts()) for row in found.all()]


def test_the_overview_counts_what_the_store_holds(analysts: ServedAnalysts, page: Page) -> None:
    open_page(page, analysts, "")
    metrics = [metric.inner_text().split("\n") for metric in page.get_by_test_id("stMetric").all()]
    assert [(words[0], words[-1]) for words in metrics] == [
        ("Completed", "32"),
        ("Under way", "0"),
        ("Decisions", "960"),
        ("Rounds", "2"),
    ]
    assert rows(page, 0)[3] == "1|Face|8|0|0|0|0"
    assert rows(page, 1)[0].startswith("0|")
    assert "exploratory|nothing|65.0%" in rows(page, 1)[0]


def test_accuracy_shows_the_known_answers_and_gives_them_as_files(
    analysts: ServedAnalysts, page: Page
) -> None:
    open_page(page, analysts, "accuracy")
    expect(page.get_by_text("a balanced accuracy of 80.0% (95% interval 73.7% to 86.3%)")).to_be_visible()
    assert rows(page, 0) == [
        "0|No advice|8|160|60.0%|53.7% to 66.3%|−5.0",
        "0|Face|8|160|50.0%|43.7% to 56.3%|−15.0",
        "1|No advice|8|160|60.0%|53.7% to 66.3%|−5.0",
        "1|Face|8|160|80.0%|73.7% to 86.3%|+15.0",
    ]
    assert rows(page, 1)[1].startswith("1|Face|+20.0|+11.3 to +28.7|2.67|")
    chart = page.get_by_test_id("stVegaLiteChart").first.bounding_box()
    assert chart is not None
    assert chart["height"] > 300
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").first.click()
    assert "1,face,8,160,0.8," in Path(download.value.path()).read_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG").first.click()
    assert ">machine alone 65%<" in Path(download.value.path()).read_text()


def test_the_newest_faces_stand_from_safest_to_riskiest(analysts: ServedAnalysts, page: Page) -> None:
    open_page(page, analysts, "faces")
    faces = page.get_by_role("img", name="Face drawn for application")
    expect(faces).to_have_count(30)
    assert all(face.evaluate("image => image.complete && image.naturalWidth === 64") for face in faces.all())
    scores = [int(str(face.get_attribute("alt")).split("score ")[1][:-1]) for face in faces.all()[:10]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("path", ["", "accuracy", "faces"])
def test_simulated_participants_are_named_on_every_page(
    analysts: ServedAnalysts, page: Page, path: str
) -> None:
    open_page(page, analysts, path, "rehearsal")
    expect(page.get_by_role("heading", name="rehearsal · SIMULATED")).to_be_visible()
    expect(page.get_by_role("alert").get_by_text("No person took these decisions.")).to_be_visible()


def test_what_cannot_be_computed_is_said_in_place_of_the_number(analysts: ServedAnalysts, page: Page) -> None:
    open_page(page, analysts, "accuracy", "nobody_yet")
    expect(page.get_by_text("Accuracy with the face cannot be computed")).to_be_visible()
    assert rows(page, 0)[1] == "0|Face|0|0|–|no decision on a test application yet|–"
    open_page(page, analysts, "accuracy", "one_person")
    assert rows(page, 0)[1] == "0|Face|1|20|70.0%|one participant: no interval|+5.0"
    expect(page.get_by_text("Not computed: no round has test decisions both")).to_be_visible()


def test_a_running_study_is_drawn_again_without_a_reload(analysts: ServedAnalysts, page: Page) -> None:
    open_page(page, analysts, "", "one_person")
    decisions = page.get_by_test_id("stMetric").filter(has_text="Decisions")
    before = int(decisions.inner_text().split("\n")[-1])
    with DecisionStore.open(analysts.database_url) as store:
        add_participant(store, analysts.live_bundle, 0, "none", "people", 7, study_name="one_person")
    expect(decisions).to_contain_text(str(before + 30), timeout=60_000)


def test_the_app_asks_nobody_outside_and_holds_no_torch(analysts: ServedAnalysts, page: Page) -> None:
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urllib.parse.urlsplit(request.url).netloc))
    for path in ("", "accuracy", "faces"):
        open_page(page, analysts, path)
    assert asked - {"", f"127.0.0.1:{analysts.port}"} == set()
    assert "libtorch" not in Path(f"/proc/{analysts.process.pid}/maps").read_text()
