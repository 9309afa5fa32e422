"""The order of a participant's steps. Knows neither Streamlit nor the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from data.records import ParticipantStatus, TrialKind
from human_study.study.study_file import StudyFile

Step = Literal[
    "consent",
    "screening",
    "instructions",
    "comprehension",
    "practice",
    "learning",
    "trials",
    "pairs",
    "questionnaire",
]
STEPS: tuple[Step, ...] = get_args(Step)
Screen = Literal[Step, "completed", "returned", "timed_out", "screened_out"]
DECIDING_STEPS: tuple[Step, ...] = ("practice", "learning", "trials")


@dataclass(frozen=True)
class Protocol:
    """The steps of one study in order; those that it has no use for are left out."""

    steps: tuple[Step, ...]

    @classmethod
    def of(cls, study: StudyFile) -> Protocol:
        """The steps that a study file asks for. An empty list of questions takes their step out."""
        has_no_use_for = {
            "screening": not study.screening,
            "comprehension": study.comprehension == (),
            "practice": not study.trials.practice,
            "learning": not study.trials.learning,
            "pairs": study.pairs is None,
            "questionnaire": study.questionnaire == (),
        }
        return cls(tuple(step for step in STEPS if not has_no_use_for.get(step, False)))

    def screen_to_show(self, status: ParticipantStatus, step: str) -> Screen:
        """The screen for a participant as the store knows them: a final status has its own, else the step has.

        A participant who has not begun any step (stored as "") is at the first one.
        """
        return status if status != "active" else self.steps[self._index(step)]

    def step_after(self, step: str) -> Step | None:
        """The step that follows, or None after the last one."""
        following = self._index(step) + 1
        return self.steps[following] if following < len(self.steps) else None

    def step_number(self, step: str) -> tuple[int, int]:
        """Which of all steps this is, from 1, and how many there are."""
        return self._index(step) + 1, len(self.steps)

    def _index(self, step: str) -> int:
        if step == "":
            return 0
        assert step in self.steps, f"unknown step {step!r}"
        return self.steps.index(step)


def step_of_trial(kind: TrialKind) -> Step:
    """The step at which a trial is decided."""
    return kind if kind == "practice" or kind == "learning" else "trials"
