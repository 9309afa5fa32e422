"""The crossed mixed model against R's lme4 1.1-31 and against NUTS (Bambi 0.15), on decisions drawn here."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from advisor.measurement.crossed_mixed_model import CrossedLikelihood, fit_crossed_mixed


def study(n_each: int, pool: int, rng: np.random.Generator) -> pd.DataFrame:
    """The decisions that lme4 and NUTS were given: of `n_each` people a condition, on 20 of a pool each."""
    shared, own = rng.normal(0, 1, (2, pool, 2))
    difficulty = np.sqrt(0.5) * (shared[:, [0]] + own)
    outcome = np.arange(pool) % 2
    frames = []
    for k, condition in enumerate(("face", "none")):
        skill, bias = rng.normal([[0.6], [0.0]], 0.5, (2, n_each))
        halves = [
            np.flatnonzero(outcome == of)[rng.random((n_each, pool // 2)).argsort(1)[:, :10]] for of in (0, 1)
        ]
        met = np.hstack(halves)
        odds = skill[:, None] + bias[:, None] * (2 * outcome[met] - 1) + difficulty[met, k]
        correct = rng.random(met.shape) < expit(odds)
        columns = {
            "participant_key": np.repeat(np.arange(n_each), 20) + k * n_each,
            "application_id": met.ravel(),
            "condition": condition,
            "outcome": outcome[met].ravel(),
            "approved": (correct == (outcome[met] == 1)).ravel().astype(int),
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)


def arguments(made: pd.DataFrame) -> tuple[np.ndarray, ...]:
    return (
        made["approved"].to_numpy(),
        made["outcome"].to_numpy(),
        (made["condition"] == "face").to_numpy(),
        made["participant_key"].to_numpy(),
        made["application_id"].to_numpy(),
    )


SMALL = study(40, 60, np.random.default_rng(3))
# glmer(approved ~ signal * advice + (1|person) + (0+signal|person) + (1|application) + (0+advice|application),
# family = binomial) of SMALL.
LME4 = np.r_[
    [0.032305902, 1.541104550, -0.139278578, -0.085646278],
    np.log([0.60655038, 0.88302822, 0.76736007, 0.81754164]),
]
LME4_LOG_LIKELIHOOD = -979.0882737


def test_the_likelihood_is_that_of_lme4_and_has_its_top_there() -> None:
    likelihood = CrossedLikelihood(*arguments(SMALL), "logit")
    value, gradient = likelihood.at(LME4)
    assert value == pytest.approx(LME4_LOG_LIKELIHOOD, abs=0.002)
    assert np.abs(gradient).max() < 0.05
    assert all(likelihood.at(LME4 + 0.1 * one)[0] < value for one in np.vstack([np.eye(8), -np.eye(8)]))


@pytest.mark.parametrize("link", ["logit", "probit"])
def test_the_gradient_is_that_of_the_likelihood(link: str) -> None:
    likelihood, at, step = CrossedLikelihood(*arguments(SMALL), link), LME4 + 0.1, 1e-5
    gradient = likelihood.at(at)[1]
    differences = [
        (likelihood.at(at + step * one)[0] - likelihood.at(at - step * one)[0]) / (2 * step)
        for one in np.eye(8)
    ]
    assert gradient == pytest.approx(differences, abs=1e-3)


def test_the_posterior_is_that_of_a_sampler() -> None:
    made = study(60, 196, np.random.default_rng(0))
    fit = fit_crossed_mixed(*arguments(made), "probit")
    assert fit is not None
    # Posterior means and standard deviations of two chains of 500 draws; its priors are other, weak ones.
    assert fit.mean[:4] == pytest.approx([-0.069, 0.609, -0.043, -0.152], abs=0.01)
    assert np.sqrt(np.diag(fit.covariance))[:4] == pytest.approx([0.059, 0.107, 0.098, 0.173], rel=0.08)
    assert np.exp(fit.mean[4:]) == pytest.approx([0.334, 0.563, 0.515, 0.588], abs=0.03)


def test_people_who_decide_all_rightly_have_a_posterior_all_the_same() -> None:
    made = SMALL.assign(approved=SMALL["outcome"])
    fit = fit_crossed_mixed(*arguments(made))
    assert fit is not None and np.quantile(fit.gains, 0.025) < 0 < np.quantile(fit.gains, 0.975)
