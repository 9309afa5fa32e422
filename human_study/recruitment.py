"""Where participants come from: the parameters a recruitment platform puts in its links, and the way back.

An external id stands in the store's recruitment table alone; everything else knows a random key.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field

from data.records import Recruitment

Platform = Literal["link", "prolific", "mturk", "sona"]

# What each platform calls the participant and the sitting in its links.
_ID_PARAMETER = {"prolific": "PROLIFIC_PID", "mturk": "workerId", "sona": "id"}
_SESSION_PARAMETER = {"prolific": "SESSION_ID", "mturk": "assignmentId", "sona": ""}
_MAX_ID_LENGTH = 200


class RecruitmentPlan(BaseModel):
    """How participants arrive and what they take back to the platform."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    platform: Platform = "link"
    completion_code: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_-]{4,64}$")
    completion_url: str | None = Field(default=None, pattern=r"^https://\S+$")


def recruited(plan: RecruitmentPlan, query: str, entry_token: str) -> Recruitment | None:
    """Who the platform says has arrived; never logged, never exported.

    Args:
        plan: the study's recruitment.
        query: the query string of the recruitment link, without "?".
        entry_token: random token of this welcome page; it stands in for the id on plain links, so that a
            form sent twice takes one slot.

    Returns:
        The identity, or None where the link lacks the platform's participant parameter.
    """
    if plan.platform == "link":
        return Recruitment(platform="link", external_id=entry_token[:_MAX_ID_LENGTH])
    parameters = dict(parse_qsl(query))
    external_id = parameters.get(_ID_PARAMETER[plan.platform], "").strip()
    if not external_id or len(external_id) > _MAX_ID_LENGTH:
        return None
    session_id = parameters.get(_SESSION_PARAMETER[plan.platform], "").strip()[:_MAX_ID_LENGTH] or None
    return Recruitment(platform=plan.platform, external_id=external_id, session_id=session_id)
