"""A study as it runs: its file, the store and the bundles it serves, for the routes and the screens alike.

Not responsible for HTML, Streamlit or SQL. Safe to share between threads.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from advisor.bundle import Bundle, load_bundle, require_participants, require_task
from advisor.draw_trials import draw_trials
from data.admission import Occupancy, ParticipantPlan
from data.applications import read_applications
from data.errors import StudyError
from data.records import Decision, Event, Participant, Recruitment, Study, Trial
from data.store import DecisionStore
from data.task import load_task
from human_study.assignment import choose_condition
from human_study.protocol import STEPS
from human_study.study_file import StudyFile, load_study_file

# Faces are served from the current trial on to this many ahead: enough to preload, too few to leaf through.
N_FACES_AHEAD = 3


class NotServedError(Exception):
    """A request that the study refuses; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        """`message` is one sentence that a participant may read."""
        super().__init__(message)
        self.status = status


def storage_id(participant: Participant) -> str:
    """Names what a browser keeps for this participant; random, and of no use anywhere else."""
    return hashlib.sha256(f"browser storage of {participant.participant_key}".encode()).hexdigest()[:24]


@dataclass(frozen=True)
class ServedBundle:
    """A bundle with what serving it needs: outcomes to balance trials, and the columns that are shown."""

    bundle: Bundle
    outcomes: pd.Series
    shown: pd.DataFrame


class LiveStudy:
    """One study being run. Every public method is one step of a participation or of its preparation."""

    def __init__(self, study: StudyFile, store: DecisionStore) -> None:
        """Raises TaskError where the study's task is gone or wrong."""
        self.study = study
        self.store = store
        self.task = load_task(study.task)
        self._rng = np.random.default_rng()
        self._served: dict[str, ServedBundle] = {}
        self._loading = threading.Lock()

    @classmethod
    def open(cls, study_path: str, database_url: str | None = None) -> Self:
        """Open a study file and its database (`database_url` overrides the file's)."""
        study = load_study_file(study_path)
        return cls(study, DecisionStore.open(database_url or study.database))

    def prepare(self) -> None:
        """Enter the study into the store, and start its first round if it has none.

        Raises StudyError or BundleError: another study has this name, the bundle is gone, altered, of another
        task, lacks a condition, or was trained on simulated people where the study does not allow it.
        """
        record = Study(
            name=self.study.name,
            task_name=self.task.name,
            task_hash=self.task.task_hash,
            study_file=self.study.model_dump_json(),
            study_hash=self.study.study_hash,
            participants=self.study.participants,
        )
        bundle = load_bundle(self.study.bundle)
        self._require_suitable(bundle)
        self.store.create_study(record)
        if not self.store.rounds(self.study.name):
            self.store.register_bundle(bundle.as_record())
            self.store.start_round(self.study.name, bundle.bundle_hash)
        self.served(self.store.newest_round(self.study.name).bundle_hash)

    def _require_suitable(self, bundle: Bundle) -> None:
        require_task(bundle, self.task.name, self.task.task_hash)
        require_participants(
            bundle.manifest.trained_on, self.study.participants, self.study.allow_simulated_advisor
        )
        lacking = [condition for condition in self.study.conditions if condition not in bundle.conditions]
        if lacking:
            raise StudyError(
                f"The bundle {bundle.path} has no condition {', '.join(lacking)}; take it out of the study"
                " file's conditions, or publish a bundle that has it."
            )
        rng = np.random.default_rng(0)  # drawn once to see whether the pools suffice
        plan = self.study.trials
        for condition in self.study.conditions:
            draw_trials(bundle, bundle.outcomes(), condition, plan.main, plan.test_share, rng)

    def served(self, bundle_hash: str) -> ServedBundle:
        """A registered bundle, loaded once. Raises StoreError or BundleError."""
        with self._loading:
            if bundle_hash not in self._served:
                bundle = load_bundle(self.store.bundle(bundle_hash).bundle_path)
                table = read_applications(self.task).frame
                shown = table.loc[bundle.applications.index, self.task.shown_columns]
                self._served[bundle_hash] = ServedBundle(bundle, bundle.outcomes(), shown)
            return self._served[bundle_hash]

    def begin(self, external: Recruitment) -> str:
        """Take a slot, or find the participant again who has one; returns the secret for their cookie.

        Raises StudyError where the study takes nobody any more.
        """
        self.store.release_timed_out(self.study.name, timedelta(minutes=self.study.time_limit_minutes))
        participant = self.store.add_participant(
            self.study.name, self.study.participants, self._plan, external=external
        )
        return self.store.start_session(participant.participant_key)

    def _plan(self, occupancy: Occupancy) -> ParticipantPlan:
        # Asked for inside the transaction, so that trials and round cannot be of different bundles.
        served = self.served(occupancy.study_round.bundle_hash)
        condition = choose_condition(self.study.conditions, occupancy.counts, self._rng)
        plan = self.study.trials
        trials = draw_trials(served.bundle, served.outcomes, condition, plan.main, plan.test_share, self._rng)
        return ParticipantPlan(condition, trials)

    def participant(self, token: str) -> Participant | None:
        """Whom the secret of a cookie belongs to in this study, or None."""
        participant = self.store.participant_by_session(token) if token else None
        return participant if participant and participant.study_name == self.study.name else None

    def record_decisions(
        self, submissions: Sequence[tuple[str, dict[str, Any]]]
    ) -> list[Literal["recorded", "already"] | NotServedError]:
        """Write decisions durably, in one commit. Each is a session's token, and the checked fields that the
        browser knows.

        What is refused comes back as its NotServedError: 401 unknown session, 403 participation over, 404 not
        this participant's trial, 409 not its turn.
        """
        known = self.store.participants_by_session([token for token, _ in submissions])
        results: list[Literal["recorded", "already"] | NotServedError | None] = [None] * len(submissions)
        decisions = {}
        for place, (token, message) in enumerate(submissions):
            participant = known.get(token)
            if participant is None or participant.study_name != self.study.name:
                results[place] = NotServedError(401, "Please begin at the welcome page.")
                continue
            decisions[place] = Decision(
                **message,
                participant_key=participant.participant_key,
                study_hash=self.study.study_hash,
                bundle_hash=participant.bundle_hash,
            )
        for place, status in zip(
            decisions, self.store.record_decisions(list(decisions.values())), strict=True
        ):
            token, message = submissions[place]
            results[place] = self._why_refused(token, message) if status == "refused" else status
        return [result for result in results if result is not None]

    def _why_refused(self, token: str, message: dict[str, Any]) -> NotServedError:
        try:
            self._own_trial(self._require_active(token), message["trial_key"])
        except NotServedError as refusal:
            return refusal
        return NotServedError(409, "Another trial comes first.")

    def face(self, token: str, trial_key: str) -> bytes:
        """The PNG of a trial that is the participant's next one, or a few ahead of it.

        Raises NotServedError as `record_decision` does; 404 also where the trial has no face.
        """
        participant = self._require_active(token)
        trial = self._own_trial(participant, trial_key)
        first = self.store.first_unanswered(participant.participant_key)
        if first is None or not first.position <= trial.position <= first.position + N_FACES_AHEAD:
            raise NotServedError(409, "This face has no turn now.")
        if trial.image is None:
            raise NotServedError(404, "There is no such face.")
        return self.served(trial.bundle_hash).bundle.image_bytes(trial.image)

    def _known(self, token: str) -> Participant:
        participant = self.participant(token)
        if participant is None:
            raise NotServedError(401, "Please begin at the welcome page.")
        return participant

    def _require_active(self, token: str) -> Participant:
        participant = self._known(token)
        if participant.status != "active":
            raise NotServedError(403, "This participation is over.")
        return participant

    def _own_trial(self, participant: Participant, trial_key: str) -> Trial:
        for trial in self.store.trials(participant.participant_key):
            if trial.trial_key == trial_key:
                return trial
        raise NotServedError(404, "There is no such trial.")

    def trials_to_play(self, participant: Participant) -> list[dict[str, Any]]:
        """The trials that are not decided yet, holding nothing but what the participant may see.

        Each: `key` (random), `position`, `rows` ([label, value, help] of the shown columns), `image` (address
        or None), `score` (text or None).
        """
        first = self.store.first_unanswered(participant.participant_key)
        if first is None:
            return []
        trials = self.store.trials(participant.participant_key)
        return [self._playable(trial) for trial in trials if trial.position >= first.position]

    def _playable(self, trial: Trial) -> dict[str, Any]:
        application = self.served(trial.bundle_hash).shown.loc[trial.application_id]
        return {
            "key": trial.trial_key,
            "position": trial.position,
            "rows": [
                [
                    self.task.label(column),
                    self.task.display(column, application[column]),
                    self.task.columns[column].help,
                ]
                for column in self.task.shown_columns
            ],
            "image": f"/faces/{trial.trial_key}" if trial.image else None,
            "score": None if trial.score is None else f"{trial.score:.0%}",
        }

    def trained_on_simulated(self, participant: Participant) -> bool:
        """Whether the advisor that this participant meets learned from simulated people."""
        return self.store.bundle(participant.bundle_hash).trained_on == "simulated"

    def brought_up_to_date(self, participant: Participant) -> Participant:
        """Note that an active participant is here; complete the participation once every trial is decided."""
        if participant.status != "active":
            return participant
        key = participant.participant_key
        if participant.step == STEPS[-1] and self.store.first_unanswered(key) is None:
            self.store.set_status(key, "completed")
        else:
            self.store.touch(key)
        return self.store.participant(key)

    def withdraw(self, participant: Participant) -> None:
        """End a participation at the participant's wish; what was decided stays until it is erased."""
        self.store.set_status(participant.participant_key, "returned")
        self.store.add_event(Event(participant_key=participant.participant_key, kind="withdrew"))
