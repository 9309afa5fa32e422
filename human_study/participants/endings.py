"""What somebody reads whose participation ends otherwise than by completion: what to do next, in Markdown."""

from __future__ import annotations

from data.records import Participant, Recruitment
from human_study.study.messages import Messages
from human_study.study.recruitment import filled_address
from human_study.study.study_file import StudyFile

_PAID_FOR_A_PART = ("screened_out", "returned", "timed_out")
# Who never consented did no part of the study, and goes back as those do who consented and ended in that way.
_WITHOUT_CONSENT = {"returned": "declined", "timed_out": "lapsed"}
_GOES_BACK_AS = {ending: status for status, ending in _WITHOUT_CONSENT.items()}
ENDINGS_WITHOUT_CONSENT = tuple(_GOES_BACK_AS)


def ending_of(participant: Participant) -> str:
    """How a participation ended: its status, or for who never consented declined or lapsed.

    In databases of 0.1.0 consent has no date: who went on to a later step had consented there too.
    """
    status = str(participant.status)
    has_consented = participant.consented_at is not None or participant.step not in ("", "consent")
    return status if has_consented else _WITHOUT_CONSENT.get(status, status)


def closing_words(
    study: StudyFile, messages: Messages, ending: str, known: Recruitment | None = None, key: str = ""
) -> str:
    """Pay, code, way back and contact for an ending, as `recruitment` and `payment` of the study file say them.

    `ending`: full, incomplete, screened_out, returned, declined, timed_out or lapsed; `key` is the participant's own.
    Where the study file names neither code nor address, the platform's own way of giving a place back is named; on a
    plain link, where only the participant can ask for what is owed, how to ask.
    """
    text, contact, payment = messages.text, study.ethics.contact, study.payment
    code, address = study.recruitment.way_back(_GOES_BACK_AS.get(ending, ending))
    is_link, is_told_how = study.recruitment.platform == "link", bool(code or address)
    parts = []
    if ending in _PAID_FOR_A_PART and (payment.base or payment.bonus_per_correct):
        amount = payment.for_a_part(ending)
        is_paid = text("ended.partial", amount=messages.amount(amount, payment.currency))
        parts.append(is_paid if amount else text("ended.unpaid"))
        if amount and contact and is_link and not is_told_how:
            parts.append(text("ended.how_paid"))
    if code:
        parts += [text("ended.code"), f"**{code}**"]
    if address:
        parts.append(f"[{text('ended.go_back')}](<{filled_address(address, known)}>)")
    if not is_told_how and not is_link and ending != "incomplete":
        parts.append(text(f"ended.next.{study.recruitment.platform}"))
    if contact:
        parts.append(text("ended.contact", contact=contact))
    parts.append(text("ended.reference", study=study.name))
    if key:
        parts.append(text("debrief.key", key=key))
    if not is_told_how and is_link:  # nothing more is to be done, which is the last word
        parts.append(text("ended.next.link"))
    return "\n\n".join(parts)
