"""The analysts' key: one secret that lets into the analyst app, kept where only whoever serves can read it."""

from __future__ import annotations

import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from data.errors import SetupError

ANALYST_KEY_VARIABLE = "COUNTENANCE_ANALYST_KEY"
DEFAULT_KEY_FILE = Path("var/analyst_key")
_MIN_LENGTH = 32


@dataclass(frozen=True)
class AnalystKey:
    """The key, and `kept_in`: where it can be read up, in words."""

    key: str
    kept_in: str

    def address(self, port: int, *, shown: bool) -> str:
        """Where analysts enter. `shown` puts the key behind the #, which no browser sends and no server logs."""
        door = f"http://127.0.0.1:{port}/enter"
        return f"{door}#key={quote(self.key, safe='')}" if shown else f"{door}, with the key {self.kept_in}"


def analyst_key(key_file: Path) -> AnalystKey:
    """The key of the environment, or of a file, which is made with a random one where there is none yet.

    Raises SetupError: a key that could be guessed, a file that others can read or that cannot be used.
    """
    if named := os.environ.get(ANALYST_KEY_VARIABLE):
        return AnalystKey(_long_enough(named, ANALYST_KEY_VARIABLE), f"in {ANALYST_KEY_VARIABLE}")
    try:
        if not key_file.exists():
            _make(key_file)
        with key_file.open(encoding="utf-8") as opened:
            status = os.fstat(opened.fileno())
            if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
                raise SetupError(
                    f"Others can read the analysts' key in {key_file}; delete the file, and serve makes another."
                )
            content = opened.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"The analysts' key cannot be kept in {key_file} ({error}); name another file by --analyst-key-file,"
            f" or put a key into {ANALYST_KEY_VARIABLE}."
        ) from error
    return AnalystKey(_long_enough(content, str(key_file)), f"in {key_file}")


def _make(key_file: Path) -> None:
    key_file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as made:
        made.write(secrets.token_urlsafe(32) + "\n")


def _long_enough(key: str, where: str) -> str:
    if len(key) < _MIN_LENGTH:
        raise SetupError(
            f"The analysts' key in {where} could be guessed; write at least {_MIN_LENGTH} random letters there,"
            " for example from: openssl rand -hex 32"
        )
    return key
