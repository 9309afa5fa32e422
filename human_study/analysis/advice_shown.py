"""What the advice said, as a probability of approval, so that following it can be counted.

A score says its own repayment probability. What a face says is in the beholder's eye: here it is how likely an
average observer, the response model ĥ, is to approve because of it, with every other input at its mean. A
bundle that was trained on decisions states that beside each picture (`READING_COLUMN` of images.csv); the faces of
an exploratory one, which has no ĥ, are read by the runs that learn from decisions on them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from advisor.bundles.bundle import FACE_CONDITIONS, Bundle, registered_bundle
from advisor.runs.run_tables import READING_COLUMN, READINGS_FILE, damage_named, read_run_table
from data.analysis_records import TrainingRun

NO_READING = "no response model has read these faces yet (train one on these decisions): nothing to follow"


def face_readings(runs: Sequence[TrainingRun]) -> pd.Series:
    """What runs read off faces: P(approve) by SHA-256 of the picture.

    Where several runs have read a face, the newest speaks. Runs whose folder is gone say nothing;
    a damaged file raises TrainingError.
    """
    found: list[pd.Series] = []
    for run in runs:
        path = Path(run.run_path) / READINGS_FILE
        if path.is_file():
            table = read_run_table(path, "image_sha256", READING_COLUMN)
            with damage_named(path):
                found.append(table.set_index("image_sha256")[READING_COLUMN].astype(float))
    together = pd.concat(found) if found else pd.Series(dtype=float)
    return together[~together.index.duplicated(keep="last")]


def advice_shown(decisions: pd.DataFrame, bundle: Bundle, readings: pd.Series) -> np.ndarray:
    """P(approve) that the advice of each decision spoke for, float [n_decisions]; not a number without any.

    `decisions` need `condition`, `image` and `score`, and belong to this bundle; `readings` as from `face_readings`.
    """
    advice = np.full(len(decisions), np.nan)
    by_score = (decisions["condition"] == "score").to_numpy()
    advice[by_score] = decisions["score"].to_numpy(float)[by_score]
    by_face = decisions["condition"].isin(FACE_CONDITIONS).to_numpy()
    of_image = _by_image(bundle, readings)
    if len(of_image):
        advice[by_face] = of_image.reindex(decisions["image"]).to_numpy(float)[by_face]
    return advice


def _by_image(bundle: Bundle, readings: pd.Series) -> pd.Series:
    """P(approve) by path of the picture: as its bundle states it, else as the runs read it."""
    images = bundle.images.drop_duplicates("image").set_index("image")
    of_runs = images["image_sha256"].map(readings).astype(float) if len(readings) else pd.Series(dtype=float)
    if READING_COLUMN not in images:
        return of_runs
    return images[READING_COLUMN].astype(float).fillna(of_runs)


def advice_for_applications(bundle: Bundle, condition: str, readings: pd.Series) -> pd.Series:
    """What a condition's advice on each application says to those who do not see it, by application id.

    The mean over the pictures that may be drawn and were read; empty where there is no advice or no reading.
    """
    if condition == "score":
        return bundle.applications["score"]
    of_image = _by_image(bundle, readings)
    if condition not in FACE_CONDITIONS or of_image.empty:
        return pd.Series(dtype=float)
    rows = bundle.images[bundle.images["condition"] == condition]
    return rows["image"].map(of_image).groupby(rows["application_id"]).mean()


def with_machine_and_advice(
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
        decisions.loc[rows, "advice"] = advice_shown(decisions.loc[rows], bundle, readings)
    return decisions
