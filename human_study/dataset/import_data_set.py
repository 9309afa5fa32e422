"""A data set that `human-study export` wrote, back into a database: `human-study import`."""

from __future__ import annotations

import hashlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from advisor.bundles.bundle import load_bundle
from advisor.bundles.outcomes_file import OUTCOMES_FILE, read_outcomes
from data.codebook import record_name
from data.errors import BundleError, StudyError
from data.store.decision_store import DecisionStore
from human_study.dataset.export import EXPORTED_RECORDS, exported_study
from human_study.dataset.psych_ds import copies_agree, csv_path, read_table, table_names

_LATER_TABLES = ("study_event", "pair_judgement")  # data sets that were exported before have none


@dataclass(frozen=True)
class DataSet:
    """A whole data set: its folder, the study's name, and record → rows as they were exported."""

    folder: Path
    study_name: str
    rows: dict[str, list[dict[str, Any]]]


def read_data_set(folder: Path) -> DataSet:
    """Read a data set and look at every file of it.

    Raises StudyError where the folder holds no whole data set, BundleError where a bundle in it was altered.
    """
    study_name = exported_study(folder)
    try:
        rows = {
            name: read_table(folder, name).to_pylist()
            for name in map(record_name, EXPORTED_RECORDS)
            if name in table_names(folder) or name not in _LATER_TABLES
        }
    except (OSError, pa.ArrowException) as error:
        raise _not_whole(folder, "a table in parquet/ is gone or damaged") from error
    if not all(map(_is_plain_name, (study_name, *(row["bundle_hash"] for row in rows["bundle"])))):
        raise StudyError(f"{folder} names its study or a bundle as no export does; export the study again")
    _require_undamaged(folder, study_name)
    _require_documents(folder)
    for row in rows["bundle"]:
        _require_materials(folder, row["bundle_hash"], _shown(rows, row["bundle_hash"]))
        load_bundle(_source(folder, row["bundle_hash"]))
    return DataSet(folder, study_name, rows)


def import_data_set(data_set: DataSet, store: DecisionStore, bundles: Path) -> str:
    """Write a data set's study into a database that lacks it; returns the study's name.

    `bundles` is where to put its bundles; a folder is made for each. Raises StoreError where the database has that
    study already.
    """
    rows = dict(data_set.rows)
    rows["bundle"] = [
        row | {"bundle_path": str(_restored(data_set, row["bundle_hash"], bundles))} for row in rows["bundle"]
    ]
    store.add_stored_rows(EXPORTED_RECORDS, rows)
    return data_set.study_name


def _require_undamaged(folder: Path, study_name: str) -> None:
    """Raise StudyError where a CSV is gone or says something else than the Parquet copy that is imported."""
    for name in table_names(folder):
        path = csv_path(folder, study_name, name)
        try:
            agree = copies_agree(folder, study_name, name)
        except (OSError, pa.ArrowException) as error:
            raise _not_whole(folder, f"{path.name} is gone or no file") from error
        if not agree:
            raise StudyError(
                f"{path} was changed or damaged since the export: it differs from its copy in parquet/; "
                "restore it, or export the study again"
            )


def _require_documents(folder: Path) -> None:
    """Raise StudyError where what explains the data is gone or is no table of fields and meanings."""
    path = folder / "documentation" / "codebook.csv"
    try:
        described = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise _not_whole(folder, f"{path.name} is gone or damaged") from error
    columns = {"record", "field", "meaning"}
    if described.empty or not columns <= set(described.columns) or described["meaning"].isna().any():
        raise _not_whole(folder, f"{path.name} is damaged")


def _shown(rows: dict[str, list[dict[str, Any]]], bundle_hash: str) -> set[str]:
    """The pictures of a bundle that trials and pairs showed, as images.csv names them."""
    trials = {row["image"] for row in rows["trial"] if row["bundle_hash"] == bundle_hash and row["image"]}
    pairs = [row for row in rows.get("pair_judgement", []) if row["bundle_hash"] == bundle_hash]
    return trials | {row[side] for row in pairs for side in ("left_image", "right_image")}


def _require_materials(folder: Path, bundle_hash: str, shown: set[str]) -> None:
    """Raise StudyError where a shown face is gone, or differs from the hash that names it, or an outcome is gone."""
    source = _source(folder, bundle_hash).parent
    try:
        images = (
            pd.read_csv(source / bundle_hash / "images.csv").dropna(subset="image").drop_duplicates("image")
        )
        applications = pd.read_csv(source / bundle_hash / "applications.csv", dtype={"application_id": str})
        ids, names = applications["application_id"], images[["image", "image_sha256"]]
        outcomes = read_outcomes(source / OUTCOMES_FILE)
    except (OSError, ValueError, KeyError, BundleError) as error:
        raise _not_whole(folder, f"the tables in {source.relative_to(folder)} are gone or damaged") from error
    if not ids.isin(outcomes.index).all():
        raise _not_whole(folder, f"{OUTCOMES_FILE} lacks applications of the bundle")
    for image, sha256 in names.itertuples(index=False):
        stimulus = _stimulus(folder, image, sha256)
        if stimulus.exists():
            if hashlib.sha256(stimulus.read_bytes()).hexdigest() != sha256:
                raise _not_whole(folder, f"the face {stimulus.name} was changed or damaged since the export")
        elif image in shown:
            raise _not_whole(folder, f"the face {stimulus.name}, which participants saw, is gone")


def _stimulus(folder: Path, image: str, sha256: str) -> Path:
    return folder / "materials" / "stimuli" / f"{sha256}{Path(image).suffix}"


def _not_whole(folder: Path, what: str) -> StudyError:
    return StudyError(f"{folder} is not whole: {what}; restore it, or export the study again")


def _is_plain_name(name: str) -> bool:
    """Whether a folder of that name is one directly in its place: the data set may be another's."""
    return re.fullmatch(r"\w[\w .-]*", name) is not None


def _source(folder: Path, bundle_hash: str) -> Path:
    return folder / "materials" / "bundles" / bundle_hash


def _restored(data_set: DataSet, bundle_hash: str, bundles: Path) -> Path:
    """The bundle's folder, with those of its pictures that were shown; made where it is not there yet."""
    source, place = _source(data_set.folder, bundle_hash), bundles / data_set.study_name
    path = place / bundle_hash[:12]
    if not path.exists():
        shutil.copytree(source, path)
        shutil.copyfile(source.parent / OUTCOMES_FILE, place / OUTCOMES_FILE)
        (path / "images").mkdir()
        images = pd.read_csv(path / "images.csv").dropna(subset="image").drop_duplicates("image")
        for image, sha256 in zip(images["image"], images["image_sha256"], strict=True):
            stimulus = _stimulus(data_set.folder, image, sha256)
            if Path(image).parent == Path("images") and stimulus.exists():  # never beyond the bundle's folder
                shutil.copyfile(stimulus, path / image)
    return load_bundle(path).path
