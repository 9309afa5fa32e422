"""Intervals of every kind that is reported hold the truth as often as they say, not more often, at 24 participants."""

import numpy as np
import pytest

from tests.support.interval_coverage import COVERAGES, coverage

# So many that intervals that are half too wide fail as well; `python -m tests.benchmarks analyst` simulates 2,000.
N_STUDIES = 250


@pytest.mark.parametrize("name", COVERAGES)
def test_coverage_is_that_of_95_percent_intervals(name: str) -> None:
    found = coverage(name, N_STUDIES, np.random.default_rng(2))
    error = np.sqrt(0.95 * 0.05 / N_STUDIES)
    assert abs(found - 0.95) < 3 * error
