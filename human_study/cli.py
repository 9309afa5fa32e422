"""The command `human-study`: run a study in which people decide with and without advice, and see what came of it."""

from __future__ import annotations

from data.passive_waiting import wait_passively

wait_passively()  # before torch loads

from data.command_line import program, run_cli  # noqa: E402
from human_study import preparation_commands, results_commands, study_commands  # noqa: E402

app = program("Run a study in which people decide with and without advice.")
for subcommands in (preparation_commands, study_commands, results_commands):
    app.add_typer(subcommands.commands)


def main() -> None:
    """Run the command line; see `run_cli`."""
    run_cli(app, "human-study")
