"""What every request to our own routes passes first: its cookie, where it was sent from, how long it is."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Message, Scope, Send

from human_study.web.refusals import NotServedError

_COOKIE_LIFETIME_S = 30 * 24 * 3600
_ORIGIN = "countenance.origin"  # of a request, in a scope whose headers no longer say it
_FRAMES = ("iframe", "frame", "embed", "object")


class SessionCookie:
    """A study's cookie, which holds a participant's secret.

    Cookies know no ports, and many a study is called "study": the name therefore holds a mark of the study as its
    database began it, which replicas share. Who began under the name of versions before goes on.
    """

    def __init__(self, study_name: str, mark: str) -> None:
        """`mark`: letters and digits that no other study has."""
        self.name = f"countenance_session_{study_name}_{mark}"
        self._names = (self.name, session_cookie_before(study_name))

    def token(self, cookies: Mapping[str, str]) -> str:
        """The secret among a browser's cookies, or an empty text."""
        return next((cookies[name] for name in self._names if cookies.get(name)), "")

    def required_token(self, request: Request) -> str:
        """The secret in a request's cookie; 401 where there is none."""
        token = self.token(request.cookies)
        if not token:
            raise NotServedError(401, "Please begin on the welcome page.")
        return token

    def give(self, response: Response, token: str, *, secure: bool) -> None:
        """Give the browser the participant's secret; no script can read it."""
        response.set_cookie(
            self.name,
            token,
            max_age=_COOKIE_LIFETIME_S,
            path="/",
            secure=secure,
            httponly=True,
            samesite="lax",
        )


def session_cookie_before(study_name: str) -> str:
    """The cookie's name before it told studies of one name apart."""
    return f"countenance_session_{study_name}"


def guarded(send: Send) -> Send:
    """Answers that tell no other site where the browser came from, and are what they say they are."""

    # Under "no-referrer" browsers would write "null" for the origin of our own forms (Fetch standard, 4.2).
    return _with_headers(send, {"Referrer-Policy": "same-origin", "X-Content-Type-Options": "nosniff"})


def unframed(send: Send) -> Send:
    """Answers that no page may show in a frame: cookies do not reach it there, and clicks could be stolen."""

    return _with_headers(
        send, {"X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'none'"}
    )


def _with_headers(send: Send, added: Mapping[str, str]) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(added)
        await send(message)

    return send_with_headers


def is_framed(connection: HTTPConnection) -> bool:
    """Whether a page is asked for that another page shows in a frame."""
    return connection.headers.get("sec-fetch-dest") in _FRAMES


def is_own_page(connection: HTTPConnection) -> bool:
    """Whether no page of another origin asks. Cookies know no ports: SameSite alone would let one of them ask."""
    origin = connection.scope.get(_ORIGIN, connection.headers.get("origin"))
    return origin is None or _host_of(origin) == _host_of(f"//{connection.headers.get('host', '')}")


def _host_of(address: str) -> str:
    """Host and port of an address, without the port that a scheme has by itself."""
    return urlsplit(address).netloc.lower().removesuffix(":443").removesuffix(":80")


def without_origin(scope: Scope) -> Scope:
    """The request as Streamlit may see it: it grants nothing to other origins then.

    Left to itself, it asks a host outside what this machine's own address is, to compare an origin with it.
    """
    headers = [(name, value) for name, value in scope["headers"] if name != b"origin"]
    return {**scope, "headers": headers, _ORIGIN: HTTPConnection(scope).headers.get("origin")}


def refuse_other_sites(request: Request) -> None:
    """403 for a request that another site made the browser send.

    SameSite=Lax already keeps the cookie from it; this also keeps other sites from taking up slots. Browsers that do
    not say where a request comes from (Safari before 16.4, Firefox before 90) name its origin, or the page before;
    it must have the very host that this server is reached by, as proxies pass it on.
    """
    came = request.headers.get("sec-fetch-site")
    if came is not None:
        is_ours = came in ("same-origin", "none")
    else:
        referrer = request.headers.get("referer")
        is_ours = is_own_page(request) and (
            referrer is None or _host_of(referrer) == _host_of(f"//{request.headers.get('host', '')}")
        )
    if not is_ours:
        raise NotServedError(403, "Please begin on the welcome page.")


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body of a request; 413 as soon as it is longer than `max_bytes`, whatever its header says."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise NotServedError(413, f"At most {max_bytes} bytes are taken.")
    return bytes(body)


async def read_form(request: Request, max_bytes: int) -> dict[str, str]:
    """The fields of a form that a page of ours sends; 403 where another site sends it, 413 where it is too long.

    They also stand in the request's `state.form`, for a page that sends them again.
    """
    refuse_other_sites(request)
    body = await read_body(request, max_bytes)
    fields = dict(parse_qsl(body.decode("utf-8", errors="replace"), keep_blank_values=True))
    request.state.form = fields
    return fields
