"""The consent page: what taking part means, the choice to do so, and the last page of who did not.

A light page, so that a hundred people can read it at once; the app, which costs far more, starts for who agreed.
"""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from data.records import Participant
from human_study.participants.endings import ENDINGS_WITHOUT_CONSENT, closing_words, ending_of
from human_study.participation.player_trials import storage_id
from human_study.participation.running_study import RunningStudy
from human_study.presentation.html_templates import render_html
from human_study.study.messages import Messages
from human_study.study.protocol import Protocol
from human_study.study.study_file import StudyFile
from human_study.web.request_guard import read_form
from human_study.web.static_files import files_of_the_first_page

_MAX_FORM_BYTES = 1024


class ConsentPage:
    """What is shown at a study's own address to who has not consented, and POST /consent for one study."""

    def __init__(self, running: RunningStudy) -> None:
        """Nothing is read of the study yet."""
        self._running = running
        self._ahead = files_of_the_first_page()

    @property
    def routes(self) -> list[Route]:
        """The form's address."""
        return [Route("/consent", self._answer, methods=["POST"])]

    async def page(self, request: Request) -> Response | None:
        """The page, or None for who is neither asked for consent now nor at an end without it: unknown or further on.

        Raises StoreError where the database does not answer.
        """
        token = self._running.cookie.token(request.cookies)
        return await run_in_threadpool(self._page, token)

    def _page(self, token: str) -> Response | None:
        running = self._running
        study, messages = running.study, running.messages
        participant = self._visitor(token)
        if participant is None:
            return None
        if not running.participations.is_asked_for_consent(participant):
            return self._ended(participant) if ending_of(participant) in ENDINGS_WITHOUT_CONSENT else None
        number, n_steps = Protocol.of(study).step_number(participant.step)
        is_simulated = running.trials.trained_on_simulated(participant)
        words = consent_text(study, messages, participant.participant_key, trained_on_simulated=is_simulated)
        return self._answered(
            "consent",
            words,
            progress=messages.text("page.step", step=number, n_steps=n_steps),
            participant=storage_id(participant),
            ahead=self._ahead,
        )

    def _ended(self, participant: Participant) -> Response:
        """The last page of who never consented: who runs no scripts reads it as well, and the app need not start."""
        running, ending = self._running, ending_of(participant)
        messages, known = running.messages, running.participations.recruitment(participant)
        closing = closing_words(running.study, messages, ending, known, participant.participant_key)
        return self._answered("never_consented", f"{messages.text(f'ended.{ending}')}\n\n{closing}")

    def _answered(self, template: str, words: str, **values: object) -> Response:
        """`words` in Markdown in a template with its own `values`."""
        study = self._running.study
        page = render_html(
            f"participants/templates/{template}.html",
            title=study.title,
            language=study.spoken,
            is_simulated=study.participants == "simulated",
            text=self._running.messages.text,
            words=Markup(MarkdownIt("commonmark", {"html": False}).render(words)),
            **values,
        )
        return HTMLResponse(page, headers={"Cache-Control": "no-store"})

    def _visitor(self, token: str) -> Participant | None:
        """Whoever's cookie it is; the time of who is asked for consent may be over."""
        participations = self._running.participations
        participant = participations.participant(token)
        if participant is None or not participations.is_asked_for_consent(participant):
            return participant
        return participations.brought_up_to_date(participant)

    async def _answer(self, request: Request) -> Response:
        form = await read_form(request, _MAX_FORM_BYTES)
        token = self._running.cookie.token(request.cookies)
        await run_in_threadpool(self._take, token, form.get("participant", ""), form.get("choice", ""))
        return RedirectResponse("./", 303)

    def _take(self, token: str, asked: str, choice: str) -> None:
        """Go on or end; nothing, where the page was another person's, or is an old one."""
        participant = self._visitor(token)
        if participant is None or storage_id(participant) != asked:
            return
        if not self._running.participations.is_asked_for_consent(participant):
            return
        if choice == "agree":
            self._running.participations.go_on(participant)
        elif choice == "refuse":
            self._running.participations.decline(participant)


def _of_stopping(study: StudyFile, messages: Messages) -> str:
    """What stopping costs: nothing where nobody is paid, else the difference between the whole and the part."""
    payment = study.payment
    if not (payment.base or payment.bonus_per_correct):
        return messages.text("consent.stopped_free")
    amount = payment.for_a_part("returned")
    if not amount:
        return messages.text("consent.stopped_unpaid")
    return messages.text("consent.stopped_paid", amount=messages.amount(amount, payment.currency))


def consent_text(study: StudyFile, messages: Messages, key: str, *, trained_on_simulated: bool) -> str:
    """What taking part means, in Markdown; `key` is the participant's own, which a request for erasure names."""
    text = messages.text
    parts = [study.texts.consent or text("consent.text")]
    if study.trials.learning:
        parts.append(text("consent.learning"))
    if study.expected_minutes:
        parts.append(
            text("consent.duration", expected_time=messages.duration(study.expected_minutes, "minute"))
        )
    if study.recruitment.platform != "link":
        parts.append(text("consent.recruited"))
    payment = study.payment
    if payment.base or payment.bonus_per_correct:
        parts.append(text("consent.payment", base=messages.amount(payment.base, payment.currency)))
    if payment.bonus_per_correct:
        most = payment.base + payment.bonus_per_correct * study.trials.main
        words = {
            "bonus": messages.amount(payment.bonus_per_correct, payment.currency),
            "most": messages.amount(round(most, 2), payment.currency),
        }
        parts.append(text("consent.bonus", **words))
        if study.trials.attention or study.trials.repeated:
            parts.append(text("consent.unpaid"))
        if len(study.conditions) > 1:
            parts.append(text("consent.floor"))
    parts.append(_of_stopping(study, messages))
    ethics = study.ethics
    said = {
        "approval": ethics.approval or ethics.exemption,
        "contact": ethics.contact,
        "retention": ethics.retention_days and messages.duration(ethics.retention_days, "day"),
        "withdrawal": ethics.withdrawal,
        "risks": ethics.risks,
        "benefits": ethics.benefits,
        "sharing": ethics.sharing,
    }
    word = {"retention": "retention_time"}
    parts += [
        text(f"consent.{name}", **{word.get(name, name): value}) for name, value in said.items() if value
    ]
    parts.append(text("consent.erasure", key=key))
    if trained_on_simulated:
        parts.append(text("consent.simulated_advisor"))
    return "\n\n".join(parts)
