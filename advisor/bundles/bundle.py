"""Advice bundles on disk: a published, immutable advisor. Imports no torch, so that the apps can serve it.

BUNDLE/manifest.json       what it is, what it was made from, and the checks it passed
BUNDLE/applications.csv    application_id, split, score (the machine's repayment probability); never an outcome
BUNDLE/images.csv          one row a face: whose advice, in which condition, with which expression, and what
                           FacePerception and ĥ (where there is one) read in it; no picture is named where a simulation
                           dealt the face to nobody
BUNDLE/images/*.jpg        (.png in bundles of 0.1) named by their content
BUNDLE/similar_cases.csv   one row a picture of `examples`: which past cases have faces like it (similar_cases.py)
outcomes.csv               beside the bundle's folder, never inside it: application_id, outcome (1 = repaid)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from advisor.bundles.outcomes_file import OUTCOMES_FILE, read_outcomes
from advisor.bundles.similar_cases import SIMILAR_CASES_FILE, SimilarCases, read_similar_cases
from data.errors import BundleError
from data.records import Bundle as BundleRecord
from data.records import ParticipantKind
from data.tasks.decision_task import DecisionTask, load_recorded_task

Condition = Literal["none", "score", "face", "shuffled", "risk_to_smile", "examples"]
CONDITIONS: tuple[Condition, ...] = ("none", "score", "face", "shuffled", "risk_to_smile", "examples")
FACE_CONDITIONS: tuple[Condition, ...] = ("face", "shuffled", "risk_to_smile", "examples")
EXPRESSION_COLUMN_PREFIX = "e_"
PERCEPT_COLUMN_PREFIX = "percept_"
# Learning trials are on applications of this split, which are neither trained on nor measured with.
LEARNING_SPLIT: Literal["validation"] = "validation"


def in_order(conditions: Iterable[str]) -> list[str]:
    """Each condition once, in the one order of pages and tables; those that are none of ours come last, by name."""
    there = set(conditions)
    return [*(c for c in CONDITIONS if c in there), *sorted(there - set(CONDITIONS))]


class Check(BaseModel):
    """One publication check: a figure, the threshold it is held against, and whether it passed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    value: float
    threshold: float
    at_least: bool = Field(description="True: the value must reach the threshold; False: must not exceed it")
    mended_by: str = Field("", exclude=True, description="what to do where it fails; not stored")

    @property
    def passed(self) -> bool:
        """Whether the figure is on the right side; a figure that is not a number never is."""
        return self.value >= self.threshold if self.at_least else self.value <= self.threshold

    def sentence(self) -> str:
        """The check in words, for a refusal or a report."""
        relation = "at least" if self.at_least else "at most"
        return f"{self.name} is {self.value:.3f}, must be {relation} {self.threshold:.3f}"


class Manifest(BaseModel):
    """What a bundle is and where it came from; `bundle_hash` covers all of it and the tables."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Literal[1] = 1
    kind: Literal["explore", "learned"]
    round_number: int = Field(ge=0)
    task_name: str
    task_hash: str
    task_path: str = Field(description="shipped name or path of the task.yaml")
    trained_on: Literal["nothing", "people", "simulated"]
    trained_on_study: str | None = None
    seed: int
    git_revision: str
    created_at: datetime
    conditions: tuple[Condition, ...]
    axes: tuple[str, ...]
    weights: dict[str, str] = Field(description="part → SHA-256 of its weights")
    checks: tuple[Check, ...]
    machine_balanced_accuracy: float = Field(description="of the score alone, on the test split")
    pools: dict[str, int] = Field(description="split → number of applications in its pool")
    bundle_hash: str = ""


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle. `applications` is indexed by application id; `menu` has a row for every face of images.csv."""

    path: Path
    manifest: Manifest
    applications: pd.DataFrame
    menu: pd.DataFrame
    similar_cases: SimilarCases = field(default_factory=dict)

    @property
    def bundle_hash(self) -> str:
        """SHA-256 over the manifest and the tables, which name every picture by its own hash."""
        return self.manifest.bundle_hash

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions that this bundle can serve."""
        return self.manifest.conditions

    @cached_property
    def learning_ids(self) -> pd.Index:
        """The applications of learning trials; none in bundles of before."""
        return self.applications.index[self.applications["split"] == LEARNING_SPLIT]

    @cached_property
    def learning_faces(self) -> dict[str, str]:
        """Application id → picture of each case that is shown in `examples`."""
        own = self.images[self.images["condition"] == "examples"]
        own = own[own["application_id"].isin(self.learning_ids)]
        return dict(zip(own["application_id"], own["image"], strict=True))

    @cached_property
    def images(self) -> pd.DataFrame:
        """The rows of `menu` that have a picture: all of them, but where a simulation dealt a face to nobody."""
        return self.menu[self.menu["image"].notna()].reset_index(drop=True)

    @property
    def percepts(self) -> tuple[list[str], np.ndarray]:
        """SHA-256 of n pictures, and what FacePerception (of the manifest's weights) read in each, float [n, K].

        None in bundles of before; of a simulation's bundle, those alone that somebody had to read.
        """
        columns = [name for name in self.menu.columns if str(name).startswith(PERCEPT_COLUMN_PREFIX)]
        if not columns:
            return [], np.empty((0, 0))
        faces = self.images.dropna(subset=columns).drop_duplicates("image_sha256")
        return list(faces["image_sha256"]), faces[columns].to_numpy(dtype=float)

    @property
    def is_whole(self) -> bool:
        """Whether every face has its picture, so that people can be served."""
        return bool(self.menu["image"].notna().all())

    @cached_property
    def image_rows(self) -> dict[tuple[str, str], np.ndarray]:
        """(application id, condition) → positions of its faces in `menu`."""
        return dict(self.menu.groupby(["application_id", "condition"]).indices)  # type: ignore[arg-type]

    @cached_property
    def propensities(self) -> np.ndarray:
        """Of the faces in `menu`, in order, float [rows]."""
        return self.menu["propensity"].to_numpy(dtype=float)

    @cached_property
    def pictures(self) -> list[tuple[str, str]]:
        """Image and SHA-256 of each row of `menu`, in order; a data frame takes a hundred times as long to give one."""
        return list(zip(self.menu["image"], self.menu["image_sha256"], strict=True))

    @cached_property
    def _sha256_of_image(self) -> dict[str, str]:
        return dict(zip(self.images["image"], self.images["image_sha256"], strict=True))

    def image_bytes(self, relative: str) -> bytes:
        """The picture at `relative` (as in images.csv).

        Raises BundleError when it is gone, altered, or not one of this bundle's pictures.
        """
        known = self._sha256_of_image.get(relative)
        if known is None:
            raise BundleError(
                f"{relative} is no picture of the bundle {self.path}; use the bundle it came from."
            )
        try:
            content = (self.path / relative).read_bytes()
        except OSError as error:
            raise BundleError(
                f"{self.path / relative} is gone; restore the bundle or publish it again."
            ) from error
        if hashlib.sha256(content).hexdigest() != known:
            raise BundleError(f"{self.path / relative} was altered; restore the bundle or publish it again.")
        return content

    def outcomes(self) -> pd.Series:
        """Outcomes (1 = repaid) of this bundle's applications, from outcomes.csv beside its folder."""
        outcomes = read_outcomes(self.path.parent / OUTCOMES_FILE)
        missing = self.applications.index.difference(outcomes.index)
        if len(missing):
            raise BundleError(
                f"{self.path.parent / OUTCOMES_FILE} lacks {len(missing)} of the bundle's applications"
                f" (first: {missing[0]}); restore it or publish the bundle again."
            )
        return outcomes.loc[self.applications.index]

    def as_record(self) -> BundleRecord:
        """The row under which a store knows this bundle."""
        return BundleRecord(
            bundle_hash=self.bundle_hash,
            bundle_path=str(self.path.resolve()),
            task_hash=self.manifest.task_hash,
            trained_on=self.manifest.trained_on,
            kind=self.manifest.kind,
            manifest=self.manifest.model_dump_json(),
        )


def content_hash(manifest: Manifest, *tables: bytes) -> str:
    """What a bundle's `bundle_hash` must be: SHA-256 (hex) over its manifest but for that, and over its tables."""
    digest = hashlib.sha256(manifest.model_copy(update={"bundle_hash": ""}).model_dump_json().encode())
    for content in tables:
        digest.update(hashlib.sha256(content).digest())
    return digest.hexdigest()


def load_bundle(path: str | Path) -> Bundle:
    """Load a bundle and verify its hash; pictures are verified when they are read.

    Raises BundleError, in one sentence, when it is gone, incomplete, altered, or of a newer format.
    """
    path = Path(path).resolve()
    try:
        manifest = Manifest.model_validate(json.loads((path / "manifest.json").read_text()))
        applications_csv = (path / "applications.csv").read_bytes()
        images_csv = (path / "images.csv").read_bytes()
        similar = path / SIMILAR_CASES_FILE
        similar_csv = [similar.read_bytes()] if similar.exists() else []  # bundles of before have none
    except OSError as error:
        raise BundleError(
            f"There is no advice bundle at {path}; publish one with `advisor publish`, or correct the path."
        ) from error
    except (ValidationError, ValueError) as error:
        raise BundleError(
            f"{path / 'manifest.json'} cannot be understood by this version; publish the bundle again."
        ) from error
    if content_hash(manifest, applications_csv, images_csv, *similar_csv) != manifest.bundle_hash:
        raise BundleError(
            f"The bundle {path} was altered after it was published; restore it or publish again."
        )
    return Bundle(
        path=path,
        manifest=manifest,
        applications=pd.read_csv(path / "applications.csv", dtype={"application_id": str}).set_index(
            "application_id"
        ),
        menu=pd.read_csv(
            path / "images.csv", dtype={"application_id": str, "source_application_id": str, "image": str}
        ),
        similar_cases=read_similar_cases(similar_csv[0]) if similar_csv else {},
    )


def registered_bundle(path: str, bundle_hash: str) -> Bundle:
    """The bundle that stands at `path`. Raises BundleError where it is gone, altered or another one."""
    bundle = load_bundle(path)
    if bundle.bundle_hash != bundle_hash:
        raise BundleError(
            f"{path} holds another bundle than the study was served with ({bundle_hash[:12]}); restore that one."
        )
    return bundle


def require_whole(bundle: Bundle) -> None:
    """Raise BundleError if faces that somebody may be dealt were not drawn."""
    if not bundle.is_whole:
        raise BundleError(
            f"The bundle {bundle.path} is of a simulation and has only the faces that were dealt; take the"
            " simulation's newest_bundle, run `advisor simulate` again without --only-shown, or publish one."
        )


def task_of_bundle(bundle: Bundle) -> DecisionTask:
    """The task that a bundle was published for, also where both were moved together.

    Raises TaskError where it is gone, BundleError where it has changed since.
    """
    task = load_recorded_task(bundle.manifest.task_path, bundle.manifest.task_hash, bundle.path)
    require_task(bundle, task)
    return task


def require_task(bundle: Bundle, task: DecisionTask) -> None:
    """Raise BundleError if the bundle was published for another task than the one given."""
    if not task.has_hash(bundle.manifest.task_hash):
        raise BundleError(
            f"The bundle {bundle.path} was published for the task {bundle.manifest.task_name} as it was then,"
            f" not for {task.name} as it is now; publish a bundle for this task."
        )


def require_participants(
    trained_on: str, participants: ParticipantKind, allow_simulated_advisor: bool
) -> None:
    """Raise BundleError if people would meet an advisor that was optimised for simulated ones."""
    if participants == "people" and trained_on == "simulated" and not allow_simulated_advisor:
        raise BundleError(
            "This advisor was trained on simulated people; set `allow_simulated_advisor: true` in the study file"
            " to show it to real ones (the consent text then says so)."
        )
