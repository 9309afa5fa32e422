"""The live page beside a study that is really served: what it shows of people, and what its buttons do to them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from data.records import Recruitment, Trial
from data.store.decision_store import DecisionStore
from human_study.participation.running_study import RunningStudy
from human_study.presentation.labels import condition_label
from human_study.study.study_file import load_study_file
from tests.browser.analyst_visit import entered, rows, settled
from tests.browser.test_participant import N_TRIALS, await_trial, begin, decide, key_of
from tests.browser.test_whole_participation import DESKTOP, PHONE, problems
from tests.human_study.analysts.test_live import decide as write_decision
from tests.support.served_study import ServedStudy, answers, wait_until
from tests.support.tiny_study import write_study, write_tiny_bundle

pytestmark = pytest.mark.browser

STUDY = "tiny_study"
NewVisitor = Callable[..., BrowserContext]


@pytest.fixture
def served(tmp_path: Path, serve_study: Callable[[Path], ServedStudy]) -> Iterator[ServedStudy]:
    """A served study of two conditions, five main trials and an attention check."""
    served = serve_study(
        write_study(
            tmp_path,
            conditions={"face": {"share": 1, "quota": 5}, "none": {"share": 1}},
            trials={"main": N_TRIALS - 1, "test_share": 0.5, "attention": 1},
        )
    )
    wait_until(lambda: answers(f"{served.analyst_url}/enter"), "the analyst app")
    yield served
    served.stop()


@pytest.fixture
def store(served: ServedStudy) -> Iterator[DecisionStore]:
    """The served study's database."""
    with DecisionStore.open(served.database_url) as opened:
        yield opened


@pytest.fixture
def live(served: ServedStudy, store: DecisionStore) -> RunningStudy:
    """The study as its server runs it."""
    return RunningStudy(load_study_file(served.study_path), store)


def live_page(visitor: BrowserContext, served: ServedStudy) -> Page:
    """The page, drawn to its end."""
    page = entered(visitor, served.analyst_url)
    page.goto(served.analyst_url + "/live")
    page.get_by_text("As of ").wait_for()
    settled(page, STUDY)
    return page


def drawn_again(page: Page) -> None:
    """Load the page anew."""
    page.reload()
    page.get_by_text("As of ").wait_for()
    settled(page, STUDY)


def arrive(live: RunningStudy, name: str) -> str:
    """Somebody takes a slot; returns their key."""
    participant = live.participations.participant(
        live.participations.begin(Recruitment(platform="link", external_id=name))
    )
    assert participant is not None
    return participant.participant_key


def people_at_work(live: RunningStudy) -> dict[str, str]:
    """One who fails the check and pauses, one who has not begun, one who is through: what they did → their key."""
    keys = {name: arrive(live, name) for name in ("pauses", "waits", "completes")}
    store, moment = live.store, datetime.now(UTC) - timedelta(minutes=9)
    store.set_step(keys["pauses"], "trials")
    trials = store.trials(keys["pauses"])
    for trial in trials[: N_TRIALS - 2]:
        write_decision(live, trial, moment, response_time_ms=1500.0, n_blur=1, **wrong_at(trial))
        moment += timedelta(minutes=3) if trial.position == 2 else timedelta(seconds=20)
    store.take_lease(keys["pauses"], "a tab")
    store.take_lease(keys["pauses"], "another tab")
    for trial in store.trials(keys["completes"]):
        write_decision(live, trial, moment, response_time_ms=900.0)
    store.set_status(keys["completes"], "completed")
    return keys


def wrong_at(trial: Trial) -> dict[str, str]:
    """What to change so that an attention check is failed."""
    return {"choice": "deny" if trial.asked_choice == "approve" else "approve"} if trial.asked_choice else {}


def metrics(page: Page) -> dict[str, str]:
    """The figures at the top, by their headings."""
    page.get_by_test_id("stMetric").last.wait_for()
    shown = [metric.inner_text().split("\n") for metric in page.get_by_test_id("stMetric").all()]
    return {words[0]: words[-1] for words in shown}


def test_it_shows_who_is_where_how_fast_and_how_attentive_on_any_screen(
    served: ServedStudy, live: RunningStudy, new_visitor: NewVisitor
) -> None:
    keys = people_at_work(live)
    decisions = live.store.decisions_frame(STUDY, kind="simulated")
    checks = decisions[decisions["trial_kind"] == "attention"]
    page = live_page(new_visitor(viewport=DESKTOP), served)
    shown = metrics(page)
    assert shown["Under way"] == "2"
    assert shown["Decisions a minute"] == f"{len(decisions) / 10:.1f}"
    passed = (checks["choice"] == checks["asked_choice"]).mean()
    assert shown["Checks passed"] == f"{passed:.1%}"
    by_condition = {row.split("|")[0]: row.split("|")[1:] for row in rows(page, 0)}
    for condition in ("face", "none"):
        own = [live.store.participant(key) for key in keys.values()]
        own = [person for person in own if person.condition == condition]
        n_completed = sum(person.status == "completed" for person in own)
        left = str(5 - len(own)) if condition == "face" else "–"
        quota = "5" if condition == "face" else "–"
        assert by_condition[condition_label(condition)][:5] == [
            "open",
            quota,
            left,
            str(n_completed),
            str(len(own) - n_completed),
        ]
    assert sorted(rows(page, 1)) == ["not begun|1", "trials|1"]
    people = {row.split("|")[0]: row.split("|")[1:] for row in rows(page, 2)}
    assert set(people) == {keys[name][:6] for name in ("pauses", "waits")}
    given = [trial for trial in live.store.trials(keys["pauses"])[: N_TRIALS - 2] if trial.asked_choice]
    assert people[keys["pauses"][:6]][1:] == [
        "trials",
        f"{N_TRIALS - 2} of {N_TRIALS}",
        "just now",
        "1.50 s",
        f"0 of {len(given)}" if given else "–",
        "1 (longest 3 min)",
        str(N_TRIALS - 2),
        "1",
    ]
    waiting = people[keys["waits"][:6]]
    assert waiting[1:3] == ["not begun", f"0 of {N_TRIALS}"]
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)
        page.wait_for_timeout(500)
        found = problems(f"live at {viewport['width']}", page)
        # Wide tables scroll in Streamlit's own box, which browsers let the keyboard into by themselves.
        assert [one for one in found if "scrollable-region-focusable" not in one] == []


def test_a_closed_condition_takes_nobody_new_and_lets_who_is_in_it_finish(
    served: ServedStudy, store: DecisionStore, new_visitor: NewVisitor
) -> None:
    inside: dict[str, Page] = {}
    for _ in range(4):  # of a random block, three at most begin with the same condition
        page = begin(served, new_visitor())
        inside[store.participant(key_of(store, page)).condition] = page
        if len(inside) == 2:
            break
    assert set(inside) == {"face", "none"}
    analysts = live_page(new_visitor(), served)
    analysts.get_by_role("button", name="Close face").click()
    analysts.get_by_role("button", name="Open face").wait_for()
    newcomers = [begin(served, new_visitor()) for _ in range(2)]
    assert {store.participant(key_of(store, page)).condition for page in newcomers} == {"none"}
    for number in range(1, N_TRIALS + 1):
        decide(inside["face"], number)
    inside["face"].get_by_role("heading", name="Thank you").wait_for()
    assert store.participant(key_of(store, inside["face"])).status == "completed"
    drawn_again(analysts)
    assert {row.split("|")[0]: row.split("|")[1] for row in rows(analysts, 0)} == {
        "Face": "closed",
        "No advice": "open",
    }


def test_a_closed_study_says_so_at_its_door_and_lets_who_is_in_it_finish(
    served: ServedStudy, store: DecisionStore, new_visitor: NewVisitor
) -> None:
    page = begin(served, new_visitor())
    analysts = live_page(new_visitor(), served)
    close = analysts.get_by_role("button", name="Close the study")
    expect(close).to_be_disabled()
    analysts.get_by_text("I want to close this study").click()
    expect(close).to_be_enabled(timeout=30_000)
    close.click()
    analysts.get_by_text("The study is closed: it admits nobody new").wait_for()
    late = new_visitor().new_page()
    late.goto(served.url)
    expect(late.get_by_text("not taking any more participants")).to_be_visible()
    expect(late.get_by_role("button", name="Begin")).to_have_count(0)
    for number in range(1, N_TRIALS + 1):
        decide(page, number)
    page.get_by_role("heading", name="Thank you").wait_for()
    assert len(store.participants_frame(STUDY, kind="simulated")) == 1


def test_the_next_round_is_shown_when_it_begins(
    served: ServedStudy, store: DecisionStore, new_visitor: NewVisitor
) -> None:
    page = begin(served, new_visitor())
    analysts = live_page(new_visitor(), served)
    expect(analysts.get_by_text("Round 0.")).to_be_visible()
    folder = served.study_path.parent
    following = write_tiny_bundle(folder / "task" / "task.yaml", folder / "round_1" / "bundle", seed=1)
    store.register_bundle(following.as_record())
    store.start_round(STUDY, following.bundle_hash)
    later = begin(served, new_visitor())
    assert store.participant(key_of(store, later)).bundle_hash == following.bundle_hash
    analysts.get_by_text("Round 1.").wait_for(timeout=60_000)  # without a reload
    settled(analysts, STUDY)
    counted = sum(int(row.split("|")[5]) for row in rows(analysts, 0))
    assert counted == 1  # of the new round; both are still under way
    assert metrics(analysts)["Under way"] == "2"
    await_trial(page, 1)
