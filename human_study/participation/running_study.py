"""A study as it runs: its file, the store and the bundles it serves, for the routes and the screens alike.

Not responsible for HTML, Streamlit or SQL. Safe to share between threads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Self

import numpy as np

from advisor.bundles.bundle import load_bundle
from data.admission import Occupancy, ParticipantPlan
from data.errors import StudyError
from data.records import (
    Answer,
    Event,
    Participant,
    Recruitment,
    Stage,
    Study,
    Trial,
    now,
)
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import load_task
from human_study.participation.assignment import choose_condition
from human_study.participation.enter_study import enter_study
from human_study.participation.player_trials import playable_trial
from human_study.participation.served_bundles import ServedBundles
from human_study.study.messages import Messages, study_words
from human_study.study.payment import Totals, totals
from human_study.study.protocol import DECIDING_STEPS, Protocol, step_of_trial
from human_study.study.questions import ComprehensionQuestion, QuestionnaireQuestion
from human_study.study.shipped_questions import comprehension_questions, questionnaire_questions
from human_study.study.study_file import StudyFile, load_study_file, require_ethics
from human_study.web.refusals import NotServedError

# Faces are served from the current trial on to this many ahead: enough to preload, too few to leaf through.
N_FACES_AHEAD = 3


class LiveStudy:
    """One study being run. Every public method is one step of a participation or of its preparation."""

    def __init__(self, study: StudyFile, store: DecisionStore) -> None:
        """Raises TaskError where the study's task is gone or wrong."""
        self.study = study
        self.store = store
        self.task = load_task(study.task).in_language(study.language)
        self.protocol = Protocol.of(study)
        self.messages = Messages(study.language, study_words(study, self.task))
        self.bundles = ServedBundles(study, store, self.task)
        self._rng = np.random.default_rng()

    @classmethod
    def open(cls, study_path: str, database_url: str | None = None) -> Self:
        """Open a study file and its database (`database_url` overrides the file's)."""
        study = load_study_file(study_path)
        return cls(study, DecisionStore.open(database_url or study.database))

    def prepare(self) -> None:
        """Enter the study into the store, and start its first round if it has none.

        Raises StudyError or BundleError: people are to be recruited and the study file does not say what they
        have a right to know, another study has this name, the bundle is gone, altered, of another
        task, lacks a condition, or was trained on simulated people where the study does not allow it.
        """
        require_ethics(self.study)
        if not load_task(self.study.task).speaks(self.study.language):
            raise StudyError(
                f"participants would read the task {self.task.name} in another language than {self.study.language}; "
                f"write its words into task.{self.study.language}.yaml beside its task.yaml, or change the language"
            )
        record = Study(
            name=self.study.name,
            task_name=self.task.name,
            task_hash=self.task.task_hash,
            study_file=self.study.model_dump_json(),
            study_hash=self.study.study_hash,
            participants=self.study.participants,
        )
        bundle = load_bundle(self.study.bundle)
        self.bundles.require_suitable(bundle)
        enter_study(self.store, self.study, self.task, record)
        if not self.store.rounds(self.study.name):
            self.store.register_bundle(bundle.as_record())
            self.store.start_round(self.study.name, bundle.bundle_hash)
        self.bundles.served(self.store.newest_round(self.study.name).bundle_hash)

    def has_place(self) -> bool:
        """Whether somebody new would be taken: the study is open, and a condition that is open has room."""
        if self.store.study(self.study.name).status != "open":
            return False
        self.release_timed_out()
        occupancy = self.store.occupancy(self.study.name, self.study.participants)
        return any(occupancy.takes(condition) for condition in self.study.conditions)

    def release_timed_out(self) -> int:
        """Give the places of those whose time is over back; returns how many."""
        limits = self.study.time_limits
        idle = timedelta(minutes=limits.idle_minutes)
        return self.store.release_timed_out(self.study.name, idle, self._total_limit)

    @property
    def _total_limit(self) -> timedelta | None:
        minutes = self.study.time_limits.total_minutes
        return None if minutes is None else timedelta(minutes=minutes)

    def begin(self, external: Recruitment) -> str:
        """Take a slot, or find the participant again who has one; returns the secret for their cookie.

        Raises StudyError where the study takes nobody any more.
        """
        self.release_timed_out()
        participant = self.store.add_participant(
            self.study.name, self.study.participants, self._plan, external=external
        )
        return self.store.start_session(participant.participant_key)

    def _plan(self, occupancy: Occupancy) -> ParticipantPlan:
        # Asked for inside the transaction, so that trials and round cannot be of different bundles.
        served = self.bundles.served(occupancy.study_round.bundle_hash)
        condition = choose_condition(self.study.shares, occupancy, self._rng)
        slot = occupancy.free_slot(condition)
        return ParticipantPlan(condition, self.bundles.drawn(served, condition, slot, self._rng), slot)

    def participant(self, token: str) -> Participant | None:
        """Whom the secret of a cookie belongs to in this study, or None."""
        participant = self.store.participant_by_session(token) if token else None
        return participant if participant and participant.study_name == self.study.name else None

    def take_place(self, token: str, place: str, *, take: bool) -> bool:
        """Whether an open page is the newest place of its participant; `take` makes it so.

        Raises NotServedError: 401 unknown session, also one that another device has replaced, 403 over.
        """
        participant = self._require_active(token)
        if take:
            self.store.take_lease(participant.participant_key, place)
            return True
        return participant.lease_id in (None, place)

    def note_page_event(self, token: str, kind: str, detail: Mapping[str, str]) -> None:
        """Record what the participant's browser did with a page. Raises NotServedError 401 or 403."""
        key = self._require_active(token).participant_key
        self.store.add_event(Event(participant_key=key, kind=kind, detail=json.dumps(detail)))

    def feedback(self, token: str, trial_key: str) -> dict[str, Any]:
        """What became of a practice application, once it is decided: `right`, and `outcome` in words.

        Raises NotServedError: 401 unknown session, 403 participation over, 404 not this participant's trial or
        not practice, 409 not decided yet.
        """
        participant = self._require_active(token)
        trial = self._own_trial(participant, trial_key)
        if trial.kind != "practice":
            raise NotServedError(404, "There is no feedback on this trial.")
        choice = self.store.choice(trial_key)
        if choice is None:
            raise NotServedError(409, "This trial is not decided yet.")
        is_good = bool(self.bundles.applications.outcomes.loc[trial.application_id])
        labels = self.task.outcome
        return {
            "right": (choice == "approve") == is_good,
            "outcome": labels.positive_label if is_good else labels.negative_label,
        }

    def face(self, token: str, trial_key: str) -> bytes:
        """The PNG of a trial that is the participant's next one, or a few ahead of it.

        Raises NotServedError: 401 unknown session, 403 participation over, 404 not this participant's trial or
        one without a face, 409 not its turn.
        """
        participant = self._require_active(token)
        trial = self._own_trial(participant, trial_key)
        first = self.store.first_unanswered(participant.participant_key)
        if first is None or not first.position <= trial.position <= first.position + N_FACES_AHEAD:
            raise NotServedError(409, "This face has no turn now.")
        if trial.image is None:
            raise NotServedError(404, "There is no such face.")
        return self.bundles.served(trial.bundle_hash).bundle.image_bytes(trial.image)

    def _require_active(self, token: str) -> Participant:
        participant = self.participant(token)
        if participant is None:
            raise NotServedError(401, "Please begin at the welcome page.")
        if participant.status != "active":
            raise NotServedError(403, "This participation is over.")
        return participant

    def _own_trial(self, participant: Participant, trial_key: str) -> Trial:
        for trial in self.store.trials(participant.participant_key):
            if trial.trial_key == trial_key:
                return trial
        raise NotServedError(404, "There is no such trial.")

    def trials_to_play(self, participant: Participant) -> list[dict[str, Any]]:
        """The trials of the participant's step that are not decided yet, as `playable_trial` makes them."""
        due = self.store.due(participant.participant_key)
        if due is None or participant.step not in DECIDING_STEPS:
            return []
        first, stage = due
        block = self._block(participant)
        return [
            self._playable(trial, number, stage if trial == first else self._first_stage(trial))
            for number, trial in enumerate(block, start=1)
            if trial.position >= first.position
        ]

    def n_in_block(self, participant: Participant) -> int:
        """How many trials the participant's step has in all."""
        return len(self._block(participant))

    def _block(self, participant: Participant) -> list[Trial]:
        trials = self.store.trials(participant.participant_key)
        return [trial for trial in trials if step_of_trial(trial.kind) == participant.step]

    @staticmethod
    def _first_stage(trial: Trial) -> Stage:
        return "initial" if trial.n_stages == 2 else "final"

    def _playable(self, trial: Trial, number: int, stage: Stage) -> dict[str, Any]:
        application = self.bundles.applications.frame.loc[
            trial.application_id, self.task.shown_columns
        ].to_dict()
        has_before = stage == "final" and trial.n_stages == 2
        before = self.store.initial_choice(trial.trial_key) if has_before else None
        return playable_trial(trial, number, stage, self.task, application, self.study.trials, before)

    def debriefed_as(self, participant: Participant) -> str:
        """Which text of the debrief says what the participant's condition meant."""
        is_explored = self.store.bundle(participant.bundle_hash).kind == "explore"
        is_random = is_explored and participant.condition in ("face", "shuffled")
        return "face_explore" if is_random else participant.condition

    def trained_on_simulated(self, participant: Participant) -> bool:
        """Whether the advisor that this participant meets learned from simulated people."""
        return self.store.bundle(participant.bundle_hash).trained_on == "simulated"

    def brought_up_to_date(self, participant: Participant) -> Participant:
        """Note that an active participant is here, and that a block of trials is over when it is."""
        if participant.status != "active":
            return participant
        key = participant.participant_key
        if self._total_limit is not None and now() - participant.created_at > self._total_limit:
            self.store.set_status(key, "timed_out")
            return self.store.participant(key)
        due = self.store.due(key) if participant.step in DECIDING_STEPS else None
        if participant.step in DECIDING_STEPS and (
            due is None or step_of_trial(due[0].kind) != participant.step
        ):
            self.go_on(participant)
        else:
            self.store.touch(key)
        return self.store.participant(key)

    def go_on(self, participant: Participant, answers: Sequence[Answer] = ()) -> None:
        """Write the answers that end the participant's step, and go to the next; complete after the last.

        Does nothing where the participant is at another step already: a second click on a button that is gone
        must not take them back, nor complete them early.
        """
        key = participant.participant_key
        present = self.store.participant(key)
        if present.status != "active" or present.step != participant.step:
            return
        self.store.add_answers(answers)
        following = self.protocol.step_after(participant.step)
        if following is None:
            self.store.set_status(key, "completed")
        else:
            is_consent = self.protocol.screen_to_show("active", participant.step) == "consent"
            self.store.set_step(key, following, consented=is_consent)

    def comprehension_questions(self, participant: Participant) -> tuple[ComprehensionQuestion, ...]:
        """What this participant is asked after the instructions."""
        own = self.study.comprehension
        return comprehension_questions(self.messages, participant.condition) if own is None else own

    def questionnaire_questions(self, participant: Participant) -> tuple[QuestionnaireQuestion, ...]:
        """What this participant is asked after the trials."""
        own = self.study.questionnaire
        return questionnaire_questions(self.messages, participant.condition) if own is None else own

    def screen_out(self, participant: Participant, answers: Sequence[Answer]) -> None:
        """End a participation whose screening answers the study does not take."""
        self.store.add_answers(answers)
        self.store.set_status(participant.participant_key, "screened_out")

    def totals(self, participant: Participant) -> Totals:
        """How the participant did on main trials, in totals only."""
        own = self.store.decisions_frame(
            self.study.name, kind=participant.kind, participant_key=participant.participant_key
        )
        return totals(own, self.bundles.served(participant.bundle_hash).outcomes)

    def withdraw(self, participant: Participant) -> None:
        """End a participation at the participant's wish; what was decided stays until it is erased."""
        self.store.set_status(participant.participant_key, "returned")
        self.store.add_event(Event(participant_key=participant.participant_key, kind="withdrew"))
