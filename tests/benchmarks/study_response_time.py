"""Response times against a clock of our own, in a real browser."""

from __future__ import annotations

from playwright.sync_api import sync_playwright

from data.store.decision_store import DecisionStore
from human_study.web.request_guard import session_cookie_before
from tests.browser.chromium import find_chromium
from tests.browser.conftest import CHROMIUM_FLAGS
from tests.support.load_participants import Decider
from tests.support.served_study import ServedStudy, wait_until

# Decides on the trial that is shown, and on the next one a known delay after it changed on the page.
_CLICK_AFTER = """(delay) => new Promise((resolve) => {
  const player = [...document.querySelectorAll('*')].map((node) => node.shadowRoot)
    .find((root) => root?.querySelector('.player'));
  new MutationObserver((_, observer) => {
    observer.disconnect();
    const changed = performance.now();
    const approve = player.querySelector('[data-choice=approve]');
    const wait = () => {
      if (performance.now() - changed < delay || approve.disabled) { setTimeout(wait, 0); return; }
      const clicked = performance.now();
      approve.click();
      resolve(clicked - changed);
    };
    wait();
  }).observe(player.querySelector('h2'), { childList: true });
  player.querySelector('[data-choice=deny]').click();
})"""

_FRAME_MS = """() => new Promise((resolve) => {
  const times = [];
  const note = (time) => {
    times.push(time);
    if (times.length <= 60) { requestAnimationFrame(note); return; }
    resolve((times.at(-1) - times[0]) / (times.length - 1));
  };
  requestAnimationFrame(note);
})"""


def response_time_errors_ms(served: ServedStudy, person: Decider, n: int) -> tuple[list[float], float]:
    """What was recorded less what was injected, in ms, for `n` trials; and how long a frame took here."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_FLAGS)
        try:
            context = browser.new_context()
            context.add_cookies(
                [{"name": session_cookie_before("tiny_study"), "value": person.token, "url": served.url}]
            )
            page = context.new_page()
            page.goto(served.url)
            page.locator(".player.started [data-choice=approve]:enabled").wait_for(timeout=60_000)
            frame_ms = page.evaluate(_FRAME_MS)
            injected = []
            for number in range(n):
                page.locator("[data-choice=approve]:enabled").wait_for()
                injected.append(page.evaluate(_CLICK_AFTER, 400 + 37 * (number % 20)))
            with DecisionStore.open(served.database_url) as store:
                recorded = _await_times(store, person, 2 * n)
        finally:
            browser.close()
    return [took - waited for took, waited in zip(recorded[1::2], injected, strict=True)], frame_ms


def _await_times(store: DecisionStore, person: Decider, n: int) -> list[float]:
    def times() -> list[float]:
        frame = store.decisions_frame("tiny_study", kind="simulated")
        own = frame[frame["participant_key"] == person.participant_key].sort_values("position")
        return list(own["response_time_ms"])

    wait_until(lambda: len(times()) == n, "the last decision")
    return times()
