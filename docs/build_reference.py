"""The reference pages of the site, written from the code at build time: a hook of MkDocs (see mkdocs.yml)."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import advisor.cli  # noqa: E402
import human_study.cli  # noqa: E402
from advisor.runs.config import PublishConfig, TrainConfig  # noqa: E402
from data.codebook import codebook  # noqa: E402
from data.tasks.task_file import TaskFile  # noqa: E402
from human_study.study.study_file import StudyFile  # noqa: E402
from tests.support.rooms import modules, room_of  # noqa: E402


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those that were written."""
    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def pages() -> dict[str, str]:
    """Path below docs/ → Markdown of every generated page."""
    return {
        "reference/advisor.md": command_page("advisor", advisor.cli.app),
        "reference/human-study.md": command_page("human-study", human_study.cli.app),
        "reference/study-file.md": (
            "# Keys of a study file\n\n`human-study init` writes a file with all of them to start from. "
            "A key that is left out has its default.\n\n" + "\n".join(key_tables(StudyFile))
        ),
        "reference/task-file.md": (
            "# Keys of task.yaml\n\n`advisor draft-task` drafts the file from a table, and `advisor check-task` "
            "checks it.\n\n" + "\n".join(key_tables(TaskFile))
        ),
        "reference/options.md": (
            "# Options for --set\n\n## advisor train\n\nAlso for `sweep`.\n\n"
            + "\n".join(key_tables(TrainConfig))
            + "\n## advisor publish\n\n"
            + "\n".join(key_tables(PublishConfig))
        ),
        "reference/codebook.md": codebook_page(),
        "changelog.md": (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        **python_pages(),
    }


def command_page(name: str, app: typer.Typer) -> str:
    """Every command of a program: its usage, what it does, its arguments and options, an example."""
    group: Any = typer.main.get_command(app)
    parts = [f"# {name}\n\n{group.help}\n"]
    for command_name, command in sorted(group.commands.items()):
        shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
        context = command.context_class(command, info_name=f"{name} {command_name}")
        usage = " ".join([f"{name} {command_name}", *command.collect_usage_pieces(context)])
        parts.append(f"## {name} {command_name}\n\n{command.help}\n\n```\n{usage}\n```\n")
        rows = [(f"`{option}`", about) for option, about in (p.get_help_record(context) for p in shown)]
        parts.append(_table(("option", "meaning"), rows))
        if command.epilog:
            parts.append(f"\n```\n{command.epilog.removeprefix('Example: ')}\n```\n")
    return "\n".join(parts)


def codebook_page() -> str:
    """Every field of every stored record, a table for each record."""
    parts = ["# Codebook\n\nEvery stored field, as `human-study export` describes it in its data set.\n"]
    for record, fields in codebook().groupby("record", sort=False):
        rows = [(f"`{f.field}`", f.type, f.unit, f.meaning) for f in fields.itertuples()]
        parts.append(f"## {record}\n\n" + _table(("field", "type", "unit", "meaning"), rows))
    return "\n".join(parts)


def python_pages() -> dict[str, str]:
    """A page for each room of the project, with its modules' public names and their docstrings."""
    rooms: dict[str, list[str]] = {}
    for module in modules():
        if "commands" not in module and not module.startswith("data.migrations"):
            rooms.setdefault(room_of(module), []).append(module)
    return {
        f"reference/python/{room}.md": f"# {room}\n\n"
        + "\n\n".join(f"::: {module}" for module in names)
        + "\n"
        for room, names in rooms.items()
    }


def key_tables(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The keys of a declared section as a table, then those of the sections in it."""
    rows, sections = [], []
    for name, field in model.model_fields.items():
        rows.append((f"`{prefix}{name}`", _type_text(field.annotation), _default(field), _meaning(field)))
        sections += [(f"{prefix}{name}{step}", section) for step, section in _sections(field.annotation)]
    if prefix:
        yield f"## {prefix.rstrip('.')}\n\n{inspect.getdoc(model)}\n"
    yield _table(("key", "type", "default", "meaning"), rows)
    for path, section in sections:
        yield from key_tables(section, f"{path}.")


def _sections(annotation: Any, step: str = "") -> list[tuple[str, type[BaseModel]]]:
    """The sections inside a type, each with the steps that lead to it: `.*` a name, `[]` an entry of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [(step, annotation)]
    kind, inside = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return _sections(inside[0], step)
    if kind is dict:
        return _sections(inside[1], f"{step}.*")
    return [found for one in inside for found in _sections(one, f"{step}[]" if kind is tuple else step)]


def _type_text(annotation: Any) -> str:
    kind, inside = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return _type_text(inside[0])
    if kind is Literal:
        return ", ".join(f"`{value}`" for value in inside)
    if kind in (Union, types.UnionType):
        return " or ".join(_type_text(one) for one in inside if one is not type(None))
    if kind is tuple:
        return f"list of {_type_text(inside[0])}"
    if kind is dict:
        return f"{_type_text(inside[0])} → {_type_text(inside[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path"}[annotation]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    return _default_text(None if field.default is PydanticUndefined else field.default)


def _default_text(default: Any) -> str:
    if default is None or default == "" or default == () or isinstance(default, BaseModel):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _meaning(field: FieldInfo) -> str:
    limits = {"Ge": ("≥", "ge"), "Gt": (">", "gt"), "Le": ("≤", "le"), "Lt": ("<", "lt")}
    bounds = [
        f"{sign} {getattr(bound, name)}"
        for bound in field.metadata
        for sign, name in [limits.get(type(bound).__name__, ("", ""))]
        if sign
    ]
    return "; ".join([*([field.description] if field.description else []), *bounds])


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |\n"
        for line in lines
    )
