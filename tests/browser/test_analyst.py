"""The analyst app in a real browser, on studies with known answers: what stands on each page."""

import json
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from data.analysis_records import TrainingRun
from data.store.decision_store import DecisionStore
from human_study.analysis.study_results import collect_results
from human_study.dataset.erase import erase_participant
from human_study.findings.group_audits import group_findings
from human_study.findings.harm_warnings import harm_findings
from tests.browser.analyst_visit import ServedAnalysts, choose, csv_of, entered, rows, settled, turn_to
from tests.support.analysed_study import (
    RESPONSE_SHA256,
    STUDY,
    add_participant,
    build_known_study,
    create_study,
)
from tests.support.reviewed_study import build_reviewed_study
from tests.support.two_way_matrices import known_figure

pytestmark = pytest.mark.browser


PAGES = {
    "Overview": "",
    "Live": "live",
    "Accuracy": "accuracy",
    "Learning": "learning",
    "Reliance": "reliance",
    "People": "people",
    "Applications": "applications",
    "Faces": "faces",
    "Response model": "response_model",
    "Reasons": "reasons",
    "Audits": "audits",
}


def write_run_tables(folder: Path) -> None:
    """What training writes of ĥ, with round numbers."""
    folder.mkdir(parents=True)
    (folder / "response_calibration.csv").write_text(
        "predicted,observed,n_decisions\n0.2,0.3,100\n0.8,0.7,100\n"
    )
    (folder / "response_importance.csv").write_text(
        "name,kind,importance,ci_low,ci_high\nsmile,axis,0.25,0.2,0.3\nAnnual income,feature,0.01,-0.02,0.04\n"
    )
    losses = {"held_out_log_loss": 0.5, "application_alone_log_loss": 0.6, "constant_log_loss": 0.7}
    (folder / "summary.json").write_text(json.dumps({"response": losses}))


class KnownStudies:
    """An analyst app on a database with studies of every kind."""

    def __init__(self, folder: Path) -> None:
        self.database_url = f"sqlite:///{folder / 'analysts.db'}"
        build_known_study(self.database_url, folder / "known", "people")
        with DecisionStore.open(self.database_url) as store:
            for name in ("nobody_yet", "one_alone"):
                bundle = create_study(store, folder / name, "people", n_rounds=1, name=name)[0]
                if name == "one_alone":
                    add_participant(store, bundle, 0, "face", "people", 7, study_name=name)
                store.close_study(name)
            self.live_bundle = create_study(store, folder / "live", "people", n_rounds=1, name="one_person")[
                0
            ]
            add_participant(store, self.live_bundle, 0, "face", "people", 7, study_name="one_person")
            bundle = create_study(store, folder / "simulated", "simulated", n_rounds=1, name="rehearsal")[0]
            for condition, n_correct in (("face", 8), ("face", 6), ("none", 6), ("none", 5)):
                add_participant(store, bundle, 0, condition, "simulated", n_correct, study_name="rehearsal")
            bundle = create_study(store, folder / "perfect", "people", n_rounds=1, name="all_correct")[0]
            for condition, status in (("face", "completed"), ("face", "completed"), ("none", "active")):
                n_correct = 10 if condition == "face" else 0
                add_participant(store, bundle, 0, condition, "people", n_correct, status, "all_correct")
            store.close_study("all_correct")
            write_run_tables(folder / "run")
            store.register_run(
                TrainingRun(
                    study_name=STUDY,
                    participants="people",
                    run_path=str(folder / "run"),
                    response_sha256=RESPONSE_SHA256,
                )
            )
        build_reviewed_study(self.database_url, folder / "reviewed")
        self.served = ServedAnalysts(self.database_url, STUDY, folder / "analysts.log")
        self.libraries_at_first = self.served.libraries()


@pytest.fixture(scope="module")
def analysts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnownStudies]:
    """One analyst app for all tests."""
    studies = KnownStudies(tmp_path_factory.mktemp("analysts"))
    yield studies
    studies.served.stop()


@pytest.fixture
def page(analysts: KnownStudies, new_visitor: Callable[..., BrowserContext]) -> Page:
    """The page of a browser that has entered the app."""
    return entered(new_visitor(), analysts.served.url)


def open_page(page: Page, analysts: KnownStudies, path: str, study: str = STUDY) -> None:
    """Open a page of the app and choose a study, and wait until that and nothing else is drawn."""
    page.goto(f"{analysts.served.url}/{path}")
    page.get_by_text("As of ").wait_for()
    if study != STUDY:
        choose(page, "Study", study)
    settled(page, study)


def share(group: tuple[int, str]) -> str:
    """Balanced accuracy as a cell has it."""
    value, low, high, _ = known_figure(group)
    return f"{value:.1%} [{low:.1%}, {high:.1%}]"


def gain(first: tuple[int, str], second: tuple[int, str], between: str = "[{}, {}]") -> str:
    """A difference in balanced accuracy, in points, as a cell or a sentence has it."""
    value, low, high = (f"{100 * one:+.1f}".replace("-", "−") for one in known_figure(first, second)[:3])
    return f"{value} {between.format(low, high)}"


def test_the_overview_counts_what_the_store_holds(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "")
    expect(page.get_by_test_id("stMetric")).to_have_count(4)
    metrics = [metric.inner_text().split("\n") for metric in page.get_by_test_id("stMetric").all()]
    assert [(words[0], words[-1]) for words in metrics] == [
        ("Completed", "32"),
        ("Under way", "0"),
        ("Decisions", "960"),
        ("Rounds", "2"),
    ]
    assert rows(page, 1)[3] == "1|Face|8|0|0|0|0|0"  # completed, and the five other ends and states
    assert rows(page, 2)[0].startswith("0|")
    assert "exploratory|nothing|65.0%" in rows(page, 2)[0]


def test_the_overview_answers_on_the_first_screen(analysts: KnownStudies, page: Page) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    open_page(page, analysts, "")
    expect(page.get_by_role("heading", name="Did the faces help people decide better?")).to_be_in_viewport()
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_in_viewport(ratio=1)
    said = gain((1, "face"), (1, "none"), "points (95% interval {} to {}; ")
    assert said.startswith("+20.0 ")
    expect(page.get_by_text(f"that is {said}")).to_be_in_viewport()
    expect(page.get_by_text("Few people in round 1 (face 8, no advice 8)")).to_be_in_viewport()
    expect(page.get_by_text("People decided better with it, beyond chance.")).to_be_in_viewport()
    expect(page.get_by_text("Whether advice affected groups of applications differently")).to_be_in_viewport()
    p_value = f"{known_figure((1, 'face'), (1, 'none'))[3]:.3f}".removeprefix("0")
    row = f"1|with the face than with no advice|16|{gain((1, 'face'), (1, 'none'))}|{p_value}|{p_value}"
    assert rows(page, 0)[0] == row


def test_the_overview_answers_on_the_first_two_screens_of_a_phone(analysts: KnownStudies, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 2 * 844})
    open_page(page, analysts, "")
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_in_viewport(ratio=1)
    for said in ("People decided better with it", "Whether advice affected groups", "Few people in round 1"):
        expect(page.get_by_text(said)).to_be_in_viewport(ratio=1)


def test_the_overview_has_an_address_of_its_own_too(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "overview")
    expect(page.get_by_text("Page not found")).to_have_count(0)
    expect(page.get_by_test_id("stMetric").filter(has_text="Decisions")).to_contain_text("960")
    expect(page.get_by_test_id("stSidebarNav").get_by_role("link", name="Overview")).to_have_count(1)


def test_accuracy_shows_the_known_answers_and_gives_them_as_files(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "accuracy")
    known = [
        (number, label, (number, condition), correct)
        for number in (0, 1)
        for label, condition, correct in (
            ("No advice", "none", 60),
            ("Face", "face", 80 if number else 50),
        )
    ]
    for row, (number, label, group, correct) in zip(rows(page, 0), known, strict=True):
        start, end = f"{number}|{label}|8|160|{share(group)}|{correct}.0% [", f"]|−{100 - correct}.0"
        assert row.startswith(start) and row.endswith(end)
    assert rows(page, 1)[1].startswith(f"1|Face|No advice|16|{gain((1, 'face'), (1, 'none'))}|2.67 [")
    chart = page.get_by_test_id("stVegaLiteChart").first.bounding_box()
    assert chart is not None
    assert chart["height"] > 300
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV").first.click()
    assert "1,face,8,160,0.8," in Path(download.value.path()).read_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="SVG").first.click()
    assert ">machine alone 100%<" in Path(download.value.path()).read_text()


def test_the_newest_faces_stand_from_safest_to_riskiest(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "faces")
    faces = page.get_by_role("img", name="Face drawn for application")
    expect(faces).to_have_count(30)
    assert all(face.evaluate("image => image.complete && image.naturalWidth === 64") for face in faces.all())
    scores = [int(str(face.get_attribute("alt")).split("score ")[1][:-1]) for face in faces.all()[:10]]
    assert scores == sorted(scores, reverse=True)


def test_learning_shows_what_each_round_reached(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "learning")
    expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
    for row, condition, label in zip(rows(page, 0), ("none", "face"), ("No advice", "Face"), strict=True):
        assert row.startswith(f"{label}|0|1|{gain((1, condition), (0, condition))}|")


def test_people_stand_one_by_one_with_their_accuracy(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "people")
    expect(page.get_by_text("32 began, 32 are analysed.")).to_be_visible()
    people = csv_of(page, -1)
    faces = sorted(
        float(row["accuracy"]) for row in people if (row["round_number"], row["condition"]) == ("1", "face")
    )
    assert faces == pytest.approx([0.7, 0.7, 0.8, 0.8, 0.8, 0.8, 0.9, 0.9])
    assert {row["n_decisions"] for row in people} == {"30"}


def test_applications_that_all_get_wrong_come_first_with_their_faces(
    analysts: KnownStudies, page: Page
) -> None:
    open_page(page, analysts, "applications")
    wrong = csv_of(page, 0)
    assert [row["application_id"] for row in wrong[:2]] == ["test_bad_9", "test_good_9"]
    assert (wrong[0]["n_decisions"], wrong[0]["share_wrong"]) == ("32", "1.0")
    expect(page.get_by_text("decided wrongly in 100.0% of 32 decisions")).to_be_visible()
    expect(page.get_by_role("img", name="Face drawn for test_bad_9")).to_have_count(6)
    expect(page.get_by_text("has changed since the bundle was published")).to_be_visible()


def test_the_response_model_is_shown_as_its_training_wrote_it(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "response_model")
    expect(page.get_by_text("its probabilities are off by 10.0 points on average")).to_be_visible()
    expect(page.get_by_text("its log loss is 0.500 nats a decision")).to_be_visible()
    expect(page.get_by_text("According to the model, people rely most on: smile.")).to_be_visible()
    assert rows(page, 0) == ["20.0%|30.0%|100", "80.0%|70.0%|100"]
    assert rows(page, 1)[1] == "Annual income|feature|0.010 [−0.020, 0.040]"
    expect(page.get_by_text("the run has no face_readings.csv")).to_be_visible()


def test_two_people_code_reasons_and_see_how_well_they_agree(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "reasons", "reviewed")
    expect(page.get_by_text("no reason is coded yet")).to_be_visible()
    with DecisionStore.open(analysts.database_url) as store:
        frame = store.decisions_frame("reviewed", kind="people")
        given = frame[frame["reason"].notna() & (frame["trial_kind"] == "main")].sort_values("trial_key")
        first, *others = given["trial_key"]
        store.code_reason(first, "berta", ["analogy"])
        for trial_key in others[:9]:
            for coder in ("anna", "berta"):
                store.code_reason(trial_key, coder, ["face"])
    coder = page.get_by_role("textbox", name="Your name as coder")
    coder.fill("anna")
    coder.press("Enter")
    expect(page.get_by_text("coded by anna")).to_be_visible()
    reason = given.set_index("trial_key").loc[first, "reason"]
    expect(page.get_by_test_id("stText").get_by_text(reason, exact=True)).to_be_visible()
    save = page.get_by_role("button", name="Save and go on")
    save.click()
    expect(page.get_by_text(f"10 of {len(given)} coded by anna")).to_be_visible()
    with DecisionStore.open(analysts.database_url) as store:
        codes = store.reason_codes_frame("reviewed", kind="people")
    assert len(codes[(codes["trial_key"] == first) & (codes["coder"] == "anna")]) >= 1
    expect(page.get_by_text("Agreement of coders")).to_be_visible()
    expect(page.get_by_text("anna and berta").first).to_be_visible()


def test_audits_show_the_figures_of_every_group(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "audits", "reviewed")
    with DecisionStore.open(analysts.database_url) as store:
        results = collect_results(store, "reviewed", "people")
        tables = [*harm_findings(results).tables, *group_findings(results).tables]
    for place, table in enumerate(tables):
        assert rows(page, place) == ["|".join(row) for row in table.shown().to_numpy()]


def test_filters_leave_one_round_and_one_condition(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "accuracy")
    shown = page.get_by_test_id("stTable").first.locator("tbody tr")
    for label, option, n_rows in (("Rounds", "1", 2), ("Conditions", "Face", 1)):
        choose(page, label, option)
        page.keyboard.press("Escape")
        expect(shown).to_have_count(n_rows)
        settled(page, STUDY)
    compared = "Not computed: no round has decisions on test applications in two conditions"
    page.get_by_text(compared).first.wait_for()
    settled(page, STUDY)
    (row,) = rows(page, 0)
    assert row.startswith(f"1|Face|8|160|{share((1, 'face'))}|80.0% [")


def test_simulated_participants_are_named_on_every_page(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "", "rehearsal")
    for title in PAGES:
        turn_to(page, title, "rehearsal")
        expect(page.get_by_text("Study rehearsal · SIMULATED")).to_be_visible()
        expect(page.get_by_role("alert").get_by_text("No person took these decisions.")).to_be_visible()


def test_where_all_is_right_there_is_no_interval_and_it_says_why(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "accuracy", "all_correct")
    cells = rows(page, 0)[1].split("|")
    assert cells[:4] == ["0", "Face", "2", "40"]
    assert cells[4] == "100.0% (fewer than 5 people in a group: no interval)"


def test_an_erased_person_is_gone_from_the_page(analysts: KnownStudies, page: Page) -> None:
    with DecisionStore.open(analysts.database_url) as store:
        person = add_participant(
            store, analysts.live_bundle, 0, "none", "people", 9, study_name="one_person"
        ).participant_key
    open_page(page, analysts, "people", "one_person")
    assert person in {row["participant_key"].removeprefix("'") for row in csv_of(page, -1)}
    with DecisionStore.open(analysts.database_url) as store:
        erase_participant(store, "one_person", participant_key=person)
    turn_to(page, "Overview", "one_person")
    expect(page.get_by_text("1 participant was erased at their request")).to_be_visible()
    turn_to(page, "People", "one_person")
    assert person not in {row["participant_key"].removeprefix("'") for row in csv_of(page, -1)}


def test_what_cannot_be_computed_is_said_in_place_of_the_number(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "accuracy", "nobody_yet")
    assert rows(page, 0)[1] == "0|Face|0|0|no decision on a test application yet|–|–"
    open_page(page, analysts, "accuracy", "one_alone")
    assert rows(page, 0)[1] == "0|Face|1|20|70.0% (fewer than 5 people in a group: no interval)|70.0%|−30.0"
    compared = "Not computed: no round has decisions on test applications in two conditions"
    expect(page.get_by_text(compared).first).to_be_visible()


def test_outcomes_of_an_open_study_are_withheld_on_every_page(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "", "one_person")
    expect(page.get_by_text("Outcomes by condition are withheld while the study is open")).to_be_visible()
    for title in ("Accuracy", "Learning", "Reliance", "Applications", "Reasons", "Audits"):
        turn_to(page, title, "one_person")
        expect(page.get_by_text("Outcomes by condition are withheld while the study is open")).to_be_visible()
        expect(page.get_by_role("table")).to_have_count(0)


def test_a_running_study_is_drawn_again_without_a_reload(analysts: KnownStudies, page: Page) -> None:
    open_page(page, analysts, "", "one_person")
    decisions = page.get_by_test_id("stMetric").filter(has_text="Decisions")
    before = int(decisions.inner_text().split("\n")[-1])
    with DecisionStore.open(analysts.database_url) as store:
        add_participant(store, analysts.live_bundle, 0, "none", "people", 7, study_name="one_person")
    expect(decisions).to_contain_text(str(before + 30))


# A mistake in one figure of the page itself, and in one of a finding.
BREAK_FIGURES = """
from human_study.presentation import charts
from human_study.presentation import finding_charts

def broken(*args, **kwargs):
    return {}["what somebody " + "wrote"]

charts.accuracy_chart = finding_charts.calibration_chart = broken
"""


def test_a_figure_that_cannot_be_drawn_says_so_in_its_place_and_costs_nothing_else(
    analysts: KnownStudies, new_visitor: Callable[..., BrowserContext], tmp_path: Path
) -> None:
    log = tmp_path / "analysts.log"
    served = ServedAnalysts(analysts.database_url, STUDY, log, first=BREAK_FIGURES)
    try:
        page = entered(new_visitor(), served.url)
        settled(page, STUDY)
        turn_to(page, "Accuracy", STUDY)
        said = page.get_by_text("Not drawn: the program made a mistake (KeyError)")
        expect(said).to_have_count(1)
        assert rows(page, 0)[3].startswith(f"1|Face|8|160|{share((1, 'face'))}|80.0% [")
        expect(page.get_by_test_id("stVegaLiteChart")).to_have_count(1)  # that of response times
        turn_to(page, "Response model", STUDY)
        expect(said).to_have_count(1)
        assert rows(page, 0) == ["20.0%|30.0%|100", "80.0%|70.0%|100"]
        expect(page.get_by_text("According to the model, people rely most on: smile.")).to_be_visible()
    finally:
        served.stop()
    logged = log.read_text()
    for name in ("accuracy", "response_calibration"):
        assert f"the chart {name} stumbled over KeyError" in logged
    assert 'return {}["what somebody " + "wrote"]' in logged or "in broken" in logged
    assert "what somebody wrote" not in logged


def test_no_page_asks_anybody_outside_or_loads_a_library_later(analysts: KnownStudies, page: Page) -> None:
    """What is loaded was so before anybody was let in, whatever the other tests of this file have looked at."""
    assert any("scipy" in path for path in analysts.libraries_at_first)
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urllib.parse.urlsplit(request.url).netloc))
    open_page(page, analysts, "")
    for title in PAGES:
        turn_to(page, title, STUDY)
    assert asked - {"", f"127.0.0.1:{analysts.served.port}"} == set()
    assert sorted(analysts.served.libraries() - analysts.libraries_at_first) == []
    assert "libtorch" not in Path(f"/proc/{analysts.served.process.pid}/maps").read_text()
