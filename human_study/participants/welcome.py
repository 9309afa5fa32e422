"""The door to a study: a light page that is readable at once, and the click that takes a slot.

Link-preview robots and crawlers fetch pages, so nothing is taken by a GET. The recruitment link's parameters
travel in the form, are exchanged for a cookie, and are gone from the address bar afterwards.
"""

from __future__ import annotations

import secrets
from html import escape
from string import Template
from urllib.parse import parse_qs

from markdown_it import MarkdownIt
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from data.errors import StudyError
from data.records import storable_text
from human_study.participation.running_study import LiveStudy
from human_study.study.recruitment import recruited
from human_study.web.light_page import light_page
from human_study.web.request_guard import SESSION_COOKIE, read_body, refuse_other_sites, set_session_cookie
from human_study.web.static_files import files_of_the_first_page

_MAX_FORM_BYTES = 8 * 1024

# The button is locked at the first click, so that an impatient second one does not send the form again.
_FORM = Template("""<form method="post" action="/begin" onsubmit="this.lastElementChild.disabled = true">
<input type="hidden" name="entry" value="$entry">
<input type="hidden" name="query" value="$query">
<button class="go $rank" type="submit">$label</button>
</form>""")


def welcome_routes(live: LiveStudy) -> list[Route]:
    """GET /welcome and POST /begin for one study."""
    # While somebody reads, the browser fetches what the next page will ask for, once this one is drawn.
    ahead = "".join(f'<link rel="prefetch" href="{name}">' for name in files_of_the_first_page())

    async def welcome(request: Request) -> Response:
        participant = await run_in_threadpool(live.participant, request.cookies.get(SESSION_COOKIE, ""))
        going_on = participant is not None and participant.status == "active"
        if not going_on and not await run_in_threadpool(live.is_open):
            return _page(live, _closed(live, request.url.query))
        body = _welcome_text(live) + _ways_in(live, request.url.query, going_on=going_on)
        return _page(live, body + ahead)

    async def begin(request: Request) -> Response:
        refuse_other_sites(request)
        body = await read_body(request, _MAX_FORM_BYTES)
        form = parse_qs(body.decode("utf-8", errors="replace"))
        entry_token = storable_text(form.get("entry", [""])[0]) or secrets.token_urlsafe(16)
        external = recruited(live.study.recruitment, form.get("query", [""])[0], entry_token)
        if external is None:
            return _page(live, _paragraphs(live.messages.text("welcome.incomplete_link")), 400)
        try:
            token = await run_in_threadpool(live.begin, external)
        except StudyError:
            return _page(live, _paragraphs(live.messages.text("welcome.full")), 409)
        response = RedirectResponse("/", 303)
        set_session_cookie(response, token, secure=request.url.scheme == "https")
        return response

    return [Route("/welcome", welcome), Route("/begin", begin, methods=["POST"])]


def _welcome_text(live: LiveStudy) -> str:
    return _markdown(live.study.texts.welcome or live.messages.text("welcome.text"))


def _ways_in(live: LiveStudy, query: str, *, going_on: bool) -> str:
    """Begin; or, for a browser with an unfinished participation, go on or let somebody else begin."""
    text = live.messages.text
    values = {"entry": secrets.token_urlsafe(16), "query": escape(query, quote=True)}
    if going_on and live.study.recruitment.platform == "link":
        another = _FORM.substitute(values, rank="second", label=escape(text("welcome.another_person")))
        return f'<a class="go" href="/">{escape(text("welcome.go_on"))}</a>' + another
    note = f'<p class="quiet">{escape(text("welcome.next_page"))}</p>'
    return _FORM.substitute(values, rank="", label=escape(text("welcome.begin"))) + note


def _closed(live: LiveStudy, query: str) -> str:
    """Nobody new; whom a platform sends again, on another device perhaps, may be under way."""
    says = _paragraphs(live.messages.text("welcome.full"))
    if live.study.recruitment.platform == "link":
        return says
    values = {"entry": secrets.token_urlsafe(16), "query": escape(query, quote=True)}
    return says + _FORM.substitute(values, rank="second", label=escape(live.messages.text("welcome.go_on")))


def _page(live: LiveStudy, body: str, status: int = 200) -> HTMLResponse:
    note = live.messages.text("page.simulated") if live.study.participants == "simulated" else ""
    page = light_page(live.study.title, body, language=live.study.language, note=note)
    return HTMLResponse(page, status, {"Cache-Control": "no-store"})


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(paragraph)}</p>" for paragraph in text.strip().split("\n\n"))


def _markdown(text: str) -> str:
    """Markdown as HTML; what is HTML in it is shown as written."""
    return MarkdownIt("commonmark", {"html": False}).render(text)
