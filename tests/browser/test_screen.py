"""What is on the screen when the clock starts, at ten sizes, and what a reload leaves as it was."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from advisor.bundles.bundle import CONDITIONS
from data.store.decision_store import DecisionStore
from human_study.participation.assignment import LARGEST_SHUFFLED
from human_study.web.request_guard import session_cookie_before
from tests.support import tiny_study
from tests.support.load_participants import admit
from tests.support.served_study import ServedStudy, wait_until
from tests.support.tiny_study import write_study

pytestmark = pytest.mark.browser

# Phones with and without browser bars, upright and on their side; 640 x 400 is 1280 x 800 at 200 % zoom.
SIZES = [
    (320, 568), (360, 560), (390, 664), (390, 844), (740, 360),
    (640, 400), (768, 1024), (1024, 600), (1280, 800), (1440, 900),
]  # fmt: skip
LEAST_FACE_ON_A_LAPTOP = 320  # CSS px
MEASURE = """() => {
  const root = [...document.querySelectorAll('*')].map((node) => node.shadowRoot)
    .find((shadow) => shadow?.querySelector('.player'));
  const visible = (node) => {
    if (!node || !node.offsetParent) return null;
    const box = node.getBoundingClientRect();
    const seen = (from, to, size) => Math.max(0, Math.min(to, size) - Math.max(from, 0));
    return { width: box.width, height: box.height, top: Math.round(box.top),
      share: seen(box.left, box.right, innerWidth) * seen(box.top, box.bottom, innerHeight)
        / (box.width * box.height) };
  };
  const facts = root.querySelector('.facts-box');
  const more = root.querySelector('.more');
  return {
    advice: visible(root.querySelector('.advice:not(:empty)')),
    approve: visible(root.querySelector('[data-choice=approve]')),
    deny: visible(root.querySelector('[data-choice=deny]')),
    facts: visible(facts),
    overflows: facts.scrollHeight > facts.clientHeight + 2,
    says_more: Boolean(more.offsetParent),
    too_wide: document.documentElement.scrollWidth > innerWidth,
  };
}"""


def enter(served: ServedStudy, context: BrowserContext, token: str) -> Page:
    """The first trial of somebody who is past everything before."""
    context.add_cookies([{"name": session_cookie_before("tiny_study"), "value": token, "url": served.url}])
    page = context.new_page()
    page.goto(served.url)
    page.locator(".player.started [data-choice=approve]:enabled").wait_for()
    return page


def measured(page: Page, size: tuple[int, int]) -> dict[str, Any]:
    """What is visible of the trial in a window of that size, once it is arranged."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return dict(page.evaluate(MEASURE))


def complaints(what: str, seen: dict[str, Any]) -> list[str]:
    """What is not wholly in view, and what is hidden without a word."""
    parts = [name for name in ("advice", "approve", "deny") if seen[name] and seen[name]["share"] < 0.995]
    found = [f"{what}: {seen[name]['share']:.0%} of {name}" for name in parts]
    if seen["overflows"] != seen["says_more"]:
        found.append(f"{what}: facts that do not fit do not say so")
    if seen["facts"]["height"] < 44 or seen["facts"]["share"] < 0.995:
        found.append(f"{what}: facts {seen['facts']}")
    return found + ([f"{what}: wider than the window"] if seen["too_wide"] else [])


@pytest.mark.parametrize("n_stages", [1, 2])
def test_advice_and_choices_are_in_view_at_ten_sizes_in_every_condition(
    tmp_path: Path,
    serve_study: Callable[[Path], ServedStudy],
    chromium: Browser,
    monkeypatch: pytest.MonkeyPatch,
    n_stages: int,
) -> None:
    columns = {
        name: {**column, "shown": True, "label": f"{column['label']} as it was declared and never checked"}
        if column["role"] == "feature"
        else column
        for name, column in tiny_study.TASK["columns"].items()  # type: ignore[attr-defined]
    }
    monkeypatch.setitem(tiny_study.TASK, "columns", columns)
    path = write_study(
        tmp_path,
        conditions=dict.fromkeys(CONDITIONS, 1),
        trials={"main": 2, "learning": 2, "stages": n_stages},
        n_learning=8,
    )
    served = serve_study(path)
    people = admit(path, LARGEST_SHUFFLED)  # a block of the allocation: every condition is among them
    found: list[str] = []
    with DecisionStore.open(served.database_url) as store:
        one_each = {store.participant(person.participant_key).condition: person for person in people}
    assert one_each.keys() == set(CONDITIONS)
    for condition, person in one_each.items():
        context = chromium.new_context(viewport={"width": 390, "height": 664})
        context.set_default_timeout(60_000)
        page = enter(served, context, person.token)
        tops: dict[int, list[int]] = {}
        for stage in range(2 if n_stages == 2 and condition != "none" else 1):
            for number, size in enumerate(SIZES):
                seen = measured(page, size)
                what = f"{condition}, stage {stage + 1} of {n_stages}, {size[0]} x {size[1]}"
                found += complaints(what, seen)
                tops.setdefault(number, []).append(seen["approve"]["top"])
                is_advised = condition != "none" and stage + 1 == n_stages
                assert bool(seen["advice"]) == is_advised, what
                if is_advised and size == (1280, 800):
                    assert seen["advice"]["width"] >= LEAST_FACE_ON_A_LAPTOP, what
            if n_stages == 2 and stage == 0 and condition != "none":
                page.locator("[data-choice=approve]:enabled").click()
                page.get_by_text("what do you decide now?").wait_for()
        assert all(len(set(positions)) == 1 for positions in tops.values()), f"it jumps: {tops}"
        context.close()
    assert found == []


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, serve_study: Callable[[Path], ServedStudy]
) -> ServedStudy:
    """Two-stage trials that ask for everything, and the questions at the end."""
    trials = {"main": 2, "stages": 2, "confidence_points": 5, "reason_share": 1.0}
    folder = tmp_path_factory.mktemp("screen")
    return serve_study(write_study(folder, conditions={"face": 1}, trials=trials, questionnaire=None))


@pytest.fixture
def trial(served: ServedStudy, new_visitor: Callable[..., BrowserContext]) -> tuple[str, Page]:
    """Somebody at their first trial: their key, and the page."""
    (person,) = admit(served.study_path, 1)
    return person.participant_key, enter(served, new_visitor(), person.token)


def test_no_clock_runs_and_no_answer_is_taken_until_advice_and_choices_are_in_view(
    served: ServedStudy, trial: tuple[str, Page]
) -> None:
    key, page = trial
    page.set_viewport_size({"width": 200, "height": 100})
    page.reload()
    page.get_by_text("until you see the whole picture").wait_for()
    page.wait_for_timeout(500)
    expect(page.locator("[data-choice=approve]")).to_be_disabled()
    page.keyboard.press("f")
    page.set_viewport_size({"width": 390, "height": 664})
    page.locator("[data-choice=approve]:enabled").wait_for()
    assert page.locator(".points").count() == 0
    with DecisionStore.open(served.database_url) as store:
        assert store.due(key)[1] == "initial"  # type: ignore[index]


def kept(page: Page) -> dict[str, Any]:
    """What the browser keeps of an answer that is not sent."""
    (name,) = page.evaluate("Object.keys(localStorage).filter((key) => key.includes(' draft '))")
    return dict(json.loads(page.evaluate("(name) => localStorage.getItem(name)", name)))


def test_a_reload_at_any_point_loses_nothing_and_takes_no_new_response_time(
    served: ServedStudy, trial: tuple[str, Page]
) -> None:
    key, page = trial
    page.locator("[data-choice=approve]").click()
    page.locator(".points").wait_for()
    response_time_ms = kept(page)["chosen"]["response_time_ms"]
    page.reload()
    page.get_by_text("You chose “Approve”").wait_for()
    page.locator(".points button").nth(2).click()
    page.get_by_text("Before, you chose “Approve”.").wait_for()
    with DecisionStore.open(served.database_url) as store:
        wait_until(lambda: store.due(key)[1] == "final", "the first stage")  # type: ignore[index]
        page.reload()
        page.get_by_text("Before, you chose “Approve”.").wait_for()
        page.locator("[data-choice=deny]:enabled").click()
        page.locator("textarea").fill("The income is low.")
        page.locator(".points button").nth(4).click()
        page.reload()
        expect(page.locator("textarea")).to_have_value("The income is low.")
        page.locator(".go-on:enabled").click()
        wait_until(lambda: bool(store.choice(store.trials(key)[0].trial_key)), "the decision")
        frame = store.decisions_frame("tiny_study", kind="simulated", participant_key=key)
    assert frame["initial_response_time_ms"].iloc[0] == response_time_ms
    assert frame[["confidence", "reason"]].iloc[0].tolist() == [1.0, "The income is low."]


def test_what_is_pressed_again_before_a_busy_page_has_drawn_what_follows_is_sent_once(
    served: ServedStudy, trial: tuple[str, Page]
) -> None:
    key, page = trial
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "decisions" in request.url else None)
    page.locator("[data-choice=approve]").click()
    page.locator(".points button:enabled").first.wait_for()
    page.locator(".points").evaluate(
        "(points) => { const [low, high] = points.children; low.click(); high.click(); low.click(); }"
    )
    page.get_by_text("Before, you chose “Approve”.").wait_for()
    page.locator("[data-choice=approve]:enabled").wait_for()
    assert len(sent) == 1
    with DecisionStore.open(served.database_url) as store:
        assert store.due(key)[1] == "final"  # type: ignore[index]


# On a slow line the part of the page that keeps what is typed comes after the fields, and after every other part.
KEPT_LATE = """(() => {
  const Whole = window.Blob;
  window.Blob = class extends Whole {
    constructor(parts, options) {
      const isLate = parts?.some?.((part) => typeof part === "string" && part.includes("function keepAnswers"));
      super(isLate ? ["await new Promise((done) => setTimeout(done, 1500));", ...parts] : parts, options);
    }
  };
})()"""


@pytest.mark.parametrize("script", ["", KEPT_LATE], ids=["", "on a slow line"])
def test_what_is_typed_into_the_last_questions_outlives_a_reload_and_enter_sends_nothing(
    served: ServedStudy, new_visitor: Callable[..., BrowserContext], script: str
) -> None:
    (person,) = admit(served.study_path, 1)
    with DecisionStore.open(served.database_url) as store:
        store.set_step(person.participant_key, "questionnaire")
        context = new_visitor()
        context.add_init_script(script)
        context.add_cookies(
            [{"name": session_cookie_before("tiny_study"), "value": person.token, "url": served.url}]
        )
        page = context.new_page()
        page.goto(served.url)
        chosen = page.get_by_role("radiogroup", name="How much did").locator("label").nth(2)
        # By its question: on a busy machine the last field may be drawn before the first.
        strategy = page.get_by_role("textbox", name="How did you decide?")
        chosen.click()
        strategy.fill("By the income.")
        page.locator("[data-testid=stTextInput] input").fill("44")
        page.keyboard.press("Enter")
        page.wait_for_function(
            "Object.values(localStorage).some((kept) => /44/.test(kept) && /income/.test(kept))"
        )
        for _ in range(2):  # also where nothing is touched in between
            page.reload()
            expect(strategy).to_have_value("By the income.")
            expect(page.locator("[data-testid=stTextInput] input")).to_have_value("44")
            expect(chosen.locator("input")).to_be_checked()
        assert store.participant(person.participant_key).status == "active"
        page.locator("[data-testid=stFormSubmitButton] button").click()
        page.locator(".code").wait_for()
        answers = store.attempts_frame("tiny_study", kind="simulated")
        own = answers[answers["participant_key"] == person.participant_key].set_index("question")["value"]
    assert own[["advice_use", "strategy", "age"]].tolist() == ["Moderately", "By the income.", "44"]
