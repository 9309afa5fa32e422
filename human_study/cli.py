"""The command `human-study`: run a study in which people decide with and without advice, and see what came of it."""

from __future__ import annotations

import sys

import typer

from data.errors import CountenanceError
from human_study import results_commands, study_commands

app = typer.Typer(
    help="Run a study in which people decide with and without advice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(study_commands.commands)
app.add_typer(results_commands.commands)


def main() -> None:
    """Entry point: a user's mistake is one line on stderr and exit status 2."""
    try:
        app()
    except CountenanceError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
