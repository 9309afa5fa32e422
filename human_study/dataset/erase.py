"""A person's data deleted wherever they can be reached: `human-study erase`.

The rows of every table, the copies in folders that `export` registered, and the person's place in the lists
of the runs that learned from them; those runs and their bundles are not published again. What cannot be
reached is named. Every step can be repeated: the same command again finishes one that was interrupted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from advisor.runs.run_dir import RunDirectory
from advisor.runs.run_participants import take_out_erased
from data.analysis_records import TrainingRun
from data.errors import StudyError, TrainingError
from data.store.decision_store import DecisionStore
from human_study.dataset.export import exported_study
from human_study.dataset.psych_ds import read_table, table_names, write_table

_OUT_OF_REACH = (
    "backups and copies of the database",
    "copies of exported folders, and exports that were moved",
    "reports, figures and tables that were written or downloaded before",
    "files of decisions that were imported, and trials on other platforms",
    "what the recruitment platform and the person's own browser keep",
)


@dataclass(frozen=True)
class ErasureOutcome:
    """What an erasure did.

    Attributes:
        n_rows: table → rows deleted; empty where the person had been erased before.
        cleaned: folders of exports that hold nothing of the person (any more).
        missed: folders of exports that are gone or could not be cleaned, with the reason.
        runs: folders of the runs that learned from somebody who was erased.
        unreadable_runs: runs whose list could not be read; they count as having learned from them.
        bundles: folders of the bundles made by those runs.
        compacted: whether nothing is left in the database's file.
        can_return: whether nothing identifies the person, so that a new participation cannot be refused.
    """

    n_rows: dict[str, int]
    cleaned: list[Path]
    missed: list[str]
    runs: list[Path]
    unreadable_runs: list[Path]
    bundles: list[Path]
    compacted: bool
    can_return: bool

    def sentences(self) -> list[str]:
        """What was done and what could not be, one line each."""
        rows = ", ".join(f"{name} {n}" for name, n in self.n_rows.items())
        lines = [f"Deleted rows: {rows}." if rows else "The person's rows had been deleted before."]
        lines += [f"Cleaned the export {folder}." for folder in self.cleaned]
        lines += [f"Not cleaned: {sentence}." for sentence in self.missed]
        lines += [
            f"The run {path} learned from somebody erased; it cannot be published again: train again, which leaves"
            " them out."
            for path in self.runs
        ]
        lines += [
            f"The run {path} cannot be read; it cannot be published again: train again."
            for path in self.unreadable_runs
        ]
        lines += [
            f"The bundle {path} came of such a run; no new round serves it (one that serves it now goes on until"
            " you publish another)."
            for path in self.bundles
        ]
        if self.can_return:
            lines.append(
                "Nothing identified the person (plain link, or ids deleted already), so that taking part again"
                " cannot be refused."
            )
        if not self.compacted:
            lines.append(
                "The database's own log or pages may hold remains: stop the programs that have it open and give"
                " the command again (SQLite), or see to the server's log (PostgreSQL)."
            )
        return [*lines, f"Out of reach, see to them yourself: {'; '.join(_OUT_OF_REACH)}."]


def erase_participant(
    store: DecisionStore,
    study_name: str,
    *,
    participant_key: str | None = None,
    external_id: str | None = None,
) -> ErasureOutcome:
    """Erase the person of that key, or of that id on the recruitment platform, from a study.

    Raises StudyError where the person is named in no way or in two, or the study is unknown; StoreError where
    it knows nobody of that name; SetupError without the erasure key.
    """
    if (participant_key is None) == (external_id is None):
        raise StudyError("name the person with either --participant KEY or --external-id ID")
    n_rows = store.erase(study_name, participant_key=participant_key, external_id=external_id)
    cleaned, missed = _clean_exports(store, study_name)
    runs, unreadable = _mark_runs(store, study_name)
    paths = {run.response_sha256: run for run in store.runs(study_name) if run.n_erased}
    return ErasureOutcome(
        n_rows=n_rows,
        cleaned=cleaned,
        missed=missed,
        runs=runs,
        unreadable_runs=unreadable,
        bundles=[
            Path(bundle.bundle_path)
            for bundle in store.bundles()
            if bundle.response_sha256 in paths.keys() - {None}
        ],
        compacted=store.compact(),
        can_return=bool(n_rows) and "recruitment" not in n_rows,
    )


def _clean_exports(store: DecisionStore, study_name: str) -> tuple[list[Path], list[str]]:
    cleaned, missed = [], []
    for export in store.exports(study_name):
        folder = Path(export.folder)
        try:
            if exported_study(folder) != study_name:
                raise StudyError(f"{folder} holds the export of another study by now")
            _clean_export(folder, study_name, store)
            cleaned.append(folder)
        except (StudyError, OSError, pa.ArrowException) as error:
            missed.append(f"{folder} ({error})")
    return cleaned, missed


def _clean_export(folder: Path, study_name: str, store: DecisionStore) -> None:
    """Take the rows of everybody who was erased out of an export's tables, and faces that only they saw."""
    for name in table_names(folder):
        table = read_table(folder, name)
        if "participant_key" not in table.column_names:
            continue
        keys = table.column("participant_key")
        erased = store.erased_among(study_name, set(keys.to_pylist()))
        if erased:
            kept = pa.array([key not in erased for key in keys.to_pylist()])
            write_table(folder, study_name, name, table.filter(kept))
    shown = set(read_table(folder, "trial").column("image_sha256").to_pylist())
    for stimulus in (folder / "materials" / "stimuli").iterdir():
        if stimulus.stem not in shown:
            stimulus.unlink()


def _mark_runs(store: DecisionStore, study_name: str) -> tuple[list[Path], list[Path]]:
    """Those of the study's runs that learned from erased people, and those that cannot be read."""
    marked: list[Path] = []
    unreadable: list[Path] = []
    for run in store.runs(study_name):
        path = Path(run.run_path)
        try:
            if take_out_erased(RunDirectory(path), store):
                marked.append(path)
        except TrainingError:
            _suspect(store, run)
            unreadable.append(path)
    return marked, unreadable


def _suspect(store: DecisionStore, run: TrainingRun) -> None:
    store.set_run(run.run_key, n_erased=max(1, run.n_erased))
