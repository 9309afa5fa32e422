"""What both programs share on the command line: options that mean the same, and one way to run and to fail.

It lies in `data` because `advisor` and `human_study` have nothing else below them; it knows neither tables nor
databases.
"""

from __future__ import annotations

import sys
from typing import Annotated, TypeVar

import typer

from data.default_database import DEFAULT_DATABASE_URL
from data.errors import CountenanceError, UsageError
from data.records import ParticipantKind

DatabaseOption = Annotated[
    str | None,
    typer.Option("--db", help=f"SQLAlchemy URL; default: the study file's, or {DEFAULT_DATABASE_URL}"),
]
KindOption = Annotated[
    ParticipantKind | None,
    typer.Option("--kind", help="whose decisions; default: the kind the study recruits"),
]
# Spellings of before, for one release more.
OldKindOption = Annotated[ParticipantKind | None, typer.Option("--participants", hidden=True)]

# What the dependency group `study` of pyproject.toml leaves out, as Python imports it.
_NOT_ON_STUDY_SERVERS = ("torch", "torchvision", "sklearn", "cv2", "optuna", "accelerate", "safetensors")

Value = TypeVar("Value")


def program(about: str) -> typer.Typer:
    """An empty command line; `about` is the first line of its help."""
    return typer.Typer(
        help=about,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def run_cli(app: typer.Typer, name: str, mistakes: tuple[type[Exception], ...] = ()) -> None:
    """Run a command line: a user's mistake is `NAME: sentence` on stderr and exit status 2.

    Mistakes are CountenanceError, `mistakes` (of packages that know nothing of `data`), files that cannot be read or
    written, and what needs a library that a study server's installation leaves out. Ctrl-C is exit status 130.
    """
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name=name, standalone_mode=False)
        sys.exit(code or 0)  # no command returns anything; --help and Ctrl-C give their exit status
    except CountenanceError as error:
        _say(name, str(error))
    except mistakes as error:
        _say(name, str(error))
    except typer.Abort:
        sys.exit(130)
    except typer.TyperException as error:
        said = error.format_message().replace("Value error, ", "")
        command = getattr(getattr(error, "ctx", None), "command_path", name)
        _say(name, f"{said.rstrip('.')}; see {command} --help.")
    except ModuleNotFoundError as error:
        if error.name not in _NOT_ON_STUDY_SERVERS:
            raise
        _say(
            name,
            f"this needs {error.name}, which study servers leave out; use a whole installation: pip install .",
        )
    except OSError as error:
        if error.filename is None:
            raise
        _say(name, _about_file(error))
    sys.exit(2)


def _say(name: str, sentence: str) -> None:
    print(f"{name}: {sentence}", file=sys.stderr)


def _about_file(error: OSError) -> str:
    reason = (error.strerror or type(error).__name__).lower()
    return f"{error.filename}: {reason}; name another file or folder, or change its permissions."


def one_spelling(new: str, value: Value | None, old: str, old_value: Value | None) -> Value | None:
    """The value of an option that has an old spelling too. Raises UsageError where both are given."""
    if value is not None and old_value is not None:
        raise UsageError(f"{old} is the old spelling of {new}; give {new} only.")
    return old_value if value is None else value
