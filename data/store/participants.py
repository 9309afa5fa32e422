"""The part of the store that knows participants: admitted, recognised, moved on, ended."""

import json
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from data.admission import Occupancy, ParticipantPlan
from data.errors import StoreError, StudyError
from data.records import (
    FINAL_STATUSES,
    MOVED_LEASE,
    MOVES,
    Answer,
    Bonus,
    EarlierSession,
    Event,
    Participant,
    ParticipantKind,
    ParticipantStatus,
    Recruitment,
)
from data.store import sql_tables
from data.store.erasure import require_not_erased
from data.store.queries import (
    find_first_unanswered,
    find_known_participant,
    find_newest_round,
    find_occupancy,
    find_participant,
    find_study,
    read_records,
    token_hash,
    unknown_participant,
    write_records,
)
from data.store.transactions import Transactions
from data.stored_record import new_key, now


class Participants(Transactions):
    """Participants of studies; a part of `DecisionStore`."""

    def add_participant(
        self,
        study_name: str,
        kind: ParticipantKind,
        choose: Callable[[Occupancy], ParticipantPlan],
        *,
        external: Recruitment | None = None,
    ) -> Participant:
        """Admit a participant into the newest round, with all trials, in one transaction.

        `choose` is given who of this kind is active in or through with that round, while no other
        participant can be added, and returns the condition and the trials in order; keys and positions of
        the trials are set here. `external` holds platform and external id (its other keys are set here);
        somebody who is known by it already is returned instead of being added.

        Raises StudyError for an unknown or closed study, one without a round, or one whose newest round
        serves another bundle than the trials are of (it began while they were prepared);
        ErasedParticipantError for somebody who was erased from it.
        """
        with self._writing() as connection:
            study = find_study(connection, study_name, lock=True)
            if external and (known := find_known_participant(connection, study_name, external)):
                return known
            if external:
                require_not_erased(connection, self._database_path, study_name, external)
            if study.status == "closed":
                raise StudyError(
                    f'study "{study_name}" is closed; open a new study to take more participants'
                )
            current = find_newest_round(connection, study_name)
            plan = choose(find_occupancy(connection, current, kind))
            if any(trial.bundle_hash != current.bundle_hash for trial in plan.trials):
                raise StudyError(f'a new round of study "{study_name}" has just begun; begin once more')
            participant = Participant(
                study_name=study_name,
                round_number=current.round_number,
                bundle_hash=current.bundle_hash,
                kind=kind,
                condition=plan.condition,
                slot=plan.slot,
            )
            key = participant.participant_key
            connection.execute(insert(sql_tables.participant).values(participant.model_dump()))
            if external:
                known_by = {"participant_key": key, "study_name": study_name}
                connection.execute(
                    insert(sql_tables.recruitment).values({**external.model_dump(), **known_by})
                )
            if plan.trials:
                trials = [
                    {
                        **trial.model_dump(),
                        "trial_key": new_key(),
                        "participant_key": key,
                        "position": position,
                    }
                    for position, trial in enumerate(plan.trials)
                ]
                connection.execute(insert(sql_tables.trial), trials)
            return participant

    def known_participant(self, study_name: str, external: Recruitment) -> Participant | None:
        """Who takes or took part under that id of that platform, or None."""
        with self._reading() as connection:
            return find_known_participant(connection, study_name, external)

    def occupancy(self, study_name: str, kind: ParticipantKind) -> Occupancy:
        """Who of a kind is in the study's newest round. Raises StudyError before the first round."""
        with self._reading() as connection:
            return find_occupancy(connection, find_newest_round(connection, study_name), kind)

    def participant(self, participant_key: str) -> Participant:
        """One participant. Raises StoreError where the key is unknown."""
        with self._reading() as connection:
            return find_participant(connection, participant_key)

    def participant_by_session(self, token: str) -> Participant | None:
        """Whom a session token (from `start_session`) belongs to, or None."""
        return self.participants_by_session([token]).get(token)

    def participants_by_session(self, tokens: Sequence[str]) -> dict[str, Participant]:
        """Whom session tokens (from `start_session`) belong to; a token of nobody is left out."""
        columns = sql_tables.participant.c
        hashes = {token_hash(token): token for token in tokens}
        query = select(sql_tables.participant).where(columns.session_token_hash.in_(hashes))
        with self._reading() as connection:
            found = read_records(connection, Participant, query)
        return {hashes[str(participant.session_token_hash)]: participant for participant in found}

    def participant_by_earlier_session(self, token: str) -> Participant | None:
        """Whom a session token belonged to that a newer one of theirs has replaced, or None."""
        earlier, people = sql_tables.earlier_session.c, sql_tables.participant
        query = (
            select(people)
            .join(sql_tables.earlier_session, earlier.participant_key == people.c.participant_key)
            .where(earlier.session_token_hash == token_hash(token))
        )
        with self._reading() as connection:
            found = read_records(connection, Participant, query)
        return found[0] if found else None

    def start_session(self, participant_key: str) -> str:
        """A new secret for the participant's cookie, of which only the hash is stored.

        Older ones stop working; `participant_by_earlier_session` still knows whose they were.
        """
        token = secrets.token_urlsafe(32)
        with self._writing() as connection:
            before = find_participant(connection, participant_key, lock=True).session_token_hash
            if before is not None:
                replaced = EarlierSession(session_token_hash=before, participant_key=participant_key)
                write_records(connection, sql_tables.earlier_session, [replaced])
                self._note_move(connection, participant_key)
            _change(connection, participant_key, session_token_hash=token_hash(token))
        return token

    def take_lease(self, participant_key: str, lease_id: str, before: str | None = None) -> None:
        """Make `lease_id` the lease that acts for the participant from now on.

        Every open page (a tab, a window, a device) has a lease. Where another page's is replaced, the move is an event,
        MOVED_LEASE, whose detail names the trial that was due then; `before` is the lease of the page that this one has
        followed in the same tab, which is no move.
        """
        with self._writing() as connection:
            replaced = find_participant(connection, participant_key, lock=True).lease_id
            if replaced != lease_id:
                _change(connection, participant_key, lease_id=lease_id, last_seen_at=now())
                if replaced not in (None, before):
                    self._note_move(connection, participant_key)

    def trial_due_at_move(self, participant_key: str) -> str | None:
        """The key of the trial that was due when the participant last moved to another lease, or None."""
        columns = sql_tables.event.c
        query = (
            select(columns.detail)
            .where(columns.participant_key == participant_key, columns.kind.in_(MOVES))
            .order_by(columns.row_number.desc())
            .limit(1)
        )
        with self._reading() as connection:
            detail = connection.execute(query).scalar_one_or_none()
        return None if detail is None else json.loads(detail)["trial_key"]

    @staticmethod
    def _note_move(connection: Connection, participant_key: str) -> None:
        due = find_first_unanswered(connection, participant_key)
        detail = json.dumps({"trial_key": due.trial_key if due else None})
        moved = Event(participant_key=participant_key, kind=MOVED_LEASE, detail=detail)
        write_records(connection, sql_tables.event, [moved])

    def touch(self, participant_key: str) -> None:
        """Note that the participant was heard of just now."""
        with self._writing() as connection:
            _change(connection, participant_key, last_seen_at=now())

    def set_step(
        self,
        participant_key: str,
        step: str,
        *,
        consented: bool = False,
        after: str | None = None,
        answers: Sequence[Answer] = (),
    ) -> bool:
        """Note the step that an active participant is at now, as an event too, and the answers that led there.

        `consented`: consent led to it. `after`: only from that step on. It looks and writes in one transaction, so
        that of two presses at once one counts: False, with nothing written, for who is at another step or at an end.
        """
        moment = now()
        values: dict[str, Any] = {"step": step, "last_seen_at": moment}
        if consented:
            values["consented_at"] = moment
        detail = json.dumps({"step": step})
        moved = Event(participant_key=participant_key, kind="step", detail=detail, happened_at=moment)
        return self._move_on(participant_key, values, after, answers, [moved])

    def end_participation(
        self,
        participant_key: str,
        status: ParticipantStatus,
        *,
        after: str | None = None,
        answers: Sequence[Answer] = (),
        events: Sequence[Event] = (),
    ) -> bool:
        """Give an active participant a final status, and write what belongs to it; `after` and result as in `set_step`.

        It is dated; completion also gets a random `completion_code`.
        """
        moment = now()
        values: dict[str, Any] = {"status": status, "ended_at": moment if status in FINAL_STATUSES else None}
        if status == "completed":
            values |= {"completed_at": moment, "completion_code": secrets.token_hex(4).upper()}
        return self._move_on(participant_key, values, after, answers, events)

    def set_status(self, participant_key: str, status: ParticipantStatus) -> None:
        """Change a participant's status as `end_participation` does; setting a final one again is harmless.

        Raises StoreError where the key is unknown or the status is final and another.
        """
        if not self.end_participation(participant_key, status):
            present = self.participant(participant_key).status
            if present != status:
                raise StoreError(f"the participation is {present}, which is final; it cannot become {status}")

    def _move_on(
        self,
        participant_key: str,
        values: dict[str, Any],
        after: str | None,
        answers: Sequence[Answer],
        events: Sequence[Event],
    ) -> bool:
        with self._writing() as connection:
            present = find_participant(connection, participant_key, lock=True)
            if present.status != "active" or after not in (None, present.step):
                return False
            _change(connection, participant_key, **values)
            write_records(connection, sql_tables.answer, answers)
            write_records(connection, sql_tables.event, events)
        return True

    def release_timed_out(
        self, study_name: str, older_than: timedelta, began_before: timedelta | None = None
    ) -> int:
        """Time out active participants not heard of for `older_than`, or who began `began_before` ago.

        Frees their places; returns how many.
        """
        columns, moment = sql_tables.participant.c, now()
        is_over = columns.last_seen_at < moment - older_than
        if began_before is not None:
            is_over |= columns.created_at < moment - began_before
        statement = (
            update(sql_tables.participant)
            .where(columns.study_name == study_name, columns.status == "active", is_over)
            .values(status="timed_out", ended_at=moment)
        )
        with self._writing() as connection:
            return connection.execute(statement).rowcount

    # Recruitment and payment: the only readers of ids elsewhere

    def recruitments(self, study_name: str) -> list[Recruitment]:
        """Who the study's participants are elsewhere; for bonuses and erasure only, never for an export."""
        columns = sql_tables.recruitment.c
        query = select(sql_tables.recruitment).where(columns.study_name == study_name)
        with self._reading() as connection:
            find_study(connection, study_name)
            return read_records(connection, Recruitment, query)

    def recruitment(self, participant_key: str) -> Recruitment | None:
        """Who one participant is elsewhere, or None; for the way back to the platform only."""
        columns = sql_tables.recruitment.c
        query = select(sql_tables.recruitment).where(columns.participant_key == participant_key)
        with self._reading() as connection:
            found = read_records(connection, Recruitment, query)
        return found[0] if found else None

    def bonuses(self, study_name: str) -> list[Bonus]:
        """The bonuses that were listed for payment so far."""
        columns, people = sql_tables.bonus.c, sql_tables.participant.c
        query = (
            select(sql_tables.bonus)
            .join(sql_tables.participant, people.participant_key == columns.participant_key)
            .where(people.study_name == study_name)
        )
        with self._reading() as connection:
            return read_records(connection, Bonus, query)

    def add_bonuses(self, bonuses: Sequence[Bonus]) -> None:
        """Note what was listed for payment. Raises StoreError, writing nothing, where somebody was before."""
        with self._writing() as connection:
            for bonus in bonuses:
                statement = self._insert(sql_tables.bonus).values(bonus.model_dump()).on_conflict_do_nothing()
                written = connection.execute(statement.returning(sql_tables.bonus.c.participant_key))
                if written.one_or_none() is None:
                    raise StoreError("a bonus was listed for payment by somebody else just now; list again")


def _change(connection: Connection, participant_key: str, **values: Any) -> None:
    """Write fields of one participant. Raises StoreError where the key is unknown."""
    is_known = sql_tables.participant.c.participant_key == participant_key
    if connection.execute(update(sql_tables.participant).where(is_known).values(values)).rowcount == 0:
        raise unknown_participant()
