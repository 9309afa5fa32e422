"""How numbers are written, as journals write them; a dash where one is missing."""

import pandas as pd

MISSING = "–"


def percent(value: float | None) -> str:
    """A share as "63.2%"; a dash where it is missing."""
    return MISSING if is_missing(value) else f"{100 * value:.1f}%"  # type: ignore[operator]


def points(value: float | None) -> str:
    """A difference of shares in percentage points, with its sign: "+4.0" or "−4.0"."""
    return MISSING if is_missing(value) else f"{100 * value:+z.1f}".replace("-", "−")  # type: ignore[operator]


def points_apart(value: float | None) -> str:
    """A distance of shares in percentage points, without a sign: "4.0"."""
    return points(value).lstrip("+−") if not is_missing(value) else MISSING


def two_decimals(value: float | None) -> str:
    """A number with two decimals; a dash where it is missing."""
    return MISSING if is_missing(value) else f"{value:z.2f}".replace("-", "−")


def three_decimals(value: float | None) -> str:
    """A number with three decimals; a dash where it is missing."""
    return MISSING if is_missing(value) else f"{value:z.3f}".replace("-", "−")


def whole(value: float | None) -> str:
    """A count with thousands apart."""
    return MISSING if is_missing(value) else f"{int(value):,}"  # type: ignore[arg-type]


def how_many(n: int, one: str, many: str = "") -> str:
    """A count with its noun: "1 participant", "1,200 participants"; `many` where it is not `one` with an s."""
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


def seconds(value: float | None) -> str:
    """Milliseconds as seconds with two decimals."""
    return MISSING if is_missing(value) else f"{value / 1000:.2f} s"  # type: ignore[operator]


def p_value(value: float | None) -> str:
    """A p value with three decimals, "< .001" below."""
    if is_missing(value):
        return MISSING
    return "< .001" if value < 0.001 else f"{value:.3f}".removeprefix("0")  # type: ignore[operator]


def p_value_equals(value: float | None) -> str:
    """A p value in a sentence: "p = .032", "p < .001"; a dash where it is missing."""
    written = p_value(value)
    return f"p {written}" if written.startswith(("<", MISSING)) else f"p = {written}"


def is_missing(value: object) -> bool:
    """Whether a cell of a table holds no number (None or NaN)."""
    return bool(pd.isna(value))  # type: ignore[call-overload]
