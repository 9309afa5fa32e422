"""How both apps are run: one uvicorn process around Streamlit, with the same options and without logs of requests."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Mapping

import uvicorn
from starlette.types import ASGIApp
from streamlit.web import bootstrap

from data.errors import SetupError
from human_study.presentation import palette

COOKIE_SECRET_VARIABLE = "COUNTENANCE_COOKIE_SECRET"
LOOPBACK = "127.0.0.1"
_MIN_SECRET_LENGTH = 32
_STREAMLIT_OPTIONS = {
    "server.headless": True,
    "server.fileWatcherType": "none",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "browser.gatherUsageStats": False,
    # The welcome message asks a host outside for this machine's address.
    "logger.hideWelcomeMessage": True,
    "theme.base": "light",
    "theme.primaryColor": palette.ACCENT,
    "theme.backgroundColor": palette.SOFT,
    "theme.secondaryBackgroundColor": palette.WHITE,
    "theme.textColor": palette.INK,
    "theme.linkColor": palette.ACCENT,
    "theme.headingFontSizes": ["1.75rem", "1.4rem", "1.2rem"],
}


def run_app(app: ASGIApp, port: int, host: str = LOOPBACK, options: Mapping[str, object] = {}) -> None:
    """Run an app until Ctrl-C or SIGTERM, and return then, so that what must be cleaned up is.

    `App.run` would bind the socket in a way that leaves Nagle's algorithm on, which holds every
    acknowledgement back for 40 ms; uvicorn's own sockets do not. The default host is this machine
    only. `options` are Streamlit's, beside those that both apps share.
    """
    shared = {"server.cookieSecret": secret} if (secret := shared_cookie_secret()) else {}
    bootstrap.load_config_options({**_STREAMLIT_OPTIONS, **shared, **options, "server.port": port})
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        # No access log: paths alone would be harmless, but query strings name participants.
        uvicorn.run(app, host=host, port=port, ws="websockets-sansio", access_log=False, log_level="warning")


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
