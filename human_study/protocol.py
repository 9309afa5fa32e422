"""The order of a participant's steps. Knows neither Streamlit nor the database."""

from __future__ import annotations

from typing import Literal, get_args

from data.records import ParticipantStatus

Step = Literal["consent", "instructions", "trials"]
STEPS: tuple[Step, ...] = get_args(Step)
Screen = Literal["consent", "instructions", "trials", "completed", "returned", "timed_out", "screened_out"]


def screen_to_show(status: ParticipantStatus, step: str) -> Screen:
    """The screen for a participant as the store knows them: a final status has its own, else the step has.

    A participant who has not begun any step (stored as "") is at the first one.
    """
    if status != "active":
        return status
    return STEPS[_place(step)]


def step_after(step: str) -> Step | None:
    """The step that follows, or None after the last one."""
    following = _place(step) + 1
    return STEPS[following] if following < len(STEPS) else None


def progress(step: str) -> str:
    """Where this step stands among all, as people read it."""
    return f"Step {_place(step) + 1} of {len(STEPS)}"


def _place(step: str) -> int:
    if step == "":
        return 0
    assert step in STEPS, f"unknown step {step!r}"
    return STEPS.index(step)
