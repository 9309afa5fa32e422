"""How both apps are run: one uvicorn process around Streamlit, with the same options and without logs of requests."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping

import uvicorn
from streamlit.starlette import App
from streamlit.web import bootstrap

from human_study.web.replica import shared_cookie_secret

_STREAMLIT_OPTIONS = {
    "server.headless": True,
    "server.fileWatcherType": "none",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "browser.gatherUsageStats": False,
    # The welcome message asks a host outside for this machine's address.
    "logger.hideWelcomeMessage": True,
    "theme.base": "light",
    "theme.primaryColor": "#17587f",
    "theme.backgroundColor": "#f7f9fb",
    "theme.secondaryBackgroundColor": "#ffffff",
    "theme.textColor": "#17212b",
    "theme.linkColor": "#17587f",
    "theme.headingFontSizes": ["1.75rem", "1.4rem", "1.2rem"],
}


def run_app(app: App, port: int, host: str = "", options: Mapping[str, object] = {}) -> None:
    """Run an app until Ctrl-C or SIGTERM, and return then, so that what must be cleaned up is.

    `App.run` would bind the socket in a way that leaves Nagle's algorithm on, which holds every
    acknowledgement back for 40 ms; uvicorn's own sockets do not. The default host is every interface.
    `options` are Streamlit's, beside those that both apps share.
    """
    shared = {"server.cookieSecret": secret} if (secret := shared_cookie_secret()) else {}
    bootstrap.load_config_options({**_STREAMLIT_OPTIONS, **shared, **options, "server.port": port})
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        # No access log: paths alone would be harmless, but query strings name participants.
        uvicorn.run(app, host=host, port=port, ws="websockets-sansio", access_log=False, log_level="warning")
