"""Taking decisions: who sends them, from which page, and whether each counts.

An open page (a tab, a window, a device) has a lease, and the newest lease acts for the participant. What a page with
an older one still had queued counts only for the trial that was due when the participant moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from advisor.bundles.face_questions import answers_to
from data.records import Decision, InitialDecision, Participant, Stage, Trial
from data.store.decision_store import DecisionStore
from human_study.participation.player_trials import asks_confidence
from human_study.study.protocol import DECIDING_STEPS
from human_study.study.study_file import StudyFile
from human_study.web.refusals import NotServedError


@dataclass(frozen=True)
class Submission:
    """A decision as it arrives: the cookie's secret, the lease of the page, and its checked fields."""

    token: str
    lease: str | None
    stage: Stage
    message: dict[str, Any]


@dataclass(frozen=True)
class Taken:
    """A decision that is stored, now or before, and whether the lease it came with is still the newest."""

    status: Literal["recorded", "already"]
    lease: Literal["newest", "older"] = "newest"


class OlderLeaseError(NotServedError):
    """The participant has gone on elsewhere, and this is not the trial that was due then."""

    def __init__(self) -> None:
        """Status 409."""
        super().__init__(
            409, "You have gone on in another window or on another device.", reason="older_lease"
        )


class DecisionIntake:
    """Takes decisions for one study, many in one durable commit."""

    def __init__(self, study: StudyFile, store: DecisionStore) -> None:
        """`store` knows who takes part in the study, and keeps the decisions."""
        self._study, self._store = study, store
        self._study_hash = study.study_hash  # hashed once, not for every decision

    def take(self, submissions: Sequence[Submission]) -> list[Taken | NotServedError]:
        """Write decisions durably; what is refused comes back as its NotServedError.

        400 not what its trial asks for, 401 unknown session, 403 participation over, 404 not this participant's
        trial, 409 not its turn, or an older lease.
        """
        known = self._store.participants_by_session([submission.token for submission in submissions])
        trials = self._store.trials_by_key([submission.message["trial_key"] for submission in submissions])
        results: dict[int, Taken | NotServedError] = {}
        decisions: dict[int, Decision | InitialDecision] = {}
        older: set[int] = set()
        for number, submission in enumerate(submissions):
            try:
                participant, is_older = self._sender(submission, known.get(submission.token))
                trial = trials.get(submission.message["trial_key"])
                if trial and trial.participant_key == participant.participant_key:
                    self._require_as_asked(submission, trial)
            except NotServedError as refusal:
                results[number] = refusal
                continue
            decisions[number] = self._decision(submission, participant)
            if is_older:
                older.add(number)
        outcomes = self._store.record_decisions(list(decisions.values()))
        for (number, decision), outcome in zip(decisions.items(), outcomes, strict=True):
            if outcome == "refused":
                results[number] = self._why_refused(decision)
            else:
                results[number] = Taken(outcome, "older" if number in older else "newest")
        return [results[number] for number in range(len(submissions))]

    def _sender(self, submission: Submission, participant: Participant | None) -> tuple[Participant, bool]:
        """Who sends it, and whether with an older lease. Raises NotServedError."""
        is_older = participant is None
        if participant is None:
            participant = self._store.participant_by_earlier_session(submission.token)
        if participant is None or participant.study_name != self._study.name:
            raise NotServedError(401, "Please begin on the welcome page.")
        if participant.status == "active" and participant.step not in DECIDING_STEPS:
            raise NotServedError(409, "Another step comes first.")
        newest = participant.lease_id
        is_older = is_older or (None not in (newest, submission.lease) and submission.lease != newest)
        if is_older:
            due = self._store.trial_due_at_move(participant.participant_key)
            if submission.message["trial_key"] != due:
                raise OlderLeaseError
        return participant, is_older

    def _require_as_asked(self, submission: Submission, trial: Trial) -> None:
        """400 for an answer that the trial's stage does not ask for, or without one that it asks for."""
        plan, message = self._study.trials, submission.message
        wants_confidence = asks_confidence(trial, plan)
        wants_reason = trial.asks_reason and submission.stage == "final"
        confidence = message["confidence"]
        if (confidence is not None) != wants_confidence:
            raise NotServedError(
                400, "Confidence was sent for a trial that does not ask for it, or is missing."
            )
        if confidence is not None and all(abs(confidence - point) > 1e-6 for point in plan.confidence_scale):
            raise NotServedError(400, "This confidence is not on the scale.")
        if (message["reason"] is not None) != wants_reason:
            raise NotServedError(
                400, "A reason was sent for a trial that does not ask for it, or is missing."
            )
        if (message["followup_time_ms"] is not None) != (wants_confidence or wants_reason):
            raise NotServedError(400, "Confidence and reason come with the time that they took.")
        may_open = trial.examples is not None and submission.stage == "final"
        if message["n_examples_opened"] is not None and not may_open:
            raise NotServedError(400, "Past cases were opened on a trial that shows none.")
        question = trial.perception_question if submission.stage == "final" else None
        if message["perceived"] not in (answers_to(question) if question else (None,)):
            raise NotServedError(
                400, "What was seen in the face was sent for a trial that does not ask for it, or is missing."
            )
        if (message["perceived_time_ms"] is not None) != (question is not None):
            raise NotServedError(400, "What was seen in the face comes with the time that it took.")

    def _decision(self, submission: Submission, participant: Participant) -> Decision | InitialDecision:
        record = Decision if submission.stage == "final" else InitialDecision
        kept = {name: value for name, value in submission.message.items() if name in record.model_fields}
        return record(
            **kept,
            participant_key=participant.participant_key,
            study_hash=self._study_hash,
            bundle_hash=participant.bundle_hash,
        )

    def _why_refused(self, decision: Decision | InitialDecision) -> NotServedError:
        if self._store.participant(decision.participant_key).status != "active":
            return NotServedError(403, "This participation is over.")
        own = self._store.trials(decision.participant_key)
        if all(trial.trial_key != decision.trial_key for trial in own):
            return NotServedError(404, "There is no such trial.")
        return NotServedError(409, "Another trial comes first.")
