"""A decision task: a table of applications, what its columns mean, and who may see which."""

from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from data.errors import TaskError
from data.formats.files import where_moved
from data.formats.value_format import number_text, value_word, with_unit
from data.said_wrong import nearest
from data.tasks.table import read_table
from data.tasks.task_file import TaskFile
from data.tasks.task_hash import FORMER_HASHES, former_hash, task_hash
from data.tasks.task_language import translated, words_path
from data.tasks.task_problems import read_task_file

_SHIPPED = Path(__file__).parents[1]  # holds a folder for each shipped task


class DecisionTask(TaskFile):
    """A checked task file and where it lies. It declares the table; `read_applications` reads it."""

    path: Path

    @property
    def table_path(self) -> Path:
        """The table, beside the task file."""
        return self.path.parent / self.table

    @cached_property
    def task_hash(self) -> str:
        """SHA-256 (hex) of what the machine reads of this task: see `data.tasks.task_hash`."""
        return task_hash(self, self.table_path)

    def has_hash(self, recorded: str) -> bool:
        """Whether a bundle, run or study was made for this task, by version 0.1.0 or since."""
        if recorded == self.task_hash or recorded in FORMER_HASHES.get(self.task_hash, ()):
            return True
        return recorded == former_hash(self.path, self.table_path)

    def label(self, column: str) -> str:
        """What participants and analysts call a column."""
        return self.columns[column].label or column

    @property
    def nouns(self) -> str:
        """What several cases are called."""
        return self.case_noun_plural or f"{self.case_noun}s"

    def in_language(self, language: str, words: Path | None = None) -> "DecisionTask":
        """The same task in the words of a language, from `words` or else task.LANGUAGE.yaml where there is one.

        Its `task_hash` is the same. Raises TaskError where that file is wrong.
        """
        if language == self.language and words is None:
            return self
        found = words or words_path(self.path, language)
        return DecisionTask(**translated(self, language, found), path=self.path)

    def speaks(self, language: str) -> bool:
        """Whether the task's words are known to be in a language, or in which they are is not said."""
        return self.language in (None, language) or words_path(self.path, language).is_file()

    def display(self, column: str, value: Any) -> str:
        """One value as people read it in the task's language: with its unit, or the category's label.

        A missing value (None, NaN, NA) is "not stated".
        """
        declared, language = self.columns[column], self.language or "en"
        if pd.isna(value):
            return self.values.not_stated or value_word("not_stated", language)
        if declared.kind == "category":
            return declared.categories.get(str(value)) or str(value)
        if declared.kind == "yes_no":
            own = self.values.yes if value else self.values.no
            return own or value_word("yes" if value else "no", language)
        number = float(value) * declared.display_factor
        is_grouped = declared.grouped
        if is_grouped is None:
            is_grouped = declared.kind != "integer" or bool(declared.unit) or abs(number) >= 10_000
        text = number_text(number, language, is_grouped=is_grouped)
        return with_unit(number, text, declared.unit, language)


def shipped_tasks() -> list[str]:
    """Names of the tasks that come with Countenance, in alphabetical order."""
    return sorted(path.parent.name for path in _SHIPPED.glob("*/task.yaml"))


def shipped_name(name_or_path: str | Path) -> str | None:
    """The shipped task that is meant by its name or by its path, here or on the machine that wrote the path."""
    if str(name_or_path) in shipped_tasks():
        return str(name_or_path)
    path = Path(name_or_path)
    folder = path.parent if path.name == "task.yaml" else path
    if folder.name not in shipped_tasks() or folder.parent.name != "data":
        return None
    return None if path.exists() and folder.resolve() != _SHIPPED / folder.name else folder.name


def task_path(name_or_path: str | Path) -> Path:
    """The task file meant by a shipped name, by the path of a task.yaml, or by the path of its folder.

    Raises TaskError where there is none; the message names the nearest shipped task.
    """
    if shipped := shipped_name(name_or_path):
        return _SHIPPED / shipped / "task.yaml"
    path = Path(name_or_path)
    if path.is_dir():
        path = path / "task.yaml"
    if not path.exists():
        meant = nearest(str(name_or_path), shipped_tasks())
        hint = f'did you mean "{meant}"?' if meant else f"the shipped tasks are {', '.join(shipped_tasks())}"
        raise TaskError(f'there is no decision task "{name_or_path}"; name a task.yaml, or {hint}')
    return path


def load_task(name_or_path: str | Path) -> DecisionTask:
    """Read a decision task; its table must exist but is not read yet.

    Raises TaskError with one sentence a problem, a line each.
    """
    path = task_path(name_or_path)
    task_file, problems = read_task_file(path)
    if task_file is None or problems:
        raise TaskError("\n".join(problems))
    table_path = path.parent / task_file.table
    if not table_path.is_file():
        raise TaskError(
            f"{path.name} names the table {task_file.table}, which is not beside it; put it there"
        )
    return DecisionTask(**task_file.model_dump(), path=path.resolve())


def load_recorded_task(recorded: str | Path, recorded_hash: str, beside: Path) -> DecisionTask:
    """The task that a bundle, run or study now at `beside` was made for, by the name or path that it recorded.

    A task that moved with it is found, known by its hash. Where there is none of that hash, the one at the recorded
    place is returned as it is now. Raises TaskError where there is none there either.
    """
    for path in where_moved(recorded, beside):
        try:
            task = load_task(path)
            if task.has_hash(recorded_hash):
                return task
        except TaskError:
            continue
    return load_task(recorded)


def check_task(path: str | Path) -> list[str]:
    """Everything that is wrong with a task and its table at once, one sentence each with its mend.

    `path` is a task.yaml, its folder, or a shipped name. An empty list means that nothing is wrong.
    """
    return checked_table(path)[1]


def checked_table(path: str | Path) -> tuple[pd.DataFrame | None, list[str]]:
    """The table of a task as `data.tasks.table.read_table` gives it, or None, and what `check_task` says."""
    try:
        file_path = task_path(path)
    except TaskError as error:
        return None, [str(error)]
    task_file, problems = read_task_file(file_path)
    if task_file is None:
        return None, problems
    frame, table_problems = read_table(task_file, file_path.parent / task_file.table)
    return frame, problems + table_problems


def open_questions(path: str | Path) -> list[str]:
    """The questions of `advisor draft-task` that still stand in a task file, each with the column that it is about."""
    questions = []
    lines = task_path(path).read_text(encoding="utf-8-sig").splitlines()
    for place, line in enumerate(lines):
        if line.strip().startswith("# ?"):
            following = next((text for text in lines[place:] if not text.strip().startswith("#")), "")
            about = f"{following.strip().rstrip(':')}: " if line.startswith(" ") else ""
            questions.append(about + line.strip().removeprefix("# ?").strip())
    return questions
