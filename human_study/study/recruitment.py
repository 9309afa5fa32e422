"""Where participants come from: the parameters a recruitment platform puts in its links, and the way back.

An external id stands in the store's recruitment table alone; everything else knows a random key.
"""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import parse_qsl, quote

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from data.records import Recruitment
from human_study.study.wording import code_in, left_over_placeholder, no_truth_value

Platform = Literal["link", "prolific", "mturk", "sona"]

PLATFORM_NAMES = {"prolific": "Prolific", "mturk": "Mechanical Turk", "sona": "SONA"}
# What each platform calls the participant and the sitting in its links.
_ID_PARAMETER = {"prolific": "PROLIFIC_PID", "mturk": "workerId", "sona": "id"}
_SESSION_PARAMETER = {"prolific": "SESSION_ID", "mturk": "assignmentId", "sona": ""}
_MAX_ID_LENGTH = 200
# What Mechanical Turk sends while somebody looks at a HIT that they have not accepted.
_PREVIEW = ("assignmentId", "ASSIGNMENT_ID_NOT_AVAILABLE")
# Ids go into bonus lists, which spreadsheets open: nothing that one could take for a formula or a separator.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,199}")
# What stands there instead of an id, whatever its capitals, _, - and dots: the name of a parameter or of a placeholder
# that nobody filled in, and what programs write for a value that is missing. Everybody who came with one of these would
# share one participation.
_PLACEHOLDERS = (
    *(
        "id",
        "pid",
        "prolificpid",
        "prolificid",
        "workerid",
        "participantid",
        "subjectid",
        "respondentid",
        "userid",
    ),
    *("externalid", "surveycode", "sessionid", "studyid", "assignmentid", "hitid"),
    *("workeridnotavailable", "assignmentidnotavailable", "hitidnotavailable"),
)
_MISSING = ("null", "undefined", "none", "nil", "nan", "na", "false", "unknown", "missing", "empty")
_NO_IDS = frozenset(_PLACEHOLDERS + _MISSING)
_CODE = r"^[A-Za-z0-9_-]{4,64}$"
_URL = r"^https://\S+$"
ENDINGS = ("completion", "screened_out", "returned", "timed_out", "full")
_ADDRESSES = tuple(f"{ending}_url" for ending in ENDINGS)


class RecruitmentPlan(BaseModel):
    """How participants arrive and what they take back to the platform."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    platform: Platform = Field(default="link", description="whose parameters the links carry")
    completion_code: str | None = Field(default=None, pattern=_CODE, description="for people who complete")
    completion_url: str | None = Field(
        default=None, pattern=_URL, description="the way back for people who complete"
    )
    screened_out_code: str | None = Field(
        default=None, pattern=_CODE, description="for people who are screened out"
    )
    screened_out_url: str | None = Field(
        default=None, pattern=_URL, description="the way back for people who are screened out"
    )
    returned_code: str | None = Field(
        default=None, pattern=_CODE, description="for people who stop or do not consent"
    )
    returned_url: str | None = Field(
        default=None, pattern=_URL, description="the way back for people who stop or do not consent"
    )
    timed_out_code: str | None = Field(
        default=None, pattern=_CODE, description="for people who run out of time"
    )
    timed_out_url: str | None = Field(
        default=None, pattern=_URL, description="the way back for people who run out of time"
    )
    full_code: str | None = Field(
        default=None, pattern=_CODE, description="for people who find the study full"
    )
    full_url: str | None = Field(
        default=None, pattern=_URL, description="the way back for people who find the study full"
    )

    @field_validator(*_ADDRESSES)
    @classmethod
    def _is_filled_in(cls, address: str | None) -> str | None:
        if address and (left := left_over_placeholder(address)):
            raise ValueError(
                f"participants would get {left} as it stands; fill it in ({{external_id}} and {{session_id}} are filled"
                " in for you)"
            )
        return address

    @model_validator(mode="after")
    def _codes_agree(self) -> RecruitmentPlan:
        for ending in ENDINGS:
            code, address = getattr(self, f"{ending}_code"), getattr(self, f"{ending}_url")
            in_address = code_in(address) if address else None
            if code and in_address and code != in_address:
                raise ValueError(
                    f"{ending}_code is {code}, but {ending}_url carries {in_address}; write the same code in both"
                )
        completed = self.code("completion")
        for ending in ENDINGS[1:]:
            if completed and (self.code(ending) or "").casefold() == completed.casefold():
                raise ValueError(
                    f"{ending} people would bring back {completed}, the code of those who complete, and be paid like"
                    " them; give them a code of their own"
                )
        return self

    def addresses(self) -> dict[str, str]:
        """Ending → the address that people go back by, where the study file gives one."""
        given = {ending: getattr(self, f"{ending}_url") for ending in ENDINGS}
        return {ending: address for ending, address in given.items() if address}

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        return no_truth_value(value, cls.model_fields[str(info.field_name)].annotation)

    def code(self, ending: str) -> str | None:
        """The code that everybody with an ending takes back: the one written out, or the one that the address carries.

        They are the same to the platform, which refuses any other. None where the study file gives none.
        """
        code, address = getattr(self, f"{ending}_code", None), getattr(self, f"{ending}_url", None)
        return code or (code_in(address) if address else None)

    def way_back(self, ending: str) -> tuple[str | None, str | None]:
        """The code (as `code` has it) and the address for an ending; both may be missing."""
        return self.code(ending), getattr(self, f"{ending}_url", None)


def is_id(text: str) -> bool:
    """Whether a link's value can be somebody's id on a platform.

    Forms of ids are not asked for. Prolific's are 24 hexadecimal digits, but whoever recruits by another panel with
    Prolific's parameters, or by CloudResearch with Mechanical Turk's, has ids of other forms, and a lab tries its
    own link out with something like p1. Only what is no id anywhere is refused.
    """
    return bool(_ID.fullmatch(text)) and re.sub(r"[_.-]", "", text).lower() not in _NO_IDS


def recruited(plan: RecruitmentPlan, query: str, entry_token: str) -> Recruitment | None:
    """Who the platform says has arrived; never logged, never exported.

    Args:
        plan: the study's recruitment.
        query: the query string of the recruitment link, without "?".
        entry_token: random token of this welcome page; it stands in for the id on plain links, so that a
            form sent twice takes one slot.

    Returns:
        The identity, or None where the link lacks the platform's participant parameter (`lacking_parameter`
        names it) or is a preview.
    """
    if plan.platform == "link":
        return Recruitment(platform="link", external_id=entry_token[:_MAX_ID_LENGTH])
    if is_preview(plan, query):
        return None
    parameters = dict(parse_qsl(query))
    external_id = parameters.get(_ID_PARAMETER[plan.platform], "").strip()
    if not is_id(external_id):
        return None
    sent = parameters.get(_SESSION_PARAMETER[plan.platform], "").strip()
    session_id = sent if is_id(sent) else None
    return Recruitment(platform=plan.platform, external_id=external_id, session_id=session_id)


def lacking_parameter(plan: RecruitmentPlan, query: str) -> str | None:
    """The parameter that a recruitment link should carry and does not, or carries with a value that is no id."""
    if plan.platform == "link" or is_preview(plan, query) or recruited(plan, query, ""):
        return None
    return _ID_PARAMETER[plan.platform]


def is_preview(plan: RecruitmentPlan, query: str) -> bool:
    """Whether a worker only looks at a HIT of Mechanical Turk, without having accepted it."""
    name, value = _PREVIEW
    return plan.platform == "mturk" and dict(parse_qsl(query)).get(name) == value


def filled_address(address: str, known: Recruitment | None) -> str:
    """An address of a study file with its braces filled: {external_id} and {session_id} of the participant."""
    external_id = known.external_id if known else ""
    session_id = (known.session_id if known else "") or ""
    return address.replace("{external_id}", quote(external_id, safe="")).replace(
        "{session_id}", quote(session_id, safe="")
    )
