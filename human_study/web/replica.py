"""What several servers of one study need to share, and refuse to start without."""

from __future__ import annotations

import os

from data.errors import SetupError

COOKIE_SECRET_VARIABLE = "COUNTENANCE_COOKIE_SECRET"
_MIN_SECRET_LENGTH = 32


def require_replicable(database_url: str) -> None:
    """Raises SetupError where the database is one machine's own, or no cookie secret is shared."""
    if database_url.startswith("sqlite"):
        raise SetupError(
            "Replicas share a PostgreSQL database, and this study names SQLite; set database: or --db to"
            " postgresql://USER@HOST/NAME."
        )
    if len(shared_cookie_secret() or "") < _MIN_SECRET_LENGTH:
        raise SetupError(
            f"Replicas share a secret that signs cookies; set {COOKIE_SECRET_VARIABLE} to the same random text"
            f" of at least {_MIN_SECRET_LENGTH} letters for all of them, for example from: openssl rand -hex 32"
        )


def shared_cookie_secret() -> str | None:
    """The secret that all replicas sign cookies with, from the environment; None where each has its own."""
    return os.environ.get(COOKIE_SECRET_VARIABLE) or None
