"""The crossed mixed model against R's lme4 1.1-31 and against NUTS (Bambi 0.15), on decisions drawn here."""

import numpy as np
import pandas as pd
import pytest

from advisor.measurement.crossed_mixed_model import CrossedLikelihood, fit_crossed_mixed
from tests.benchmarks.calibration_studies import Design


def arguments(made: pd.DataFrame) -> tuple[np.ndarray, ...]:
    return (
        made["approved"].to_numpy(),
        made["outcome"].to_numpy(),
        (made["condition"] == "face").to_numpy(),
        made["participant_key"].to_numpy(),
        made["application_id"].to_numpy(),
    )


SMALL = Design((40, 40), 20, 60, 1.0, 0.5).study(np.random.default_rng(3))
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
    made = Design((60, 60), 20, 196, 1.0, 0.5).study(np.random.default_rng(0))
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
