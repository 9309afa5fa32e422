"""The command `advisor`: training, publishing and rounds. Each subcommand is one typed function in a `*commands.py`."""

from __future__ import annotations

from advisor import exchange_commands, face_commands, learning_commands
from advisor.freed_memory import keep_freed_memory
from data.command_line import program, run_cli
from models.checkpoint import CheckpointError

app = program("Train, publish and evaluate advisors.")
for subcommands in (exchange_commands, learning_commands, face_commands):
    app.add_typer(subcommands.commands)


def main() -> None:
    """Run the command line; see `run_cli`."""
    keep_freed_memory()
    run_cli(app, "advisor", mistakes=(CheckpointError,))
