"""A browser that translates the page: nothing breaks, and the translation is on record."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page

from data.store.decision_store import DecisionStore
from tests.browser.participation import KINDS, Walk
from tests.browser.test_whole_participation import PHONE, newest
from tests.support.served_study import ServedStudy

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
    whole_study: ServedStudy, new_visitor: Callable[..., BrowserContext]
) -> None:
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

    Walk(whole_study, context.new_page(), look_on).whole()
    assert broken == []
    assert "What you will do" in headings["instructions"]  # and not the heading of the page before
    assert sum(wrapped) > 0, "nothing was translated, so nothing was tried"
    with DecisionStore.open(whole_study.database_url) as store:
        person = newest(store)
        key = person.participant_key
        decided = store.decisions_frame("tiny_study", kind="simulated", participant_key=key)
        events = store.events_frame("tiny_study", kind="simulated")
    assert len(decided) == sum(KINDS.values())
    assert person.status == "completed"
    own = events[events["participant_key"] == key]
    assert '{"language": "fr"}' in set(own.loc[own["kind"] == "translated", "detail"])
