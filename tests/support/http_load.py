"""Many visitors at once from one process: a lean HTTP client over loopback, and how long answers take.

A general client would cost as much processor as the server that is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Answer:
    """A response: header names in lower case, of repeated headers the last."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One kept-alive connection to a server on loopback; opened anew where the server closed it."""

    def __init__(self, port: int, cookie: str = "") -> None:
        self.port, self.cookie = port, cookie
        self.is_fresh = True
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        content_type: str = "application/json",
        *,
        coding: str = "identity",
    ) -> Answer:
        """Send a request and read its whole answer, in the content coding that the server chose.

        `coding`: what this client would take. Raises OSError or EOFError where the server is gone.
        """
        if self.reader is None or self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
            self.is_fresh = True
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
        head += f"Accept-Encoding: {coding}\r\n"
        if self.cookie:
            head += f"Cookie: {self.cookie}\r\n"
        if method == "POST":
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        try:
            self.writer.write(head.encode() + b"\r\n" + body)
            answer = await self._answer(self.reader)
        except (OSError, EOFError) as error:
            self.close()
            closed_before = isinstance(error, ConnectionResetError) or getattr(error, "partial", None) == b""
            if closed_before and not self.is_fresh:
                # The server had hung up on an idle connection, unseen; browsers ask again, too.
                return await self.request(method, path, body, content_type, coding=coding)
            raise
        self.is_fresh = False
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        status = int(lines[0].split()[1])
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        else:
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(status, headers, body)


@dataclass
class Timings:
    """How long each of many things took, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    wall_s: float = 0.0

    async def take(self, work: Awaitable[object]) -> None:
        """Wait for one thing and note how long it took, or that it failed."""
        start = time.perf_counter()
        try:
            await work
        except (OSError, EOFError, AssertionError) as error:
            self.errors.append(f"{type(error).__name__}: {error}")
        else:
            self.seconds.append(time.perf_counter() - start)

    @property
    def rate(self) -> float:
        """How many a second."""
        return len(self.seconds) / self.wall_s

    def percentile_ms(self, percent: float) -> float:
        """That percentile of the durations, in ms."""
        return float(np.percentile(self.seconds, percent)) * 1000
