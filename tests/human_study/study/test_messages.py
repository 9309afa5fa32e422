"""Message catalogues: every language says the same things, with the same words to fill in."""

import re

import pytest
import yaml

from human_study.study.messages import CATALOGUES, Messages

LANGUAGES = sorted(path.stem for path in CATALOGUES.glob("*.yaml"))
# A language may leave out the task's noun where its grammar would need the noun's gender.
OPTIONAL = {"{noun}", "{nouns}"}


def flat(language: str) -> dict[str, object]:
    def walk(prefix: str, section: dict) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in section.items():
            found |= walk(f"{prefix}{key}.", value) if isinstance(value, dict) else {prefix + key: value}
        return found

    return walk("", yaml.safe_load((CATALOGUES / f"{language}.yaml").read_text(encoding="utf-8")))


def braces(text: object) -> set[str]:
    return set(re.findall(r"\{+\w+\}+", str(text))) - OPTIONAL


def test_there_is_more_than_one_language() -> None:
    assert LANGUAGES == ["de", "en"]


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_every_catalogue_has_the_same_texts_with_the_same_words(language: str) -> None:
    english, other = flat("en"), flat(language)
    assert set(other) == set(english)
    differing = {key for key in english if braces(english[key]) != braces(other[key])}
    assert differing == set()
    lists = {key: len(value) for key, value in english.items() if isinstance(value, list)}
    assert {key: len(value) for key, value in other.items() if isinstance(value, list)} == lists
    untranslated = {key for key in english if english[key] == other[key]}
    assert untranslated == set()


def test_words_are_filled_in() -> None:
    messages = Messages("en", {"noun": "loan", "nouns": "loans", "approve": "Approve", "deny": "Deny"})
    assert "loan" in messages.text("instructions.face")
    assert messages.text("page.step", step=2, n_steps=7) == "Step 2 of 7"
    with pytest.raises(KeyError):
        messages.text("page.step")
