"""Decisions to learn from: of one study, of one kind of participant, on training applications only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from advisor.bundles.bundle import Bundle, registered_bundle, require_task
from advisor.bundles.exchange import exported_bundle, read_export, read_exported_decisions
from advisor.measurement.counted_decisions import counted_decisions
from data.errors import BundleError, TrainingError, TrialsError
from data.records import ParticipantKind
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import DecisionTask

COLUMNS = ["participant", "application_id", "approved", "image_sha256", "round_number", "propensity"]


@dataclass(frozen=True)
class TrainingDecisions:
    """Decisions that were taken on faces.

    Attributes:
        frame: one row a decision: participant, application_id, approved (0/1), image_sha256, round_number, propensity
            (chance with which the face was drawn; NaN where that is not known).
        read_image: SHA-256 → PNG bytes.
        participants: whose decisions these are.
        source: study or file they come from, for the run's record.
        store: the database of that study, None for a file; a run enters itself there.
        bundles: those that the decisions were taken on; none for a file.
    """

    frame: pd.DataFrame
    read_image: Callable[[str], bytes]
    participants: ParticipantKind
    source: str
    store: DecisionStore | None = None
    bundles: tuple[Bundle, ...] = ()


def decisions_of_study(
    store: DecisionStore, study_name: str, task: DecisionTask, participants: ParticipantKind
) -> TrainingDecisions:
    """Decisions that a study collected on training applications, in conditions with a face.

    Not in `examples`. People see there, beside the face and the application, what became of the cases with the most
    similar faces, and ĥ knows nothing of these. Since the cases follow from the face, ĥ would take their outcomes for
    what the face itself says, and faces trained through it would be worse advice wherever no cases stand beside them,
    as in `face`, by which advisors are judged.
    Whose decisions, and which of them, is what advisor/measurement/counted_decisions.py says, as for every result;
    whoever was erased is not there.

    Raises:
        StudyError: no such study.
        BundleError: a bundle that decisions were taken on is gone, altered, or of another task.
        TrainingError: there is nothing to learn from.
    """
    shown = ("image", "image_sha256", "propensity")
    frame = counted_decisions(store, study_name, participants, split="train", columns=shown)
    frame = frame[frame["image_sha256"].notna() & (frame["condition"] != "examples")]
    place: dict[str, tuple[str, str]] = {
        sha: (bundle_hash, image)
        for sha, bundle_hash, image in zip(
            frame["image_sha256"], frame["bundle_hash"], frame["image"], strict=True
        )
    }
    bundles = {}
    for bundle_hash in frame["bundle_hash"].unique():
        bundle = registered_bundle(store.bundle(bundle_hash).bundle_path, bundle_hash)
        require_task(bundle, task)
        bundles[bundle_hash] = bundle

    def read_image(sha256: str) -> bytes:
        bundle_hash, image = place[sha256]
        return bundles[bundle_hash].image_bytes(image)

    frame = frame.rename(columns={"participant_key": "participant"})
    return checked(
        TrainingDecisions(
            frame[COLUMNS].reset_index(drop=True),
            read_image,
            participants,
            study_name,
            store,
            tuple(bundles.values()),
        )
    )


def decisions_of_files(
    decisions_file: Path, trials: Path, task: DecisionTask, participants: ParticipantKind
) -> TrainingDecisions:
    """Decisions in a CSV on trials that `advisor export-trials` wrote.

    Raises:
        TrialsError: the file or the folder is wrong; also when a picture is read that is gone.
        BundleError: the trials are of another task.
        TrainingError: they are on test applications, or there is nothing to learn from.
    """
    export = read_export(trials)
    if not task.has_hash(export.task_hash):
        raise BundleError(
            f"{trials} was exported for the task {export.task_name} as it was then, not {task.name}."
        )
    if export.split == "test":
        raise TrainingError(
            f"{trials} holds test applications, which are never trained on; export with --split train."
        )
    frame = read_exported_decisions(decisions_file, trials)
    frame = frame[frame["image"] != ""].copy()
    frame["image_sha256"] = frame["image"]
    frame["approved"] = (frame["choice"] == "approve").astype(int)
    frame["round_number"] = export.round_number
    frame["propensity"] = _exported_propensities(frame, trials)

    def read_image(image: str) -> bytes:
        try:
            return (trials / image).read_bytes()
        except OSError as error:
            raise TrialsError(
                f"{trials / image} is gone; restore it, or export the trials again with the same options."
            ) from error

    return checked(
        TrainingDecisions(
            frame[COLUMNS].reset_index(drop=True),
            read_image,
            participants,
            decisions_file.name,
        )
    )


def _exported_propensities(frame: pd.DataFrame, trials: Path) -> np.ndarray:
    """Chance with which each exported face was drawn, float [N]; NaN where the bundle is not here any more."""
    try:
        images = exported_bundle(trials).images
    except (BundleError, TrialsError):
        return np.full(len(frame), np.nan)
    known = images.set_index(["application_id", "condition", "image"])["propensity"]
    known = known[~known.index.duplicated()]
    keys = pd.MultiIndex.from_frame(frame[["application_id", "condition", "image"]])
    return known.reindex(keys).to_numpy(dtype=float)


def checked(decisions: TrainingDecisions) -> TrainingDecisions:
    """The same decisions; TrainingError where nothing can be learned from them."""
    frame = decisions.frame
    if frame.empty:
        raise TrainingError(
            f"{decisions.source} has no decisions of {_named(decisions.participants)} on training applications with a"
            " face; collect some first, in a condition with faces."
        )
    if frame["participant"].nunique() < 2:
        raise TrainingError(
            f"All decisions of {decisions.source} come from one participant; ĥ needs two, better twenty."
        )
    if frame["approved"].nunique() < 2:
        word = "approvals" if frame["approved"].iloc[0] else "denials"
        raise TrainingError(
            f"{decisions.source} has only {word}, from which nothing about people can be learned; collect more."
        )
    return decisions


def _named(participants: ParticipantKind) -> str:
    return "people" if participants == "people" else "simulated participants"


def even_sample(labels: np.ndarray, n_each: int, rng: np.random.Generator) -> np.ndarray:
    """Positions of n_each zeros and n_each ones (fewer where there are fewer), drawn without replacement."""
    picks = []
    n = min(n_each, int((labels == 0).sum()), int((labels == 1).sum()))
    for value in (0, 1):
        picks.append(rng.choice(np.flatnonzero(labels == value), n, replace=False))
    return np.concatenate(picks)
