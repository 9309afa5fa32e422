"""What readers call the conditions, advisors, statuses and kinds of participant that the code has words for."""

from data.records import ParticipantKind

CONDITION_LABELS = {
    "none": "No advice",
    "score": "Score",
    "face": "Face",
    "shuffled": "Shuffled face",
    "risk_to_smile": "Risk as smile",
}
ADVISOR_WORDS = {"explore": "exploratory", "learned": "learned"}
TRAINED_ON_WORDS = {"nothing": "nothing", "people": "decisions of people", "simulated": "SIMULATED decisions"}
STATUS_LABELS = {
    "completed": "Completed",
    "active": "Under way",
    "timed_out": "Timed out",
    "returned": "Withdrew",
    "screened_out": "Screened out",
}
KIND_LABELS: dict[ParticipantKind, str] = {"people": "People", "simulated": "SIMULATED participants"}


def condition_label(condition: str) -> str:
    """What readers call a condition; its own name where it is none of ours."""
    return CONDITION_LABELS.get(condition, condition)
