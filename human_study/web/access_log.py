"""The access log: method, path, status and duration. Never a query string, a cookie or an address of a person.

A query string names a participant on a recruitment platform; what follows /faces/ and /api/feedback/ is a
participant's own.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PRIVATE_BELOW = ("/faces/", "/api/feedback/")


def shown_path(path: str) -> str:
    """A path as it may be logged: on one line, and without what only its participant should know."""
    for folder in _PRIVATE_BELOW:
        if path.startswith(folder):
            return folder + "-"
    return path.encode("unicode_escape").decode()[:200].replace(" ", "%20")


class AccessLog:
    """Writes a line a request into a file; more than one process can write into the same one."""

    def __init__(self, app: ASGIApp, path: Path) -> None:
        """`path` is appended to; its folder is made."""
        self.app = app
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a", buffering=1, encoding="utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and write its line when it is answered."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self.app(scope, receive, send_noted)
        finally:
            method = scope.get("method", "WEBSOCKET")
            moment = datetime.now(UTC).isoformat(timespec="milliseconds")
            duration_ms = (time.perf_counter() - start) * 1000
            self._file.write(f"{moment} {method} {shown_path(scope['path'])} {status} {duration_ms:.0f} ms\n")
