"""Faces of a bundle's conditions as rows of images.csv, its menu, and as picture files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advisor.bundles.bundle import EXPRESSION_COLUMN_PREFIX, Bundle
from advisor.drawing.rendering import PictureKey, picture_keys
from advisor.publishing.exploration import Menu
from data.formats.picture_format import SUFFIX
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS

EXPRESSION_COLUMNS = [f"{EXPRESSION_COLUMN_PREFIX}{axis}" for axis in EXPRESSION_AXES]
SMILE = "smile"
SMILE_STEP = 0.05


@dataclass(frozen=True)
class Advice:
    """Faces of one condition: menu of N faces for `application_ids` (with repeats) and identities long [N]."""

    condition: Literal["face", "risk_to_smile"]
    application_ids: list[str]
    identities: Tensor
    menu: Menu


def risk_to_smile(scores: np.ndarray, train_scores: np.ndarray, axes: tuple[str, ...]) -> Tensor:
    """The machine's risk drawn as a smile, float [N, K]: the safest smile most, the riskiest frown most.

    A score's rank among the training split's scores spreads the smiles over the whole axis; the median is neutral.
    Smiles are rounded to `SMILE_STEP`, a quarter of what one look tells apart, so that applications share faces.
    """
    rank = np.searchsorted(np.sort(train_scores), scores) / len(train_scores)
    expressions = torch.zeros(len(scores), len(axes))
    low, high = EXPRESSION_BOUNDS[EXPRESSION_AXES.index(SMILE)]
    smiles = np.round(np.interp(rank, [0, 0.5, 1], [low, 0, high]) / SMILE_STEP) * SMILE_STEP
    expressions[:, axes.index(SMILE)] = torch.tensor(smiles, dtype=torch.float32)
    return expressions


def pictures_of(bundle: Bundle) -> dict[PictureKey, bytes]:
    """A bundle's picture files. Raises BundleError where one is gone or altered."""
    faces = bundle.images.drop_duplicates("image")
    contents = [bundle.image_bytes(image) for image in faces["image"]]
    return dict(zip(keys_of_rows(faces), contents, strict=True))


def keys_of_rows(rows: pd.DataFrame) -> list[PictureKey]:
    """Which picture each row of images.csv shows."""
    return picture_keys(rows["identity"].tolist(), rows[EXPRESSION_COLUMNS].to_numpy())


def menu_rows(advice: Advice) -> pd.DataFrame:
    """Rows of images.csv for advice of N faces, but for their pictures."""
    rows = pd.DataFrame(
        {
            "application_id": advice.application_ids,
            "condition": advice.condition,
            "identity": advice.identities.numpy(),
            "propensity": advice.menu.propensities,
            "source_application_id": advice.application_ids,
        }
    )
    return pd.concat(
        [rows, pd.DataFrame(advice.menu.expressions.numpy(), columns=EXPRESSION_COLUMNS)], axis=1
    )


def with_pictures(
    menu: pd.DataFrame, drawn: Mapping[PictureKey, bytes], shown: np.ndarray
) -> tuple[pd.DataFrame, dict[str, bytes]]:
    """The menu's rows as images.csv has them, and their picture files by relative path.

    Only rows whose face is among those `shown`, bool [rows], in whatever row, have a picture; it is among the `drawn`.
    """
    keys = keys_of_rows(menu)
    wanted = {key for key, is_shown in zip(keys, shown, strict=True) if is_shown}
    hashes = {key: hashlib.sha256(drawn[key]).hexdigest() for key in wanted}
    names = {key: f"images/{sha256[:16]}{SUFFIX}" for key, sha256 in hashes.items()}
    rows = menu.copy()
    for column, of_picture in (("image_sha256", hashes), ("image", names)):
        rows.insert(3, column, [of_picture.get(key) for key in keys])
    return rows, {names[key]: drawn[key] for key in wanted}


def shuffle_faces(face_rows: pd.DataFrame, split_of: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of the condition `shuffled`: every application gets all faces of another one of its split."""
    donor: dict[str, str] = {}
    for _, ids in split_of.groupby(split_of):
        order = rng.permutation(ids.index.to_numpy())
        donor |= dict(zip(order, np.roll(order, 1), strict=True))
    by_source = dict(list(face_rows.groupby("application_id")))
    shuffled = [by_source[source].assign(application_id=target) for target, source in donor.items()]
    return pd.concat(shuffled, ignore_index=True).assign(condition="shuffled")


def draw_identities(n_applications: int, n_each: int, n_identities: int, rng: np.random.Generator) -> Tensor:
    """long [n_applications · n_each]: different identities for each application, computed from nothing else."""
    drawn = [rng.permutation(n_identities)[:n_each] for _ in range(n_applications)]
    return torch.tensor(np.concatenate(drawn))
