"""Clustered regression against R's package gee (figures published with statsmodels) and against statsmodels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.genmod.tests as published
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.genmod.families import Gaussian
from statsmodels.genmod.generalized_estimating_equations import GEE

from human_study.analysis.clustered_regression import fit_clustered

RESULTS = Path(published.__file__).parent / "results"
# coefficients and robust standard errors that R's gee(..., corstr = "independence") prints
R_LINEAR = (
    [-0.01850226507491, 0.81436304278962, -1.56167635393184, 0.794239361055003],
    [0.0440733554189401, 0.0479993639119261, 0.0496045952071308, 0.0479467597161284],
)


def read(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = pd.read_csv(RESULTS / name, header=None).to_numpy()
    return table[:, 1], np.column_stack([np.ones(len(table)), table[:, 2:]]), table[:, 0]


def test_estimates_and_robust_errors_equal_those_of_r() -> None:
    fit = fit_clustered(*read("gee_linear_1.csv"))
    np.testing.assert_allclose(fit.parameters, R_LINEAR[0], atol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.robust_covariance)), R_LINEAR[1], atol=1e-6)


def test_the_bias_reduced_covariance_equals_statsmodels() -> None:
    outcome, design, clusters = read("gee_linear_1.csv")
    theirs = GEE(outcome, design, groups=clusters, family=Gaussian()).fit(cov_type="bias_reduced", ctol=1e-12)
    found = fit_clustered(outcome, design, clusters).covariance
    np.testing.assert_allclose(found, theirs.cov_params(), atol=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(4, 9))
def test_clusters_of_any_size_equal_statsmodels(seed: int, n_clusters: int) -> None:
    rng = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(n_clusters), rng.integers(6, 20, n_clusters))
    group = (clusters % 2).astype(float)
    design = np.column_stack([np.ones(len(clusters)), group, rng.normal(size=len(clusters))])
    outcome = (rng.random(len(clusters)) < 0.3 + 0.3 * rng.random(n_clusters)[clusters]).astype(float)
    shuffled = rng.permutation(len(clusters))
    fit = fit_clustered(outcome[shuffled], design[shuffled], clusters[shuffled])
    theirs = GEE(outcome, design, groups=clusters, family=Gaussian()).fit(cov_type="bias_reduced", ctol=1e-13)
    np.testing.assert_allclose(fit.covariance, theirs.cov_params(), rtol=1e-5, atol=1e-9)


def test_a_design_without_full_rank_is_refused() -> None:
    clusters = np.repeat(np.arange(4), 5)
    with pytest.raises(np.linalg.LinAlgError, match="full rank"):
        fit_clustered((clusters < 2).astype(float), np.column_stack([np.ones(20), np.ones(20)]), clusters)


def test_a_parameter_that_one_cluster_alone_carries_has_no_error() -> None:
    clusters = np.repeat(np.arange(4), 5)
    design = np.column_stack([clusters == 0, clusters != 0]).astype(float)
    fit = fit_clustered(np.tile([0.0, 1, 1, 0, 1], 4), design, clusters)
    assert "one participant alone" in fit.estimate(np.array([1.0, 0.0]), 2).reason
