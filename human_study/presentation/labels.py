"""What readers call the conditions, advisors, statuses and kinds of participant that the code has words for."""

from data.records import ParticipantKind

CONDITION_LABELS = {
    "none": "No advice",
    "score": "Score",
    "face": "Face",
    "shuffled": "Shuffled face",
    "risk_to_smile": "Risk as smile",
    "examples": "Face and past cases",
}
_WITH_WORDS = {
    "none": "no advice",
    "score": "the score",
    "face": "the face",
    "shuffled": "a shuffled face",
    "risk_to_smile": "risk as smile",
    "examples": "the face and past cases",
}
ADVISOR_WORDS = {"explore": "exploratory", "learned": "learned"}
TRAINED_ON_WORDS = {"nothing": "nothing", "people": "decisions of people", "simulated": "SIMULATED decisions"}
STATUS_LABELS = {
    "completed": "Completed",
    "active": "Under way",
    "timed_out": "Timed out",
    "declined": "Declined consent",
    "returned": "Withdrew",
    "screened_out": "Screened out",
}
KIND_LABELS: dict[ParticipantKind, str] = {"people": "People", "simulated": "SIMULATED participants"}


def condition_label(condition: str) -> str:
    """What readers call a condition; its own name where it is none of ours."""
    return CONDITION_LABELS.get(condition, condition)


def with_condition(condition: str) -> str:
    """A condition within a sentence: "(people with) the face"; its own name where it is none of ours."""
    return _WITH_WORDS.get(condition, condition)
