"""A study as a data set that others can read: `human-study export`.

Everything that the database holds of one study and one kind of participant, as a Psych-DS data set, with the
faces that were shown (by hash) and the bundles' tables. Ids of recruitment platforms, session secrets and
completion codes never leave the database. The folder is registered, so that an erasure reaches it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from advisor.bundles.bundle import Bundle
from advisor.bundles.outcomes_file import OUTCOMES_FILE
from advisor.bundles.similar_cases import SIMILAR_CASES_FILE
from data.analysis_records import CodeBookEntry, ExportFolder, ReasonCode, StudyEvent
from data.codebook import StoredField, codebook, record_name, stored_fields
from data.errors import StudyError
from data.formats.files import replaced_whole
from data.formats.picture_format import picture_suffix
from data.records import (
    Answer,
    Decision,
    Event,
    InitialDecision,
    PairJudgement,
    Participant,
    ParticipantKind,
    Study,
    StudyCondition,
    StudyRound,
    Trial,
)
from data.records import Bundle as BundleRecord
from data.store.decision_store import DecisionStore
from data.stored_record import Meaning, Record
from human_study.analysis.study_results import StudyResults, collect_results
from human_study.dataset.psych_ds import DataTable, write_data_set

# Named one by one: a record that is declared later stays at home until somebody says that it may leave.
EXPORTED_RECORDS: tuple[type[Record], ...] = (
    Study,
    BundleRecord,
    StudyRound,
    StudyCondition,
    StudyEvent,
    Participant,
    Trial,
    InitialDecision,
    Decision,
    PairJudgement,
    Answer,
    Event,
    CodeBookEntry,
    ReasonCode,
)
WITHHELD_FIELDS = {
    "participant": ("session_token_hash", "lease_id", "completion_code"),
    "bundle": ("bundle_path",),
}
# Of the study file: how participants are sent and paid.
WITHHELD_STUDY_KEYS = ("recruitment",)
ANALYSED = "analysed_decision"
_ANALYSED_MEANINGS: dict[str, tuple[type, str, str]] = {
    "trial_key": (str, "the trial", ""),
    "participant_key": (str, "random key of the participant", ""),
    "round_number": (int, "the round that the participant takes part in", ""),
    "condition": (str, "what is shown beside the application", ""),
    "trial_kind": (str, "what the trial is for", ""),
    "position": (int, "place in the participant's sequence, from 0", ""),
    "application_id": (str, "the application decided on", ""),
    "split": (str, "train, validation or test: accuracy is measured on test applications", ""),
    "approved": (int, "1 where the choice was to approve, 0 where it was to deny", ""),
    "initial_approved": (float, "the same before the advice was seen, in two-stage trials", ""),
    "outcome": (float, "what became of the application: 1 the good outcome, 0 the bad one", ""),
    "machine_score": (float, "the machine's probability of the good outcome", "0-1"),
    "advice": (float, "the probability of approval that the advice shown spoke for", "0-1"),
    "confidence": (float, "stated confidence", "0-1"),
    "response_time_ms": (float, "from the frame in which the trial was drawn to the choice", "ms"),
    "counts": (bool, "whether the participant is part of the analysis", ""),
}
_README = """\
# {name}

{description}

- `data/`: every table as CSV. Text that a spreadsheet would run as a formula has an apostrophe before it.
- `parquet/`: the same tables with their types, without those apostrophes.
- `data/…_description-analysedDecision_data.csv`: one row a decision with outcome, machine and advice; what the
  report's statistics are computed from (trial kind `main`, `counts` true, split `test` for accuracy).
- `data/…_description-studyEvent_data.csv`: when the study was closed, opened again or changed, and how many had
  begun by then; exports and trainings while it was open are looks at its outcomes.
- `materials/stimuli/`: the faces that were shown, each named by the SHA-256 of its file.
- `materials/bundles/`: what each advice bundle says about its applications and pictures.
- `documentation/codebook.csv`: every column of every table, as declared.

Participants stand under random keys. Reasons are in their own words: read them before you pass this on.
`human-study import` puts the data set back into a database.
"""


def export_study(store: DecisionStore, study_name: str, *, kind: ParticipantKind, out: Path) -> Path:
    """Write a study's data set into the folder `out`, in place of an earlier one of the same study.

    Raises StudyError for an unknown study or where `out` holds something else, BundleError where a bundle or
    one of its pictures is gone.
    """
    out = out.resolve()
    _require_own(out, study_name)
    results = collect_results(store, study_name, kind)
    store.register_export(ExportFolder(folder=str(out), study_name=study_name, kind=kind))
    rows = store.stored_rows(EXPORTED_RECORDS, study_name, kind)
    with replaced_whole(out) as partial:
        partial.mkdir()
        write_data_set(partial, study_name, _tables(rows, results), _description(results))
        _write_materials(partial, rows, results.bundles)
        _write_documents(partial, results)
    return out


def exported_study(folder: Path) -> str:
    """The name of the study that a data set is of. Raises StudyError where the folder holds none."""
    try:
        described = json.loads((folder / "dataset_description.json").read_text(encoding="utf-8"))
        return str(described["identifier"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"{folder} holds no data set that `human-study export` wrote; correct the path"
        ) from error


def _require_own(out: Path, study_name: str) -> None:
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() and (not out.is_dir() or exported_study(out) != study_name):
        raise StudyError(f"{out} holds something else than an export of {study_name}; choose another --out")


def _tables(rows: dict[str, list[dict[str, Any]]], results: StudyResults) -> list[DataTable]:
    tables = []
    for record in EXPORTED_RECORDS:
        name = record_name(record)
        withheld = WITHHELD_FIELDS.get(name, ())
        fields = tuple(field for field in stored_fields(record) if field.name not in withheld)
        tables.append(DataTable(name, fields, rows[name]))
    (study,) = rows["study"]
    study["study_file"] = json.dumps(
        {key: value for key, value in results.study.declared.items() if key not in WITHHELD_STUDY_KEYS}
    )
    counts = ~results.all_decisions["participant_key"].isin(results.excluded.index)
    analysed = results.all_decisions.assign(counts=counts)[list(_ANALYSED_MEANINGS)].sort_values("trial_key")
    cells: Any = analysed.astype(object).where(analysed.notna(), None).to_dict("records")
    fields = tuple(
        StoredField(ANALYSED, name, kind, kind is float, (), Meaning(text, unit))
        for name, (kind, text, unit) in _ANALYSED_MEANINGS.items()
    )
    known = {row["trial_key"] for row in rows["decision"]}
    tables.append(DataTable(ANALYSED, fields, [row for row in cells if row["trial_key"] in known]))
    return tables


def _description(results: StudyResults) -> dict[str, Any]:
    study = results.study
    whose = "SIMULATED participants, no people" if results.simulated else "people"
    return {
        "name": f"{study.name}: decisions of {whose}",
        "description": (
            f"Decisions of {whose} on {study.task_name} applications, with and without advice; study file"
            f" {study.study_hash}, task {study.task_hash}."
        ),
        "identifier": study.name,
        "keywords": ["decision making", "advice", "faces", *(["simulated"] if results.simulated else [])],
        "dateCreated": study.created_at.date().isoformat(),
    }


def _write_materials(folder: Path, rows: dict[str, list[dict[str, Any]]], bundles: dict[str, Bundle]) -> None:
    """The bundles' tables, their applications' outcomes, and every face that a trial or a pair showed."""
    stimuli = folder / "materials" / "stimuli"
    stimuli.mkdir(parents=True)
    shown = {(trial["bundle_hash"], trial["image"]) for trial in rows["trial"] if trial["image"]}
    for side in ("left_image", "right_image"):
        shown |= {(pair["bundle_hash"], pair[side]) for pair in rows["pair_judgement"]}
    for bundle_hash, image in sorted(shown):
        content = bundles[bundle_hash].image_bytes(image)
        name = hashlib.sha256(content).hexdigest() + picture_suffix(content)
        (stimuli / name).write_bytes(content)
    outcomes = []
    for bundle_hash, bundle in bundles.items():
        copied = folder / "materials" / "bundles" / bundle_hash
        copied.mkdir(parents=True)
        for name in ("manifest.json", "applications.csv", "images.csv", SIMILAR_CASES_FILE):
            if name != SIMILAR_CASES_FILE or (bundle.path / name).exists():
                shutil.copyfile(bundle.path / name, copied / name)
        outcomes.append(bundle.outcomes())
    if outcomes:
        together = pd.concat(outcomes)
        together = together[~together.index.duplicated()].sort_index().rename_axis("application_id")
        together.rename("outcome").to_csv(folder / "materials" / "bundles" / OUTCOMES_FILE)


def _write_documents(folder: Path, results: StudyResults) -> None:
    described = _description(results)
    (folder / "README.md").write_text(
        _README.format(name=described["name"], description=described["description"]), encoding="utf-8"
    )
    table = codebook(EXPORTED_RECORDS)
    withheld = [
        field in WITHHELD_FIELDS.get(record, ())
        for record, field in zip(table["record"], table["field"], strict=True)
    ]
    documents = folder / "documentation"
    documents.mkdir()
    table[[not left_out for left_out in withheld]].to_csv(documents / "codebook.csv", index=False)
