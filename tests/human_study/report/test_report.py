"""The report: known answers in it, nothing mixed, nothing fetched, nothing injected."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from data.errors import BundleError, StudyError
from data.store.decision_store import DecisionStore
from human_study.report.report import write_report
from tests.support.analysed_study import (
    CORRECT_OF_TEN,
    STUDY,
    add_participant,
    add_participants,
    build_known_study,
    create_study,
)
from tests.support.two_way_matrices import known_figure


@pytest.fixture
def database(tmp_path: Path, migrated_database: Path) -> str:
    shutil.copyfile(migrated_database, tmp_path / "report.db")
    return f"sqlite:///{tmp_path / 'report.db'}"


class _Page(HTMLParser):
    """The text of a page by table row, its title, and everything that it would fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attributes)
        self.addresses += [named[key] or "" for key in ("src", "href", "data", "action") if key in named]


def words(html: str) -> str:
    """The page's text without tags, spaces folded."""
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", " ", html, flags=re.S)).split())


def report_of(store: DecisionStore, folder: Path, kind) -> str:
    store.close_study(STUDY)
    return write_report(store, STUDY, kind=kind, out=folder / "out" / "report.html").read_text()


def test_the_report_holds_the_known_answers(store_url: str, tmp_path: Path) -> None:
    build_known_study(store_url, tmp_path, "people")
    with DecisionStore.open(store_url) as store:
        store.amend_study(store.study(STUDY), {}, {"keys": ["ethics.contact"], "analysis_before": []})
        html = report_of(store, tmp_path, "people")
    text = words(html)
    assert re.search(r"Study file changed, [\d :-]+ ethics\.contact; after 32 had begun", text)
    face = re.search(r"1 Face 8 160 80\.0% \[([\d.]+)%, ([\d.]+)%\] 80\.0% \[[\d.]+%, [\d.]+%\] −20\.0", text)
    assert face is not None
    # Everybody is right on the same applications: with those at random, wider than people's own 73.7% to 86.3%.
    assert float(face[1]) < 73.7 < 86.3 < float(face[2])
    assert "0 No advice 8 160 60.0% [" in text
    difference, low, high, p_value = known_figure((1, "face"), (1, "none"))
    written = f"1 Face No advice 16 {100 * difference:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}] 2.67"
    assert written in text and f"{p_value:.3f}"[1:] == ".008"
    assert f"95% interval {100 * low:+.1f} to {100 * high:+.1f}; p = .008)" in text
    assert "In round 1, 8 participants with the face reached a balanced accuracy of 80.0%" in text
    assert "on the same trials the machine alone reaches 100.0%" in text
    assert html.count("data:image/png;base64,") == 30
    assert "SIMULATED" not in text


def test_the_report_is_one_file_that_fetches_nothing_and_runs_nothing(database: str, tmp_path: Path) -> None:
    build_known_study(database, tmp_path, "people")
    with DecisionStore.open(database) as store:
        page = _Page(report_of(store, tmp_path, "people"))
    assert {address.split(",")[0][:22] for address in page.addresses if not address.startswith("#")} == {
        "data:image/png;base64"
    }
    assert not {"script", "iframe", "object", "link", "form"} & set(page.tags)


def test_simulated_participants_are_named_in_title_figures_and_tables(database: str, tmp_path: Path) -> None:
    build_known_study(database, tmp_path, "simulated")
    with DecisionStore.open(database) as store:
        html = report_of(store, tmp_path, "simulated")
    assert (
        f"<title>Did the faces help people decide better? Study {STUDY} (SIMULATED participants)</title>"
        in html
    )
    assert html.count(">SIMULATED participants<") == html.count("<svg") > 3  # once in each figure
    captions = re.findall(r'<p class="caption" id="table-[^"]*">(.*?)</p>', html, flags=re.S)
    assert len(captions) > 8
    assert all("SIMULATED" in caption for caption in captions)


def test_people_and_simulated_participants_never_mix(tmp_path: Path) -> None:
    texts = {}
    for name, n_simulated in (("alone", 0), ("beside", 20)):
        with DecisionStore.open(f"sqlite:///{tmp_path / name}.db") as store:
            bundles = create_study(store, tmp_path / name, "people")
            for cell in CORRECT_OF_TEN:
                add_participants(store, bundles[cell[0]], cell, "people")
            for _ in range(n_simulated):
                add_participant(store, bundles[1], 1, "face", "simulated", n_correct=0)
            texts[name] = words(report_of(store, tmp_path, "people"))
    alone, beside = texts["alone"], texts["beside"]
    moment = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?")  # when rounds began and the report was written
    assert moment.sub("", beside) == moment.sub("", alone)


def test_who_withdrew_is_counted_but_not_analysed(database: str, tmp_path: Path) -> None:
    with DecisionStore.open(database) as store:
        bundles = create_study(store, tmp_path, "people", n_rounds=1)
        for cell in ((0, "none"), (0, "face")):
            add_participants(store, bundles[0], cell, "people")
        add_participant(store, bundles[0], 0, "face", "people", n_correct=10, status="returned")
        text = words(report_of(store, tmp_path, "people"))
    assert "0 Face 8 160 50.0%" in text
    assert "0 Face 8 0 0 0 1 0" in text
    assert "17 participants began, 16 are analysed" in text


def test_nobody_yet_one_participant_and_one_condition_say_what_is_missing(
    database: str, tmp_path: Path
) -> None:
    with DecisionStore.open(database) as store:
        bundles = create_study(store, tmp_path, "people", n_rounds=1)
        nobody = words(report_of(store, tmp_path, "people"))
        assert "0 Face 0 0 no decision on a test application yet" in nobody
        assert "Accuracy with the face cannot be computed" in nobody
        store.open_study(STUDY)
        add_participant(store, bundles[0], 0, "face", "people", n_correct=7)
        one = words(report_of(store, tmp_path, "people"))
    assert "70.0% (fewer than 5 people in a group: no interval)" in one
    assert (
        "In round 0, 1 participant with the face reached" in one
        and "1 participant began, 1 is analysed" in one
    )
    assert "nobody decided without advice in that round" in one
    assert (
        "Not computed: no round has decisions on test applications in two conditions that are compared" in one
    )
    assert "In round 0 the advisor was exploratory: expressions were drawn at random" in one


def test_text_from_outside_is_shown_and_never_run(database: str, tmp_path: Path) -> None:
    attack = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    with DecisionStore.open(database) as store:
        create_study(store, tmp_path, "people", n_rounds=1, name=attack)
        html = write_report(store, attack, kind="people", out=tmp_path / "report.html").read_text()
    assert "<script" not in html
    assert "<img src=x" not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 3  # the title twice, and the line below it


def test_an_unknown_study_and_a_bundle_that_is_gone_are_one_sentence_and_write_nothing(
    database: str, tmp_path: Path
) -> None:
    build_known_study(database, tmp_path, "people")
    with DecisionStore.open(database) as store:
        with pytest.raises(StudyError, match="known_answers"):
            write_report(store, "known_answer", kind="people", out=tmp_path / "no.html")
        (tmp_path / "round_1" / "bundle" / "manifest.json").unlink()
        with pytest.raises(BundleError, match="no advice bundle"):
            write_report(store, STUDY, kind="people", out=tmp_path / "no.html")
    assert not (tmp_path / "no.html").exists()


def test_a_missing_picture_costs_the_sheet_and_not_the_report(database: str, tmp_path: Path) -> None:
    build_known_study(database, tmp_path, "people")
    for picture in (tmp_path / "round_1" / "bundle" / "images").iterdir():
        picture.unlink()
    with DecisionStore.open(database) as store:
        text = words(report_of(store, tmp_path, "people"))
    assert re.search(r"Not shown: .*\.png is gone", text)
    assert "1 Face 8 160 80.0% [" in text
