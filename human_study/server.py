"""Serving: the participant app with its own routes, and the analyst app as a second process on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.starlette import App
from streamlit.web import bootstrap

from data.errors import CountenanceError, SetupError, StoreError
from human_study.access_log import AccessLog
from human_study.live_study import LiveStudy, NotServedError
from human_study.replica import require_replicable, shared_cookie_secret
from human_study.request_guard import SESSION_COOKIE
from human_study.retention import retained_while_served
from human_study.study_file import load_study_file
from human_study.trial_player.routes import not_served, trial_player_routes
from human_study.welcome import welcome_routes

_FOLDER = Path(__file__).parent
DATABASE_VARIABLE = "COUNTENANCE_DATABASE_URL"
STUDY_VARIABLE = "COUNTENANCE_STUDY"
_READY_WITHIN_S = 5

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


class _Entrance:
    """Sends whoever has no cookie or comes by a recruitment link to the welcome page; guards all answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Referrer-Policy"] = "no-referrer"
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        query = scope["query_string"].decode("latin-1")
        has_cookie = f"{SESSION_COOKIE}=" in Headers(scope=scope).get("cookie", "")
        if scope["path"] == "/" and (query or not has_cookie):
            response = RedirectResponse("/welcome" + (f"?{query}" if query else ""), 303)
            await response(scope, receive, send_guarded)
            return
        await self.app(scope, receive, send_guarded)


def participant_app(
    live: LiveStudy, study_path: str, database_url: str, access_log: Path | None = None
) -> App:
    """The ASGI app that participants reach: welcome page, Streamlit's steps, decisions, faces, readiness."""

    async def ready(_request: Request) -> Response:
        try:
            # A database that does not answer at all must not let a load balancer wait.
            async with asyncio.timeout(_READY_WITHIN_S):
                await run_in_threadpool(live.store.check_ready)
        except TimeoutError:
            return await unavailable(_request, StoreError("no answer in time"))
        return JSONResponse({"status": "ready"})

    async def unavailable(_request: Request, _error: CountenanceError) -> Response:
        return JSONResponse({"error": "The study cannot be reached at the moment."}, 503)

    return App(
        _FOLDER / "participant_app.py",
        secrets={"study_file": study_path, "database_url": database_url},
        routes=[Route("/ready", ready), *welcome_routes(live), *trial_player_routes(live)],
        middleware=[
            *([Middleware(AccessLog, path=access_log)] if access_log else []),
            Middleware(_Entrance),
        ],
        exception_handlers={NotServedError: not_served, CountenanceError: unavailable},
    )


def serve(
    study_path: str,
    *,
    port: int = 8501,
    analyst_port: int = 8502,
    database_url: str | None = None,
    replica: bool = False,
    access_log: Path | None = None,
) -> None:
    """Serve a study until it is stopped: the participant app here, the analyst app beside it.

    A `replica` is one of several participant apps on one PostgreSQL database behind a load balancer, without
    an analyst app. Raises CountenanceError before anything is served: a wrong study file, bundle or database,
    a taken port, a replica that shares nothing.
    """
    for wanted in (port,) if replica else (port, analyst_port):
        _require_free(wanted)
    if replica:
        require_replicable(database_url or load_study_file(study_path).database)
    live = LiveStudy.open(study_path, database_url)
    database_url = database_url or live.study.database
    with live.store, contextlib.ExitStack() as beside:
        live.prepare()
        live.store.require_erasure_key()
        beside.enter_context(retained_while_served(live.store))
        print(f"Study {live.study.name}, for {live.study.participants}. Stop with Ctrl-C.")
        print(f"Participants: http://localhost:{port}/welcome", flush=True)
        if not replica:
            beside.enter_context(_analyst_process(live.study.name, analyst_port, database_url))
            print(f"Analysts:     http://localhost:{analyst_port} (this machine only)", flush=True)
        _run(participant_app(live, study_path, database_url, access_log), port)


def serve_analysts(port: int, parent_pid: int) -> None:
    """Serve the analyst app on loopback, until stopped or until the process that started it is gone.

    Which database and study it opens with stands in the environment (DATABASE_VARIABLE, STUDY_VARIABLE).
    """

    @contextlib.asynccontextmanager
    async def ends_with_its_parent(_app: App) -> AsyncIterator[None]:
        async def watch() -> None:
            while os.getppid() == parent_pid:
                await asyncio.sleep(1)
            os.kill(os.getpid(), signal.SIGTERM)

        watching = asyncio.create_task(watch())
        yield
        watching.cancel()

    app = App(
        _FOLDER / "analyst_app.py",
        lifespan=ends_with_its_parent,
        # A page of another site can name this machine as its own host; its browser then asks here.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])],
    )
    _run(app, port, host="127.0.0.1")


def _run(app: App, port: int, host: str = "") -> None:
    """Run an app until Ctrl-C or SIGTERM, and return then, so that what must be cleaned up is.

    `App.run` would bind the socket in a way that leaves Nagle's algorithm on, which holds every
    acknowledgement back for 40 ms; uvicorn's own sockets do not. The default host is every interface.
    """
    options: dict[str, object] = {**_STREAMLIT_OPTIONS, "server.port": port}
    if secret := shared_cookie_secret():
        options["server.cookieSecret"] = secret
    bootstrap.load_config_options(options)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        # No access log: paths alone would be harmless, but query strings name participants.
        uvicorn.run(app, host=host, port=port, ws="websockets-sansio", access_log=False, log_level="warning")


@contextlib.contextmanager
def _analyst_process(study_name: str, port: int, database_url: str) -> Iterator[None]:
    environment = {**os.environ, DATABASE_VARIABLE: database_url, STUDY_VARIABLE: study_name}
    command = [sys.executable, "-m", "human_study.server", str(port), str(os.getpid())]
    process = subprocess.Popen(command, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except (OSError, OverflowError) as error:
            raise SetupError(
                f"Port {port} cannot be used ({error}); choose another with --port or --analyst-port."
            ) from error


if __name__ == "__main__":
    # The parent names itself: it may be gone before this process could ask who it was.
    serve_analysts(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else os.getppid())
