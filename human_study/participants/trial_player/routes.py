"""The trial player's own routes beside Streamlit: decisions in, faces and feedback on practice out, leases.

A decision is durable before it is answered. A face has an address of its own for every trial, and answers
only the participant whose trial it is, and only from the current trial on to a few ahead.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from data.formats.picture_format import media_type, picture_suffix
from data.records import Stage
from data.stored_record import storable_text
from human_study.participants.group_commit import GroupCommit
from human_study.participation.decision_intake import Submission
from human_study.participation.running_study import RunningStudy
from human_study.web.refusals import NotServedError
from human_study.web.request_guard import read_body, refuse_other_sites

_MAX_DECISION_BYTES = 16 * 1024
_NOT_KEPT = {"Cache-Control": "no-store"}
_Token = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
_Count = Annotated[int, Field(ge=0, le=100_000)]
_LONGEST_MS = 30 * 24 * 3600 * 1000
# As in elements.js and follow_up.js: for so long nothing can be chosen, and no reason is longer.
_LOCK_OUT_MS = 300
_MAX_REASON_LENGTH = 1000


class DecisionMessage(BaseModel):
    """What the player sends for one trial. `response_time_ms` runs from the frame that drew the trial."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    trial_key: _Token
    choice: Literal["approve", "deny"]
    response_time_ms: float = Field(ge=_LOCK_OUT_MS, le=_LONGEST_MS)
    n_blur: _Count
    n_focus: _Count
    n_key: _Count
    n_paste: _Count
    idempotency_key: _Token
    lease: _Token | None = None
    confidence: float | None = Field(default=None, ge=0, le=1)
    followup_time_ms: float | None = Field(default=None, ge=0, le=_LONGEST_MS)
    # Made storable, not refused: the decision counts, and who pasted a NUL could not see what is wrong with it.
    reason: Annotated[str, AfterValidator(storable_text)] | None = Field(
        default=None, max_length=_MAX_REASON_LENGTH
    )
    perceived: Literal["higher", "usual", "lower", "unknown", "1", "2", "3", "4", "5"] | None = None
    perceived_time_ms: float | None = Field(default=None, ge=0, le=_LONGEST_MS)
    n_examples_opened: _Count | None = None


class InitialDecisionMessage(DecisionMessage):
    """What the player sends for the first stage of a two-stage trial: nothing of what follows the final choice."""

    reason: None = None
    perceived: None = None
    perceived_time_ms: None = None
    n_examples_opened: None = None


class PairMessage(BaseModel):
    """What the page of pairs sends for one pair."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    position: int = Field(ge=0, le=1000)
    choice: Literal["left", "right"]
    response_time_ms: float = Field(ge=_LOCK_OUT_MS, le=_LONGEST_MS)


class LeaseMessage(BaseModel):
    """An open page names its lease, and either makes it the newest or asks whether it still is.

    `before`: the lease of the page that it has followed in the same tab.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    lease: _Token
    take: bool
    before: _Token | None = None


class PageEventMessage(BaseModel):
    """What the browser did with a page: it shows it translated, into a language named by its code if known."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["translated"]
    language: str = Field(pattern=r"^[A-Za-z0-9-]{0,20}$")


def trial_player_routes(running: RunningStudy) -> list[Route]:
    """Decisions in, faces and feedback on practice out, for one study.

    Statuses of a decision: 200 stored (now or before), 400 not a decision, or not what its trial asks for, 401
    no known session, 403 the participation is over or another site asked, 404 no trial of this participant, 409
    not its turn, 413 too long, 503 the database does not answer.
    """

    participations, trials = running.participations, running.trials
    required_token = running.cookie.required_token
    writing = GroupCommit(running.decisions.take)

    async def decide(request: Request, kind: type[DecisionMessage], stage: Stage) -> Response:
        token = required_token(request)
        message = await _message(request, kind)
        fields = message.model_dump(exclude={"lease"})
        taken = await writing.submit(Submission(token, message.lease, stage, fields))
        if isinstance(taken, NotServedError):
            raise taken
        return JSONResponse({"status": taken.status, "lease": taken.lease}, headers=_NOT_KEPT)

    async def leases(request: Request) -> Response:
        token = required_token(request)
        message = await _message(request, LeaseMessage)
        is_newest = await run_in_threadpool(
            participations.hold_lease, token, message.lease, take=message.take, before=message.before
        )
        return JSONResponse({"is_newest": is_newest}, headers=_NOT_KEPT)

    async def page_events(request: Request) -> Response:
        token = required_token(request)
        message = await _message(request, PageEventMessage)
        await run_in_threadpool(
            participations.note_page_event, token, message.kind, {"language": message.language}
        )
        return JSONResponse({"status": "noted"}, headers=_NOT_KEPT)

    async def feedback(request: Request) -> Response:
        token = required_token(request)
        told = await run_in_threadpool(trials.feedback, token, request.path_params["trial_key"])
        return JSONResponse(told, headers=_NOT_KEPT)

    async def faces(request: Request) -> Response:
        token, asked = required_token(request), request.path_params
        return _shown(await run_in_threadpool(trials.face, token, asked["trial_key"], asked.get("example")))

    return [
        Route("/api/decisions", partial(decide, kind=DecisionMessage, stage="final"), methods=["POST"]),
        Route(
            "/api/initial-decisions",
            partial(decide, kind=InitialDecisionMessage, stage="initial"),
            methods=["POST"],
        ),
        Route("/api/leases", leases, methods=["POST"]),
        Route("/api/page-events", page_events, methods=["POST"]),
        Route("/api/feedback/{trial_key}", feedback),
        Route("/faces/{trial_key}", faces),
        Route("/faces/{trial_key}/examples/{example:int}", faces),
        *_pair_routes(running),
    ]


def _pair_routes(running: RunningStudy) -> list[Route]:
    """Judgements of pairs of pictures in, their pictures out."""
    pairs, required_token = running.pairs, running.cookie.required_token

    async def judge(request: Request) -> Response:
        token = required_token(request)
        message = await _message(request, PairMessage)
        await run_in_threadpool(pairs.judge, token, **message.model_dump())
        return JSONResponse({"status": "recorded"}, headers=_NOT_KEPT)

    async def pair_pictures(request: Request) -> Response:
        token, asked = required_token(request), request.path_params
        return _shown(await run_in_threadpool(pairs.picture, token, asked["position"], asked["side"]))

    return [
        Route("/api/pair-judgements", judge, methods=["POST"]),
        Route("/pairs/{position:int}/{side}", pair_pictures),
    ]


def _shown(picture: bytes) -> Response:
    name = f"face{picture_suffix(picture)}"
    headers = {"Cache-Control": "no-store", "Content-Disposition": f"inline; filename={name}"}
    return Response(picture, media_type=media_type(picture), headers=headers)


_Message = TypeVar("_Message", bound=BaseModel)


async def _message(request: Request, kind: type[_Message]) -> _Message:
    """The checked body of a request. Raises NotServedError 400, 403 or 413."""
    refuse_other_sites(request)
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise NotServedError(400, "A decision is sent as application/json.")
    body = await read_body(request, _MAX_DECISION_BYTES)
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise NotServedError(400, "This is no message that the player sends.") from error


async def not_served(_request: Request, error: NotServedError) -> Response:
    """Answer a request that the study refuses, with the refusal's status and sentence."""
    said = {"error": str(error), **({"reason": error.reason} if error.reason else {})}
    return JSONResponse(said, error.status, headers=_NOT_KEPT)
