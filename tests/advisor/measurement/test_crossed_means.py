"""Two-way standard errors against statsmodels and against the matrices they are derived from."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.linalg import sqrtm
from statsmodels.genmod.families import Gaussian
from statsmodels.genmod.generalized_estimating_equations import GEE

from advisor.measurement.crossed_means import MIN_PEOPLE, TOO_FEW_PEOPLE, codes, crossed_means, spread

WEIGHTS = np.array([0.5, 0.5, -0.5, -0.5])


def _decisions(n_people: int = 18, n_trials: int = 12, seed: int = 3) -> tuple[np.ndarray, ...]:
    """Correct or not, cell (condition by outcome), person, application; every second person has advice."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(n_people), n_trials)
    applications = np.concatenate([rng.permutation(30)[:n_trials] for _ in range(n_people)])
    easy, skill = rng.normal(0, 1, (2, 30)), rng.normal(0.5, 0.7, n_people)
    advised = people % 2
    odds = skill[people] + easy[advised, applications]
    correct = (rng.random(len(people)) < 1 / (1 + np.exp(-odds))).astype(float)
    return correct, 2 * advised + applications % 2, people, applications


def _residual(value: np.ndarray, cells: np.ndarray) -> np.ndarray:
    return value - (np.bincount(cells, value) / np.bincount(cells))[cells]


def test_the_uncorrected_variance_is_statsmodels_two_way_sandwich() -> None:
    value, cells, people, applications = _decisions()
    fit = sm.OLS(value, np.eye(4)[cells]).fit()
    groups = np.column_stack([people, applications])
    robust = fit.get_robustcov_results("cluster", groups=groups, use_correction=False)
    pairs = codes(people * 100 + applications)
    residual = _residual(value, cells)
    terms = [spread(residual, cells, WEIGHTS, by, 0.0).variance for by in (people, applications, pairs)]
    wanted = WEIGHTS @ robust.cov_params() @ WEIGHTS
    assert terms[0] + terms[1] - terms[2] == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("cluster", [2, 3], ids=["people", "applications"])
def test_either_way_alone_is_statsmodels_gee(cluster: int) -> None:
    decisions = _decisions()
    value, cells = decisions[:2]
    for power, cov_type in ((0.0, "robust"), (1.0, "bias_reduced")):
        fit = GEE(value, np.eye(4)[cells], groups=decisions[cluster], family=Gaussian()).fit(
            cov_type=cov_type
        )
        found = spread(_residual(value, cells), cells, WEIGHTS, decisions[cluster], power).variance
        assert found == pytest.approx(WEIGHTS @ fit.cov_params() @ WEIGHTS, abs=1e-9)


def test_cr2_and_its_degrees_of_freedom_are_those_of_the_matrices() -> None:
    value, cells, people, _ = _decisions(8, 7)
    cells, people, value = cells[5:], people[5:], value[5:]  # unequal numbers
    residual = _residual(value, cells)
    design = np.eye(4)[cells]
    bread = np.linalg.inv(design.T @ design)
    hat = design @ bread @ design.T
    rows, variance = [], 0.0
    for person in np.unique(people):
        own = people == person
        adjust = np.linalg.inv(sqrtm(np.eye(own.sum()) - hat[np.ix_(own, own)]).real)
        row = np.zeros(len(value))
        row[own] = WEIGHTS @ bread @ design[own].T @ adjust
        variance += float(row @ residual) ** 2
        rows.append(row @ (np.eye(len(value)) - hat))
    noise = np.bincount(cells, residual**2) / np.bincount(cells)
    moments = np.array(rows) @ np.diag(noise[cells]) @ np.array(rows).T
    found = spread(residual, cells, WEIGHTS, codes(people))
    assert found.variance == pytest.approx(variance, rel=1e-9)
    assert found.degrees_of_freedom == pytest.approx(np.trace(moments) ** 2 / (moments**2).sum(), rel=1e-9)


def test_two_way_is_wider_where_advice_helps_on_some_applications_and_harms_on_others() -> None:
    value, cells, people, applications = _decisions(60, 20)
    both = crossed_means(value, cells, WEIGHTS, people, applications)
    alone = spread(_residual(value, cells), cells, WEIGHTS, people)
    assert both.standard_error is not None
    assert both.standard_error > 1.2 * np.sqrt(alone.variance)


def test_too_few_people_have_a_value_and_no_interval() -> None:
    value, cells, people, applications = _decisions(2 * MIN_PEOPLE - 1, 10)
    found = crossed_means(value, cells, WEIGHTS, people, applications)
    assert found.value is not None
    assert found.estimate().ci_low is None
    assert found.p_value is None
    assert found.reason == TOO_FEW_PEOPLE


def test_a_group_of_five_against_many_has_few_degrees_of_freedom() -> None:
    value, cells, people, applications = _decisions(90, 12)
    kept = (people % 2 == 0) | (people < 10)
    found = crossed_means(value[kept], cells[kept], WEIGHTS, people[kept], applications[kept])
    assert found.degrees_of_freedom is not None
    assert found.degrees_of_freedom < 9


def test_an_empty_cell_is_nothing_to_compare_and_agreement_has_no_interval() -> None:
    value, cells, people, applications = _decisions()
    assert crossed_means(value, np.minimum(cells, 2), WEIGHTS, people, applications).value is None
    agreeing = crossed_means(np.ones_like(value), cells, WEIGHTS, people, applications)
    assert (agreeing.value, agreeing.standard_error) == (0.0, None)
