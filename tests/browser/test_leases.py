"""Tabs, devices, shared computers and the back button: the newest page acts, the older one is told."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from data.store.decision_store import DecisionStore
from tests.browser.test_participant import N_TRIALS, SHORT, await_trial, begin, key_of
from tests.support.served_study import ServedStudy, wait_until
from tests.support.tiny_study import write_study

pytestmark = pytest.mark.browser
NewVisitor = Callable[..., BrowserContext]
GO_ON = "Continue where you left off"  # what the welcome page offers whom the platform sends again
TOLD = "This page is no longer in use."


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, serve_study: Callable[[Path], ServedStudy]
) -> ServedStudy:
    """A study on plain links, for all tests of this file."""
    return serve_study(write_study(tmp_path_factory.mktemp("leases"), conditions={"none": 1}, trials=SHORT))


@pytest.fixture(scope="module")
def on_prolific(
    tmp_path_factory: pytest.TempPathFactory, serve_study: Callable[[Path], ServedStudy]
) -> ServedStudy:
    """The same study on Prolific."""
    folder, platform = tmp_path_factory.mktemp("prolific"), {"platform": "prolific"}
    return serve_study(write_study(folder, conditions={"none": 1}, trials=SHORT, recruitment=platform))


@pytest.fixture
def store(served: ServedStudy) -> Iterator[DecisionStore]:
    """The served study's database."""
    with DecisionStore.open(served.database_url) as opened:
        yield opened


def press(page: Page, number: int, choice: str) -> None:
    """Decide on the trial of that number."""
    await_trial(page, number)
    page.get_by_role("button", name=choice).click()


def choices_of(store: DecisionStore, key: str) -> list[str]:
    """The participant's stored choices, in order."""
    frame = store.decisions_frame("tiny_study", kind="simulated")
    return list(frame[frame["participant_key"] == key].sort_values("position")["choice"])


def queues(page: Page) -> list[str]:
    """What waits in this browser."""
    return page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('countenance'))")


def test_a_second_tab_takes_over_and_the_first_is_told(
    served: ServedStudy, store: DecisionStore, new_visitor: NewVisitor
) -> None:
    context = new_visitor()
    first = begin(served, context)
    press(first, 1, "Approve")
    await_trial(first, 2)
    second = context.new_page()
    second.goto(served.url)
    await_trial(second, 2)
    first.get_by_text(TOLD).wait_for()
    expect(first.get_by_role("button", name="Approve")).not_to_be_visible()
    press(second, 2, "Deny")
    await_trial(second, 3)
    first.reload()
    second.get_by_text(TOLD).wait_for()
    press(first, 3, "Approve")
    key = key_of(store, first)
    wait_until(lambda: choices_of(store, key) == ["approve", "deny", "approve"], "three decisions")


def test_one_tab_is_no_move_and_a_second_one_is(
    served: ServedStudy, store: DecisionStore, new_visitor: NewVisitor
) -> None:
    context = new_visitor()
    page = begin(served, context)
    page.reload()
    press(page, 1, "Approve")
    await_trial(page, 2)
    key = key_of(store, page)

    def n_moves() -> int:
        events = store.events_frame("tiny_study", kind="simulated")
        return int(((events["participant_key"] == key) & (events["kind"] == "moved_lease")).sum())

    wait_until(lambda: choices_of(store, key) == ["approve"], "the decision")
    assert n_moves() == 0
    second = context.new_page()
    second.goto(served.url)
    page.get_by_text(TOLD).wait_for()
    wait_until(lambda: n_moves() == 1, "the move")


def stand_still(page: Page) -> None:
    """Wait until Streamlit, where it draws the page, has drawn it."""
    if page.locator("[data-test-script-state]").count():
        page.locator("[data-test-script-state=notRunning]").wait_for()


def step_of(store: DecisionStore, key: str) -> str:
    """Where the participant is."""
    return str(store.participant(key).step)


def test_on_every_screen_the_older_tab_is_told_and_its_clicks_change_nothing(
    tmp_path: Path, serve_study: Callable[[Path], ServedStudy], new_visitor: NewVisitor
) -> None:
    served = serve_study(
        write_study(tmp_path, conditions={"none": 1}, comprehension=None, questionnaire=None)
    )
    context = new_visitor()
    page = context.new_page()
    page.goto(served.url)
    page.get_by_role("button", name="Begin").click()
    with DecisionStore.open(served.database_url) as store:
        for name in ("I agree", "Continue to a few questions", "Check"):
            button = page.get_by_role("button", name=name)
            button.wait_for()
            stand_still(page)
            newer = context.new_page()
            newer.goto(served.url)
            page.locator(".older-lease").get_by_text(TOLD).wait_for()
            key = key_of(store, page)
            before = step_of(store, key)
            box = page.locator("main button, [data-testid=stMain] button[kind^=primary]").first.bounding_box()
            assert box is not None
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
            page.keyboard.press("Tab")
            page.keyboard.press("Enter")
            newer.get_by_role("button", name=name).wait_for()
            assert not newer.locator(".older-lease").is_visible()
            assert step_of(store, key) == before
            page.close()
            page = newer
            if name != "Check":
                stand_still(page)
                page.get_by_role("button", name=name).click()
                page.get_by_role("button", name=name).wait_for(state="detached")


def test_an_older_tab_with_an_open_dialog_cannot_end_the_participation(
    served: ServedStudy, store: DecisionStore, new_visitor: NewVisitor
) -> None:
    context = new_visitor()
    older = context.new_page()
    older.goto(served.url)
    older.get_by_role("button", name="Begin").click()
    older.get_by_role("button", name="I do not want to take part", exact=True).click()
    yes = older.get_by_role("button", name="Yes, I do not want to take part")
    box = yes.bounding_box()
    assert box is not None
    newer = context.new_page()
    newer.goto(served.url)
    older.locator(".older-lease").get_by_text(TOLD).wait_for()
    expect(yes).to_have_count(0)
    older.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    older.keyboard.press("Tab")
    older.keyboard.press("Enter")
    newer.get_by_role("button", name="I agree").click()
    newer.get_by_role("button", name="Start with").wait_for()
    assert store.participant(key_of(store, newer)).status == "active"


def test_a_click_on_a_device_that_was_left_changes_nothing(
    on_prolific: ServedStudy, new_visitor: NewVisitor
) -> None:
    link = on_prolific.url + "/?PROLIFIC_PID=person-1"
    left, present = new_visitor().new_page(), new_visitor().new_page()
    for page, button in ((left, "Begin"), (present, GO_ON)):
        page.goto(link)
        page.get_by_role("button", name=button).click()
        page.get_by_role("button", name="I agree").wait_for()
    left.get_by_role("button", name="I agree").click()
    left.get_by_role("heading", name="Please begin on the welcome page").wait_for()
    with DecisionStore.open(on_prolific.database_url) as store:
        assert store.participant(key_of(store, present)).consented_at is None
    present.get_by_role("button", name="I agree").click()
    present.get_by_role("button", name="Start with").wait_for()


def test_what_another_device_had_queued_counts_for_the_first_unanswered_trial_only(
    on_prolific: ServedStudy, new_visitor: NewVisitor
) -> None:
    link = on_prolific.url + "/?PROLIFIC_PID=person-2"
    old, new = new_visitor(), new_visitor()
    first = begin(on_prolific, old, link)
    press(first, 1, "Approve")
    await_trial(first, 2)
    with DecisionStore.open(on_prolific.database_url) as store:
        key = key_of(store, first)
        wait_until(lambda: len(choices_of(store, key)) == 1, "the first decision")
        old.set_offline(True)
        press(first, 2, "Approve")
        press(first, 3, "Approve")
        await_trial(first, 4)
        second = new.new_page()
        second.goto(link)
        assert "person-2" not in second.locator("main").inner_text()
        second.get_by_role("button", name=GO_ON).click()
        await_trial(second, 2)
        assert "PROLIFIC" not in second.url
        old.set_offline(False)
        wait_until(lambda: len(choices_of(store, key)) == 2, "the queued decision on the second trial")
        first.get_by_role("heading", name="Please begin on the welcome page").wait_for()
        press(second, 2, "Deny")
        for number in range(3, N_TRIALS + 1):
            press(second, number, "Deny")
        second.get_by_role("heading", name="Thank you").wait_for()
        assert choices_of(store, key) == ["approve", "approve"] + ["deny"] * (N_TRIALS - 2)
        assert key_of(store, second) == key


def test_on_mechanical_turk_the_code_is_to_be_pasted_there(
    tmp_path: Path, serve_study: Callable[[Path], ServedStudy], new_visitor: NewVisitor
) -> None:
    served = serve_study(
        write_study(tmp_path, conditions={"none": 1}, trials=SHORT, recruitment={"platform": "mturk"})
    )
    page = begin(served, new_visitor(), served.url + "/?workerId=W1&assignmentId=A1&hitId=H1")
    for number in range(1, N_TRIALS + 1):
        press(page, number, "Deny")
    page.get_by_text("paste this code into its field").wait_for()
    assert page.locator(".code").inner_text().strip()
    assert "W1" not in page.url


def test_on_a_shared_computer_nobody_meets_what_somebody_else_left(
    served: ServedStudy, store: DecisionStore, new_visitor: NewVisitor
) -> None:
    context = new_visitor()
    first = begin(served, context)
    left = key_of(store, first)
    first.route("**/api/decisions", lambda route: route.abort())
    press(first, 1, "Approve")
    await_trial(first, 2)
    assert len(queues(first)) == 1
    second = context.new_page()
    second.goto(served.url + "/welcome")
    second.get_by_role("button", name="Begin as a different person").click()
    second.get_by_role("button", name="I agree").wait_for()
    wait_until(lambda: queues(second) == [], "the other's decisions to be removed")
    first.unroute("**/api/decisions")
    for name in ("I agree", "Start with"):
        second.get_by_role("button", name=name).click()
    await_trial(second, 1)
    first.get_by_text(TOLD).wait_for()
    entered = key_of(store, second)
    assert entered != left
    press(second, 1, "Deny")
    wait_until(lambda: choices_of(store, entered) == ["deny"], "the decision")
    assert choices_of(store, left) == []


def test_what_waits_for_one_study_is_left_alone_by_another_below_the_same_host(
    new_visitor: NewVisitor,
) -> None:
    context = new_visitor()
    context.route("https://lab.example/**", lambda route: route.fulfill(body="<p>", content_type="text/html"))
    page = context.new_page()
    player = Path("human_study/participants/trial_player")
    queue = "".join((player / name).read_text() for name in ("kept.js", "decision_queue.js"))
    kept = "() => { %s; const queue = new DecisionQueue('%s'); %s; return queue.decisions; }"
    page.goto("https://lab.example/loans/")
    page.evaluate(kept % (queue, "anna", "queue.replace([1, 2])"))
    page.goto("https://lab.example/credit/")
    assert page.evaluate(kept % (queue, "ben", "")) == []
    page.goto("https://lab.example/loans/")
    assert page.evaluate(kept % (queue, "anna", "")) == [1, 2]
    assert page.evaluate(kept % (queue, "carla", "")) == []
    assert page.evaluate(kept % (queue, "anna", "")) == []  # removed: lab computers are shared


def test_the_back_button_takes_nobody_back(
    served: ServedStudy, store: DecisionStore, new_visitor: NewVisitor
) -> None:
    page = begin(served, new_visitor())
    press(page, 1, "Approve")
    press(page, 2, "Deny")
    await_trial(page, 3)
    page.go_back()
    page.go_forward()
    await_trial(page, 3)
    press(page, 3, "Approve")
    key = key_of(store, page)
    wait_until(lambda: len(choices_of(store, key)) == 3, "three decisions")
    assert choices_of(store, key) == ["approve", "deny", "approve"]


def test_a_second_click_decides_nothing_that_has_just_been_shown(
    served: ServedStudy, store: DecisionStore, new_visitor: NewVisitor
) -> None:
    page = begin(served, new_visitor())
    key = key_of(store, page)
    for number, gap_ms in enumerate((10, 30, 100, 250, 500), start=1):
        await_trial(page, number)
        button = page.get_by_role("button", name="Approve")
        button.evaluate("(button, gap) => { button.click(); setTimeout(() => button.click(), gap); }", gap_ms)
        page.wait_for_timeout(gap_ms)
        await_trial(page, number + 1)
        wait_until(lambda number=number: len(choices_of(store, key)) >= number, "the decision")  # type: ignore[misc]
        assert len(choices_of(store, key)) == number, gap_ms
    frame = store.decisions_frame("tiny_study", kind="simulated", participant_key=key)
    assert (frame["response_time_ms"] >= 300).all()
