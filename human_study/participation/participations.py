"""Who takes part in a running study, and every step of a participation from the click on Begin to its end.

Not responsible for trials (trial_delivery.py) or decisions (decision_intake.py). Safe to share between threads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from data.admission import Occupancy, ParticipantPlan
from data.errors import StudyError
from data.records import Answer, Event, Participant, Recruitment
from data.store.decision_store import DecisionStore
from data.stored_record import now
from human_study.participation.assignment import choose_condition
from human_study.participation.served_bundles import ServedBundles
from human_study.study.protocol import DECIDING_STEPS, Protocol, step_of_trial
from human_study.study.study_file import StudyFile
from human_study.web.refusals import NotServedError


class Participations:
    """The participants of one study. A participant is known by the secret of their cookie, the `token`."""

    def __init__(self, study: StudyFile, store: DecisionStore, bundles: ServedBundles) -> None:
        """Nothing is read yet."""
        self._study, self._store, self._bundles = study, store, bundles
        self._protocol = Protocol.of(study)
        self._rng = np.random.default_rng()

    def has_room(self) -> bool:
        """Whether somebody new would be taken: the study is open, and a condition that is open has room."""
        if self._store.study(self._study.name).status != "open":
            return False
        self.release_timed_out()
        occupancy = self._store.occupancy(self._study.name, self._study.participants)
        return any(occupancy.takes(condition) for condition in self._study.conditions)

    def release_timed_out(self) -> int:
        """Free the slots of those whose time is over; returns how many."""
        limits = self._study.time_limits
        return self._store.release_timed_out(self._study.name, limits.idle, limits.total)

    def known(self, external: Recruitment) -> Participant | None:
        """Whom a platform sends again; on plain links nobody is known."""
        return self._store.known_participant(self._study.name, external)

    def took_part_before(self, external: Recruitment) -> bool:
        """Whether somebody began one of the studies, such as a pilot, whose participants are not taken."""
        return any(self._store.known_participant(name, external) for name in self._study.not_from)

    def begin(self, external: Recruitment) -> str:
        """Take a slot, or find the participant again who has one; returns the secret for their cookie.

        Raises StudyError where the study takes nobody any more, or not somebody of an earlier study.
        """
        if self.took_part_before(external):
            raise StudyError(f"{self._study.name} takes nobody of {', '.join(self._study.not_from)}.")
        self.release_timed_out()
        participant = self._store.add_participant(
            self._study.name, self._study.participants, self._plan, external=external
        )
        return self._store.start_session(participant.participant_key)

    def _plan(self, occupancy: Occupancy) -> ParticipantPlan:
        # Asked for inside the transaction, so that trials and round cannot be of different bundles.
        served = self._bundles.served(occupancy.study_round.bundle_hash)
        condition = choose_condition(self._study.shares, occupancy)
        slot = occupancy.free_slot(condition)
        return ParticipantPlan(condition, self._bundles.drawn(served, condition, slot, self._rng), slot)

    def participant(self, token: str) -> Participant | None:
        """Whom the secret of a cookie belongs to in this study, or None."""
        participant = self._store.participant_by_session(token) if token else None
        return participant if participant and participant.study_name == self._study.name else None

    def active(self, token: str) -> Participant:
        """Who is under way. Raises NotServedError: 401 unknown session, also a replaced one, 403 over."""
        participant = self.participant(token)
        if participant is None:
            raise NotServedError(401, "Please begin on the welcome page.")
        if participant.status != "active":
            raise NotServedError(403, "This participation is over.")
        return participant

    def hold_lease(self, token: str, lease: str, *, take: bool, before: str | None = None) -> bool:
        """Whether an open page holds its participant's lease: the newest one does; `take` makes it the newest.

        `before`: the lease of the page that it has followed in the same tab. Raises NotServedError as `active` does.
        """
        participant = self.active(token)
        if take:
            self._store.take_lease(participant.participant_key, lease, before)
            return True
        return participant.lease_id in (None, lease)

    def note_page_event(self, token: str, kind: str, detail: Mapping[str, str]) -> None:
        """Record what the participant's browser did with a page. Raises NotServedError as `active` does."""
        key = self.active(token).participant_key
        self._store.add_event(Event(participant_key=key, kind=kind, detail=json.dumps(detail)))

    def brought_up_to_date(self, participant: Participant) -> Participant:
        """Note that an active participant is here, and that a block of trials is over when it is."""
        if participant.status != "active":
            return participant
        key = participant.participant_key
        total = self._study.time_limits.total
        if total is not None and now() - participant.created_at > total:
            self._store.end_participation(key, "timed_out")
            return self._store.participant(key)
        due = self._store.due(key) if participant.step in DECIDING_STEPS else None
        if participant.step in DECIDING_STEPS and (
            due is None or step_of_trial(due[0].kind) != participant.step
        ):
            self.go_on(participant)
        else:
            self._store.touch(key)
        return self._store.participant(key)

    def is_asked_for_consent(self, participant: Participant) -> bool:
        """Whether somebody under way has not said yet whether they want to take part."""
        return self._protocol.screen_to_show(participant.status, participant.step) == "consent"

    def go_on(self, participant: Participant, answers: Sequence[Answer] = ()) -> None:
        """Write the answers that end the participant's step, and go to the next; complete after the last.

        Does nothing where the participant is at another step already, or at an end: a second click on a button that
        is gone must not take them back, nor complete them early, nor go on for who has just left.
        """
        key, here = participant.participant_key, participant.step
        following = self._protocol.step_after(here)
        if following is None:
            self._store.end_participation(key, "completed", after=here, answers=answers)
        else:
            consented = self.is_asked_for_consent(participant)
            self._store.set_step(key, following, consented=consented, after=here, answers=answers)

    def answers(self, participant: Participant, kind: str) -> list[Answer]:
        """What the participant has answered in a step that asks, repetitions included, the oldest first."""
        given = self._store.answers(participant.participant_key)
        return [answer for answer in given if answer.kind == kind]

    def add_answers(self, answers: Sequence[Answer]) -> None:
        """Write answers that do not end their step."""
        self._store.add_answers(answers)

    def screen_out(self, participant: Participant, answers: Sequence[Answer]) -> None:
        """End a participation whose screening answers the study does not take."""
        self._store.end_participation(
            participant.participant_key, "screened_out", after=participant.step, answers=answers
        )

    def withdraw(self, participant: Participant) -> None:
        """End a participation at the participant's wish, at whatever step they are by now.

        What was decided stays until it is erased.
        """
        self._leave(participant, after=None)

    def decline(self, participant: Participant) -> None:
        """End the participation of who does not consent; does nothing where they have just consented."""
        self._leave(participant, after=participant.step)

    def _leave(self, participant: Participant, after: str | None) -> None:
        key = participant.participant_key
        withdrew = Event(participant_key=key, kind="withdrew")
        self._store.end_participation(key, "returned", after=after, events=[withdrew])

    def recruitment(self, participant: Participant) -> Recruitment | None:
        """How the participant's platform knows them, for the address that leads back there."""
        return self._store.recruitment(participant.participant_key)
