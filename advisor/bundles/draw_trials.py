"""Which applications a participant decides on, and with which face; the one way that all collecting uses.

Imports no torch: the participant app draws its trials here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from advisor.bundles.bundle import FACE_CONDITIONS, Bundle, Condition
from data.errors import BundleError
from data.records import Trial
from data.tasks.applications import draw_balanced_trials


def draw_trials(
    bundle: Bundle,
    outcomes: pd.Series,
    condition: Condition,
    n_trials: int,
    test_share: float,
    rng: np.random.Generator,
) -> list[Trial]:
    """Draw one participant's main trials, outcomes balanced 50/50 within each split, in random order.

    Args:
        bundle: the advisor shown.
        outcomes: 1 = repaid, indexed by application id (`bundle.outcomes()`).
        condition: what the participant is shown beside every application.
        n_trials: how many trials; no application occurs twice.
        test_share: share of trials from the test pool, which measure and are never trained on.
        rng: decides all of it.

    Raises:
        BundleError: the bundle cannot serve the condition, or its pools hold too few applications.
    """
    if condition not in bundle.conditions:
        raise BundleError(
            f"The bundle {bundle.path} has no condition {condition!r}; it has {', '.join(bundle.conditions)}."
        )
    n_test = round(n_trials * test_share)
    chosen: list[tuple[str, str]] = []
    for split, n in (("train", n_trials - n_test), ("test", n_test)):
        pool = bundle.applications.index[bundle.applications["split"] == split]
        if n > len(pool):
            raise BundleError(
                f"{n} {split} trials are asked for, but the bundle's {split} pool has {len(pool)} applications;"
                " ask for fewer trials."
            )
        drawn = draw_balanced_trials(list(pool), outcomes.loc[pool], n, rng) if n else []
        chosen += [(application_id, split) for application_id in drawn]
    chosen = [chosen[k] for k in rng.permutation(len(chosen))]
    return [
        trial_on(
            bundle, condition, application_id, split, lambda chances: int(rng.choice(len(chances), p=chances))
        ).model_copy(update={"position": position})
        for position, (application_id, split) in enumerate(chosen)
    ]


def trial_on(
    bundle: Bundle,
    condition: Condition,
    application_id: str,
    split: str,
    pick: Callable[[np.ndarray], int],
) -> Trial:
    """A main trial on one application of a pool, with what the condition shows beside it.

    `pick` is given the probability of each of its faces in the condition, and returns which one is shown.
    """
    picture = {}
    if condition in FACE_CONDITIONS:
        faces = [bundle.pictures[row] for row in bundle.image_rows[application_id, condition]]
        chances = np.array([face.propensity for face in faces], dtype=float)
        chances = chances / chances.sum()
        chosen = pick(chances)
        picture = {
            "image": faces[chosen].image,
            "image_sha256": faces[chosen].image_sha256,
            "propensity": float(chances[chosen]),
        }
    score = round(bundle.applications["score"].loc[application_id], 3) if condition == "score" else None
    return Trial(
        kind="main",
        application_id=application_id,
        split=split,
        condition=condition,
        bundle_hash=bundle.bundle_hash,
        score=score,
        **picture,
    )
