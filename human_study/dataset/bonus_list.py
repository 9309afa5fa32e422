"""The list of bonuses for the platform that pays them: everybody once, when nobody can change the mean any more."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from advisor.measurement.counted_decisions import paid_decisions
from data.errors import StudyError
from data.records import ParticipantKind
from data.store.decision_store import DecisionStore
from human_study.dataset.overdue import release_overdue
from human_study.study.payment import bonuses
from human_study.study.study_sections import Payment


def list_bonuses(
    store: DecisionStore, study_name: str, out: Path, *, again: bool = False
) -> tuple[int, float, str]:
    """Write external_id, amount, currency and session_id of everybody who completed, and note that it was.

    Paid are the main decisions of everybody who completed, whether or not the analysis excludes them.

    Who was listed before is left out, unless `again`; their amounts never change. The file names people as
    their platform knows them: it is for payment only, and never goes with the data.

    Returns:
        How many were listed, the sum of their bonuses, and its currency.

    Raises:
        StudyError: the study is open or somebody is under way, so the mean of `none` is not known yet; it
            pays no bonus; or `out` exists.
    """
    study = store.study(study_name)
    payment = Payment.model_validate(study.declared.get("payment", {}))
    if not payment.bonus_per_correct:
        raise StudyError(f"{study_name} pays no bonus; its study file says bonus_per_correct: 0.")
    release_overdue(store, study_name)
    people = store.participants_frame(study_name, kind=study.participants)
    n_active = int((people["status"] == "active").sum())
    if study.status == "open" or n_active:
        raise StudyError(
            f"{study_name} is {study.status} and {n_active} participants are under way, so the mean bonus of none"
            " may still change; close it, and list again when nobody is under way."
        )
    if out.exists():
        raise StudyError(f"{out} exists and is left as it is; choose another name.")
    listed = {bonus.participant_key: bonus for bonus in store.bonuses(study_name)}
    keys = people.loc[people["status"] == "completed", "participant_key"]
    n_correct = _n_correct(store, study_name, study.participants, keys)
    due = bonuses(payment, [store.participant(key) for key in keys], n_correct)
    new = [bonus for bonus in due if bonus.participant_key not in listed]
    chosen = [*listed.values(), *new] if again else new
    known = {recruitment.participant_key: recruitment for recruitment in store.recruitments(study_name)}
    # Noted first: a list that was noted and not written can be written again, one paid twice cannot be undone.
    store.add_bonuses(new)
    with out.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["external_id", "amount", "currency", "session_id"])
        for bonus in chosen:
            person = known[bonus.participant_key]
            writer.writerow([person.external_id, f"{bonus.amount:.2f}", bonus.currency, person.session_id])
    return len(chosen), sum(bonus.amount for bonus in chosen), payment.currency


def _n_correct(
    store: DecisionStore, study_name: str, kind: ParticipantKind, keys: Iterable[str]
) -> dict[str, int]:
    """Participant key → correct decisions among those that are paid for, of the people named by `keys`."""
    decided = paid_decisions(store, study_name, kind)
    correct = (decided["approved"] == decided["outcome"]).groupby(decided["participant_key"]).sum()
    return dict.fromkeys(keys, 0) | {str(key): int(n) for key, n in correct.items()}
