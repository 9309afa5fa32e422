"""Commands before people come: write a study file, look at a condition, and every text for the board."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from data.command_line import OldKindOption, one_spelling
from data.default_database import DEFAULT_DATABASE_URL
from data.errors import StudyError
from data.records import ParticipantKind
from human_study.command_arguments import StudyPath

commands = typer.Typer()


@commands.command(epilog="Example: human-study init pilot.yaml")
def init(
    path: Annotated[Path, typer.Argument(help="the file to write")] = Path("study.yaml"),
    task: Annotated[
        str | None,
        typer.Option(help="a shipped task's name or the path of a task.yaml; default: the bundle's own"),
    ] = None,
    bundle: Annotated[Path, typer.Option(help="the first round's bundle")] = Path("var/round_0/bundle"),
    kind: Annotated[
        ParticipantKind | None,
        typer.Option(
            "--kind",
            help="who takes part; simulated is for trying a study out, and never counts as people; default: people",
        ),
    ] = None,
    db: Annotated[str | None, typer.Option("--db", help="SQLAlchemy URL for the study file")] = None,
    allow_simulated_advisor: Annotated[
        bool,
        typer.Option(
            "--allow-simulated-advisor", help="people may be shown advice learned from simulated participants"
        ),
    ] = False,
    language: Annotated[
        str,
        typer.Option(
            help="language code of what participants read; if not shipped, texts to translate are written too"
        ),
    ] = "en",
    participants: OldKindOption = None,
    database: Annotated[str | None, typer.Option("--database", hidden=True)] = None,
) -> None:
    """Write a complete, commented study file to start from."""
    from human_study.study.template import STUDY_TEMPLATE

    recruited = one_spelling("--kind", kind, "--participants", participants) or "people"
    database = one_spelling("--db", db, "--database", database) or DEFAULT_DATABASE_URL
    if path.exists():
        raise StudyError(f"{path} exists and is left as it is; choose another name.")
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in path.stem.lower())
    task = task or _task_of(bundle)
    texts = _language_folder(language, task, path.parent)
    content = STUDY_TEMPLATE.format(
        name=name,
        title=json.dumps(_title_of(task, language), ensure_ascii=False),
        file_name=path,
        task=_task_beside(path, task),
        language=language,
        language_folder=f"language_folder: {texts}" if texts else "# language_folder: languages/fr",
        bundle=_beside(path, bundle),
        database=database,
        participants=recruited,
        allow_simulated_advisor=str(allow_simulated_advisor).lower(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    first = "say under ethics what people have a right to know" if recruited == "people" else "look at it"
    print(f"Wrote {path}; {first}, then: human-study serve {path}")


def _title_of(task: str, language: str) -> str:
    """What the study is called until the researcher names it: by what is decided on, in German where people read it."""
    from data.errors import TaskError
    from data.tasks.decision_task import load_task

    in_german = language == "de"
    try:
        named = load_task(task)
        nouns = (named.in_language("de") if in_german else named).nouns
    except TaskError:  # the study file names a task that is still to come
        nouns = "Fälle" if in_german else "applications"
    return f"Entscheidungen über {nouns}" if in_german else f"Deciding on {nouns}"


def _language_folder(language: str, task: str, beside: Path) -> Path | None:
    """The folder of texts to translate, written where a language does not ship; its path as the study file names it."""
    from human_study.study.messages import shipped_languages, write_language_folder

    if language in shipped_languages():
        return None
    from data.tasks.decision_task import load_task

    texts = Path("languages", language)
    write_language_folder(beside / texts, load_task(task))
    print(f"Wrote {beside / texts}; translate its files, and keep words in braces as they are")
    return texts


def _beside(study_file: Path, named: Path) -> Path:
    """What the study file calls a file or folder: seen from its own folder, so that both can be copied elsewhere.

    Absolute where it is far away, and as given where nothing is there yet.
    """
    if not named.exists():
        return named
    folder = study_file.parent.resolve()
    near = named.resolve().is_relative_to(folder.parent)
    return Path(os.path.relpath(named.resolve(), folder)) if near or not named.is_absolute() else named


def _task_beside(study_file: Path, task: str) -> str:
    """A shipped task by its name, which means the same on every machine; another's task.yaml like any file."""
    from data.tasks.decision_task import shipped_name, task_path

    if name := shipped_name(task):
        return name
    return str(_beside(study_file, task_path(task) if Path(task).exists() else Path(task)))


def _task_of(bundle: Path) -> str:
    """The task that a bundle was published for, where there is a bundle; else the first one that ships."""
    from human_study.participation.served_bundles import served_task

    return served_task(bundle) if (bundle / "manifest.json").exists() else "lending_club"


@commands.command(epilog="Example: human-study preview study.yaml --condition face")
def preview(
    study: StudyPath,
    condition: Annotated[str, typer.Option(help="the condition to show")],
    port: Annotated[int, typer.Option(help="port to listen on", min=1, max=65535)] = 8503,
    host: Annotated[str, typer.Option(help="address to listen on; see serve")] = "127.0.0.1",
    hours: Annotated[float, typer.Option(help="how long the link works", min=0.0001, max=24 * 90)] = 72,
) -> None:
    """Show a condition as participants see it, e.g. to an ethics board; nothing is stored."""
    from human_study import server

    server.serve_preview(study, condition, port=port, host=host, hours=hours)


@commands.command(epilog="Example: human-study materials study.yaml --out for_the_board")
def materials(
    study: StudyPath,
    out: Annotated[Path, typer.Option(help="folder to write materials.LANGUAGE.md and .html to")],
) -> None:
    """Write every text that participants may read, by condition and language, e.g. for an ethics board."""
    from human_study.participants.materials import write_materials
    from human_study.study.study_file import load_study_file

    for path in write_materials(load_study_file(study), out):
        print(f"Wrote {path}")
