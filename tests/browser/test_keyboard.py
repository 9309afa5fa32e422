"""A whole participation by the keyboard alone: every step, every kind of trial, and the way out."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page

from data.store.decision_store import DecisionStore
from tests.browser.participation import KINDS, N_REASONS, KeyboardWalk
from tests.browser.test_whole_participation import DESKTOP, PHONE, newest, problems
from tests.support.served_study import ServedStudy

pytestmark = pytest.mark.browser

NewVisitor = Callable[..., BrowserContext]


def test_every_step_and_every_kind_of_trial_can_be_done_by_keys_alone(
    whole_study: ServedStudy, new_visitor: NewVisitor
) -> None:
    walk = KeyboardWalk(whole_study, new_visitor().new_page())
    walk.whole()
    with DecisionStore.open(whole_study.database_url) as store:
        person = newest(store)
        assert person.status == "completed"
        decisions = store.decisions_frame(
            "tiny_study", kind="simulated", participant_key=person.participant_key
        )
        assert decisions["trial_kind"].value_counts().to_dict() == KINDS
        stages = decisions.sort_values("position")[["initial_choice", "choice"]].to_numpy().ravel()
        assert [choice for choice in stages if isinstance(choice, str)] == walk.chosen
        assert set(decisions["confidence"].dropna()) == {0.5}
        assert decisions["initial_choice"].notna().sum() == KINDS["main"] + KINDS["repeated"]
        assert list(decisions["reason"].dropna()) == [walk.reason] * N_REASONS
        answers = store.attempts_frame("tiny_study", kind="simulated")
        own = answers[answers["participant_key"] == person.participant_key]
        own = own.drop_duplicates("question", keep="last").set_index("question")
    assert own.loc[own["kind"] == "comprehension", "is_correct"].all()
    assert own.loc["age", "value"] == "44"
    assert own.loc["gender", "value"] == "Another"
    assert own.loc["strategy", "value"] == walk.reason


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_way_out_by_keys_meets_wcag(
    whole_study: ServedStudy, new_visitor: NewVisitor, viewport: dict[str, int]
) -> None:
    found: list[str] = []
    seen: list[str] = []

    def look_on(name: str, page: Page) -> None:
        seen.append(name)
        if name in ("withdrawal", "ended"):
            found.extend(problems(name, page))

    walk = KeyboardWalk(whole_study, new_visitor(viewport=viewport).new_page(), look_on)
    walk.to_the_trials()
    walk.page.locator(".player.started").wait_for()
    walk.withdraw()
    walk.page.get_by_role("heading", name="Your participation has ended").wait_for()
    walk.look("ended")
    assert seen[-2:] == ["withdrawal", "ended"]
    assert found == []
    with DecisionStore.open(whole_study.database_url) as store:
        assert newest(store).status == "returned"
