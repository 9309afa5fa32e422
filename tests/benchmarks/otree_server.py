"""oTree with a page of two buttons, in an environment of its own: it needs versions older than ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import time
import urllib.request
import venv
from collections.abc import Iterator
from pathlib import Path

from tests.support.http_load import Answer, Connection, Timings
from tests.support.served_study import free_port, wait_until

OTREE_VERSION = "6.0.15"
ENVIRONMENT = Path("var/otree")
N_PAGES = 40

_SETTINGS = """\
SESSION_CONFIGS = [dict(name="buttons", app_sequence=["buttons"], num_demo_participants=1)]
SESSION_CONFIG_DEFAULTS = dict(real_world_currency_per_point=1.0, participation_fee=0.0)
LANGUAGE_CODE = "en"
REAL_WORLD_CURRENCY_CODE = "USD"
USE_POINTS = True
ADMIN_USERNAME = "admin"
ADMIN_PASSWORD = None
SECRET_KEY = "benchmark"
PARTICIPANT_FIELDS = []
SESSION_FIELDS = []
"""

_APP = f"""\
from otree.api import *


class C(BaseConstants):
    NAME_IN_URL = "buttons"
    PLAYERS_PER_GROUP = None
    NUM_ROUNDS = {N_PAGES}


class Subsession(BaseSubsession):
    pass


class Group(BaseGroup):
    pass


class Player(BasePlayer):
    choice = models.StringField(choices=["approve", "deny"])


class Decide(Page):
    form_model = "player"
    form_fields = ["choice"]


page_sequence = [Decide]
"""

_PAGE = """\
{{ block content }}
<button name="choice" value="approve" class="btn btn-primary">Approve</button>
<button name="choice" value="deny" class="btn btn-primary">Deny</button>
{{ endblock }}
"""


def install() -> Path:
    """Its command; the environment is built once, under var/."""
    command = ENVIRONMENT / f"otree-{OTREE_VERSION}" / "bin" / "otree"
    if not command.exists():
        folder = command.parent.parent
        venv.create(folder, with_pip=True, clear=True)
        print(f"installing oTree {OTREE_VERSION} into {folder} …", flush=True)
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"otree=={OTREE_VERSION}"], check=True, stderr=subprocess.DEVNULL)
    return command.absolute()


def write_project(folder: Path) -> None:
    """An oTree project whose only app shows the same page N_PAGES times."""
    (folder / "buttons").mkdir(parents=True)
    (folder / "_static").mkdir()
    (folder / "settings.py").write_text(_SETTINGS)
    (folder / "buttons" / "__init__.py").write_text(_APP)
    (folder / "buttons" / "Decide.html").write_text(_PAGE)


@contextlib.contextmanager
def served_otree(folder: Path) -> Iterator[int]:
    """The port of an oTree in production mode, as its makers run it: one process, its own SQLite."""
    command = install()
    write_project(folder)
    port = free_port()
    environment = {
        **os.environ,
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "OTREE_PRODUCTION": "1",
        "OTREE_REST_KEY": "benchmark",
    }
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [str(command), "prodserver", f"127.0.0.1:{port}"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: _answers(port), "oTree")
        yield port
    finally:
        # It starts a second process of its own; both are of the group that was made for them here.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, 15)
        server.wait(timeout=30)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/demo", timeout=5):
            return True
    except OSError:
        return False


def create_session(port: int, n_participants: int) -> str:
    """The path by which each participant joins."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/sessions",
        json.dumps({"session_config_name": "buttons", "num_participants": n_participants}).encode(),
        {"otree-rest-key": "benchmark", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        return "/" + json.load(response)["session_wide_url"].split("/", 3)[3]


async def turn_pages(port: int, n_users: int, duration_s: float) -> Timings:
    """Page turns without pause: a choice is posted, and the next page is read, as a browser does."""
    join = create_session(port, n_users)
    timings = Timings()

    async def follow(connection: Connection, answer: Answer) -> str:
        path = ""
        while answer.status in (302, 303, 307):
            if "set-cookie" in answer.headers:
                connection.cookie = answer.headers["set-cookie"].split(";")[0]
            path = answer.headers["location"]
            answer = await connection.request("GET", path)
        assert answer.status == 200, f"status {answer.status}"
        assert b'value="approve"' in answer.body, "no page with two buttons"
        return path

    users = [Connection(port) for _ in range(n_users)]
    pages = [await follow(user, await user.request("GET", join)) for user in users]
    start = time.perf_counter()

    async def one(user: Connection, page: str) -> None:
        async def turn() -> None:
            nonlocal page
            form = "application/x-www-form-urlencoded"
            page = await follow(user, await user.request("POST", page, b"choice=approve", form))

        for _ in range(N_PAGES - 2):
            if time.perf_counter() - start > duration_s:
                return
            await timings.take(turn())

    await asyncio.gather(*map(one, users, pages))
    timings.wall_s = time.perf_counter() - start
    for user in users:
        user.close()
    return timings
