"""A task file read and checked without its table, and the sentences that say what is wrong with it."""

import copy
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from data.formats.yaml_text import NotUtf8Error, read_utf8, read_yaml_text, yaml_problem
from data.said_wrong import nearest, wrong_value
from data.tasks.task_file import Choices, Column, Decimal, Kind, Outcome, Role, Separator, TaskFile

KEYS_OF_SECTION: dict[str, list[str]] = {
    "": list(TaskFile.model_fields),
    "outcome": list(Outcome.model_fields),
    "choices": list(Choices.model_fields),
    "columns": list(Column.model_fields),
}


def read_task_file(path: Path) -> tuple[TaskFile | None, list[str]]:
    """Read and check a task file without its table.

    Returns the file's content and every problem found, a sentence each. Where there are problems the content
    is what was probably meant, so that the table can be looked at too, or None where nobody can tell.
    """
    try:
        content = read_yaml_text(read_utf8(path))
    except FileNotFoundError:
        return None, [f"there is no task file {path}; name a shipped task or the path of a task.yaml"]
    except NotUtf8Error as error:
        return None, [f"{path} {error}"]
    except OSError as error:
        return None, [f"{path} cannot be read ({error.strerror}); name a readable task.yaml"]
    except yaml.YAMLError as error:
        return None, [f"{path.name}: {yaml_problem(error)}"]
    if not isinstance(content, dict):
        return None, [f"{path.name} holds no keys; write name, title, table, outcome and columns into it"]
    try:
        task_file = TaskFile.model_validate(content)
    except ValidationError as error:
        return _guess_meant(content, error), _validation_problems(path.name, error)
    return task_file, [f"{path.name}: {problem}" for problem in _contradictions(task_file)]


def _guess_meant(content: dict[str, Any], error: ValidationError) -> TaskFile | None:
    """The file with misspelt keys, roles and kinds replaced by the nearest right ones."""
    content = copy.deepcopy(content)
    for entry in error.errors(include_url=False):
        *section, key = entry["loc"] or ("",)
        place = content
        for part in section:
            place = place[part] if isinstance(place, dict) and part in place else {}
        if entry["type"] == "extra_forbidden" and key in place:
            value = place.pop(key)
            place.setdefault(_meant_key(section, key) or key, value)
        elif entry["type"] == "literal_error" and key in place:
            place[key] = nearest(str(entry["input"]), _allowed_words(key))
    try:
        return TaskFile.model_validate(content)
    except ValidationError:
        return None


def _keys_of(section: list[Any]) -> list[str]:
    return KEYS_OF_SECTION[str(section[0]) if section else ""]


def _meant_key(section: list[Any], key: Any) -> str | None:
    return nearest(str(key), _keys_of(section))


_WORDS = {"role": Role, "kind": Kind, "separator": Separator, "decimal": Decimal}


def _allowed_words(key: Any) -> tuple[str, ...]:
    return get_args(_WORDS[key])


def _validation_problems(file_name: str, error: ValidationError) -> list[str]:
    entries = error.errors(include_url=False)
    missing = {entry["loc"] for entry in entries if entry["type"] == "missing"}
    problems = []
    for entry in entries:
        *section, key = entry["loc"] or ("",)
        if entry["type"] != "extra_forbidden":
            continue
        # A misspelt key also leaves its right key missing: that is one mistake and gets one sentence.
        meant = _meant_key(section, key)
        missing.discard((*section, meant or ""))
        place = f" under {'.'.join(map(str, section))}" if section else ""
        mend = f'did you mean "{meant}"?' if meant else f"the keys there are {', '.join(_keys_of(section))}"
        problems.append(f'{file_name}: "{key}"{place} is not a key; {mend}')
    for entry in entries:
        place = ".".join(str(part) for part in entry["loc"])
        if entry["type"] == "missing" and entry["loc"] in missing:
            problems.append(f'{file_name} lacks "{place}"; add it')
        elif entry["type"] == "literal_error":
            problems.append(f"{file_name}: {place} is {entry['input']!r}; {_words_hint(entry)}")
        elif entry["type"] == "string_pattern_mismatch":
            problems.append(
                f"{file_name}: {place} is {entry['input']!r}; use small letters, digits and underscores only"
            )
        elif entry["type"] in ("dict_type", "model_type"):
            problems.append(
                f"{file_name}: {place} is {entry['input']!r}; write its keys below it, one a line"
            )
        elif entry["type"] not in ("missing", "extra_forbidden"):
            problems.append(f"{file_name}: {place or 'it'} is wrong: {wrong_value(entry)}")
    return problems


def _words_hint(entry: Any) -> str:
    words = _allowed_words(entry["loc"][-1])
    meant = nearest(str(entry["input"]), words)
    return f"write one of {', '.join(words)}" + (f' (the nearest is "{meant}")' if meant else "")


def _contradictions(task_file: TaskFile) -> list[str]:
    """What no single key shows: keys that do not go together. A sentence each, without the file's name."""
    problems = []
    ids = task_file.id_columns
    if len(ids) != 1:
        found = f"{len(ids)} columns ({', '.join(ids)}) have" if ids else "no column has"
        problems.append(f"{found} role id; give it to exactly one column")
    if not any(column.role == "feature" for column in task_file.columns.values()):
        problems.append("no column has role feature; give it to every column that the machine may read")
    elif not task_file.shown_columns:
        problems.append("participants would see nothing; set shown: true on some feature columns")
    outcome = task_file.outcome
    if outcome.positive == outcome.negative:
        problems.append(
            f'outcome.positive and outcome.negative are both "{outcome.positive}"; name the two values apart'
        )
    for name, column in task_file.columns.items():
        problems += [
            f"column {name} {problem}" for problem in _column_contradictions(task_file, name, column)
        ]
    return problems


def _column_contradictions(task_file: TaskFile, name: str, column: Column) -> list[str]:
    problems = []
    is_outcome = name == task_file.outcome.column
    if is_outcome and column.role != "outcome":
        problems.append(
            f"is the outcome but has role {column.role}; give it role outcome, or it gives itself away"
        )
    if column.role == "outcome" and not is_outcome:
        problems.append(
            f"has role outcome, but outcome.column is {task_file.outcome.column}; name one of them"
        )
    if column.role not in ("id", "outcome", "ignored") and column.kind is None:
        problems.append(f"has no kind; write one of {', '.join(get_args(Kind))}")
    if column.categories and column.kind != "category":
        problems.append("has categories but is not of kind category; write kind: category or take them away")
    twice = {word.casefold() for word in column.missing} & {word.casefold() for word in column.categories}
    if twice:
        problems.append(
            f'has "{min(twice)}" both a category and a word for a missing value; keep one of them'
        )
    if column.shown and column.role == "price" and not task_file.use_price:
        problems.append("is shown and has role price; set use_price: true, or take shown away")
    elif column.shown and column.role not in ("feature", "human_only", "price"):
        problems.append(f"has role {column.role} and can never be shown; take shown away")
    return problems
