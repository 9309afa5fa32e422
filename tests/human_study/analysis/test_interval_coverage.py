"""Intervals of every kind that is reported hold the truth as often as they say, at 24 participants."""

import numpy as np
import pytest

from tests.support.interval_coverage import COVERAGES, coverage

N_STUDIES = 100  # `python -m tests.benchmarks analyst` simulates 2,000


@pytest.mark.parametrize("name", COVERAGES)
def test_coverage_is_that_of_95_percent_intervals(name: str) -> None:
    found = coverage(name, N_STUDIES, np.random.default_rng(2))
    error = np.sqrt(0.95 * 0.05 / N_STUDIES)
    assert 0.95 - 3 * error < found
