"""What stands on the pages of one way through, on a phone in German: our words, within the screen, in place."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Page

from tests.browser.participation import WHOLE_STUDY, Walk
from tests.support.served_study import ServedStudy
from tests.support.tiny_study import write_study

pytestmark = pytest.mark.browser

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3
# Streamlit 1.58's own, in its frontend: of its connection, its forms, its menus and its errors.
THEIR_WORDS = (
    *("Connecting", "Connection error", "Is Streamlit still running", "having trouble", "Press Enter"),
    *(
        "Running...",
        "RUNNING",
        "Stop\n",
        "Rerun",
        "Deploy",
        "Made with Streamlit",
        "Streamlit",
        "View fullscreen",
    ),
    *("Close", "Please wait", "Traceback", "This app has encountered an error"),
)
WHERE_THE_EXPLANATION_IS = """() => {
  const box = document.querySelector('[data-testid=stAlert]').getBoundingClientRect();
  return {top: box.top, bottom: box.bottom, height: innerHeight,
    chosen: document.querySelectorAll('[data-testid=stRadio] input:checked').length};
}"""

NAMES_OF_DIALOGS = """() => [...document.querySelectorAll('[role=dialog]')].flatMap((dialog) => [
  document.getElementById(dialog.getAttribute('aria-labelledby'))?.textContent,
  dialog.querySelector('section > button, :scope > button')?.ariaLabel])"""


@dataclass
class Seen:
    """What was seen on the way, by page."""

    words: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    too_wide: list[str] = field(default_factory=list)
    long_words: set[str] = field(default_factory=set)
    explanation: dict[str, float] = field(default_factory=dict)
    copied: str = ""
    code: str = ""
    without_server: str = ""
    names_of_dialogs: tuple[str, ...] = ()

    def look(self, name: str, page: Page) -> None:
        """Note a page."""
        text = page.locator("body").inner_text()
        self.words[name], self.titles[name] = text, page.title()
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self.too_wide.append(name)
        if page.get_by_text(LONG).count():
            self.long_words.add(name)
        if name == "comprehension explained":
            self.explanation = page.evaluate(WHERE_THE_EXPLANATION_IS)


@pytest.fixture(scope="module")
def seen(
    tmp_path_factory: pytest.TempPathFactory,
    serve_study: Callable[[Path], ServedStudy],
    chromium: object,
) -> Seen:
    """A whole participation, and what is left of its last page when the server is gone."""
    folder = tmp_path_factory.mktemp("words")
    study = WHOLE_STUDY | {"texts": {"welcome": LONG, "consent": LONG, "instructions": LONG, "debrief": LONG}}
    path = write_study(folder, language="de", title=f"Kredite {LONG}", conditions={"face": 1}, **study)
    task = folder / "task" / "task.yaml"
    content = yaml.safe_load(task.read_text(encoding="utf-8"))
    for column in content["columns"].values():
        if "label" in column:
            column["label"] = f"{column['label']} {LONG}"
    task.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    served = serve_study(path)
    noted = Seen()
    context = chromium.new_context(  # type: ignore[attr-defined]
        viewport={"width": 390, "height": 664}, locale="de", permissions=["clipboard-read", "clipboard-write"]
    )
    context.set_default_timeout(120_000)
    page = context.new_page()
    Walk(served, page, noted.look).whole()
    page.get_by_role("button", name="Code kopieren").click()
    page.get_by_text("Kopiert").wait_for()
    noted.copied = page.evaluate("navigator.clipboard.readText()")
    noted.code = page.locator(".code").inner_text()
    served.stop()
    page.wait_for_timeout(4000)  # Streamlit says after about two seconds that its connection is gone
    noted.without_server = page.locator("body").inner_text()
    noted.names_of_dialogs = tuple(page.evaluate(NAMES_OF_DIALOGS))
    context.close()
    return noted


def test_no_page_is_wider_than_the_screen_however_long_a_word_is(seen: Seen) -> None:
    assert {"welcome", "consent", "instructions", "practice trial", "debrief"} <= seen.long_words
    assert seen.too_wide == []


def test_no_page_shows_streamlits_own_words(seen: Seen) -> None:
    assert len(seen.words) >= 10
    pages = {**seen.words, "without its server": seen.without_server}
    assert [(name, word) for name, text in pages.items() for word in THEIR_WORDS if word in text] == []
    assert "Die Studie ist im Moment nicht erreichbar" in seen.names_of_dialogs[0]
    assert seen.names_of_dialogs[1] == "Schließen"
    assert {title.startswith("Kredite") for title in seen.titles.values()} == {True}


def test_what_explains_a_wrong_answer_is_in_view_and_nothing_is_chosen_any_more(seen: Seen) -> None:
    place = seen.explanation
    assert place["top"] >= 0 and place["top"] + 40 <= place["height"]
    assert place["chosen"] == 0


def test_the_completion_code_can_be_copied(seen: Seen) -> None:
    assert seen.copied == seen.code != ""
