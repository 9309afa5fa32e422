"""What participants of a running study are shown of their trials and pairs, and what each is told at the end.

Not responsible for taking decisions (decision_intake.py). Safe to share between threads.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from advisor.bundles.face_questions import FacePair
from advisor.bundles.similar_cases import past_cases
from data.records import FEEDBACK_KINDS, PairJudgement, Participant, Stage, Trial
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import DecisionTask
from human_study.participation.participations import Participations
from human_study.participation.player_trials import playable_case, playable_trial
from human_study.participation.served_bundles import ServedBundles
from human_study.study.messages import Messages
from human_study.study.payment import Totals, totals
from human_study.study.protocol import DECIDING_STEPS, step_of_trial
from human_study.study.study_file import StudyFile
from human_study.web.refusals import NotServedError

# Faces are served from the current trial on to this many ahead: enough to preload, too few to leaf through.
N_FACES_AHEAD = 3


@dataclass(frozen=True)
class Debrief:
    """What somebody is told who completed.

    Attributes:
        totals: how they did on main trials.
        condition_text: which text of the debrief says what their condition meant.
        trained_on_simulated: whether the advisor that they met learned from simulated people.
    """

    totals: Totals
    condition_text: str
    trained_on_simulated: bool


class TrialDelivery:
    """The trials of one study's participants."""

    def __init__(
        self,
        study: StudyFile,
        store: DecisionStore,
        task: DecisionTask,
        bundles: ServedBundles,
        participations: Participations,
        messages: Messages,
    ) -> None:
        """`task` is in the study's language; `participations` says whose a token is."""
        self._study, self._store, self._task, self._bundles = study, store, task, bundles
        self._participations, self._messages = participations, messages

    def to_play(self, participant: Participant) -> list[dict[str, Any]]:
        """The trials of the participant's step that are not decided yet, as `playable_trial` makes them."""
        due = self._store.due(participant.participant_key)
        if due is None or participant.step not in DECIDING_STEPS:
            return []
        first, stage = due
        cases: dict[str, dict[str, Any]] = {}  # the same ones stand beside many trials
        return [
            self._playable(trial, number, stage if trial == first else _first_stage(trial), cases)
            for number, trial in enumerate(self._block(participant), start=1)
            if trial.position >= first.position
        ]

    def n_in_block(self, participant: Participant) -> int:
        """How many trials the participant's step has in all."""
        return len(self._block(participant))

    def _block(self, participant: Participant) -> list[Trial]:
        trials = self._store.trials(participant.participant_key)
        return [trial for trial in trials if step_of_trial(trial.kind) == participant.step]

    def _playable(
        self, trial: Trial, number: int, stage: Stage, cases: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        application = self._shown(trial.application_id)
        for one in past_cases(trial):
            if one not in cases:
                is_good = bool(self._bundles.applications.outcomes.loc[one])
                cases[one] = playable_case(
                    trial.participant_key, one, self._task, self._shown(one), is_good=is_good
                )
        has_before = stage == "final" and trial.n_stages == 2
        before = self._store.initial_choice(trial.trial_key) if has_before else None
        return playable_trial(
            trial,
            number,
            stage,
            self._task,
            application,
            self._study.trials,
            self._messages,
            before,
            [cases[one] for one in past_cases(trial)],
        )

    def _shown(self, application_id: str) -> dict[Any, Any]:
        frame = self._bundles.applications.frame
        shown: dict[Any, Any] = frame.loc[application_id, self._task.shown_columns].to_dict()
        return shown

    def face(self, token: str, trial_key: str, example: int | None = None) -> bytes:
        """The picture of a trial that is the participant's next one, or a few ahead of it.

        `example`: that of the past case at this place beside it, from 0.

        Raises NotServedError: 401 unknown session, 403 participation over, 404 not this participant's trial or
        one without that face, 409 not its turn.
        """
        participant = self._participations.active(token)
        trial = self._own_trial(participant, trial_key)
        first = self._store.first_unanswered(participant.participant_key)
        if first is None or not first.position <= trial.position <= first.position + N_FACES_AHEAD:
            raise NotServedError(409, "This face is not available yet.")
        if trial.image is None:
            raise NotServedError(404, "There is no such face.")
        bundle = self._bundles.served(trial.bundle_hash).bundle
        if example is None:
            return bundle.image_bytes(trial.image)
        shown = past_cases(trial)
        if example >= len(shown):
            raise NotServedError(404, "There is no such past case.")
        return bundle.image_bytes(bundle.learning_faces[shown[example]])

    def feedback(self, token: str, trial_key: str) -> dict[str, Any]:
        """How a practice or learning trial turned out, once it is decided: `right`, and `outcome` in words.

        Raises NotServedError: 401 unknown session, 403 participation over, 404 not this participant's trial or
        not one of these, 409 not decided yet.
        """
        trial = self._own_trial(self._participations.active(token), trial_key)
        if trial.kind not in FEEDBACK_KINDS:
            raise NotServedError(404, "There is no feedback on this trial.")
        choice = self._store.choice(trial_key)
        if choice is None:
            raise NotServedError(409, "This trial is not decided yet.")
        is_good = bool(self._bundles.applications.outcomes.loc[trial.application_id])
        labels = self._task.outcome
        return {
            "right": (choice == "approve") == is_good,
            "outcome": labels.positive_label if is_good else labels.negative_label,
        }

    def _own_trial(self, participant: Participant, trial_key: str) -> Trial:
        for trial in self._store.trials(participant.participant_key):
            if trial.trial_key == trial_key:
                return trial
        raise NotServedError(404, "There is no such trial.")

    def debrief(self, participant: Participant) -> Debrief:
        """What the participant is told at the end; totals only, never which decision was right."""
        own = self._store.decisions_frame(
            self._study.name, kind=participant.kind, participant_key=participant.participant_key
        )
        return Debrief(
            totals(own, self._bundles.served(participant.bundle_hash).outcomes),
            condition_text(participant.condition, self._store.bundle(participant.bundle_hash).kind),
            self.trained_on_simulated(participant),
        )

    def trained_on_simulated(self, participant: Participant) -> bool:
        """Whether the advisor that this participant meets learned from simulated people."""
        return self._store.bundle(participant.bundle_hash).trained_on == "simulated"


class PairDelivery:
    """The pairs of one study's participants: what is shown, and what they answer. Safe to share between threads."""

    def __init__(self, store: DecisionStore, bundles: ServedBundles, participations: Participations) -> None:
        """`participations` says whose a token is."""
        self._store, self._bundles, self._participations = store, bundles, participations

    def of(self, participant: Participant) -> list[FacePair]:
        """All pairs of a participant, in order."""
        return self._bundles.pairs(participant.bundle_hash, participant.slot or 0)

    def to_judge(self, participant: Participant) -> list[FacePair]:
        """Those that the participant has not judged yet."""
        judged = self._store.judged_pairs(participant.participant_key)
        return [pair for pair in self.of(participant) if pair.position not in judged]

    def picture(self, token: str, position: int, side: str) -> bytes:
        """A picture of a pair. Raises NotServedError as `judge` does."""
        participant, pair = self._pair(token, position)
        bundle = self._bundles.served(participant.bundle_hash).bundle
        return bundle.image_bytes(pair.left_image if side == "left" else pair.right_image)

    def judge(
        self, token: str, position: int, choice: Literal["left", "right"], response_time_ms: float
    ) -> None:
        """Write durably where the participant saw more.

        Raises NotServedError: 401 unknown session, 403 participation over, 404 no such pair, 409 another step's turn.
        """
        participant, pair = self._pair(token, position)
        self._store.add_pair_judgement(
            PairJudgement(
                participant_key=participant.participant_key,
                bundle_hash=participant.bundle_hash,
                choice=choice,
                response_time_ms=response_time_ms,
                **asdict(pair),
            )
        )

    def _pair(self, token: str, position: int) -> tuple[Participant, FacePair]:
        participant = self._participations.active(token)
        if participant.step != "pairs":
            raise NotServedError(409, "Another step comes first.")
        pairs = self.of(participant)
        if not 0 <= position < len(pairs):
            raise NotServedError(404, "There is no such pair.")
        return participant, pairs[position]


def condition_text(condition: str, bundle_kind: str) -> str:
    """Which text of the debrief tells what a condition meant: faces of an exploratory bundle are random."""
    if bundle_kind != "explore" or condition not in ("face", "shuffled", "examples"):
        return condition
    return "examples_explore" if condition == "examples" else "face_explore"


def _first_stage(trial: Trial) -> Stage:
    return "initial" if trial.n_stages == 2 else "final"
