"""What participants and researchers write is shown as they wrote it: it neither runs, nor formats, nor loads."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from markdown_it import MarkdownIt
from playwright.sync_api import BrowserContext, Page

from data.analysis_records import CodeBookEntry
from data.records import Answer
from data.store.decision_store import DecisionStore
from human_study.report.report import write_report
from tests.browser.analyst_visit import ServedAnalysts, entered, rows, settled, turn_to
from tests.support.plain_cells import plain_cell
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle
from tests.support.served_study import wait_until
from tests.support.tiny_study import write_task

pytestmark = pytest.mark.browser

MARKUP = (
    '<script>window.ran = "a script"</script>',
    "<img src=x onerror=\"window.ran = 'a picture'\">",
    '[boldly](javascript:window.ran="a-link") ![boldly](https://evil.example/pixel.png)',
    '<b>boldly</b> **boldly** _boldly_ `boldly` :red[boldly] <a href="https://evil.example">boldly</a>',
    r"$\frac{boldly}{2}$ $$boldly$$ :material/bug_report: :smile:",
    '<iframe src="https://evil.example"></iframe>\n# boldly\n- boldly',
    '</li></div><svg onload="window.ran = 1">',
)
FORMULAS = ('=HYPERLINK("https://evil.example")', "+1+1", "-1+1", "@SUM(1)", "\t=1+1", "\r=1+1", "＝1+1")
# What a browser would have made of it, had it been taken for markup: elements, or the bare word in a text of its own.
TRACES = """() => {
  const found = window.ran ? [`ran: ${window.ran}`] : [];
  const elements = 'img[src="x"], [src*="evil.example"], [href*="evil.example"], [href^="javascript"], '
    + 'svg[onload], .katex';
  for (const node of document.querySelectorAll(elements)) found.push(node.outerHTML.slice(0, 200));
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (['boldly', 'bug_report'].includes(node.data.trim()) && !node.parentElement.closest('script, style'))
      found.push(node.parentElement.outerHTML.slice(0, 200));
  }
  return found;
}"""
PAGES = (
    "Overview",
    "Live",
    "Accuracy",
    "Learning",
    "Reliance",
    "People",
    "Applications",
    "Faces",
    "Response model",
    "Reasons",
    "Audits",
)


class HostileStudy:
    """A study whose table, texts, reasons, answers and code book are all written by somebody who means harm."""

    def __init__(self, folder: Path) -> None:
        self.database_url = f"sqlite:///{folder / 'hostile.db'}"
        self._write_task(folder / "task")
        bundle = write_reviewed_bundle(folder)
        rng = np.random.default_rng(0)
        with DecisionStore.open(self.database_url) as store:
            open_reviewed_study(store, bundle)
            people = add_people(
                store, bundle, ("none", "face", "score"), rng, n_each=4, reasons=(*MARKUP, *FORMULAS)
            )
            store.add_answers(
                [
                    Answer(
                        participant_key=people[number % len(people)].participant_key,
                        kind="questionnaire",
                        question=f"free_{number}",
                        value=text,
                    )
                    for number, text in enumerate((*MARKUP, *FORMULAS))
                ]
            )
            store.replace_code_book(
                STUDY,
                [
                    CodeBookEntry(study_name=STUDY, code=f"c{number} {text}", definition=text, keywords=text)
                    for number, text in enumerate((*MARKUP[:6], *FORMULAS[:3]))
                ],
            )
            store.code_reason(
                store.decisions_frame(STUDY, kind="people").dropna(subset=["reason"])["trial_key"].iloc[0],
                MARKUP[3][:40],
                [f"c3 {MARKUP[3]}"],
            )
            store.close_study(STUDY)
        self.served = ServedAnalysts(self.database_url, STUDY, folder / "analysts.log")

    @staticmethod
    def _write_task(folder: Path) -> None:
        path = write_task(folder)
        table = pd.read_csv(folder / "loans.csv")
        texts = [text.replace("\n", " ").replace("\r", " ") for text in (*MARKUP, *FORMULAS)]
        table["loan_id"] = [
            f"{texts[number % len(texts)].strip()}{number}" if number % 2 else f"L{number}"
            for number in range(len(table))
        ]
        table["term"] = [texts[number % len(texts)] for number in range(len(table))]
        table.to_csv(folder / "loans.csv", index=False)
        task = yaml.safe_load(path.read_text())
        task["columns"]["term"].pop("categories")
        task["columns"]["term"]["label"] = MARKUP[3]
        task["columns"]["amount"].update(label=MARKUP[0], unit=MARKUP[4])
        task["outcome"].update(positive_label=MARKUP[1], negative_label=MARKUP[2])
        path.write_text(yaml.safe_dump(task, sort_keys=False))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileStudy]:
    """The study, with the analyst app on it."""
    study = HostileStudy(tmp_path_factory.mktemp("hostile"))
    yield study
    study.served.stop()


@pytest.fixture
def page(hostile: HostileStudy, new_visitor: Callable[..., BrowserContext]) -> Page:
    """The page of a browser that has entered the app."""
    return entered(new_visitor(), hostile.served.url)


def as_read(text: str) -> str:
    """What a reader sees of a text: without the signs that have no width."""
    return text.replace("\u2060", "")


def asked_of(page: Page) -> list[str]:
    """Every address that the page asks for from now on."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    return asked


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would run a cell."""
    if not cell.startswith(tuple("=+-@\t\r＝＋－＠")):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def test_the_check_sees_markup_that_came_through(page: Page) -> None:
    for text in MARKUP:
        if text.startswith("<"):
            page.set_content(f"<ul><li>{text}</ul>")
            page.wait_for_timeout(200)
            seen = page.evaluate(TRACES)
            assert seen or (text.startswith("<script") and page.evaluate("window.ran")), text
    page.set_content(MarkdownIt("commonmark", {"html": True}).render("**boldly**"))
    assert page.evaluate(TRACES)
    assert is_formula(FORMULAS[0])
    assert not is_formula("-0.5")


def test_no_page_of_the_analyst_app_takes_text_for_markup(hostile: HostileStudy, page: Page) -> None:
    asked = asked_of(page)
    settled(page, STUDY)
    traces: dict[str, list[str]] = {}
    for title in PAGES:
        turn_to(page, title, STUDY)
        if found := page.evaluate(TRACES):
            traces[title] = found
    assert traces == {}
    assert [url for url in asked if not url.startswith((hostile.served.url, "data:", "blob:"))] == []


def test_facts_and_reasons_stand_as_they_were_written(page: Page) -> None:
    turn_to(page, "Applications", STUDY)
    facts = dict(as_read(row).split("|", 1) for row in rows(page, 0))
    assert MARKUP[3] in facts  # a column's name
    assert facts[MARKUP[0]].endswith(MARKUP[4])  # another's, and its unit
    turn_to(page, "Reasons", STUDY)
    cards = " ".join(page.locator("[data-testid=stHtml] li").all_inner_texts())
    assert any(" ".join(text.split()) in " ".join(cards.split()) for text in MARKUP)
    coder = page.get_by_role("textbox", name="Your name as coder")
    for name in (MARKUP[0][:40], MARKUP[3][:40]):
        coder.fill(name)
        coder.press("Enter")
        page.get_by_text("coded by").filter(has_text=name[-12:]).wait_for()
        page.get_by_role("button", name="Save and go on").wait_for()
        wait_until(
            lambda: f"c0 {MARKUP[0]}" in as_read(page.get_by_test_id("stMain").inner_text()),
            "a code to choose",
        )
        assert page.evaluate(TRACES) == []


def test_no_csv_of_the_analyst_app_holds_a_formula(page: Page) -> None:
    settled(page, STUDY)
    risky: list[str] = []
    seen: set[str] = set()
    for title in ("People", "Applications", "Faces", "Reasons", "Audits"):
        turn_to(page, title, STUDY)
        for button in page.get_by_test_id("stDownloadButton").filter(has_text="CSV").all():
            with page.expect_download() as download:
                button.click()
            text = Path(download.value.path()).read_text(encoding="utf-8")
            cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
            risky += [
                f"{title}, {download.value.suggested_filename}: {cell}" for cell in cells if is_formula(cell)
            ]
            seen |= {plain_cell(cell) for cell in cells if cell.startswith("'")}
    assert risky == []
    assert any(cell.startswith(FORMULAS[0]) for cell in seen)  # they were there


def test_tables_offer_no_download_but_ours(page: Page) -> None:
    turn_to(page, "Applications", STUDY)
    page.get_by_test_id("stDataFrame").first.hover()
    page.get_by_role("button", name="Fullscreen").first.wait_for()
    download = page.locator("[data-testid=stElementToolbar] button[aria-label^=Download]")
    assert download.count() > 0
    assert not download.first.is_visible()


def test_a_report_takes_no_text_for_markup(
    hostile: HostileStudy, new_visitor: Callable[..., BrowserContext], tmp_path: Path
) -> None:
    page = new_visitor(bypass_csp=True).new_page()  # it must hold without the page's own policy, too
    asked = asked_of(page)
    with DecisionStore.open(hostile.database_url) as store:
        html, markdown = (
            write_report(store, STUDY, kind="people", out=tmp_path / f"report.{suffix}")
            for suffix in ("html", "md")
        )
    page.goto(html.as_uri())
    assert "boldly" in page.inner_text("body")
    assert page.evaluate(TRACES) == []
    # As a forge draws Markdown that lets HTML through.
    page.set_content(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown.read_text()))
    assert "boldly" in page.inner_text("body")
    assert page.evaluate(TRACES) == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:", "about:"))] == []
