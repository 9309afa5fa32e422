"""What is wrong with a key or an option, in words: one way for study files and for `--set`."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, get_args

from pydantic import BaseModel


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
            model = next(_models_in(model.model_fields[part].annotation), model)
    return instead_of(location[-1], model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
