"""Serving a study: the participant app with its own routes, and the analyst app beside it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from streamlit.starlette import App

from data.errors import CountenanceError, SetupError, StoreError, StudyError
from data.records import StudyCondition
from human_study.analysts.key import DEFAULT_KEY_FILE, analyst_key
from human_study.analysts.server import analyst_process
from human_study.dataset.retention import retained_while_served
from human_study.participants.consent import ConsentPage
from human_study.participants.entrance import Entrance
from human_study.participants.first_page import first_page
from human_study.participants.preview import PreviewEnd
from human_study.participants.trial_player.routes import not_served, trial_player_routes
from human_study.participants.welcome import Welcome
from human_study.participation.running_study import RunningStudy
from human_study.study.file_checks import remarks
from human_study.study.messages import Messages
from human_study.study.recruitment import ENDINGS, RecruitmentPlan
from human_study.study.study_file import load_study_file
from human_study.web.access_log import AccessLog
from human_study.web.refusals import NotServedError
from human_study.web.refused_pages import tell_unreachable
from human_study.web.run_app import LOOPBACK, require_replicable, run_app
from human_study.web.static_files import StaticFiles

_FOLDER = Path(__file__).parent
_READY_WITHIN_S = 5
_READ_BY_PEOPLE = ("/", "/welcome", "/begin", "/consent")
# After every run of a script Streamlit looks through all of the process's objects for garbage, which takes far
# longer than to draw a participant's page and holds up everybody's decisions. Python's own collector suffices.
_PREVIEW_CODE = "PREVIEW-NO-CODE"
_PREVIEW_TOLD_WITHIN_S = 5
_OPTIONS = {"runner.postScriptGC": False}


def participant_app(
    running: RunningStudy,
    study_path: str,
    database_url: str,
    access_log: Path | None = None,
    *,
    preview_ends_at: float | None = None,
) -> App:
    """The ASGI app that participants reach: welcome, consent, Streamlit's steps, decisions, faces, readiness.

    With `preview_ends_at`, by time.monotonic(), it is a preview: nobody needs a platform's link, until it is over.
    """

    async def ready(_request: Request) -> Response:
        try:
            # A database that does not answer at all must not let a load balancer wait.
            async with asyncio.timeout(_READY_WITHIN_S):
                await run_in_threadpool(running.store.check_ready)
        except TimeoutError:
            return await unavailable(_request, StoreError("no answer in time"))
        return JSONResponse({"status": "ready"})

    is_preview = preview_ends_at is not None
    welcome, consent = Welcome(running, preview=is_preview), ConsentPage(running)

    async def unavailable(request: Request, error: CountenanceError) -> Response:
        tell_unreachable(error)
        if request.url.path in _READ_BY_PEOPLE:
            return welcome.unreachable(request)
        return JSONResponse({"error": "The study cannot be reached at the moment."}, 503)

    text = running.messages.text
    page = first_page(
        running.study.title,
        running.study.spoken,
        text("page.waiting"),
        text("welcome.lacks_script"),
        welcome.lacks("websocket"),
    )

    async def refused(request: Request, error: NotServedError) -> Response:
        if request.url.path in _READ_BY_PEOPLE:
            return welcome.refused(error)
        return await not_served(request, error)

    async def index(request: Request) -> Response:
        return await consent.page(request) or HTMLResponse(page, headers={"Cache-Control": "no-cache"})

    return App(
        _FOLDER / "participants" / "participant_app.py",
        secrets={"study_file": study_path, "database_url": database_url},
        routes=[
            Route("/", index),
            Route("/ready", ready),
            *welcome.routes,
            *consent.routes,
            *trial_player_routes(running),
        ],
        middleware=[
            *([Middleware(AccessLog, path=access_log)] if access_log else []),
            *(
                [Middleware(PreviewEnd, preview_ends_at, welcome.expired)]
                if preview_ends_at is not None
                else []
            ),
            Middleware(Entrance, cookie=running.cookie, nowhere=welcome.nowhere),
            Middleware(StaticFiles),
        ],
        exception_handlers={NotServedError: refused, CountenanceError: unavailable},
    )


def serve(
    study_path: str,
    *,
    port: int = 8501,
    host: str = LOOPBACK,
    analyst_port: int = 8502,
    database_url: str | None = None,
    replica: bool = False,
    access_log: Path | None = None,
    analyst_key_file: Path = DEFAULT_KEY_FILE,
    analyst_host: str | None = None,
) -> None:
    """Serve a study until it is stopped: the participant app here, the analyst app beside it.

    `host` is the address to listen on; only this machine reaches the default. A `replica` is one of several
    participant apps on one PostgreSQL database behind a load balancer, without an analyst app. `analyst_host` names
    the host for which a proxy with TLS on this machine passes analysts on.
    Raises CountenanceError before anything is served: a wrong study file, bundle or database, a taken port, a
    key for analysts that is none, a replica that shares nothing.
    """
    _require_free(port, host)
    if not replica:
        _require_free(analyst_port, LOOPBACK)
    if replica:
        require_replicable(database_url or load_study_file(study_path).database)
    running = RunningStudy.open(study_path, database_url)
    database_url = database_url or running.study.database
    with running.store, contextlib.ExitStack() as beside:
        running.prepare()
        running.store.require_erasure_key()
        key = None if replica else analyst_key(analyst_key_file)
        beside.enter_context(retained_while_served(running.store))
        whom = "people" if running.study.participants == "people" else "simulated participants"
        print(f"Study {running.study.name}, for {whom}. Stop with Ctrl-C.")
        for remark in remarks(running.study):
            print(f"Look again: {remark}", flush=True)
        if left := running.study.spoken.untranslated():
            texts = f"{left[0]} and {len(left) - 1} more" if left[1:] else left[0]
            print(f"Participants read in English: {texts}, in {running.study.spoken.folder}.", flush=True)
        print(f"Participants: {_welcome_address(host, port)}", flush=True)
        if host != LOOPBACK:
            print(
                "              reached without TLS: put a proxy with TLS before it (deploy/nginx.conf)",
                flush=True,
            )
        if key is not None:
            beside.enter_context(
                analyst_process(running.study.name, analyst_port, database_url, key, analyst_host)
            )
            # What is not a terminal may be a log, which is read by others than the key is for.
            print("Analysts:     " + key.address(analyst_port, shown=sys.stdout.isatty()), flush=True)
        _run(participant_app(running, study_path, database_url, access_log), port, host)


def serve_preview(
    study_path: str, condition: str, *, port: int = 8503, host: str = LOOPBACK, hours: float = 72
) -> None:
    """Show one condition of a study as participants see it, and keep nothing; after `hours`, say that it has expired.

    It runs on a copy of the study file and a database of its own, both deleted when it ends or expires, with a cookie
    that no other study shares; the title, a banner and the completion code say what it is. Raises CountenanceError as
    `serve` does.
    """
    _require_free(port, host)
    study = load_study_file(study_path)
    if condition not in study.conditions:
        raise StudyError(f"{study.name} has no condition {condition}; it has {', '.join(study.conditions)}.")
    with tempfile.TemporaryDirectory(prefix="countenance_preview_") as folder:
        database_url = f"sqlite:///{Path(folder, 'preview.db')}"
        changes = {
            "name": f"{study.name[:52]}_preview",
            "title": f"{study.title} ({Messages(study.spoken, {}).text('page.preview')})",
            "participants": "simulated",
            "recruitment": _without_codes(study.recruitment),
            "database": database_url,
        }
        copied = Path(folder, "study.yaml")
        content = {**study.model_dump(mode="json", exclude_unset=True), **changes}
        for key in ("task", "bundle", "language_folder"):
            if content[key] and Path(content[key]).exists():
                content[key] = str(Path(content[key]).absolute())
        copied.write_text(yaml.safe_dump(content), encoding="utf-8")
        running = RunningStudy.open(str(copied), database_url)
        with running.store:
            running.prepare()
            for other in study.conditions:
                if other != condition:
                    closed = StudyCondition(
                        study_name=running.study.name, condition=other, quota=None, status="closed"
                    )
                    running.store.set_condition(closed)
            print(
                f"Preview of {study.name}, condition {condition}; nothing is kept. Ends after {hours:g} hours."
            )
            print(_welcome_address(host, port), flush=True)
            has_expired = threading.Event()

            def expire() -> None:
                has_expired.set()
                os.kill(os.getpid(), signal.SIGTERM)

            # Open pages are told at the very end; this server stands until they were.
            ending = threading.Timer(hours * 3600 + _PREVIEW_TOLD_WITHIN_S, expire)
            ending.daemon = True
            ending.start()
            ends_at = time.monotonic() + hours * 3600
            app = participant_app(running, str(copied), database_url, preview_ends_at=ends_at)
            _run(app, port, host)
    if has_expired.is_set():
        print(
            "The preview has expired, and its data are deleted; its address says so until Ctrl-C.", flush=True
        )
        run_app(
            Starlette(routes=[Route("/{path:path}", Welcome(running).expired, methods=["GET", "POST"])]),
            port,
            host,
        )


def _without_codes(plan: RecruitmentPlan) -> dict[str, str]:
    """A study's recruitment as a preview shows it: the platform's words, but no code or token that it takes."""
    shown = {"platform": plan.platform, "completion_code": _PREVIEW_CODE}
    for ending in ENDINGS:
        code, address = plan.way_back(ending)
        mine = _PREVIEW_CODE if ending == "completion" else f"{_PREVIEW_CODE}-{ending}"
        if code:
            shown[f"{ending}_code"] = mine
        if address:
            shown[f"{ending}_url"] = urlsplit(address)._replace(query=f"cc={mine}", fragment="").geturl()
    return shown


def _welcome_address(host: str, port: int) -> str:
    return f"http://{'localhost' if host == LOOPBACK else host}:{port}/welcome"


def _run(app: App, port: int, host: str) -> None:
    # What is loaded by now stays; the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    run_app(app, port, host, options=_OPTIONS)


def _require_free(port: int, host: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise SetupError(
                f"Port {port} of {host} cannot be used ({error}); choose another with --port, --analyst-port or --host."
            ) from error
