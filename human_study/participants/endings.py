"""What somebody reads whose participation ends otherwise than by completion: what to do next, in Markdown."""

from __future__ import annotations

from data.records import Recruitment
from human_study.study.messages import Messages
from human_study.study.recruitment import filled_address
from human_study.study.study_file import StudyFile

_PAID_FOR_A_PART = ("screened_out", "returned", "timed_out")


def closing_words(study: StudyFile, messages: Messages, ending: str, known: Recruitment | None = None) -> str:
    """Code, way back, pay and contact for an ending, as `recruitment` and `payment` of the study file say them.

    `ending`: full, incomplete, screened_out, returned, declined or timed_out. Where the study file names neither code
    nor address, the platform's own way of giving a place back is named.
    """
    text = messages.text
    code, address = study.recruitment.way_back("returned" if ending == "declined" else ending)
    parts = []
    if code:
        parts += [text("ended.code"), f"**{code}**"]
    if address:
        parts.append(f"[{text('ended.go_back')}](<{filled_address(address, known)}>)")
    if not code and not address and ending != "incomplete":
        parts.append(text(f"ended.next.{study.recruitment.platform}"))
    if ending in _PAID_FOR_A_PART and (study.payment.base or study.payment.bonus_per_correct):
        amount = study.payment.for_a_part(ending)
        is_paid = text("ended.partial", amount=messages.amount(amount, study.payment.currency))
        parts.append(is_paid if amount else text("ended.unpaid"))
    if study.ethics.contact:
        parts.append(text("ended.contact", contact=study.ethics.contact))
    parts.append(text("ended.reference", study=study.name))
    return "\n\n".join(parts)
