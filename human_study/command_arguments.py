"""What the subcommands of `human-study` have in common: how a study, its database and its participants are named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from data.errors import StudyError
from data.records import ParticipantKind

StudyPath = Annotated[str, typer.Argument(help="the study file")]
StudyOrName = Annotated[str, typer.Argument(help="a study file, or the name of a study in the database")]
DatabaseUrl = Annotated[str | None, typer.Option("--db", help="SQLAlchemy URL, in place of the study file's")]
ParticipantsKind = Annotated[
    str | None, typer.Option("--kind", help="people or simulated; the study's own if left out")
]


def participant_kind(text: str | None) -> ParticipantKind | None:
    """The kind that an option names. Raises StudyError where there is no such kind."""
    if text not in (None, "people", "simulated"):
        raise StudyError(f"There is no kind of participants {text}; write --kind people or --kind simulated.")
    return cast("ParticipantKind | None", text)


def study_and_database(study: str, database_url: str | None) -> tuple[str, str]:
    """The study's name and its database, from a study file or from a bare name."""
    from data.default_database import DEFAULT_DATABASE_URL
    from human_study.study.study_file import load_study_file

    if study.endswith((".yaml", ".yml")) or Path(study).is_file():
        study_file = load_study_file(study)
        return study_file.name, database_url or study_file.database
    return study, database_url or DEFAULT_DATABASE_URL
