"""A browser that translates the page: nothing breaks, and the translation is on record."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page

from data.store.decision_store import DecisionStore
from tests.browser.participation import WHOLE_STUDY, Walk
from tests.browser.test_whole_participation import PHONE
from tests.support.served_study import ServedStudy
from tests.support.tiny_study import write_study

# What Google Translate does: every text that may be translated goes into two elements of its own, now and whenever
# the page changes, and the document says that it is translated.
TRANSLATE = """
(() => {
  const skipped = "script, style, textarea, input, font, [translate=no], .notranslate";
  const wrap = () => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const texts = [];
    while (walker.nextNode()) texts.push(walker.currentNode);
    for (const text of texts) {
      if (!text.data.trim() || !text.parentElement || text.parentElement.closest(skipped)) continue;
      const outer = document.createElement("font"), inner = document.createElement("font");
      text.replaceWith(outer);
      outer.append(inner);
      inner.append(text.data);
    }
    document.documentElement.classList.add("translated-ltr");
    document.documentElement.lang = "fr";
  };
  document.addEventListener("DOMContentLoaded", () => setInterval(wrap, 150));
})();
"""


def test_a_page_that_the_browser_translates_goes_on_and_says_so(
    tmp_path: Path,
    serve_study: Callable[[Path], ServedStudy],
    new_visitor: Callable[..., BrowserContext],
) -> None:
    served = serve_study(write_study(tmp_path, conditions={"face": 1}, **WHOLE_STUDY))
    context = new_visitor(viewport=PHONE)
    context.add_init_script(TRANSLATE)
    broken: list[str] = []
    wrapped: list[int] = []
    headings: dict[str, str] = {}

    def look_on(name: str, page: Page) -> None:
        page.wait_for_timeout(400)
        wrapped.append(page.locator("font").count())
        if page.locator("h1").count():
            headings[name] = page.locator("h1").first.inner_text()
        if page.get_by_text("NotFoundError").count() or page.get_by_test_id("stException").count():
            broken.append(name)

    Walk(served, context.new_page(), look_on).whole()
    assert broken == []
    assert "What you will do" in headings["instructions"]  # and not the heading of the page before
    assert sum(wrapped) > 0, "nothing was translated, so nothing was tried"
    with DecisionStore.open(served.database_url) as store:
        assert len(store.decisions_frame("tiny_study", kind="simulated")) == 8
        events = store.events_frame("tiny_study", kind="simulated")
        (status,) = store.participants_frame("tiny_study", kind="simulated")["status"]
    assert status == "completed"
    assert '{"language": "fr"}' in set(events.loc[events["kind"] == "translated", "detail"])
