"""The door to a study: a light page that is readable at once, and the click that takes a slot.

Link-preview robots and crawlers fetch pages, so nothing is taken by a GET; nor by a browser that cannot take part
(entrance.py). The recruitment link's parameters travel in the form, are exchanged for a cookie, and are gone from
the address bar afterwards.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs

from markdown_it import MarkdownIt
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from data.errors import StudyError
from data.records import Recruitment
from human_study.participants.endings import closing_words
from human_study.participants.entrance import BrowserCheck
from human_study.participation.running_study import RunningStudy
from human_study.study.recruitment import is_preview, lacking_parameter, recruited
from human_study.web.light_page import light_page
from human_study.web.request_guard import (
    is_framed,
    read_body,
    refuse_other_sites,
    session_cookie,
    set_session_cookie,
)
from human_study.web.static_files import files_of_the_first_page

_MAX_FORM_BYTES = 8 * 1024
_MAY_LACK = ("frame", "browser", "cookie", "websocket")

# Locked until the script has found that the browser runs scripts.
_FORM = Template("""<form method="post" action="begin" $check>
<input type="hidden" name="entry" value="">
<input type="hidden" name="query" value="$query">
<button class="go $rank" type="submit" disabled>$label</button>
</form>""")


class Welcome:
    """GET /welcome and POST /begin for one study."""

    def __init__(self, running: RunningStudy) -> None:
        """What is shown before anybody is known follows from the study alone, and is made once."""
        self._study, self._messages = running.study, running.messages
        self._participations = running.participations
        self._text = running.messages.text
        self._check = BrowserCheck(running.study.name)
        # While somebody reads, the browser fetches what the next page will ask for, once this one is drawn.
        self._ahead = "".join(f'<link rel="prefetch" href=".{name}">' for name in files_of_the_first_page())
        self._script = (Path(__file__).parent / "welcome.js").read_text(encoding="utf-8")
        self._told_lacking = False

    @property
    def routes(self) -> list[BaseRoute]:
        """The page, the form's address, and the websocket that the page tries out."""
        begin = Route("/begin", self._begin, methods=["POST"])
        return [Route("/welcome", self._welcome), begin, *self._check.routes]

    async def _welcome(self, request: Request) -> Response:
        query = request.url.query
        if is_framed(request):
            return self._page(self._in_a_tab(query))
        token = request.cookies.get(session_cookie(self._study.name), "")
        participant = await run_in_threadpool(self._participations.participant, token)
        if participant is not None and participant.status == "active":
            return self._checking(request, self._intro() + self._go_on(query))
        if refusal := self._unsuitable_link(query):
            return self._page(refusal)
        external = recruited(self._study.recruitment, query, "")
        status = await run_in_threadpool(self._known_status, external)
        if status:
            label = "welcome.go_on" if status == "active" else "welcome.see_end"
            return self._checking(request, self._intro() + self._form(query, label))
        if not await run_in_threadpool(self._participations.has_room):
            return self._page(self._full(external))
        note = f'<p class="quiet">{escape(self._text("welcome.next_page"))}</p>'
        return self._checking(request, self._intro() + self._form(query, "welcome.begin") + note)

    async def _begin(self, request: Request) -> Response:
        refuse_other_sites(request)
        form = parse_qs((await read_body(request, _MAX_FORM_BYTES)).decode("utf-8", errors="replace"))
        entry, query = (form.get(name, [""])[0] for name in ("entry", "query"))
        if refusal := self._unsuitable_link(query):
            return self._page(refusal, 400)
        if not entry:
            return self._page(self._refused("script"), 400)
        if not self._check.keeps_cookies(request):
            return self._page(self._refused("cookie"), 400)
        token = self._check.entry_token(entry)
        external = token and recruited(self._study.recruitment, query, token)
        if not external:  # a page of yesterday, or of before the server was started again
            body = self._refused("again") + self._form(query, "welcome.begin")
            return self._checking(request, body, 400)
        try:
            session = await run_in_threadpool(self._participations.begin, external)
        except StudyError:
            return self._page(self._full(external), 409)
        response = RedirectResponse("./", 303)
        set_session_cookie(response, self._study.name, session, secure=request.url.scheme == "https")
        return response

    def _known_status(self, external: Recruitment | None) -> str | None:
        """The status of whom a platform sends again; on plain links nobody is known."""
        known = external and self._participations.known(external)
        return known.status if known else None

    def _unsuitable_link(self, query: str) -> str | None:
        """What to read instead of the way in, where the link does not name a participant."""
        plan = self._study.recruitment
        if is_preview(plan, query):
            return self._intro() + _paragraphs(self._text("welcome.preview"))
        lacking = lacking_parameter(plan, query)
        if lacking is None:
            return None
        if not self._told_lacking:
            self._told_lacking = True
            print(
                f"A participant's link has no usable {lacking}, by which {plan.platform} names people; correct the"
                f" study's address there (said once).",
                file=sys.stderr,
                flush=True,
            )
        return _paragraphs(self._text("welcome.incomplete_link")) + self._closing("incomplete")

    def _full(self, external: Recruitment | None) -> str:
        return _paragraphs(self._text("welcome.full")) + self._closing("full", external)

    def _closing(self, ending: str, external: Recruitment | None = None) -> str:
        return _markdown(closing_words(self._study, self._messages, ending, external))

    def _intro(self) -> str:
        minutes = self._study.expected_minutes
        duration = self._text("welcome.duration", minutes=f"{minutes:g}") if minutes else ""
        return _markdown(f"{self._study.texts.welcome or self._text('welcome.text')}\n\n{duration}")

    def _go_on(self, query: str) -> str:
        """For a browser with an unfinished participation: go on, or let somebody else begin."""
        if self._study.recruitment.platform != "link":
            return self._form(query, "welcome.go_on")
        label = escape(self._text("welcome.go_on"))
        return f'<a class="go" href="./">{label}</a>' + self._form(query, "welcome.another_person", "second")

    def _form(self, query: str, label: str, rank: str = "") -> str:
        says = "".join(f' data-{what}="{escape(self._lacks(what))}"' for what in _MAY_LACK)
        missing = '<p class="refused" id="missing" role="alert" hidden></p>'
        noscript = f"<noscript>{self._refused('script')}</noscript>"
        form = _FORM.substitute(
            check=f"data-check{says}",
            query=escape(query, quote=True),
            rank=rank,
            label=escape(self._text(label)),
        )
        return missing + noscript + form

    def _lacks(self, what: str) -> str:
        contact = self._study.ethics.contact
        asks = f" {self._text('ended.contact', contact=contact)}" if contact else ""
        return self._text(f"welcome.lacks_{what}") + asks

    def _refused(self, what: str) -> str:
        return f'<p class="refused">{escape(self._lacks(what))}</p>'

    def _in_a_tab(self, query: str) -> str:
        address = escape("welcome" + (f"?{query}" if query else ""), quote=True)
        label = escape(self._text("welcome.open_tab"))
        link = f'<a class="go" target="_blank" rel="noopener" href="{address}">{label}</a>'
        return self._refused("frame") + link

    def _checking(self, request: Request, body: str, status: int = 200) -> HTMLResponse:
        """A page with a way in, and the script that tries the browser out."""
        page = self._page(body + self._ahead + f"<script>{self._script}</script>", status)
        self._check.prepare(page, secure=request.url.scheme == "https")
        return page

    def _page(self, body: str, status: int = 200) -> HTMLResponse:
        note = self._text("page.simulated") if self._study.participants == "simulated" else ""
        page = light_page(self._study.title, body, language=self._study.language, note=note)
        return HTMLResponse(page, status, {"Cache-Control": "no-store", "Vary": "Sec-Fetch-Dest"})


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(paragraph)}</p>" for paragraph in text.strip().split("\n\n"))


def _markdown(text: str) -> str:
    """Markdown as HTML; what is HTML in it is shown as written."""
    return MarkdownIt("commonmark", {"html": False}).render(text)
