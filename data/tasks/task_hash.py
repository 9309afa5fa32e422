"""What binds an advisor to a decision task: what the machine reads, and never the words that people read."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from data.errors import TaskError
from data.tasks.task_file import Choices, Column, Outcome, TaskFile

# Hashes of version 0.1.0, which covered labels too, of shipped tasks whose labels have changed since.
FORMER_HASHES = {
    "2f6abd64eee9305323160666c8e7412edc4b957ebc156f39585b80c340bc970b": (  # consumer_credit
        "04e16f69f4da42adf4cf79774069a098cc6d21f2536cd9ac726bba09cb838018",
    ),
    "ee834ca5503ad3b9540a204e9c0b2ace34c67a71a1b34b160bacca5952dbba74": (  # lending_club
        "8af128512f51fb0821c26d97a1c2aafb2756cb24028065fcaf03ab552b7e7bf2",
    ),
}


def task_hash(task: TaskFile, table: Path) -> str:
    """SHA-256 (hex) of what is declared about values and roles, and of the table's bytes.

    Titles, labels, units, choices and nouns are not in it, so that one advisor serves several languages.
    """
    declared = {
        "name": task.name,
        "outcome": [task.outcome.column, task.outcome.positive, task.outcome.negative],
        "use_price": task.use_price,
        "file": task.model_dump(include={"separator", "encoding", "decimal"}, exclude_defaults=True),
        "columns": {
            name: {
                "role": column.role,
                "kind": column.kind,
                "shown": column.shown,
                "categories": list(column.categories),
                **({"missing": list(column.missing)} if column.missing else {}),
            }
            for name, column in task.columns.items()
        },
    }
    return _with_table(json.dumps(declared, ensure_ascii=False), table)


def former_hash(task_path: Path, table: Path) -> str:
    """The hash that version 0.1.0 gave a task: its bundles and studies go on with the same task file."""
    content = yaml.safe_load(task_path.read_text(encoding="utf-8-sig"))
    outcome, choices = content["outcome"], content.get("choices", {})
    former = {
        "name": content["name"],
        "title": _text(content["title"]),
        "description": _text(content.get("description", "")),
        "table": _text(content["table"]),
        "case_noun": _text(content.get("case_noun", "application")),
        "choices": {
            key: _text(choices.get(key, Choices.model_fields[key].default)) for key in ("approve", "deny")
        },
        "outcome": {
            key: _text(outcome.get(key, Outcome.model_fields[key].default))
            for key in ("column", "positive", "negative", "positive_label", "negative_label")
        },
        "use_price": TypeAdapter(bool).validate_python(content.get("use_price", False)),
        "columns": {_text(name): _former_column(column) for name, column in content["columns"].items()},
    }
    return _with_table(json.dumps(former, ensure_ascii=False, separators=(",", ":")), table)


def _former_column(column: dict[str, Any]) -> dict[str, Any]:
    return {
        "role": column["role"],
        "kind": column.get("kind"),
        **{
            key: _text(column.get(key, Column.model_fields[key].default)) for key in ("label", "unit", "help")
        },
        "shown": TypeAdapter(bool).validate_python(column.get("shown", False)),
        "categories": {_text(key): _text(label) for key, label in column.get("categories", {}).items()},
    }


def _text(value: Any) -> str:
    # That version took YAML's own reading of a bare yes or 36, and wrote it out again.
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _with_table(declared: str, table: Path) -> str:
    digest = hashlib.sha256(declared.encode())
    try:
        with table.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise TaskError(f"{table} cannot be read ({error.strerror}); put it back") from error
    return digest.hexdigest()
