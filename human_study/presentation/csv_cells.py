"""Values as cells of a CSV file that a spreadsheet opens without running any of them as a formula."""

from datetime import UTC, datetime

# What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"), the full-width ones too.
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def safe_cell(value: object) -> str:
    """A value as a CSV cell: text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, str):
        return f"'{value}" if value.lstrip("'").startswith(_FORMULA_STARTS) else value
    return repr(value) if isinstance(value, float) else str(value)
