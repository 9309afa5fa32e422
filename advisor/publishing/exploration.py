"""Which faces a round shows for each training application: the advisor's own, and some that ask.

Every training application gets a menu: faces with the expression that the advisor gives it, and one face that
explores. The explored expression is, of some drawn at random, the one about which ĥ's members disagree most;
its probability grows with how unsure ĥ is there and with how much the application matters, that is how far
the machine's risk is from a coin's toss. Given the menu, the probabilities are known exactly, which is what
off-policy evaluation weighs decisions by. Test applications only ever get the advisor's own face.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from advisor.encoder.composition import PerceptPath
from models.expression import random_expressions
from models.response import ResponseModel

N_CANDIDATES = 12
LEAST_SHARE_RATIO = 0.4  # an application's exploring share against the mean one
MOST_SHARE_RATIO = 2.0
LEAST_WEIGHT = 0.25  # of an application about which the machine is quite undecided, against 1.25 at most


@dataclass(frozen=True)
class Menu:
    """Faces of N applications, m each in a row.

    Attributes:
        expressions: float [N · m, K].
        propensities: chance that a trial on the application shows this face, float [N · m]; sums to 1 over
            an application's faces.
        explores: whether the face was drawn to learn from, bool [N · m].
    """

    expressions: Tensor
    propensities: np.ndarray
    explores: np.ndarray


def only_explore(n_applications: int, n_each: int, axis_bounds: Tensor, rng: np.random.Generator) -> Menu:
    """Round 0: every face explores, all equally likely."""
    n_faces = n_applications * n_each
    return Menu(
        random_expressions(n_faces, axis_bounds, rng),
        np.full(n_faces, 1 / n_each),
        np.ones(n_faces, dtype=bool),
    )


def only_exploit(advised: Tensor, n_each: int) -> Menu:
    """The advisor's own expressions [N, K] alone, on `n_each` identities, all equally likely."""
    n_faces = len(advised) * n_each
    return Menu(
        advised.repeat_interleave(n_each, 0), np.full(n_faces, 1 / n_each), np.zeros(n_faces, dtype=bool)
    )


def exploring_menu(
    advised: Tensor,
    identities: Tensor,
    may_explore: np.ndarray,
    seen_features: Tensor,
    risk_scores: np.ndarray,
    response: ResponseModel,
    percept_path: PerceptPath,
    axis_bounds: Tensor,
    explore_share: float,
    rng: np.random.Generator,
) -> Menu:
    """Menus of a learned advisor: where an application may explore, the last of its faces does.

    Args:
        advised: the advisor's expressions, float [N, K].
        identities: long [N · m].
        may_explore: the training applications, bool [N].
        seen_features: what ĥ knows of the applications, float [N, F].
        risk_scores: the machine's repayment probability at even odds, float [N].
        response: ĥ.
        percept_path: expression to percept, as FacePerception reads it.
        axis_bounds: where expressions may lie.
        explore_share: mean probability of an exploring face; 0, or a single identity: nothing explores.
        rng: draws candidates.
    """
    n, m = len(advised), len(identities) // len(advised)
    menu = only_exploit(advised, m)
    if m < 2 or explore_share == 0 or not may_explore.any():
        return menu
    where = np.flatnonzero(may_explore)
    whose = identities.reshape(n, m)[where, -1]
    explored, worth = _least_known(
        whose, seen_features[where], risk_scores[where], response, percept_path, axis_bounds, rng
    )
    ratio = np.clip(worth / max(float(worth.mean()), 1e-9), LEAST_SHARE_RATIO, MOST_SHARE_RATIO)
    share = np.clip(explore_share * ratio / ratio.mean(), 0.0, 0.9)
    last = where * m + m - 1
    for k in range(m - 1):
        menu.propensities[where * m + k] = (1 - share) / (m - 1)
    menu.expressions[last] = explored
    menu.propensities[last] = share
    menu.explores[last] = True
    return menu


def _least_known(
    identities: Tensor,
    seen_features: Tensor,
    risk_scores: np.ndarray,
    response: ResponseModel,
    percept_path: PerceptPath,
    axis_bounds: Tensor,
    rng: np.random.Generator,
) -> tuple[Tensor, np.ndarray]:
    """Of some expressions drawn for each of n applications, the one that ĥ's members disagree about most.

    Returns the expressions [n, K] and what asking is worth [n]: disagreement × how much the case matters.
    """
    n = len(identities)
    candidates = random_expressions(n * N_CANDIDATES, axis_bounds, rng)
    features = seen_features.repeat_interleave(N_CANDIDATES, 0)
    with torch.no_grad():
        percepts = percept_path(identities.repeat_interleave(N_CANDIDATES), candidates)
        members = response.member_probabilities(torch.cat([percepts, features], 1))
    unsure = members.std(0, correction=0).reshape(n, N_CANDIDATES).numpy()
    chosen = candidates.reshape(n, N_CANDIDATES, -1)[torch.arange(n), torch.tensor(unsure.argmax(1))]
    return chosen, unsure.max(1) * (LEAST_WEIGHT + np.abs(2 * risk_scores - 1))
