"""What a misspelt word most likely stands for."""

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The word of `known` that `word` most likely stands for, or None where nothing is near."""
    found = difflib.get_close_matches(str(word), [str(entry) for entry in known], n=1, cutoff=0.5)
    return found[0] if found else None
