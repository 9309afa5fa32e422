"""Numbers in words."""

import math
from collections.abc import Callable

import pytest

from human_study.presentation import numbers


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (numbers.percent, 0.63249, "63.2%"),
        (numbers.percent, math.nan, "–"),
        (numbers.points, 0.04, "+4.0"),
        (numbers.points, -0.04, "−4.0"),
        (numbers.points, -0.00001, "+0.0"),
        (numbers.points, None, "–"),
        (numbers.two_decimals, -0.001, "0.00"),
        (numbers.two_decimals, -1.5, "−1.50"),
        (numbers.p_value, 0.0004, "< .001"),
        (numbers.p_value, 0.0312, ".031"),
        (numbers.p_value, 1.0, "1.000"),
    ],
)
def test_numbers_are_written_as_journals_write_them(
    form: Callable[[float | None], str], value: float | None, text: str
) -> None:
    assert form(value) == text
