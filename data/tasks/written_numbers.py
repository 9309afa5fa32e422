"""Numbers as tables write them: with a decimal point or comma, and what else is found in number columns."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa

THOUSANDS = {
    "point": re.compile(r"[+-]?\d{1,3}([,'’ \u00a0\u202f]\d{3})+(\.\d+)?"),
    "comma": re.compile(r"[+-]?\d{1,3}([.'’ \u00a0\u202f]\d{3})+(,\d+)?"),
}
POINTS_AS_THOUSANDS = r"^[+-]?[1-9]\d{0,2}(\.\d{3})+$"


def numbers_of(values: pa.ChunkedArray, decimal: str | None) -> np.ndarray:
    """float64 [N] of texts, NaN where a text is null or no number. `decimal`: "point", "comma", or None: a point."""
    if decimal == "comma" and pa.types.is_string(values.type):
        texts = values.to_pandas()
        texts = texts.where(~texts.str.contains(".", regex=False).fillna(False).astype(bool))
        return pd.to_numeric(texts.str.replace(",", "."), errors="coerce").to_numpy(dtype=float)
    try:
        return values.cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid:
        return pd.to_numeric(values.to_pandas(), errors="coerce").to_numpy(dtype=float)


def doubtful_thousands(values: pa.ChunkedArray) -> np.ndarray | None:
    """bool [N] of texts such as 1.234 where points may part thousands, or None.

    They may where every number with a point has it before three digits, and every number without one is
    below 1,000: with decimals, that would be chance.
    """
    if not pa.types.is_string(values.type):
        return None
    has_point = pa.compute.match_substring(values, ".").fill_null(False)
    if not pa.compute.any(has_point).as_py():
        return None
    pointed = values.filter(has_point)
    if not pa.compute.all(pa.compute.match_substring_regex(pointed, POINTS_AS_THOUSANDS)).as_py():
        return None
    plain = values.filter(pa.compute.invert(has_point)).drop_null()
    if (
        not len(plain)
        or not pa.compute.all(pa.compute.match_substring_regex(plain, r"^[+-]?\d{1,3}$")).as_py()
    ):
        return None
    return has_point.to_numpy()


def plain_number(found: str, decimal: str | None) -> str | None:
    """A number with thousands set apart as the file should write it, or None where it is none.

    Where points and commas both stand in it, the last one is the decimal sign; a sign that comes twice parts
    thousands.
    """
    for used, pattern in THOUSANDS.items():
        if pattern.fullmatch(found):
            sign = "." if used == "point" else ","
            whole, _, broken = found.rpartition(sign) if sign in found else (found, "", "")
            written = "," if decimal == "comma" else "."
            return re.sub(r"[^\d+-]", "", whole) + (f"{written}{broken}" if broken else "")
    return None


def bare_number(found: str) -> str:
    """A text without the currency or unit around its number: "$4,170" → "4,170"."""
    around = re.fullmatch(
        r"([^\d+-]{0,4}?)\s*([+-]?\d(?:[\d.,'’\s]*\d)?)\s*[^\d\s][^\d]{0,11}|\D{1,4}?\s*([+-]?\d(?:[\d.,'’\s]*\d)?)",
        found,
    )
    return (around.group(2) or around.group(3)) if around else found


def looks_written(found: str) -> bool:
    """Whether a text that cannot be read as a number is one to people: 1.226,50 or $4,170 or 12.3%, but not 01067."""
    bare = bare_number(found)
    if re.match(r"[+-]?0\d", bare):
        return False
    return plain_number(bare, None) is not None or re.fullmatch(r"[+-]?\d+([.,]\d+)?", bare) is not None


def mend_for(found: str, decimal: str | None) -> str:
    """What is wrong with a text in a number column, and the mend, to be read after "but is of kind number"."""
    used = decimal or "point"
    if THOUSANDS[used].fullmatch(found):
        if used == "point" and re.fullmatch(r"[+-]?\d{1,3},\d{3}", found):
            return (
                "and its comma may be a decimal comma or part thousands; write 1234.5 for the one, "
                "or decimal: comma into the task file, and 1234 for the other"
            )
        return f"with thousands set apart; write {plain_number(found, decimal)}"
    if THOUSANDS["comma" if used == "point" else "point"].fullmatch(found):
        sign = "comma" if used == "point" else "point"
        return (
            f"with thousands set apart and a decimal {sign}; write {plain_number(found, decimal)}, "
            f"or {plain_number(found, sign)} in every row and decimal: {sign} into the task file"
        )
    if used == "point" and re.fullmatch(r"[+-]?(\d*|\d{1,3}(\.\d{3})+),\d+", found):
        return "with a decimal comma; write a point, or decimal: comma into the task file"
    if used == "comma" and re.fullmatch(r"[+-]?\d*\.\d+", found):
        return "with a decimal point, though the task file says decimal: comma; write all alike"
    if re.fullmatch(r"\D{0,4}\s*[+-]?\d[\d.,'’\s]*\s*[^\d\s]{0,12}", found) and not re.fullmatch(
        r"[\d.,\s]*", found
    ):
        return "with a unit or sign in the cell; write the number alone, and unit: into the task file"
    return "write plain digits with a point, or leave the cell empty"
