"""Who is left out, by status and by what the study file declared."""

import pandas as pd

from advisor.measurement.counted_decisions import excluded_participants

PEOPLE = pd.DataFrame(
    [
        ("gone", "returned"),
        ("late", "timed_out"),
        ("fast", "completed"),
        ("same", "completed"),
        ("now", "active"),
    ],
    columns=["participant_key", "status"],
)
ROWS = [
    *[(key, "main", choice, 900.0, None) for key in ("gone", "late") for choice in (0, 1, 1)],
    *[("fast", "main", choice, 150.0, None) for choice in (0, 1, 1)],
    *[(key, "main", 1, 900.0, None) for key in ("same", "now") for _ in range(3)],
    ("late", "attention", 0, 900.0, "approve"),
    ("late", "attention", 0, 900.0, "deny"),
    ("gone", "attention", 0, 900.0, "approve"),
]
DECISIONS = pd.DataFrame(
    ROWS, columns=["participant_key", "trial_kind", "approved", "response_time_ms", "asked_choice"]
)


def excluded(**declared: object) -> dict[str, str]:
    return excluded_participants(declared, PEOPLE, DECISIONS).to_dict()


def test_without_declarations_only_who_withdrew_is_out() -> None:
    assert excluded() == {"gone": "withdrew"}


def test_each_declaration_excludes_whom_it_names_and_the_first_reason_counts() -> None:
    assert excluded(failed_attention=1) == {"gone": "withdrew", "late": "failed attention checks"}
    assert excluded(failed_attention=2) == {"gone": "withdrew"}
    assert excluded(median_response_time_ms=300) == {"gone": "withdrew", "fast": "too fast"}


def test_one_choice_only_excludes_nobody_who_is_still_deciding() -> None:
    assert excluded(one_choice_only=True) == {"gone": "withdrew", "same": "one choice only"}


def test_a_study_without_anybody_excludes_nobody() -> None:
    assert excluded_participants({"failed_attention": 1}, PEOPLE.iloc[:0], DECISIONS.iloc[:0]).empty
