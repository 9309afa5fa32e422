"""Which decisions of a study count, said here and nowhere else.

Learned from and scored: main trials of one kind of participant (people and simulated ones never mix), without those
who withdrew, were screened out, or fall under what the study file excludes. ĥ learns from those
on training applications, accuracy is measured on those on test applications. Repeated trials measure consistency,
attention, practice and learning trials what their names say; none of them is learned from or scored.

Paid: main trials of everybody who completed, excluded or not. What somebody earned does not depend on what the
analysis makes of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from advisor.bundles.bundle import registered_bundle
from data.records import ParticipantKind, Study
from data.store.decision_store import DecisionStore

DECLINED, WITHDREW, SCREENED_OUT = "declined consent", "withdrew", "screened out"
FAILED_ATTENTION, TOO_FAST, ONE_CHOICE = "failed attention checks", "too fast", "one choice only"
REASONS = (DECLINED, WITHDREW, SCREENED_OUT, FAILED_ATTENTION, TOO_FAST, ONE_CHOICE)
_BY_STATUS = {"declined": DECLINED, "returned": WITHDREW, "screened_out": SCREENED_OUT}
# Of every decision, whatever it is read for: they say who is excluded and what became of the application.
_COLUMNS = (
    "participant_key", "round_number", "condition", "trial_kind", "application_id", "split", "bundle_hash", "approved",
    "response_time_ms", "asked_choice",
)  # fmt: skip


def excluded_participants(
    declared: dict[str, Any], participants: pd.DataFrame, decisions: pd.DataFrame
) -> pd.Series:
    """Participant key → why they are excluded (one of REASONS), of those who are: the first reason that holds.

    Nobody is left out for anything that the study file did not declare before there were data.

    Args:
        declared: the section `exclusions` of the study file; empty where it has none.
        participants: everybody of the study, as `DecisionStore.participants_frame` has them; participant_key and status
            are enough where nobody is asked for consent.
        decisions: participant_key, trial_kind, approved, response_time_ms, asked_choice, all of them.

    Who is still under way is not excluded for one choice only: the next one may be another.
    """
    status = statuses_apart(participants).set_axis(participants["participant_key"])
    because = status.map(_BY_STATUS).astype(object)
    main = decisions[decisions["trial_kind"] == "main"].groupby("participant_key")
    found: list[tuple[str, pd.Series]] = []
    if declared.get("failed_attention"):
        found.append((FAILED_ATTENTION, failed_checks(decisions) >= declared["failed_attention"]))
    if declared.get("median_response_time_ms"):
        found.append((TOO_FAST, main["response_time_ms"].median() < declared["median_response_time_ms"]))
    if declared.get("one_choice_only"):
        ended = status.index[status != "active"]
        same = (main["approved"].nunique() == 1) & (main.size() > 1)
        found.append((ONE_CHOICE, same[same.index.isin(ended)]))
    for reason, holds in found:
        hit = because.index.isin(holds.index[holds])
        because = because.where(~(hit & because.isna().to_numpy()), reason)
    return because.dropna()


def has_consented(participants: pd.DataFrame) -> pd.Series:
    """bool: who took part beyond the consent page. Version 0.1.0 dated no consent; its step tells."""
    return participants["consented_at"].notna() | ~participants["step"].isin(["", "consent"])


def statuses_apart(participants: pd.DataFrame) -> pd.Series:
    """Statuses as results name them: who returned their place without having consented is "declined"."""
    status = participants["status"].astype(object)
    if "consented_at" not in participants:
        return status
    nothing_done = ~has_consented(participants) & (participants["n_decisions"] == 0)
    return status.mask((status == "returned") & nothing_done, "declined")


def failed_checks(decisions: pd.DataFrame) -> pd.Series:
    """How many attention checks each participant who was shown any failed."""
    checks = decisions[(decisions["trial_kind"] == "attention") & decisions["asked_choice"].notna()]
    failed = np.asarray((checks["asked_choice"] == "approve") != checks["approved"].astype(bool), dtype=int)
    return pd.Series(failed, index=checks.index).groupby(checks["participant_key"]).sum()


def left_out(study: Study, participants: pd.DataFrame, decisions: pd.DataFrame) -> pd.Series:
    """Participant key → why that person does not count, of everybody who does not (see `excluded_participants`)."""
    return excluded_participants(study.declared.get("exclusions", {}), participants, decisions)


def counted(decisions: pd.DataFrame, excluded: pd.Series) -> pd.DataFrame:
    """The decisions that are learned from and scored; `excluded` is what `left_out` returned."""
    counts = (decisions["trial_kind"] == "main") & ~decisions["participant_key"].isin(excluded.index)
    return decisions[counts].reset_index(drop=True)


def counted_decisions(
    store: DecisionStore,
    study_name: str,
    kind: ParticipantKind,
    *,
    split: Literal["train", "test"],
    columns: Sequence[str] = (),
) -> pd.DataFrame:
    """The decisions of a study that are learned from (`train`) or scored (`test`), one a row.

    Columns: participant_key, round_number, condition, application_id, bundle_hash, approved (0/1), `outcome` (1 = the
    good one), some more, and the named `columns` of `DecisionStore.decisions_frame`.

    Raises StudyError where there is no such study, and BundleError where a bundle or its outcomes are gone.
    """
    wanted = list(dict.fromkeys([*_COLUMNS, *columns]))
    decisions = store.decisions_frame(study_name, kind=kind, columns=wanted)
    participants = store.participants_frame(study_name, kind=kind)
    frame = counted(decisions, left_out(store.study(study_name), participants, decisions))
    return _with_outcomes(store, frame[frame["split"] == split].reset_index(drop=True))


def paid_decisions(store: DecisionStore, study_name: str, kind: ParticipantKind) -> pd.DataFrame:
    """The decisions that a bonus is paid for, with `outcome`; else as `counted_decisions`."""
    decisions = store.decisions_frame(study_name, kind=kind, columns=_COLUMNS)
    participants = store.participants_frame(study_name, kind=kind)
    completed = participants.loc[participants["status"] == "completed", "participant_key"]
    paid = (decisions["trial_kind"] == "main") & decisions["participant_key"].isin(completed)
    return _with_outcomes(store, decisions[paid].reset_index(drop=True))


def _with_outcomes(store: DecisionStore, decisions: pd.DataFrame) -> pd.DataFrame:
    outcome = np.full(len(decisions), np.nan)
    for bundle_hash, rows in decisions.groupby("bundle_hash").indices.items():
        bundle = registered_bundle(store.bundle(str(bundle_hash)).bundle_path, str(bundle_hash))
        outcome[rows] = bundle.outcomes().reindex(decisions["application_id"].iloc[rows])
    assert not np.isnan(outcome).any(), "a decision on an application that is in no bundle of its study"
    return decisions.assign(outcome=outcome.astype(np.int8))
