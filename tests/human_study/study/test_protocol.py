"""The order of steps, and that a final status always wins over the step."""

from pathlib import Path

import pytest

from data.records import FINAL_STATUSES
from human_study.study.protocol import STEPS, Protocol
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study

EVERYTHING = Protocol(STEPS)


def test_steps_follow_each_other_from_the_first_to_the_last() -> None:
    seen = [EVERYTHING.screen_to_show("active", "")]
    while (following := EVERYTHING.step_after(seen[-1])) is not None:
        seen.append(following)
    assert tuple(seen) == STEPS
    assert seen[0] == "consent"


def test_steps_that_a_study_has_no_use_for_are_left_out(tmp_path: Path) -> None:
    bare = Protocol.of(load_study_file(write_study(tmp_path / "bare")))
    assert bare.steps == ("consent", "instructions", "trials")
    shipped = write_study(
        tmp_path / "shipped", comprehension=None, questionnaire=None, trials={"main": 4, "practice": 2}
    )
    to_learn = write_study(tmp_path / "to_learn", trials={"main": 4, "learning": 2})
    assert Protocol.of(load_study_file(to_learn)).steps == ("consent", "instructions", "learning", "trials")
    steps = Protocol.of(load_study_file(shipped)).steps
    assert steps == ("consent", "instructions", "comprehension", "practice", "trials", "questionnaire")


@pytest.mark.parametrize("status", FINAL_STATUSES)
@pytest.mark.parametrize("step", ["", *STEPS])
def test_a_final_status_decides_the_screen(status: str, step: str) -> None:
    assert EVERYTHING.screen_to_show(status, step) == status  # type: ignore[arg-type]


def test_progress_counts_steps_as_people_do() -> None:
    n = len(STEPS)
    assert [EVERYTHING.step_number(step) for step in ("", *STEPS)] == [
        (1, n),
        *((k, n) for k in range(1, n + 1)),
    ]
