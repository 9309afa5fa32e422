"""What participants read: the texts of their language, a shipped one or any other from a folder of files.

A folder holds `texts.yaml`, every text of the shipped English one in another language, and for each task
`TASKNAME.yaml`, the task's words.
"""

from __future__ import annotations

import functools
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from babel import Locale, UnknownLocaleError

from data.errors import StudyError
from data.formats.files import replaced_whole
from data.formats.value_format import amount_text, duration_text
from data.formats.yaml_text import NotUtf8Error, read_utf8, read_yaml_text, yaml_problem
from data.tasks.task_file import TaskFile
from data.tasks.task_language import words_to_translate

Text = str | list[str]

CATALOGUES = Path(__file__).parent / "catalogues"
_BRACES = re.compile(r"\{+\w+\}+")
# A language may leave out the task's noun where its grammar would need the noun's gender.
_OPTIONAL = {"{noun}", "{nouns}"}


def shipped_languages() -> list[str]:
    """Codes of the languages that come with Countenance, English first."""
    codes = sorted(path.stem for path in CATALOGUES.glob("*.yaml"))
    return sorted(codes, key=lambda code: code != "en")


@dataclass(frozen=True)
class Language:
    """A language by its ISO 639 code, with its folder where it is not a shipped one."""

    code: str
    folder: Path | None = None

    @property
    def texts(self) -> Mapping[str, Text]:
        """Path in the catalogue, "consent.agree" → text. Raises StudyError where the folder's file is wrong."""
        if self.folder is None:
            return _catalogue(CATALOGUES / f"{self.code}.yaml")
        return _checked_catalogue(self.folder / "texts.yaml")

    @property
    def direction(self) -> str:
        """In which it is written: ltr or rtl."""
        return str(Locale.parse(self.code).text_direction)

    def untranslated(self) -> list[str]:
        """Names of the sentences of a folder that are still those in English."""
        if self.folder is None:
            return []
        english = _catalogue(CATALOGUES / "en.yaml")
        return [
            name for name, text in self.texts.items() if text == english[name] and len(str(text).split()) > 3
        ]

    def task_words(self, task_name: str) -> Path | None:
        """The folder's file of a task's words, if it has one."""
        path = self.folder / f"{task_name}.yaml" if self.folder else None
        return path if path and path.is_file() else None


class Messages:
    """The texts of one language, with the words of one study filled in.

    A text is named by its path in the catalogue, "consent.agree"; `words` are what its braces stand for.
    """

    def __init__(self, language: Language, words: dict[str, Any]) -> None:
        """`words` are known to every text; `text` may be given more."""
        self.language = language
        self._texts = language.texts
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
        return amount_text(amount, currency, self.language.code)

    def duration(self, number: float, unit: str) -> str:
        """A duration as people read it in this language: "1 minute", "17.5 minutes". `unit` is CLDR's, such as day."""
        return duration_text(number, unit, self.language.code)

    def section(self, name: str) -> dict[str, str]:
        """All single texts directly in one section, by the last part of their names."""
        prefix = name + "."
        names = [key.removeprefix(prefix) for key in self._texts if key.startswith(prefix)]
        return {key: self.text(prefix + key) for key in names if "." not in key}


def write_language_folder(folder: Path, task: TaskFile) -> None:
    """Write the English texts and a task's words into a folder that is named by a language's code, to translate.

    Raises StudyError where the folder exists, or its name is no language's code.
    """
    if not has_number_rules(folder.name):
        raise StudyError(f"{folder.name} is no language's ISO 639 code; write it as in fr.")
    if folder.exists():
        raise StudyError(
            f"{folder} exists and is left as it is; name it as language_folder in the study file."
        )
    words = yaml.safe_dump(words_to_translate(task), allow_unicode=True, sort_keys=False, width=100)
    with replaced_whole(folder) as partial:
        partial.mkdir(parents=True)
        shutil.copyfile(CATALOGUES / "en.yaml", partial / "texts.yaml")
        (partial / f"{task.name}.yaml").write_text(words, encoding="utf-8")


def has_number_rules(code: str) -> bool:
    """Whether a text is a language's ISO 639 code in small letters, and Unicode has rules for its numbers."""
    try:
        Locale.parse(code)
    except (UnknownLocaleError, ValueError):
        return False
    return code.islower() and code.isalpha()


@functools.cache
def _catalogue(path: Path) -> Mapping[str, Text]:
    return dict(_flat("", read_yaml_text(path.read_text(encoding="utf-8"))))


def _checked_catalogue(path: Path) -> Mapping[str, Text]:
    """A catalogue from elsewhere, read anew: it says all that the English one says, with the same words filled in."""
    try:
        content = read_yaml_text(read_utf8(path))
    except NotUtf8Error as error:
        raise StudyError(f"{path} {error}.") from error
    except OSError as error:
        raise StudyError(
            f"There are no readable texts at {path}; `human-study init --language CODE` writes them to translate."
        ) from error
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: {yaml_problem(error)}.") from error
    english = _catalogue(CATALOGUES / "en.yaml")
    texts = dict(_flat("", content)) if isinstance(content, dict) else {}
    if missing := [name for name in english if name not in texts]:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        raise StudyError(f"{path} lacks the text {missing[0]}{more}; take it from {CATALOGUES / 'en.yaml'}.")
    for name, text in texts.items():
        if name not in english:
            raise StudyError(f"{path}: there is no text {name}; take it out.")
        _check_text(f"{path}: {name}", text, english[name])
    return texts


def _check_text(where: str, text: Any, english: Text) -> None:
    if isinstance(english, list):
        if not isinstance(text, list) or len(text) != len(english):
            raise StudyError(f"{where} must be a list of {len(english)} texts, as in English.")
        for one, other in zip(text, english, strict=True):
            _check_text(where, one, other)
        return
    if not isinstance(text, str) or not text.strip():
        raise StudyError(f"{where} must be a text; put it in quotes.")
    here, there = (set(_BRACES.findall(one)) - _OPTIONAL for one in (text, english))
    if odd := sorted(here ^ there):
        verb = "lacks" if odd[0] in there else "has"
        raise StudyError(f"{where} {verb} {odd[0]}, unlike the English text; keep the same words in braces.")
    try:
        text.format_map(_AnyWord())
    except (ValueError, IndexError, AttributeError):
        raise StudyError(f"{where} has a brace that stands alone; double it.") from None


class _AnyWord(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return key


def _flat(prefix: str, section: Mapping[str, Any]) -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in section.items():
        flat += _flat(f"{prefix}{key}.", value) if isinstance(value, dict) else [(f"{prefix}{key}", value)]
    return flat
