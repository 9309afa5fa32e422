"""Tells whoever serves the study, once, why browsers cannot connect: it shows as a blank page to participants."""

from __future__ import annotations

import sys
import time

from starlette.requests import HTTPConnection

_MOST_LINES = 20
_LONGEST = 100  # characters of a header
_told: set[tuple[str, str]] = set()


def tell_refused_origin(connection: HTTPConnection) -> None:
    """Name the page's origin, the Host that arrived with its websocket, and the likely remedy."""
    origin, host = (_shown(connection.headers.get(name, "")) for name in ("origin", "host"))
    _tell(
        (origin, host),
        f"A websocket was refused: the page came from {origin}, but the request reached this server with Host"
        f" {host}. If a proxy stands between them, let it pass Host on (nginx: proxy_set_header Host $http_host;).",
    )


def tell_no_upgrade(path: str) -> None:
    """Name the remedy where a websocket's address is asked for by a plain request."""
    _tell(
        (path, ""),
        f"A browser's websocket arrived at {path} as a plain request. If a proxy stands in between, let it pass"
        " websockets on (nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;"
        " proxy_set_header Connection upgrade;).",
    )


def tell_path_not_cut(path: str) -> None:
    """Name the remedy where a proxy hands on the path below which it serves the study."""
    _tell(
        ("path", ""),
        f"A page of the study was asked for below {_shown(path)}, where there is none. If a proxy serves the"
        " study below that path, let it cut the path off (nginx: location PATH/ { proxy_pass http://HOST:PORT/; }"
        " with a slash at the end of both; Caddy: handle_path).",
    )


def tell_unreachable(error: Exception) -> None:
    """Say, once an hour for each cause, that participants are turned away because the database fails."""
    _tell(
        (str(error), time.strftime("%Y-%m-%d %H")),
        f"Participants cannot go on: {error}. Their pages try again by themselves (said once an hour).",
    )


def _tell(what: tuple[str, str], line: str) -> None:
    if what not in _told and len(_told) < _MOST_LINES:
        _told.add(what)
        print(line, file=sys.stderr, flush=True)


def _shown(header: str) -> str:
    return header.encode("unicode_escape").decode()[:_LONGEST] or "(none)"
