"""Past cases beside an application: the ones to learn from whose faces are most alike, as people see them.

Computed where a bundle is published and stored in it, so that the app that serves them needs no networks. Faces are
compared by what is read in their pictures; every axis is taken to be seen with the same noise, so that plain distance
between readings says how well two faces are told apart. Features of applications play no part.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from data.records import Trial

N_EXAMPLES = 3
SIMILAR_CASES_FILE = "similar_cases.csv"

SimilarCases = Mapping[str, tuple[str, ...]]
"""Path of a picture → applications to learn from, the one with the most similar face first."""


def rank_similar(
    readings: Mapping[str, np.ndarray], learning_faces: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """The cases that are most alike, by picture: all others for a case's own picture, else `N_EXAMPLES`.

    All, since what a participant will decide on later must be left out for that participant.

    Args:
        readings: path of a picture → what is read in it, float [K].
        learning_faces: application id → path of its picture; each is among `readings`.
    """
    ids, paths = list(learning_faces), set(learning_faces.values())
    cases = np.stack([readings[learning_faces[one]] for one in ids])
    found = {}
    for path, reading in readings.items():
        order = np.argsort(((cases - reading) ** 2).sum(1), kind="stable")
        others = [ids[k] for k in order if learning_faces[ids[k]] != path]
        found[path] = tuple(others if path in paths else others[:N_EXAMPLES])
    return found


def examples_for(similar: SimilarCases, image: str, left_out: Collection[str] = ()) -> tuple[str, ...]:
    """The cases shown beside a picture, the most similar first, but for those that are `left_out`."""
    return tuple([one for one in similar[image] if one not in left_out][:N_EXAMPLES])


def past_cases(trial: Trial) -> list[str]:
    """The applications that are shown beside a trial as past cases, the most similar face first."""
    return [str(one) for one in json.loads(trial.examples or "[]")]


def similar_cases_csv(similar: SimilarCases) -> bytes:
    """As a table of two columns: image, and similar, a JSON list of application ids."""
    rows = {"image": list(similar), "similar": [json.dumps(list(ids)) for ids in similar.values()]}
    return pd.DataFrame(rows).to_csv(index=False).encode()


def read_similar_cases(content: bytes) -> dict[str, tuple[str, ...]]:
    """The inverse of `similar_cases_csv`."""
    table = pd.read_csv(io.BytesIO(content), dtype=str)
    return {
        str(image): tuple(json.loads(ids))
        for image, ids in zip(table["image"], table["similar"], strict=True)
    }
