"""The order of steps, and that a final status always wins over the step."""

import pytest

from data.records import FINAL_STATUSES
from human_study.protocol import STEPS, progress, screen_to_show, step_after


def test_steps_follow_each_other_from_the_first_to_the_last() -> None:
    seen = [screen_to_show("active", "")]
    while (following := step_after(seen[-1])) is not None:
        seen.append(following)
    assert tuple(seen) == STEPS == ("consent", "instructions", "trials")


@pytest.mark.parametrize("status", FINAL_STATUSES)
@pytest.mark.parametrize("step", ["", *STEPS])
def test_a_final_status_decides_the_screen(status: str, step: str) -> None:
    assert screen_to_show(status, step) == status


def test_progress_counts_steps_as_people_do() -> None:
    assert [progress(step) for step in ("", *STEPS)] == [
        "Step 1 of 3",
        "Step 1 of 3",
        "Step 2 of 3",
        "Step 3 of 3",
    ]
