"""Serving analysts: a process of its own, on loopback only, behind its door."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from streamlit.starlette import App

from human_study.analysts.door import AnalystDoor
from human_study.analysts.key import ANALYST_KEY_VARIABLE, AnalystKey
from human_study.analysts.views.environment import DATABASE_VARIABLE, STUDY_VARIABLE
from human_study.web.run_app import run_app

_SCRIPT = Path(__file__).parent / "analyst_app.py"
_PAGES = "human_study.analysts.views.contents"
_ABOUT_THREADS = "streamlit.runtime.scriptrunner_utils.script_run_context"


def serve_analysts(port: int, parent_pid: int, public_host: str | None = None) -> None:
    """Serve the analyst app on loopback, until stopped or until the process that started it is gone.

    The key, and which database and study it opens with, stand in the environment (ANALYST_KEY_VARIABLE,
    DATABASE_VARIABLE, STUDY_VARIABLE), where other users of the machine cannot see them. `public_host` is the
    name under which a proxy with TLS on this machine brings others in.
    """

    @contextlib.asynccontextmanager
    async def prepared(_app: App) -> AsyncIterator[None]:
        async def watch() -> None:
            while os.getppid() == parent_pid:
                await asyncio.sleep(1)
            os.kill(os.getpid(), signal.SIGTERM)

        watching = asyncio.create_task(watch())
        # Before anybody can be let in, so that no page waits for it; and not with this file, which the participant
        # process imports too and has no use for statistics. (Streamlit has begun by now, which its caches ask for.)
        pages = importlib.import_module(_PAGES)
        # Streamlit's caches warn whoever uses them outside a page, which is what is done here.
        logging.getLogger(_ABOUT_THREADS).setLevel(logging.ERROR)
        threading.Thread(target=pages.read_ahead, daemon=True).start()
        yield
        watching.cancel()

    # A page of another site can name this machine as its own host; its browser then asks here.
    hosts = ["localhost", "127.0.0.1", *([public_host] if public_host else [])]
    door = Middleware(
        AnalystDoor,
        key=os.environ[ANALYST_KEY_VARIABLE],
        # Browsers give a host's cookies to all its ports: each app needs a name of its own.
        cookie_name=f"countenance_analyst_{port}",
        public_host=public_host,
    )
    app = App(
        _SCRIPT,
        lifespan=prepared,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts), door],
    )
    run_app(app, port)


@contextlib.contextmanager
def analyst_process(
    study_name: str, port: int, database_url: str, key: AnalystKey, public_host: str | None
) -> Iterator[None]:
    """The analyst app in a process of its own, which ends with the block."""
    environment = {
        **os.environ,
        DATABASE_VARIABLE: database_url,
        STUDY_VARIABLE: study_name,
        ANALYST_KEY_VARIABLE: key.key,
    }
    command = [sys.executable, "-m", "human_study.analysts.server", str(port), str(os.getpid())]
    process = subprocess.Popen([*command, *([public_host] if public_host else [])], env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    # The parent names itself: it may be gone before this process could ask who it was.
    serve_analysts(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4])
