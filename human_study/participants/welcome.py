"""The door to a study: a light page that is readable at once, and the click that takes a slot.

Link-preview robots and crawlers fetch pages, so nothing is taken by a GET; nor by a browser that cannot take part
(entrance.py). The recruitment link's parameters travel in the form, are exchanged for a cookie, and are gone from
the address bar afterwards.
"""

from __future__ import annotations

import sys

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from data.errors import StudyError
from data.records import Recruitment
from human_study.participants.endings import closing_words
from human_study.participants.entrance import BrowserCheck
from human_study.participation.running_study import RunningStudy
from human_study.presentation.html_templates import render_html
from human_study.study.messages import Messages
from human_study.study.recruitment import PLATFORM_NAMES, is_preview, lacking_parameter, recruited
from human_study.study.study_file import StudyFile
from human_study.web.refusals import NotServedError
from human_study.web.request_guard import is_framed, read_form

_MAX_FORM_BYTES = 8 * 1024
_TRIES_AGAIN_AFTER_S = 10


class Welcome:
    """GET /welcome and POST /begin for one study."""

    def __init__(self, running: RunningStudy, *, preview: bool = False) -> None:
        """What is shown before anybody is known follows from the study alone, and is made once.

        In a `preview` everybody may begin, whatever their platform's link would carry.
        """
        self._is_preview = preview
        self._study, self._messages = running.study, running.messages
        self._participations = running.participations
        self._text = running.messages.text
        self._cookie = running.cookie
        self._check = BrowserCheck(running.study.name)
        self._told_lacking = False

    @property
    def routes(self) -> list[BaseRoute]:
        """The page, the form's address, and the websocket that the page tries out."""
        begin = Route("/begin", self._begin, methods=["POST"])
        return [Route("/welcome", self._welcome), begin, *self._check.routes]

    async def _welcome(self, request: Request) -> Response:
        query = request.url.query
        if is_framed(request):
            address = "welcome" + (f"?{query}" if query else "")
            return self._page("welcome_in_a_tab", lacking="frame", address=address, full_address=request.url)
        token = self._cookie.token(request.cookies)
        participant = await run_in_threadpool(self._participations.participant, token)
        if participant is not None and participant.status == "active":
            # On a plain link, somebody else may have come to the browser of an unfinished participation.
            is_link = self._is_preview or self._study.recruitment.platform == "link"
            return self._checking(request, query, "welcome.another_person" if is_link else "welcome.go_on")
        lacks_query = not query and self._study.recruitment.platform != "link" and not self._is_preview
        if lacks_query and not _comes_by_a_link(request):
            return self._page(
                words=f"{link_again(self._study, self._messages)}\n\n{self._closing('incomplete')}"
            )
        if refusal := self._unsuitable_link(query):
            return self._page(words=refusal)
        external = self._recruited(query, "")
        status = await run_in_threadpool(self._known_status, external)
        if status:
            return self._checking(
                request, query, "welcome.go_on" if status == "active" else "welcome.see_end"
            )
        if external is not None and await run_in_threadpool(self._participations.took_part_before, external):
            return self._page(words=self._not_again(external))
        if not await run_in_threadpool(self._participations.has_room):
            return self._page(words=self._full(external))
        return self._checking(request, query, "welcome.begin")

    async def _begin(self, request: Request) -> Response:
        form = await read_form(request, _MAX_FORM_BYTES)
        entry, query = form.get("entry", ""), form.get("query", "")
        if refusal := self._unsuitable_link(query):
            return self._page(status=400, words=refusal)
        if not entry:
            return self._page(status=400, lacking="script")
        if not self._check.keeps_cookies(request):
            return self._page(status=400, lacking="cookie")
        token = self._check.entry_token(entry)
        external = self._recruited(query, token) if token else None
        if not external:  # a page of yesterday, or of before the server was started again
            return self._checking(request, query, "welcome.begin", status=400, lacking="again")
        try:
            session = await run_in_threadpool(self._participations.begin, external)
        except StudyError:
            is_again = await run_in_threadpool(self._participations.took_part_before, external)
            return self._page(
                status=409, words=self._not_again(external) if is_again else self._full(external)
            )
        response = RedirectResponse("./", 303)
        self._cookie.give(response, session, secure=request.url.scheme == "https")
        return response

    def unreachable(self, request: Request) -> HTMLResponse:
        """What is read while the database does not answer; the page tries again by itself, and sends what was sent."""
        query, form = request.url.query, getattr(request.state, "form", None)
        is_begun = request.url.path != "/welcome"
        page = self._page(
            status=503,
            words=self._with_contact("page.unsent" if form and "choice" in form else "page.unreachable"),
            again_at="" if form else "./" if is_begun else f"welcome?{query}" if query else "welcome",
            again_after_s=_TRIES_AGAIN_AFTER_S,
            unsent=form,
            unsent_to=request.url.path.rpartition("/")[2],
        )
        page.headers["Retry-After"] = str(_TRIES_AGAIN_AFTER_S)
        return page

    def nowhere(self, request: Request) -> HTMLResponse:
        """What is read at an address where the study has no page."""
        query = request.url.query
        # Below a path, the welcome page is not beside what was asked for.
        is_beside = request.url.path.count("/") == 1
        welcome_at = ("welcome" + (f"?{query}" if query else "")) if is_beside else ""
        return self._page(status=404, words=self._with_contact("page.nowhere"), welcome_at=welcome_at)

    def refused(self, error: NotServedError) -> HTMLResponse:
        """What is read where what a page of the study should have sent is refused."""
        return self._page(status=error.status, words=self._with_contact("page.refused"), welcome_at="welcome")

    async def expired(self, _request: Request) -> HTMLResponse:
        """What is read at a preview's address when its time is over."""
        return self._page(status=410, words=self._with_contact("page.preview_expired"))

    def _with_contact(self, key: str) -> str:
        contact = self._study.ethics.contact
        return self._text(key) + (f"\n\n{self._text('ended.contact', contact=contact)}" if contact else "")

    def _recruited(self, query: str, entry_token: str) -> Recruitment | None:
        """Who arrives, as `recruited` says; in a preview everybody is somebody new."""
        plan = self._study.recruitment
        if self._is_preview:
            return Recruitment(platform=plan.platform, external_id=entry_token) if entry_token else None
        return recruited(plan, query, entry_token)

    def _known_status(self, external: Recruitment | None) -> str | None:
        """The status of whom a platform sends again; on plain links nobody is known."""
        known = external and self._participations.known(external)
        return known.status if known else None

    def _unsuitable_link(self, query: str) -> str | None:
        """What to read instead of the way in, where the link does not name a participant."""
        plan = self._study.recruitment
        if self._is_preview:
            return None
        if is_preview(plan, query):
            return f"{introduction(self._study, self._messages)}\n\n{self._text('welcome.preview')}"
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
        return f"{self._text('welcome.incomplete_link')}\n\n{self._closing('incomplete')}"

    def _full(self, external: Recruitment | None) -> str:
        return f"{self._text('welcome.full')}\n\n{self._closing('full', external)}"

    def _not_again(self, external: Recruitment) -> str:
        return f"{self._text('welcome.not_again')}\n\n{self._closing('full', external)}"

    def _closing(self, ending: str, external: Recruitment | None = None) -> str:
        return closing_words(self._study, self._messages, ending, external)

    def lacks(self, what: str) -> str:
        """What a browser lacks ("script", "frame", "cookie", "browser", "websocket", "again"), and whom to ask."""
        contact = self._study.ethics.contact
        asks = f" {self._text('ended.contact', contact=contact)}" if contact else ""
        return self._text(f"welcome.lacks_{what}") + asks

    def _checking(
        self, request: Request, query: str, label: str, *, status: int = 200, lacking: str = ""
    ) -> HTMLResponse:
        """A page with a way in, and the script that tries the browser out; after a failed try, that alone."""
        words = "" if lacking else introduction(self._study, self._messages)
        form = {"query": query, "label": label}
        page = self._page("welcome_form", status=status, words=words, lacking=lacking, **form)
        self._check.prepare(page, secure=request.url.scheme == "https")
        return page

    def _page(
        self,
        template: str = "welcome",
        *,
        status: int = 200,
        words: str = "",
        lacking: str = "",
        **values: object,
    ) -> HTMLResponse:
        """`words` in Markdown, and what the browser is `lacking`, in a template with its own `values`."""
        study = self._study
        page = render_html(
            f"participants/templates/{template}.html",
            title=study.title,
            language=study.spoken,
            is_simulated=study.participants == "simulated",
            text=self._text,
            lacks=self.lacks,
            # What is HTML in the Markdown is shown as written.
            words=Markup(MarkdownIt("commonmark", {"html": False}).render(words)),
            lacking=lacking,
            **{"again_at": "", "welcome_at": "", "unsent": None, **values},
        )
        return HTMLResponse(page, status, {"Cache-Control": "no-store", "Vary": "Sec-Fetch-Dest"})


def _comes_by_a_link(request: Request) -> bool:
    """Whether another site led here, as a platform does; not who lost their cookie, or typed the address in."""
    return request.headers.get("sec-fetch-site", "cross-site") == "cross-site"


def link_again(study: StudyFile, messages: Messages) -> str:
    """What is read by who comes without their platform's link, most often because their cookie is gone."""
    return messages.text("welcome.link_again", platform=PLATFORM_NAMES[study.recruitment.platform])


def introduction(study: StudyFile, messages: Messages) -> str:
    """What a study is about, as people read it who have not begun, in Markdown."""
    parts = [study.texts.welcome or messages.text("welcome.text")]
    if study.trials.learning:
        parts.append(messages.text("welcome.learning"))
    if study.expected_minutes:
        parts.append(
            messages.text(
                "welcome.duration", expected_time=messages.duration(study.expected_minutes, "minute")
            )
        )
    return "\n\n".join(parts)
