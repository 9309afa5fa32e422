"""What participants read, from the message catalogue of their language."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from data.formats.value_format import amount_text, number_text
from data.tasks.decision_task import DecisionTask
from human_study.study.study_file import StudyFile

CATALOGUES = Path(__file__).parent / "catalogues"


class Messages:
    """The texts of one language, with the words of one study filled in.

    A text is named by its path in the catalogue, "consent.agree"; `words` are what its braces stand for.
    """

    def __init__(self, language: str, words: dict[str, Any]) -> None:
        """`words` are known to every text; `text` may be given more."""
        self.language = language
        self._texts = _catalogue(language)
        self._words = words

    def text(self, name: str, **words: Any) -> str:
        """The text of that name. A name or word that is missing is our own mistake: KeyError."""
        found = self._texts[name]
        assert isinstance(found, str), f"{name} is a list"
        return found.format(**self._words, **words).strip()

    def texts(self, name: str) -> list[str]:
        """The list of texts of that name."""
        found = self._texts[name]
        assert isinstance(found, list), f"{name} is a single text"
        return [one.format(**self._words) for one in found]

    def amount(self, amount: float, currency: str) -> str:
        """An amount of money as people read it in this language, for example "1.50 GBP"."""
        return amount_text(amount, currency, self.language)

    def section(self, name: str) -> dict[str, str]:
        """All single texts directly in one section, by the last part of their names."""
        prefix = name + "."
        names = [key.removeprefix(prefix) for key in self._texts if key.startswith(prefix)]
        return {key: self.text(prefix + key) for key in names if "." not in key}


def study_words(study: StudyFile, task: DecisionTask) -> dict[str, Any]:
    """What the braces in the message catalogue stand for in one study."""
    return {
        "noun": task.case_noun,
        "nouns": task.nouns,
        "approve": task.choices.approve,
        "deny": task.choices.deny,
        "positive": task.outcome.positive_label,
        "negative": task.outcome.negative_label,
        "n_trials": study.trials.main + study.trials.attention + study.trials.repeated,
        "n_practice": study.trials.practice,
        "n_paid": study.trials.main,
        "idle_minutes": number_text(study.time_limits.idle_minutes, study.language),
    }


@functools.cache
def _catalogue(language: str) -> dict[str, str | list[str]]:
    content = yaml.safe_load((CATALOGUES / f"{language}.yaml").read_text(encoding="utf-8"))
    return dict(_flat("", content))


def _flat(prefix: str, section: dict[str, Any]) -> list[tuple[str, str | list[str]]]:
    flat: list[tuple[str, str | list[str]]] = []
    for key, value in section.items():
        flat += _flat(f"{prefix}{key}.", value) if isinstance(value, dict) else [(prefix + key, value)]
    return flat
