"""Which applications a participant decides on, and with which face; the one way that all collecting uses.

Imports no torch: the participant app draws its trials here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from advisor.bundles.bundle import FACE_CONDITIONS, LEARNING_SPLIT, Bundle, Condition
from advisor.bundles.similar_cases import N_EXAMPLES, examples_for
from data.errors import BundleError
from data.records import Trial, TrialKind
from data.tasks.applications import draw_balanced_trials


class Dealt(NamedTuple):
    """A trial before it is written down: an application of a pool, and a face, by its row in the bundle's menu."""

    application_id: str
    split: str
    face: int | None
    propensity: float | None


def deal(
    bundle: Bundle,
    outcomes: pd.Series,
    condition: Condition,
    n_trials: int,
    test_share: float,
    rng: np.random.Generator,
) -> list[Dealt]:
    """Deal one participant's main trials, outcomes balanced 50/50 within each split, in random order.

    Asks for no picture, so that those which nobody is dealt need not be drawn. Arguments and errors are those of
    `draw_trials`.
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
        _dealt(
            bundle, condition, application_id, split, lambda chances: int(rng.choice(len(chances), p=chances))
        )
        for application_id, split in chosen
    ]


def deal_learning(
    bundle: Bundle, outcomes: pd.Series, condition: Condition, n_trials: int, rng: np.random.Generator
) -> list[Dealt]:
    """Deal one participant's learning trials, outcomes balanced, in random order; arguments as of `deal`.

    Raises BundleError where the bundle has too few applications to learn from.
    """
    require_learning_pool(bundle, n_trials)
    ids = draw_balanced_trials(list(bundle.learning_ids), outcomes, n_trials, rng) if n_trials else []
    # One face each: there is nothing to pick.
    return [_dealt(bundle, condition, one, LEARNING_SPLIT, lambda _chances: 0) for one in ids]


def require_learning_pool(bundle: Bundle, n_trials: int, condition: Condition = "none") -> None:
    """Raise BundleError where a bundle has too few applications for that many learning trials in a condition."""
    n_pool = len(bundle.learning_ids)
    if condition == "examples" and n_trials <= n_pool < n_trials + N_EXAMPLES:
        raise BundleError(
            f"In the condition examples, {N_EXAMPLES} cases beside the {n_trials} learning trials are needed, but the"
            f" bundle {bundle.path} has {n_pool} applications to learn from; ask for at most {n_pool - N_EXAMPLES}"
            " learning trials."
        )
    if n_trials and not n_pool:
        raise BundleError(
            f"The bundle {bundle.path} has no applications to learn from; ask for no learning trials, or publish anew"
            " with `advisor publish` and name that bundle."
        )
    if n_trials > n_pool:
        raise BundleError(
            f"{n_trials} learning trials are asked for, but the bundle {bundle.path} has {n_pool} applications to learn"
            f" from; ask for at most {n_pool}, or publish anew with --set learning_pool_size={n_trials} if the"
            " validation split has so many."
        )


def draw_trials(
    bundle: Bundle,
    outcomes: pd.Series,
    condition: Condition,
    n_trials: int,
    test_share: float,
    rng: np.random.Generator,
    n_learning: int = 0,
) -> list[Trial]:
    """What `deal` deals, as trials in order; before them, what `deal_learning` does.

    Args:
        bundle: the advisor shown.
        outcomes: 1 = repaid, indexed by application id (`bundle.outcomes()`).
        condition: what the participant is shown beside every application.
        n_trials: how many trials; no application occurs twice.
        test_share: share of trials from the test pool, which measure and are never trained on.
        rng: decides all of it.
        n_learning: how many learning trials come before these.

    Raises:
        BundleError: the bundle cannot serve the condition, or its pools hold too few applications.
    """
    learning = deal_learning(bundle, outcomes, condition, n_learning, rng)
    main = deal(bundle, outcomes, condition, n_trials, test_share, rng)
    own = {one.application_id for one in learning}
    return [
        _trial(bundle, condition, one, position, *(("learning", own) if position < n_learning else ("main",)))
        for position, one in enumerate(learning + main)
    ]


def trial_on(
    bundle: Bundle,
    condition: Condition,
    application_id: str,
    split: str,
    pick: Callable[[np.ndarray], int],
    kind: TrialKind = "main",
    no_examples: Collection[str] = (),
) -> Trial:
    """A trial on one application of a pool, with what the condition shows beside it.

    `pick` is given the probability of each of its faces in the condition, and returns which one is shown.
    `no_examples` are applications that must not be shown as past cases: their outcomes are not to be known yet.
    """
    dealt = _dealt(bundle, condition, application_id, split, pick)
    return _trial(bundle, condition, dealt, kind=kind, no_examples=no_examples)


def _dealt(
    bundle: Bundle,
    condition: Condition,
    application_id: str,
    split: str,
    pick: Callable[[np.ndarray], int],
) -> Dealt:
    if condition not in FACE_CONDITIONS:
        return Dealt(application_id, split, None, None)
    faces = bundle.image_rows[application_id, condition]
    chances = bundle.propensities[faces]
    chances = chances / chances.sum()
    chosen = pick(chances)
    return Dealt(application_id, split, int(faces[chosen]), float(chances[chosen]))


def _trial(
    bundle: Bundle,
    condition: Condition,
    dealt: Dealt,
    position: int = 0,
    kind: TrialKind = "main",
    no_examples: Collection[str] = (),
) -> Trial:
    picture: dict[str, Any] = {}
    if dealt.face is not None:
        image, sha256 = bundle.pictures[dealt.face]
        picture = {"image": image, "image_sha256": sha256, "propensity": dealt.propensity}
        if condition == "examples":
            picture["examples"] = json.dumps(examples_for(bundle.similar_cases, image, no_examples))
    score = None
    if condition == "score":
        score = round(bundle.applications["score"].loc[dealt.application_id], 3)
    return Trial(
        kind=kind,
        position=position,
        application_id=dealt.application_id,
        split=dealt.split,
        condition=condition,
        bundle_hash=bundle.bundle_hash,
        score=score,
        **picture,
    )
