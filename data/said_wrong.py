"""What is wrong with a key or a value, in words: one way for study files, task files and `--set`."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

_COMMA_NUMBER = re.compile(r"([-+]?\d+),(\d+)")
_NUMBER_AND_MORE = re.compile(
    r"(?:[^\d\s.,+-]{1,4}\s*)?([-+]?\d+(?:\.\d+)?)\s*[^\d\s]{1,12}|[^\d\s.,+-]{1,4}\s*(\d[\d.]*)"
)
# Bounds of numbers: pydantic's name of the problem → its words before the bound.
_BOUNDS = {
    "greater_than": "above",
    "greater_than_equal": "of at least",
    "less_than": "below",
    "less_than_equal": "of at most",
}


def nearest(word: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """The word of `known` that `word` most likely stands for, or None where none is as like as `cutoff`, 0 to 1."""
    found = difflib.get_close_matches(str(word), [str(entry) for entry in known], n=1, cutoff=cutoff)
    return found[0] if found else None


def instead_of(wrong: str, right: Iterable[str]) -> str:
    """What to write in place of a wrong word: the nearest right one, or all of them where none is near."""
    words = list(right)
    meant = nearest(wrong, words)
    return f"did you mean {meant}" if meant else f"the right ones are {', '.join(words)}"


def instead_of_key(model: type[BaseModel], location: Sequence[str]) -> str:
    """`instead_of` for the last key of a location inside a model, among the keys of the section that it is in."""
    for part in location[:-1]:
        if part in model.model_fields:  # positions in lists and names of entries are no keys
            model = next(models_in(model.model_fields[part].annotation), model)
    return instead_of(location[-1], model.model_fields)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a field with this annotation may hold, in lists and mappings too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def wrong_value(problem: Mapping[str, Any]) -> str:
    """What is wrong with a value and what to write instead, from one entry of pydantic's `ValidationError.errors()`.

    Never pydantic's own words: a message that a validator of ours raised is kept, everything else is said anew.
    """
    kind, value, context = str(problem["type"]), problem["input"], problem.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        reason = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
        # The code of a currency keeps its capitals.
        return (reason if reason[:2].isupper() else reason[:1].lower() + reason[1:]).rstrip(".")
    if kind in _BOUNDS:
        bound = next(context[name] for name in ("gt", "ge", "lt", "le") if name in context)
        said = f"{_shown(value)} is out of range; write a number {_BOUNDS[kind]} {bound}"
        percent = _as_number(value)
        return f"{said} ({percent:g} % is {percent / 100:g})" if bound == 1 and 1 < percent <= 100 else said
    if kind in ("too_short", "too_long"):
        least, most, n = context.get("min_length"), context.get("max_length"), context["actual_length"]
        wanted = f"at least {least}" if kind == "too_short" else f"at most {most}"
        return f"it has {n} {'entry' if n == 1 else 'entries'}; write {wanted}"
    if kind == "literal_error":
        words = re.sub(r"(?<!\w)'|'(?!\w)", "", str(context["expected"]))
        return f"{_is_no(kind, value)}; write {words}"
    return f"{_is_no(kind, value)}; {_instead(kind, value)}"


def _is_no(kind: str, value: Any) -> str:
    if value is None or value == "":
        return "it is empty"
    wanted = {
        "bool": "neither true nor false",
        "int": "no whole number",
        "float": "no number",
        "finite": "no number that one can count to",
        "string": "no text",
        "path": "no path",
        "literal": "none of the words that can stand here",
    }
    return f"{_shown(value)} is {wanted.get(kind.partition('_')[0], 'not what can stand here')}"


def _instead(kind: str, value: Any) -> str:
    """What to write where a value has the wrong kind."""
    leave_out = ", or leave the key out" if value is None or value == "" else ""
    wanted = kind.partition("_")[0]
    if wanted == "bool":
        return f"write true or false{leave_out}"
    if wanted in ("int", "float", "finite"):
        return _number_instead(wanted, value) + leave_out
    if wanted in ("tuple", "list", "set", "frozen"):
        return f"write a list: every entry on a line of its own, after a dash{leave_out}"
    if wanted in ("dict", "mapping", "model", "dataclass"):
        return f"write its keys below it, one a line{leave_out}"
    if wanted == "path":
        return f"write the path of a file or folder{leave_out}"
    if isinstance(value, bool | int | float):
        return "put it in quotes"
    if isinstance(value, dict | list):
        return "write one text, in quotes where it begins with [ or { or holds a colon"
    return f"write a text{leave_out}"


def _number_instead(wanted: str, value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    example = "40" if wanted == "int" else "0.5"
    if comma := _COMMA_NUMBER.fullmatch(text):
        whole, decimals = comma.groups()
        if len(decimals) == 3:
            fraction = "" if wanted == "int" else f", or {whole}.{decimals} for a fraction"
            return f"write it without a comma: {whole}{decimals}{fraction}"
        if wanted != "int":
            return f"write it with a point: {whole}.{decimals}"
    if more := _NUMBER_AND_MORE.fullmatch(text):
        if text.endswith("%") and wanted == "float":
            return f"write a share as a fraction of one: {float(more.group(1)) / 100:g}"
        return f"write the number alone, without unit or currency: {more.group(1) or more.group(2)}"
    if wanted == "int":
        return f"write a whole number in digits, such as {example}"
    return f"write a number in digits, with a point for decimals, such as {example}"


def _as_number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
