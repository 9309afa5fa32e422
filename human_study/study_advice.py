"""What the advice said, as a probability of approval, so that following it can be counted.

A score says its own repayment probability. What a face says is in the beholder's eye: here it is how likely an
average observer, the response model ĥ, is to approve because of it, with every other input at its mean. A
bundle that was trained on decisions states that beside each picture (`READING_COLUMN` of images.csv); an
exploratory one has no ĥ and so no reading.
"""

import numpy as np
import pandas as pd

from advisor.bundle import FACE_CONDITIONS, Bundle

READING_COLUMN = "approve_probability"
NO_READING = "the faces have no reading by a response model (exploratory advice), so nothing can be followed"


def advice_shown(decisions: pd.DataFrame, bundle: Bundle) -> np.ndarray:
    """P(approve) that the advice of each decision spoke for, float [n_decisions]; not a number without any.

    `decisions` need `condition`, `image` and `score`, and belong to this bundle.
    """
    advice = np.full(len(decisions), np.nan)
    by_score = (decisions["condition"] == "score").to_numpy()
    advice[by_score] = decisions["score"].to_numpy(float)[by_score]
    if READING_COLUMN in bundle.images:
        readings = bundle.images.drop_duplicates("image").set_index("image")[READING_COLUMN]
        by_face = decisions["condition"].isin(FACE_CONDITIONS).to_numpy()
        advice[by_face] = readings.reindex(decisions["image"]).to_numpy(float)[by_face]
    return advice


def advice_for_applications(bundle: Bundle, condition: str) -> pd.Series:
    """What a condition's advice on each application says to those who do not see it, by application id.

    The mean over the pictures that may be drawn; empty where the condition has no advice or no reading.
    """
    if condition == "score":
        return bundle.applications["score"]
    if condition not in FACE_CONDITIONS or READING_COLUMN not in bundle.images:
        return pd.Series(dtype=float)
    rows = bundle.images[bundle.images["condition"] == condition]
    return rows.groupby("application_id")[READING_COLUMN].mean()
