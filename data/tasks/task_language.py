"""A task's words in another language: `task.LANGUAGE.yaml` beside task.yaml, with labels, units and nouns only."""

from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from data.errors import TaskError
from data.formats.value_format import value_word
from data.formats.yaml_text import NotUtf8Error, read_utf8, read_yaml_text, yaml_problem
from data.said_wrong import nearest
from data.tasks.task_file import Section, TaskFile, Text, ValueWords


class ColumnWords(Section):
    """What one column is called; `categories` maps the table's words to what people read."""

    label: Text = ""
    unit: Text = ""
    help: Text = ""
    categories: dict[Text, Text] = Field(default_factory=dict)


class OutcomeWords(Section):
    """What the two outcomes are called."""

    positive_label: Text = ""
    negative_label: Text = ""


class ChoiceWords(Section):
    """The labels of the two buttons."""

    approve: Text = ""
    deny: Text = ""


class TaskWords(Section):
    """All words of a task in one language; what is left out keeps the words of task.yaml."""

    title: Text = ""
    description: Text = ""
    case_noun: Text = ""
    case_noun_plural: Text = ""
    choices: ChoiceWords = ChoiceWords()
    outcome: OutcomeWords = OutcomeWords()
    values: ValueWords = ValueWords()
    columns: dict[Text, ColumnWords] = Field(default_factory=dict)


def words_path(task_path: Path, language: str) -> Path:
    """Where the words of a task in a language lie."""
    return task_path.with_name(f"{task_path.stem}.{language}.yaml")


def translated(task: TaskFile, language: str, path: Path) -> dict[str, Any]:
    """The content of a task file with the words of a language, from `path`; its own where there is no such file.

    Raises TaskError where that file is wrong.
    """
    content = task.model_dump(exclude={"path"})
    content["language"] = language
    if not path.is_file():
        return content
    try:
        words = TaskWords.model_validate(read_yaml_text(read_utf8(path)) or {})
    except NotUtf8Error as error:
        raise TaskError(f"{path} {error}") from error
    except yaml.YAMLError as error:
        raise TaskError(f"{path}: {yaml_problem(error)}") from error
    except OSError as error:
        raise TaskError(f"{path} cannot be read ({error.strerror}); let it be readable") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise TaskError(
            f"{path.name}: {where} is wrong; it may hold words only, as task.yaml does"
        ) from error
    for name, column in words.columns.items():
        if name not in content["columns"]:
            meant = nearest(name, content["columns"])
            hint = f'did you mean "{meant}"?' if meant else "take it out"
            raise TaskError(f"{path.name}: the task has no column {name}; {hint}")
        unknown = sorted(set(column.categories) - set(content["columns"][name]["categories"]))
        if unknown:
            raise TaskError(f'{path.name}: column {name} has no category "{unknown[0]}"; take it out')
    _replace_words(content, words.model_dump())
    return content


def words_to_translate(task: TaskFile) -> dict[str, Any]:
    """All words of a task in its own language, as a file of another language holds them."""
    words = task.model_dump(include=set(TaskWords.model_fields) - {"columns", "values", "outcome"})
    words["outcome"] = task.outcome.model_dump(include=set(OutcomeWords.model_fields))
    words["values"] = {
        name: getattr(task.values, name) or value_word(name, task.language or "en")
        for name in ValueWords.model_fields
    }
    columns = {name: task.columns[name] for name in task.value_columns}
    words["columns"] = {
        name: {"label": column.label or name}
        | column.model_dump(include={"unit", "help", "categories"}, exclude_defaults=True)
        for name, column in columns.items()
    }
    return {name: word for name, word in words.items() if word}


def _replace_words(content: dict[str, Any], words: dict[str, Any]) -> None:
    for key, value in words.items():
        if isinstance(value, dict):
            _replace_words(content[key], value)
        elif value:
            content[key] = value
