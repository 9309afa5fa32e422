"""What a study has shown so far, read from store and bundles once, for the analyst app and the report.

Not responsible for which decisions count (advisor/measurement/counted_decisions.py), for the figures themselves
(decision_statistics.py, contrasts.py), nor for how they look.
"""

import dataclasses
import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from advisor.bundles.bundle import CONDITIONS, Bundle, registered_bundle
from advisor.measurement.counted_decisions import counted, left_out, statuses_apart
from advisor.measurement.withheld import WITHHELD, is_withheld
from data.analysis_records import StudyEvent, TrainingRun
from data.errors import WithheldError
from data.records import ParticipantKind, Study
from data.store.decision_store import DecisionStore
from human_study.analysis import advice_shown, contrasts, decision_statistics
from human_study.analysis.application_groups import StudyApplications, applications_of
from human_study.analysis.planned_looks import look_reached, looks_so_far
from human_study.study.analysis_plan import DeclaredAnalysis, declared_analysis

STATUSES = (
    "completed",
    "active",
    "timed_out",
    "declined",
    "returned",
    "screened_out",
)  # in the order of display
_ROUND_COLUMNS = [
    "round_number", "started_at", "advisor", "trained_on", "machine_accuracy", "bundle_hash", "bundle_path",
]  # fmt: skip
_KEPT_COLUMNS = [
    "participant_key", "round_number", "condition", "trial_key", "trial_kind", "position", "application_id",
    "split", "bundle_hash", "image", "score", "approved", "confidence", "response_time_ms", "reason", "decided_at",
    "asked_choice", "initial_choice", "initial_confidence", "perception_question", "perceived",
]  # fmt: skip


@dataclass(frozen=True)
class StudyResults:
    """One study and one kind of participant, as analysed. What is below the eight frames is derived from them.

    Attributes:
        study: as the store holds it, its study file included.
        kind: people or simulated participants.
        rounds: one row a round (round_number, started_at, advisor, trained_on, machine_accuracy, bundle_hash,
            bundle_path).
        participants: one row a participant of this kind, whatever became of them.
        all_decisions: every decision of every participant of this kind, with `outcome` (1 = the good one;
            missing for practice), `machine_score` (the machine's probability of the good outcome), `advice`
            (see advice_shown.py) and `initial_approved` (0 or 1; missing where there was one stage).
        reason_codes: codes that coders gave to reasons (trial_key, coder, code).
        answers: every answer outside the trials in the order of writing (see `DecisionStore.attempts_frame`).
        pair_judgements: every judgement of a pair of faces (see `DecisionStore.pair_judgements_frame`).
        runs: the runs that learned from this study and kind, the oldest first.
        events: what happened to the study as a whole: closings, openings, changes, looks while it was open.
        conditions: those that are looked at; None without a filter.
        look: of an open study with planned looks, how many of the newest round are shown; None for everybody.
    """

    study: Study
    kind: ParticipantKind
    rounds: pd.DataFrame
    participants: pd.DataFrame
    all_decisions: pd.DataFrame
    reason_codes: pd.DataFrame
    answers: pd.DataFrame
    pair_judgements: pd.DataFrame
    runs: tuple[TrainingRun, ...]
    events: tuple[StudyEvent, ...]
    conditions: tuple[str, ...] | None = None
    look: int | None = None

    @property
    def simulated(self) -> bool:
        """Whether no person took these decisions."""
        return self.kind == "simulated"

    @property
    def is_withheld(self) -> bool:
        """Whether outcomes by condition are not to be shown yet (advisor/measurement/withheld.py)."""
        return self.look is None and is_withheld(self.study, self.kind)

    def require_shown(self) -> None:
        """Raise WithheldError while outcomes by condition are withheld."""
        if self.is_withheld:
            raise WithheldError(WITHHELD)

    @property
    def is_filtered(self) -> bool:
        """Whether a part of the rounds or conditions is looked at: nothing is corrected then, all is exploratory."""
        return self.conditions is not None

    @cached_property
    def declared(self) -> DeclaredAnalysis:
        """What the study declares of its analysis, defaults included."""
        return declared_analysis(self.study.declared, set(self.participants["condition"]))

    @cached_property
    def excluded(self) -> pd.Series:
        """Participant key → why their decisions do not count."""
        return left_out(self.study, self.participants, self.all_decisions)

    @cached_property
    def counted_people(self) -> pd.DataFrame:
        """All decisions, on trials of every kind, by those who count."""
        return self.all_decisions[~self.all_decisions["participant_key"].isin(self.excluded.index)]

    @cached_property
    def decisions(self) -> pd.DataFrame:
        """The main trials that count."""
        decisions = counted(self.all_decisions, self.excluded)
        assert decisions["outcome"].notna().all(), (
            "a decision on an application that is in no bundle of its study"
        )
        return decisions.astype({"outcome": "int8"})

    @cached_property
    def test_decisions(self) -> pd.DataFrame:
        """The decisions that accuracy is measured on."""
        return self.decisions[self.decisions["split"] == "test"].reset_index(drop=True)

    @cached_property
    def cells(self) -> list[tuple[int, str]]:
        """Every (round, condition) that the study file declares or somebody was in, in the order of display."""
        declared = self.study.declared.get("conditions", {})
        seen = set(zip(self.participants["round_number"], self.participants["condition"], strict=True))
        return [
            (int(number), condition)
            for number in self.rounds["round_number"]
            for condition in CONDITIONS
            if self.conditions is None or condition in self.conditions
            if condition in declared or (number, condition) in seen
        ]

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """`decision_statistics.accuracy_table`, with the machine's on the same trials (machine_accuracy).

        Where nobody of a cell counts, that is the reason given.
        """
        table = decision_statistics.accuracy_table(self.test_decisions, self.cells)
        cell_of = ["round_number", "condition"]
        machine = decision_statistics.machine_accuracy(self.test_decisions, cell_of)
        table["machine_accuracy"] = machine.reindex(pd.MultiIndex.from_frame(table[cell_of])).to_numpy()
        for (number, condition), (n_left_out, why) in self.left_out_whole(
            ["round_number", "condition"]
        ).items():
            cell = (table["round_number"] == number) & (table["condition"] == condition)
            said = f"{all_left_out(n_left_out)} ({why})"
            table.loc[cell, ["reason", "signal_reason"]] = said
        return table

    @cached_property
    def contrasts(self) -> pd.DataFrame:
        """`contrasts.contrasts_table` of the test decisions."""
        tested, corrected = contrasts.tested_round(self.test_decisions, self.declared), not self.is_filtered
        in_round = self.test_decisions[self.test_decisions["round_number"] == tested]
        looks = looks_so_far(self.participants, in_round, self.declared) if corrected else ()
        return contrasts.contrasts_table(self.test_decisions, self.declared, corrected=corrected, looks=looks)

    @cached_property
    def participant_accuracy(self) -> pd.DataFrame:
        """`decision_statistics.participant_table` of the test decisions."""
        return decision_statistics.participant_table(self.test_decisions)

    @cached_property
    def response_times(self) -> pd.DataFrame:
        """`decision_statistics.response_time_table` of the main trials."""
        return decision_statistics.response_time_table(self.timed_decisions)

    @cached_property
    def timed_decisions(self) -> pd.DataFrame:
        """The main trials that count whose response time is known and counts by the study's declaration."""
        return self.decisions[self.declared.response_times.counts(self.decisions["response_time_ms"])]

    @cached_property
    def readings(self) -> pd.Series:
        """What the runs read off faces, see `advice_shown.face_readings`."""
        return advice_shown.face_readings(self.runs)

    @cached_property
    def bundles(self) -> dict[str, Bundle]:
        """Hash → the bundles that the rounds served. Raises BundleError where one is gone or altered."""
        served = self.rounds[["bundle_path", "bundle_hash"]].drop_duplicates()
        return {str(row[1]): registered_bundle(str(row[0]), str(row[1])) for row in served.to_numpy()}

    @cached_property
    def applications(self) -> StudyApplications:
        """The applications with their features and protected attributes, or why they cannot be had.

        Raises BundleError where the newest bundle is gone or altered.
        """
        return applications_of(self.study, self.bundles.values())

    @cached_property
    def machine_accuracy(self) -> dict[int, float]:
        """Round → balanced accuracy of the machine alone on the very test trials that people decided in it."""
        known = decision_statistics.machine_accuracy(self.test_decisions, ["round_number"]).dropna()
        return {int(str(number)): float(accuracy) for number, accuracy in known.items()}

    def left_out_whole(self, by: list[str]) -> dict[Any, tuple[int, str]]:
        """Group (a tuple) → how many are left out and why, of those groups of which nobody counts."""
        because = self.participants["participant_key"].map(self.excluded)
        groups = because.groupby([self.participants[name] for name in by])
        return {key: (len(why), ", ".join(sorted(set(why)))) for key, why in groups if why.notna().all()}

    def participant_flow(self) -> pd.DataFrame:
        """How many participants became what: round_number, condition, then a column a status (see STATUSES)."""
        groups = [self.participants["round_number"], self.participants["condition"]]
        counts = pd.crosstab(groups, statuses_apart(self.participants)).reindex(
            columns=list(STATUSES), fill_value=0
        )
        cells = pd.MultiIndex.from_tuples(self.cells, names=["round_number", "condition"])
        return counts.reindex(cells, fill_value=0).rename_axis(columns=None).reset_index()

    def at_planned_look(self) -> "StudyResults":
        """What may be seen now: of an open study with declared looks, the newest one that was reached.

        Then only those count of the newest round who completed it first. The same object where nothing changes.
        """
        reached = look_reached(self.participants, self.declared) if self.is_withheld else None
        if reached is None:
            return self
        look, unseen = reached

        def kept(frame: pd.DataFrame) -> pd.DataFrame:
            return frame[~frame["participant_key"].isin(unseen)].reset_index(drop=True)

        people, decisions = kept(self.participants), kept(self.all_decisions)
        return dataclasses.replace(self, participants=people, all_decisions=decisions, look=look)

    def narrowed(self, rounds: Collection[int] = (), conditions: Collection[str] = ()) -> "StudyResults":
        """The results as if only these rounds and conditions had been run; empty means all of them.

        Nothing is corrected in what is left. The same object where nothing is left out.
        """
        kept_rounds = set(rounds or self.rounds["round_number"])
        kept_conditions = set(conditions or CONDITIONS)
        if all(number in kept_rounds and condition in kept_conditions for number, condition in self.cells):
            return self

        def kept(frame: pd.DataFrame) -> pd.DataFrame:
            wanted = frame["round_number"].isin(kept_rounds) & frame["condition"].isin(kept_conditions)
            return frame[wanted].reset_index(drop=True)

        all_decisions = kept(self.all_decisions)
        given = self.reason_codes["trial_key"].isin(all_decisions["trial_key"])
        return dataclasses.replace(
            self,
            rounds=self.rounds[self.rounds["round_number"].isin(kept_rounds)].reset_index(drop=True),
            participants=kept(self.participants),
            all_decisions=all_decisions,
            reason_codes=self.reason_codes[given].reset_index(drop=True),
            conditions=tuple(condition for condition in CONDITIONS if condition in kept_conditions),
        )


def kinds_present(store: DecisionStore, study_name: str) -> list[ParticipantKind]:
    """The kinds of participant that a study has; first the kind it recruits, even before anybody came."""
    declared = store.study(study_name).participants
    other: ParticipantKind = "people" if declared == "simulated" else "simulated"
    return [declared, *([other] if len(store.status_counts(study_name, kind=other)) else [])]


def collect_results(store: DecisionStore, study_name: str, kind: ParticipantKind) -> StudyResults:
    """Read a study.

    Raises StudyError where there is no such study, and BundleError where a bundle or its outcomes are gone.
    """
    rounds = _rounds(store, study_name)
    runs = tuple(run for run in store.runs(study_name) if run.participants == kind)
    decisions = store.decisions_frame(study_name, kind=kind, columns=_KEPT_COLUMNS)
    return StudyResults(
        study=store.study(study_name),
        kind=kind,
        rounds=rounds,
        participants=store.participants_frame(study_name, kind=kind),
        all_decisions=advice_shown.with_machine_and_advice(
            decisions, rounds, advice_shown.face_readings(runs)
        ),
        reason_codes=store.reason_codes_frame(study_name, kind=kind),
        answers=store.attempts_frame(study_name, kind=kind),
        pair_judgements=store.pair_judgements_frame(study_name, kind=kind),
        runs=runs,
        events=tuple(store.study_events(study_name)),
    )


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


def all_left_out(n_people: int, of_what: str = "") -> str:
    """That everybody is left out: "all 3 participants are left out", "the only participant is left out"."""
    if n_people == 1:
        return f"the only participant{of_what} is left out"
    return f"all {n_people} participants{of_what} are left out"
