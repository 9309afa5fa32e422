"""Many people at the door at once, and what each costs in memory once the page is open."""

from __future__ import annotations

import asyncio
import os
import re
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from human_study.web.request_guard import session_cookie_before
from human_study.web.static_files import files_of_the_first_page
from tests.support.browser_check import proven_entry
from tests.support.http_load import Connection, Timings
from tests.support.load_participants import admit
from tests.support.served_study import ServedStudy
from tests.support.streamlit_visitor import OpenPage, load_page


@dataclass
class Arrivals:
    """How long the welcome page took, and each click after it: on Begin to consent, on agreeing to the next step."""

    welcome: Timings = field(default_factory=Timings)
    consent: Timings = field(default_factory=Timings)
    instructions: Timings = field(default_factory=Timings)


async def arrive(port: int, n: int, within_s: float, read_for_s: float = 0.0) -> Arrivals:
    """`n` people come evenly within so many seconds, and each reads the welcome page and begins at once.

    Each then reads the consent page for a random time of up to `read_for_s`, agrees, and comes to the instructions.
    """
    reading = np.random.default_rng(1).uniform(0, read_for_s, n)
    found = Arrivals()
    start = time.perf_counter()

    async def one(number: int) -> None:
        await asyncio.sleep(max(0.0, start + within_s * number / n - time.perf_counter()))
        async with Connection(port) as connection:
            entry = participant = ""

            async def read_welcome() -> None:
                nonlocal entry
                page = await connection.request("GET", "/welcome")
                assert page.status == 200, f"status {page.status}"
                assert b"<h1>" in page.body and b"</html>" in page.body, "the page is not whole"
                connection.cookie = page.headers["set-cookie"].split(";")[0]
                entry = await asyncio.to_thread(proven_entry, port, connection.cookie)

            async def begin() -> None:
                nonlocal participant
                form = urlencode({"entry": entry, "query": ""}).encode()
                begun = await connection.request("POST", "/begin", form, "application/x-www-form-urlencoded")
                assert begun.status == 303, f"status {begun.status}"
                connection.cookie = begun.headers["set-cookie"].split(";")[0]
                page = await connection.request("GET", "/")
                asked = re.search(rb'name="participant" value="(\w+)"', page.body)
                assert page.status == 200 and asked, "no consent page"
                participant = asked[1].decode()

            async def agree() -> None:
                form = urlencode({"participant": participant, "choice": "agree"}).encode()
                sent = await connection.request("POST", "/consent", form, "application/x-www-form-urlencoded")
                assert sent.status == 303, f"status {sent.status}"
                await load_page(connection)
                async with OpenPage(port, connection.cookie) as page:
                    drawn = await page.draw()
                assert b"What you will do" in drawn, "no instructions"

            await found.welcome.take(read_welcome())
            if entry:
                await found.consent.take(begin())
            if participant:
                await asyncio.sleep(reading[number])
                await found.instructions.take(agree())

    await asyncio.gather(*map(one, range(n)))
    return found


async def processor_ms_of_static_files(served: ServedStudy, n_visitors: int) -> tuple[float, float]:
    """What the files of a visitor's first page cost the serving process: (by Streamlit itself, as browsers ask)."""
    spent = []
    async with Connection(served.port) as connection:
        for coding in ("gzip", "identity", "gzip"):  # the first round reads them from the disk
            before_s = processor_s(served)
            for _ in range(n_visitors):
                for name in files_of_the_first_page():
                    answer = await connection.request("GET", name, coding=coding)
                    assert answer.status == 200, f"{name}: status {answer.status}"
            spent.append((processor_s(served) - before_s) / n_visitors * 1000)
    return spent[1], spent[2]


async def memory_of_participants(served: ServedStudy, n: int, n_before: int = 10) -> float:
    """MB of resident memory that each of `n` participants at their trials adds to the serving process.

    The first few are not counted: with them come what all share, threads and caches.
    """
    people = admit(served.study_path, n_before + n)
    async with AsyncExitStack() as pages:
        rss: list[int] = []
        for number, person in enumerate(people):
            if number == n_before:
                rss.append(_resident_bytes(served))
            page = OpenPage(served.port, f"{session_cookie_before('tiny_study')}={person.token}")
            await (await pages.enter_async_context(page)).draw()
        rss.append(_resident_bytes(served))
    return (rss[1] - rss[0]) / n / 1e6


def processor_s(served: ServedStudy) -> float:
    """For how long the serving process has had a processor so far."""
    assert served.process is not None, "not serving"
    times = Path(f"/proc/{served.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(served: ServedStudy) -> int:
    assert served.process is not None, "not serving"
    status = Path(f"/proc/{served.process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024
