"""The end of a preview, as whoever looks at one of its pages then reads it."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_PAGES = ("/", "/welcome")


class PreviewEnd:
    """ASGI middleware: pages load anew when the preview is over, and from then on every address says that it is."""

    def __init__(
        self, app: ASGIApp, ends_at: float, expired: Callable[[Request], Awaitable[Response]]
    ) -> None:
        """`ends_at`: by time.monotonic(), in seconds; `expired` makes what is read afterwards."""
        self.app = app
        self._ends_at = ends_at
        self._expired = expired

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or say that the preview is over."""
        left_s = self._ends_at - time.monotonic()
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if left_s <= 0:
            response = await self._expired(Request(scope, receive))
            await response(scope, receive, send)
            return

        async def send_with_end(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["path"] in _PAGES:
                MutableHeaders(scope=message)["Refresh"] = str(math.ceil(left_s))
            await send(message)

        await self.app(scope, receive, send_with_end)
