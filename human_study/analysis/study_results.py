"""What a study has shown so far, read from store and bundles once, for the analyst app and the report.

Not responsible for which decisions count (advisor/measurement/counted_decisions.py), for the figures themselves
(decision_statistics.py), nor for how they look.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from advisor.bundles.bundle import CONDITIONS, Bundle, registered_bundle
from advisor.measurement.counted_decisions import counted, left_out
from data.records import ParticipantKind, Study
from data.store.decision_store import DecisionStore
from human_study.analysis import advice_shown, contrasts, decision_statistics
from human_study.analysis.application_groups import Cases, read_cases

STATUSES = ("completed", "active", "timed_out", "returned", "screened_out")
_ROUND_COLUMNS = [
    "round_number", "started_at", "advisor", "trained_on", "machine_accuracy", "bundle_hash", "bundle_path",
]  # fmt: skip
_KEPT_COLUMNS = [
    "participant_key", "round_number", "condition", "trial_key", "trial_kind", "position", "application_id",
    "split", "bundle_hash", "image", "score", "approved", "confidence", "response_time_ms", "reason", "decided_at",
    "asked_choice", "initial_choice", "initial_confidence",
]  # fmt: skip


@dataclass(frozen=True)
class StudyResults:
    """One study and one kind of participant, as analysed.

    `rounds`: one row a round (round_number, started_at, advisor, trained_on, machine_accuracy, bundle_hash,
    bundle_path). `participants`: one row a participant of this kind, whatever became of them. `excluded`:
    participant key → why their decisions do not count.

    `all_decisions`: every decision of every participant of this kind, with `outcome` (1 = the good one;
    missing for practice), `machine_score` (the machine's probability of the good outcome), `advice` (see
    advice_shown.py), `initial_approved` (0 or 1; missing where there was one stage) and `counts`, whether it
    enters the analysis. `decisions`: those main trials that count. The other tables are as from
    decision_statistics and condition_contrasts. `reason_codes`: codes that coders gave to reasons (trial_key,
    coder, code). `readings` and `run_paths` are of the runs that learned from this study, see advice_shown.py.
    """

    study: Study
    kind: ParticipantKind
    rounds: pd.DataFrame
    participants: pd.DataFrame
    excluded: pd.Series
    all_decisions: pd.DataFrame
    decisions: pd.DataFrame
    accuracy: pd.DataFrame
    contrasts: pd.DataFrame
    participant_accuracy: pd.DataFrame
    response_times: pd.DataFrame
    reason_codes: pd.DataFrame
    readings: pd.Series
    run_paths: tuple[str, ...]

    @property
    def simulated(self) -> bool:
        """Whether no person took these decisions."""
        return self.kind == "simulated"

    @cached_property
    def test_decisions(self) -> pd.DataFrame:
        """The decisions that accuracy is measured on."""
        return self.decisions[self.decisions["split"] == "test"].reset_index(drop=True)

    @cached_property
    def bundles(self) -> dict[str, Bundle]:
        """Hash → the bundles that the rounds served."""
        served = self.rounds[["bundle_path", "bundle_hash"]].drop_duplicates()
        return {str(row[1]): registered_bundle(str(row[0]), str(row[1])) for row in served.to_numpy()}

    @cached_property
    def cases(self) -> Cases:
        """The applications with their features and protected attributes, or why they cannot be had."""
        return read_cases(self.bundles.values())

    @property
    def machine_accuracy(self) -> dict[int, float]:
        """Round → balanced accuracy of the machine alone on the test split, as its bundle states it."""
        return dict(zip(self.rounds["round_number"], self.rounds["machine_accuracy"], strict=True))


def kinds_present(store: DecisionStore, study_name: str) -> list[ParticipantKind]:
    """The kinds of participant that a study has; first the kind it recruits, even before anybody came."""
    declared = store.study(study_name).participants
    other: ParticipantKind = "people" if declared == "simulated" else "simulated"
    return [declared, *([other] if len(store.status_counts(study_name, kind=other)) else [])]


def collect_results(store: DecisionStore, study_name: str, kind: ParticipantKind) -> StudyResults:
    """Read and analyse a study.

    Raises StudyError where there is no such study, and BundleError where a bundle or its outcomes are gone.
    """
    study = store.study(study_name)
    rounds = _rounds(store, study_name)
    participants = store.participants_frame(study_name, kind=kind)
    readings = advice_shown.face_readings(store.runs(study_name), kind)
    everything = _with_machine_and_advice(
        store.decisions_frame(study_name, kind=kind, columns=_KEPT_COLUMNS), rounds, readings
    )
    excluded = left_out(study, participants, everything)
    decisions = counted(everything, excluded)
    everything["counts"] = ~everything["participant_key"].isin(excluded.index)
    assert decisions["outcome"].notna().all(), (
        "a decision on an application that is in no bundle of its study"
    )
    decisions["outcome"] = decisions["outcome"].astype("int8")
    on_test = decisions[decisions["split"] == "test"]
    return StudyResults(
        study=study,
        kind=kind,
        rounds=rounds,
        participants=participants,
        excluded=excluded,
        all_decisions=everything,
        decisions=decisions,
        accuracy=accuracy_by_cell(on_test, _cells(study, rounds, participants), participants, excluded),
        contrasts=contrasts.contrasts_table(on_test),
        participant_accuracy=decision_statistics.participant_table(on_test),
        response_times=decision_statistics.response_time_table(decisions),
        reason_codes=store.reason_codes_frame(study_name, kind=kind),
        readings=readings,
        run_paths=tuple(run.run_path for run in store.runs(study_name) if run.participants == kind),
    )


def _with_machine_and_advice(
    decisions: pd.DataFrame, rounds: pd.DataFrame, readings: pd.Series
) -> pd.DataFrame:
    """Decisions, and what the bundles know of each: see `StudyResults.all_decisions`."""
    initial = decisions["initial_choice"]
    decisions["initial_approved"] = (initial == "approve").astype(float).where(initial.notna())
    decisions[["outcome", "machine_score", "advice"]] = np.nan
    served = rounds[["bundle_path", "bundle_hash"]].drop_duplicates()
    for path, bundle_hash in served.itertuples(index=False):
        bundle = registered_bundle(path, bundle_hash)
        rows = decisions.index[decisions["bundle_hash"] == bundle_hash]
        ids = decisions.loc[rows, "application_id"]
        decisions.loc[rows, "outcome"] = bundle.outcomes().astype(float).reindex(ids).to_numpy()
        decisions.loc[rows, "machine_score"] = bundle.applications["score"].reindex(ids).to_numpy()
        decisions.loc[rows, "advice"] = advice_shown.advice_shown(decisions.loc[rows], bundle, readings)
    return decisions


def _rounds(store: DecisionStore, study_name: str) -> pd.DataFrame:
    rows = []
    for study_round in store.rounds(study_name):
        bundle = store.bundle(study_round.bundle_hash)
        rows.append(
            {
                "round_number": study_round.round_number,
                "started_at": study_round.started_at,
                "advisor": bundle.kind,
                "trained_on": bundle.trained_on,
                "machine_accuracy": json.loads(bundle.manifest)["machine_balanced_accuracy"],
                "bundle_hash": bundle.bundle_hash,
                "bundle_path": bundle.bundle_path,
            }
        )
    return pd.DataFrame(rows, columns=_ROUND_COLUMNS)


def _cells(study: Study, rounds: pd.DataFrame, participants: pd.DataFrame) -> list[tuple[int, str]]:
    """Every (round, condition) that the study file declares or somebody was in, in the order of display."""
    declared = json.loads(study.study_file).get("conditions", {})
    seen = set(zip(participants["round_number"], participants["condition"], strict=True))
    return [
        (int(number), condition)
        for number in rounds["round_number"]
        for condition in CONDITIONS
        if condition in declared or (number, condition) in seen
    ]


def accuracy_by_cell(
    on_test: pd.DataFrame, cells: list[tuple[int, str]], participants: pd.DataFrame, excluded: pd.Series
) -> pd.DataFrame:
    """`decision_statistics.accuracy_table`; where everybody of a cell is left out, that is the reason given."""
    table = decision_statistics.accuracy_table(on_test, cells)
    whole = left_out_whole(participants, excluded, ["round_number", "condition"])
    for (number, condition), (n_left_out, why) in whole.items():
        cell = (table["round_number"] == number) & (table["condition"] == condition)
        said = f"all {n_left_out} participants are left out ({why})"
        table.loc[cell, ["reason", "signal_reason"]] = said
    return table


def left_out_whole(
    participants: pd.DataFrame, excluded: pd.Series, by: list[str]
) -> dict[Any, tuple[int, str]]:
    """Group (a tuple) → how many are left out and why, of those groups of which nobody counts."""
    because = participants["participant_key"].map(excluded)
    groups = because.groupby([participants[name] for name in by])
    return {key: (len(why), ", ".join(sorted(set(why)))) for key, why in groups if why.notna().all()}


def participant_flow(results: StudyResults) -> pd.DataFrame:
    """How many participants became what: round_number, condition, then a column a status (see STATUSES)."""
    participants = results.participants
    groups = [participants["round_number"], participants["condition"]]
    counts = pd.crosstab(groups, participants["status"]).reindex(columns=list(STATUSES), fill_value=0)
    cells = pd.MultiIndex.from_frame(results.accuracy[["round_number", "condition"]])
    return counts.reindex(cells, fill_value=0).rename_axis(columns=None).reset_index()
