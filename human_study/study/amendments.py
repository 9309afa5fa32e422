"""What may change in a study that runs, and in which keys two study files differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Whom to write to, how many are taken, where people are sent back to and how decisions are analysed: nothing that
# decisions depend on (a changed analysis is named in the report). The paths of bundle and task are known by what they
# hold (their hashes), however they are spelled, and a language by its code.
AMENDABLE = (
    "database",
    "bundle",
    "task",
    "language_folder",
    "expected_minutes",
    "analysis",
    "analysis.*",
    "analysis.response_times.*",
    "ethics.contact",
    "recruitment.*",
    "not_from",
    "not_from.*",
    "conditions.*.quota",
)
_FIXED = ("recruitment.platform",)
# Keys that came after studies had begun, with what studies without them do: a hash of before must not change.
_YOUNGER: dict[str, Any] = {
    "trials.learning": 0,
    "perception_questions": None,
    "pairs": None,
    "payment.most": None,
}


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections as one mapping: "trials.main" → 40. Lists stay whole."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def is_amendable(key: str) -> bool:
    """Whether a key of a study file may change while the study runs."""
    return key not in _FIXED and any(_matches(key, pattern) for pattern in AMENDABLE)


def design_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """The keys and values of a study file that make the study what it is."""
    return {
        key: value
        for key, value in flat(content).items()
        if not is_amendable(key) and (key not in _YOUNGER or value != _YOUNGER[key])
    }


def differing_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Every key that two study files give other values, in alphabetical order."""
    one, other = flat(before), flat(after)
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))


def _matches(key: str, pattern: str) -> bool:
    parts, wanted = key.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(w in ("*", part) for part, w in zip(parts, wanted, strict=True))
