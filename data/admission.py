"""What the store and the assignment tell each other while a participant is being admitted."""

from dataclasses import dataclass

from data.records import StudyCondition, StudyRound, Trial


@dataclass(frozen=True)
class ParticipantPlan:
    """What a new participant will see: the condition, and the trials in order (keys not yet final)."""

    condition: str
    trials: list[Trial]
    slot: int | None = None


@dataclass(frozen=True)
class Occupancy:
    """Who is in a round while a participant is being added and no other one can be.

    `counts`: condition → participants who are active or completed. `taken_slots`: condition → their slots.
    `admitted`: condition → participants whatever became of them. `conditions`: condition → its quota and status,
    where it has any.
    """

    study_round: StudyRound
    counts: dict[str, int]
    taken_slots: dict[str, set[int]]
    conditions: dict[str, StudyCondition]
    admitted: dict[str, int]

    def takes(self, condition: str) -> bool:
        """Whether the condition is open and its quota is not filled."""
        declared = self.conditions.get(condition)
        if declared is None:
            return True
        has_room = declared.quota is None or self.counts.get(condition, 0) < declared.quota
        return declared.status == "open" and has_room

    def free_slot(self, condition: str) -> int:
        """The smallest slot that nobody holds; those of people who left are given again."""
        taken = self.taken_slots.get(condition, set())
        return next(slot for slot in range(len(taken) + 1) if slot not in taken)
