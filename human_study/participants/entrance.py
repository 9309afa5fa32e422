"""What every request passes first, and the proof that a browser can take part before it takes a slot.

The welcome page opens a websocket where Streamlit's own will be. Only a browser that runs scripts, keeps our
cookie, and is let through by every proxy in between gets the signed entry that `POST /begin` asks for.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from itsdangerous import BadSignature, TimestampSigner
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from human_study.web.refused_pages import tell_no_upgrade, tell_path_not_cut, tell_refused_origin
from human_study.web.request_guard import (
    SessionCookie,
    guarded,
    is_framed,
    is_own_page,
    unframed,
    without_origin,
)
from human_study.web.run_app import shared_cookie_secret

CHECK_PATH = "/api/browser-check"
_STREAM_PATH = "/_stcore/stream"
_CHECK_QUERY = b"browser-check"
_WEBSOCKETS = (CHECK_PATH, _STREAM_PATH)
_PAGES = ("/", "/ready", "/welcome", "/favicon.png", "/manifest.json")
_FORMS = ("/begin", "/consent")
_BELOW = ("/api/", "/faces/", "/pairs/", "/_stcore/", "/static/", "/media/", "/component/", "/app/static/")
_ENTRY_LASTS_S = 24 * 3600
_PATIENCE_S = 20


class Entrance:
    """ASGI middleware: sends whoever has no cookie or comes by a recruitment link to the welcome page.

    Guards all answers; pages of other origins open no websocket (403), and no page of ours is shown in a frame but
    the welcome page's advice to open it in a tab.
    """

    def __init__(self, app: ASGIApp, cookie: SessionCookie, nowhere: Callable[[Request], Response]) -> None:
        """`cookie` is the participants'; `nowhere` answers what is asked for where there is no page."""
        self.app = app
        self._cookie = cookie
        self._nowhere = nowhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, redirect it, or refuse it."""
        if scope["type"] == "websocket" and not is_own_page(HTTPConnection(scope)):
            tell_refused_origin(HTTPConnection(scope))
            await PlainTextResponse("The study answers no other page.", 403)(scope, receive, send)
            return
        if (
            scope["type"] == "websocket"
            and scope["path"] == _STREAM_PATH
            and scope["query_string"] == _CHECK_QUERY
        ):
            # The proof takes the very way that Streamlit's own connection will take, past every proxy's rules.
            scope = {**scope, "path": CHECK_PATH, "query_string": b""}
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        framed = is_framed(connection)
        send, scope = guarded(send), without_origin(scope)
        if not (framed and scope["path"] in ("/", "/welcome")):
            send = unframed(send)
        if scope["path"] in _WEBSOCKETS:
            tell_no_upgrade(scope["path"])
        if not _is_served(scope["path"], scope["method"]):
            if is_below := _path_before_ours(scope["path"]):
                tell_path_not_cut(is_below)
            await self._nowhere(Request(scope))(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        has_cookie = bool(self._cookie.token(connection.cookies))
        if scope["path"] == "/" and (query or framed or not has_cookie):
            response = RedirectResponse("welcome" + (f"?{query}" if query else ""), 303)
            await response(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _is_served(path: str, method: str) -> bool:
    """Whether there is a page or something else at an address; Streamlit would answer any with its own page."""
    return path in _PAGES or path.startswith(_BELOW) or (path in _FORMS and method == "POST")


def _path_before_ours(path: str) -> str:
    """What a proxy should have cut off before it passed a request on, or an empty text."""
    parts = path.split("/")[1:]
    below = (f"/{'/'.join(parts[first:])}" for first in range(1, len(parts)))
    ours = next(
        (one for one in below if one in ("/welcome", "/ready", *_FORMS) or one.startswith(_BELOW)), ""
    )
    return path.removesuffix(ours) if ours else ""


class BrowserCheck:
    """Gives entries to browsers that proved that they can take part, and reads them back."""

    def __init__(self, study_name: str) -> None:
        """Replicas that share a secret read each other's entries."""
        self._cookie = f"countenance_check_{study_name}"
        self._signer = TimestampSigner(shared_cookie_secret() or secrets.token_hex(32), salt=study_name)

    @property
    def routes(self) -> list[Route | WebSocketRoute]:
        """The websocket; the same address as a plain request is a proxy's fault, and answered as one."""
        return [WebSocketRoute(CHECK_PATH, self._answer), Route(CHECK_PATH, self._no_upgrade)]

    def prepare(self, response: Response, *, secure: bool) -> None:
        """Give the welcome page the cookie that must come back."""
        response.set_cookie(
            self._cookie, "1", max_age=_ENTRY_LASTS_S, path="/", secure=secure, httponly=True, samesite="lax"
        )

    def keeps_cookies(self, connection: HTTPConnection) -> bool:
        """Whether the welcome page's cookie came back."""
        return self._cookie in connection.cookies

    def new_entry(self) -> str:
        """A signed random token; one page of one browser gets it, so that a form sent twice takes one slot."""
        return self._signer.sign(secrets.token_urlsafe(16)).decode()

    def entry_token(self, entry: str) -> str | None:
        """The token of an entry, or None where it is not ours, or a day old."""
        try:
            return self._signer.unsign(entry, max_age=_ENTRY_LASTS_S).decode()
        except BadSignature:
            return None

    async def _answer(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await socket.receive_text()
            keeps = self.keeps_cookies(socket)
            await socket.send_json({"entry": self.new_entry()} if keeps else {"missing": "cookie"})
            await socket.close()
        except (TimeoutError, WebSocketDisconnect, KeyError):  # gone, or no text
            return

    async def _no_upgrade(self, _request: Request) -> Response:
        return PlainTextResponse("This address is a websocket's.", 426, {"Upgrade": "websocket"})
