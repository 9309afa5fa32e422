"""The command `advisor`: training, publishing and rounds. Each subcommand is one typed function in a `*commands.py`."""

from __future__ import annotations

from data.passive_waiting import wait_passively

wait_passively()  # before torch loads

from advisor import exchange_commands, face_commands, learning_commands  # noqa: E402
from advisor.freed_memory import keep_freed_memory  # noqa: E402
from data.command_line import program, run_cli  # noqa: E402
from models.errors import CheckpointError, DeviceError  # noqa: E402

app = program("Train, publish and evaluate advisors.")
for subcommands in (exchange_commands, learning_commands, face_commands):
    app.add_typer(subcommands.commands)


def main() -> None:
    """Run the command line; see `run_cli`."""
    keep_freed_memory()
    run_cli(app, "advisor", mistakes=(CheckpointError, DeviceError))
