"""The command `advisor`: training, publishing and rounds. Each subcommand is one typed function in a `*commands.py`."""

from __future__ import annotations

import sys

import typer

from advisor import exchange_commands, learning_commands
from advisor import face_commands as face_commands
from advisor.freed_memory import keep_freed_memory
from data.errors import CountenanceError
from models.checkpoint import CheckpointError

app = typer.Typer(help="Train, publish and evaluate advisors.", no_args_is_help=True, add_completion=False)
for commands in (exchange_commands, learning_commands, face_commands):
    commands.register(app)


def main() -> None:
    """Run the command line: a user's mistake is one sentence and exit status 2."""
    keep_freed_memory()
    try:
        app(standalone_mode=False)
    except (CountenanceError, CheckpointError) as error:
        print(f"advisor: {error}", file=sys.stderr)
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        # typer's own usage errors carry their text and an exit code
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        sys.exit(2)
