"""The door of the analyst app: nothing behind it is reached without a cookie that was given for the key.

It stands before Streamlit, so that pages, websockets, pictures and downloads are all behind it. The key comes in
the fragment of an address or is pasted, is sent once in the body of a POST, and stays in no address and no log.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import parse_qs

from itsdangerous import BadSignature, Signer
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from human_study.presentation.html_templates import render_html
from human_study.web.refusals import NotServedError
from human_study.web.request_guard import guarded, is_own_page, read_body, refuse_other_sites, without_origin

DOOR = "/enter"
SIGNED_IN_S = 7 * 24 * 3600
WRONG_KEYS_A_MINUTE = 10
_MAX_FORM_BYTES = 1024

_WELCOME = "This app shows what participants did. It opens with the analysts' key."


class AnalystDoor:
    """ASGI middleware: lets requests and websockets pass that carry the cookie, and gives it for the key.

    Without the cookie a page is answered with a redirect to the door, everything else with 401. A wrong key is
    401; after WRONG_KEYS_A_MINUTE of them, whoever sent them, no key is looked at for the rest of the minute
    (429). Pages of other origins, on other ports of this machine too, get 403.
    """

    def __init__(
        self,
        app: ASGIApp,
        key: str,
        cookie_name: str,
        public_host: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`public_host` names a host that is reached by TLS only; `clock` gives seconds since 1970."""
        self.app = app
        self._key, self._cookie_name, self._public_host, self._clock = key, cookie_name, public_host, clock
        self._wrong_at: deque[float] = deque(maxlen=WRONG_KEYS_A_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer in place of the app."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        send = guarded(send)
        answer = await self._answer(scope, receive)
        if answer is not None:
            await answer(scope, receive, send)
            return
        await self.app(without_origin(scope) if scope["type"] == "http" else scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | None:
        """What the door says; None where the request may pass."""
        connection = HTTPConnection(scope)
        is_safe = scope["scheme"] in ("https", "wss")
        if self._public_host is not None and connection.url.hostname == self._public_host and not is_safe:
            return PlainTextResponse("The analyst app is reached by https:// only.", 403)
        if scope["path"] == DOOR and scope["type"] == "http":
            return await self._at_the_door(Request(scope, receive), secure=is_safe)
        if not is_own_page(connection):
            return PlainTextResponse("The analyst app answers no other page.", 403)
        if is_valid(connection.cookies.get(self._cookie_name, ""), self._key, self._clock()):
            return None
        if scope["type"] == "http" and "text/html" in connection.headers.get("accept", ""):
            return RedirectResponse(_door_from(scope["path"]), 303, {"Cache-Control": "no-store"})
        return PlainTextResponse(f"Please sign in at {DOOR}.", 401, {"Cache-Control": "no-store"})

    async def _at_the_door(self, request: Request, *, secure: bool) -> Response:
        if request.method == "GET":
            return _door_page(_WELCOME)
        if request.method != "POST":
            return PlainTextResponse("", 405, {"Allow": "GET, POST"})
        try:
            refuse_other_sites(request)
            body = await read_body(request, _MAX_FORM_BYTES)
        except NotServedError as error:
            return PlainTextResponse(str(error), error.status)
        moment = self._clock()
        if len(self._wrong_at) == WRONG_KEYS_A_MINUTE and moment - self._wrong_at[0] < 60:
            return _refusal("Too many wrong keys were entered. Please try again in a minute.", 429)
        given = parse_qs(body.decode("utf-8", errors="replace")).get("key", [""])[0].strip()
        if not hmac.compare_digest(given.encode(), self._key.encode()):
            self._wrong_at.append(moment)
            return _refusal("This is not the key.", 401)
        response = RedirectResponse("./", 303, {"Cache-Control": "no-store"})
        response.set_cookie(
            self._cookie_name,
            signed_until(moment + SIGNED_IN_S, self._key),
            max_age=SIGNED_IN_S,
            path="/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )
        return response


def _door_from(path: str) -> str:
    """The way from a page to the door: relative, as the app may be served below a path that a proxy cuts off."""
    return "../" * (path.count("/") - 1) + DOOR.removeprefix("/")


def signed_until(end: float, key: str) -> str:
    """A cookie that is valid until `end`, in seconds since 1970. Another key makes all of them void."""
    return _signer(key).sign(f"{end:.0f}").decode()


def is_valid(cookie: str, key: str, moment: float) -> bool:
    """Whether a cookie is one that `signed_until` made with this key, and its time is not over."""
    try:
        return moment < int(_signer(key).unsign(cookie.encode()))
    except BadSignature:
        return False


def _signer(key: str) -> Signer:
    return Signer(key, salt="analyst app", key_derivation="hmac", digest_method=hashlib.sha256)


def _door_page(note: str, status: int = 200, *, is_refused: bool = False) -> HTMLResponse:
    script = render_html("analysts/door.js")
    page = render_html(
        "analysts/templates/door.html",
        title="Countenance for analysts",
        language={"code": "en", "direction": "ltr"},
        note=note,
        is_refused=is_refused,
        script=script,
    )
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{script_hash}';"
            " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        ),
    }
    return HTMLResponse(page, status, headers)


def _refusal(sentence: str, status: int) -> HTMLResponse:
    answer = _door_page(sentence, status, is_refused=True)
    if status == 429:
        answer.headers["Retry-After"] = "60"
    return answer
