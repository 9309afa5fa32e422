"""Streamlit's scripts, styles and fonts, served from memory and compressed once.

A page asks for some seventy of them. Streamlit reads each from the disk, in threads and a piece at a time, and
sends it as it is; where many people begin at once, that would be most of what the server does.
"""

from __future__ import annotations

import asyncio
import gzip
import mimetypes
import re
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import file_util

_BELOW = "/static/"
_COMPRESSED = {".js", ".css", ".svg", ".json", ".html", ".txt"}
# Names hold a hash of what is in the file, so a file of a name never changes.
_KEPT_FOR_A_YEAR = "public, immutable, max-age=31536000"
_NAMED = re.compile(r'(?:src|href)="\./(static/[^"]+)"')


def files_of_the_first_page() -> list[str]:
    """Addresses of the files that Streamlit's page names: what every browser fetches first."""
    page = (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")
    return ["/" + name for name in dict.fromkeys(_NAMED.findall(page))]


class StaticFiles:
    """Answers plain requests for Streamlit's static files; all others are Streamlit's to answer.

    Streamlit answers an unknown file with its page; a script that is not there is a 404 here.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Only files that are there now are ever read, whatever a request names."""
        self.app = app
        folder = Path(file_util.get_static_dir())
        self._paths = {
            f"/{path.relative_to(folder).as_posix()}": path
            for path in (folder / _BELOW.strip("/")).rglob("*")
            if path.is_file()
        }
        self._kept: dict[str, Response] = {}
        self._keeping = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, pass on what is not asked as browsers ask, and refuse what is no file."""
        if scope["type"] != "http" or not scope["path"].startswith(_BELOW):
            await self.app(scope, receive, send)
        elif scope["path"] not in self._paths:
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
        elif scope["method"] == "GET" and _is_plain(Headers(scope=scope)):
            await (await self._response(scope["path"]))(scope, receive, send)
        else:
            await self.app(scope, receive, _varying(send))

    async def _response(self, name: str) -> Response:
        if name not in self._kept:
            async with self._keeping:  # one at a time: a hundred browsers ask for the same ones at once
                if name not in self._kept:
                    self._kept[name] = await run_in_threadpool(_response, self._paths[name])
        return self._kept[name]


def _varying(send: Send) -> Send:
    """Answers of which caches know that others are given to who accepts other codings: Streamlit's do not say so."""

    async def send_varying(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).add_vary_header("Accept-Encoding")
        await send(message)

    return send_varying


def _is_plain(headers: Headers) -> bool:
    return (
        "gzip" in headers.get("accept-encoding", "")
        and "range" not in headers
        and "if-none-match" not in headers
        and "if-modified-since" not in headers
    )


def _response(path: Path) -> Response:
    headers = {"Cache-Control": _KEPT_FOR_A_YEAR, "Vary": "Accept-Encoding"}
    body = path.read_bytes()
    if path.suffix in _COMPRESSED:
        body = gzip.compress(body, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type=mimetypes.guess_type(path.name)[0])
