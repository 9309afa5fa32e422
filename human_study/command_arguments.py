"""What the subcommands of `human-study` have in common: how a study and its database are named."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

StudyPath = Annotated[str, typer.Argument(help="a study file")]
StudyOrName = Annotated[str, typer.Argument(help="a study file, or the name of a study in the database")]


def is_study_file(study: str) -> bool:
    """Whether a study file is meant, not the name of a study in a database."""
    return study.endswith((".yaml", ".yml")) or Path(study).is_file()


def study_and_database(study: str, database_url: str | None) -> tuple[str, str]:
    """The study's name and its database, from a study file or from a bare name."""
    from data.default_database import DEFAULT_DATABASE_URL
    from human_study.study.study_file import load_study_file

    if is_study_file(study):
        study_file = load_study_file(study)
        return study_file.name, database_url or study_file.database
    return study, database_url or DEFAULT_DATABASE_URL
