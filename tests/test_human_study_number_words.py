"""Numbers in words."""

import math
from collections.abc import Callable

import pytest

from human_study import number_words


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (number_words.percent, 0.63249, "63.2%"),
        (number_words.percent, math.nan, "–"),
        (number_words.points, 0.04, "+4.0"),
        (number_words.points, -0.04, "−4.0"),
        (number_words.points, -0.00001, "+0.0"),
        (number_words.points, None, "–"),
        (number_words.two_decimals, -0.001, "0.00"),
        (number_words.two_decimals, -1.5, "−1.50"),
        (number_words.p_value, 0.0004, "< .001"),
        (number_words.p_value, 0.0312, ".031"),
        (number_words.p_value, 1.0, "1.000"),
    ],
)
def test_numbers_are_written_as_journals_write_them(
    form: Callable[[float | None], str], value: float | None, text: str
) -> None:
    assert form(value) == text
