"""What a bundle will hold: applications, the machine, pools, and the faces of every condition as rows of images.csv."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advisor.bundles.bundle import (
    CONDITIONS,
    EXPRESSION_COLUMN_PREFIX,
    LEARNING_SPLIT,
    PERCEPT_COLUMN_PREFIX,
    Bundle,
    Check,
    Manifest,
)
from advisor.drawing.rendering import PictureKey, picture_keys
from advisor.encoder.risk_model import RiskModel
from advisor.publishing.exploration import Menu, only_exploit
from advisor.runs.config import PublishConfig
from advisor.runs.run_dir import git_revision
from data.formats.picture_format import SUFFIX
from data.stored_record import now
from data.tasks.applications import Applications, draw_pool
from data.tasks.decision_task import shipped_name
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS
from models.face_generator import FaceGenerator

EXPRESSION_COLUMNS = [f"{EXPRESSION_COLUMN_PREFIX}{axis}" for axis in EXPRESSION_AXES]
PERCEPT_COLUMNS = [f"{PERCEPT_COLUMN_PREFIX}{axis}" for axis in EXPRESSION_AXES]
SMILE = "smile"
SMILE_STEP = 0.05
_LEARNING_STREAM = 6  # of the seed's random numbers, apart from those that draw and check the rest


@dataclass(frozen=True)
class Origin:
    """Where the advisor comes from, for the manifest."""

    kind: Literal["explore", "learned"]
    trained_on: Literal["nothing", "people", "simulated"]
    study: str | None
    round_number: int
    weights: dict[str, str]


@dataclass(frozen=True)
class BundleDraft:
    """A bundle but for its pictures: n applications with m faces each.

    Attributes:
        applications: all of the task's.
        risk_model: the machine alone.
        pools: the split by application id, [n].
        identities: of each application's faces in a row, long [n · m].
        menu: the expressions of these faces.
        origin: where the advisor comes from.
        config: how many faces and of which kind were asked for.
        learning: the same of the applications that people learn from, if there are any; not counted in n.
    """

    applications: Applications
    risk_model: RiskModel
    pools: pd.Series
    identities: Tensor
    menu: Menu
    origin: Origin
    config: PublishConfig
    learning: BundleDraft | None = None

    @property
    def parts(self) -> tuple[BundleDraft, ...]:
        """This one, and what people learn from."""
        return (self,) if self.learning is None else (self, self.learning)

    def faces(self) -> pd.DataFrame:
        """The advisor's faces as rows of images.csv, but for their pictures."""
        return _rows("face", self._application_ids(), self.identities, self.menu)

    def smiles(self, axes: tuple[str, ...]) -> pd.DataFrame:
        """Rows of the control without learning: the machine's risk as a smile, on the same identities."""
        train_scores = self.risk_model.score(self.applications.select("train").frame)
        smiles = risk_to_smile(self._scores().to_numpy(), train_scores, axes)
        menu = only_exploit(smiles, self.config.identities_per_application)
        return _rows("risk_to_smile", self._application_ids(), self.identities, menu)

    def own_faces(self) -> np.ndarray:
        """Which faces are the advisor's own, bool [n · m]; in round 0 that is all of them."""
        explores = self.menu.explores
        return np.ones_like(explores) if self.origin.kind == "explore" else ~explores

    def features_of_faces(self) -> np.ndarray:
        """Standardised features of the application behind each face, float [n · m, F]."""
        return self.risk_model.standardiser.transform(self.applications.frame.loc[self._application_ids()])

    def table(self) -> pd.DataFrame:
        """Split and machine's score by application id, of all parts."""
        return pd.concat([pd.DataFrame({"split": one.pools, "score": one._scores()}) for one in self.parts])

    def outcomes(self) -> pd.Series:
        """1 = repaid, by application id, of all parts."""
        return self.applications.outcomes.loc[[one for part in self.parts for one in part.pools.index]]

    def manifest(self, checks: list[Check]) -> Manifest:
        """The manifest, but for the bundle's hash; `checks` are those that were passed."""
        task = self.applications.task
        return Manifest(
            kind=self.origin.kind,
            round_number=self.origin.round_number,
            task_name=task.name,
            task_hash=task.task_hash,
            task_path=shipped_name(task.path) or str(task.path),
            trained_on=self.origin.trained_on,
            trained_on_study=self.origin.study,
            seed=self.config.seed,
            git_revision=git_revision(),
            created_at=now(),
            conditions=tuple(one for one in CONDITIONS if one != "examples" or self.learning is not None),
            axes=FaceGenerator.axes,
            weights=self.origin.weights,
            checks=tuple(checks),
            machine_balanced_accuracy=self.risk_model.balanced_accuracy(self.applications.select("test")),
            pools={
                str(split): len(ids) for part in self.parts for split, ids in part.pools.groupby(part.pools)
            },
        )

    def _application_ids(self) -> list[str]:
        m = self.config.identities_per_application
        return [application for application in self.pools.index for _ in range(m)]

    def _scores(self) -> pd.Series:
        frame = self.applications.frame.loc[self.pools.index]
        return pd.Series(self.risk_model.score(frame), index=self.pools.index)


def draw_pools(
    applications: Applications, n_identities: int, config: PublishConfig, rng: np.random.Generator
) -> tuple[pd.Series, Tensor]:
    """The pools (split by application id), and the identities of each application's faces in a row, long [n · m]."""
    pools = {split: draw_pool(applications, split, rng, config.max_pool_size) for split in ("train", "test")}
    split_of = pd.Series({application: split for split, ids in pools.items() for application in ids})
    assert config.identities_per_application <= n_identities
    identities = draw_identities(len(split_of), config.identities_per_application, n_identities, rng)
    return split_of, identities


def with_learning_pool(
    draft: BundleDraft, n_identities: int, menu_of: Callable[[pd.DataFrame, np.random.Generator], Menu]
) -> BundleDraft:
    """The draft with what people can learn from, if there is any: one face each, so that it is known by its face.

    At most half of the rarer outcome of the split, so that as many are left for practice and attention checks.
    `menu_of` gives the faces of a frame of applications.
    """
    rng = np.random.default_rng([draft.config.seed, _LEARNING_STREAM])
    outcomes = draft.applications.select(LEARNING_SPLIT).outcomes
    rarer = min(int((outcomes == outcome).sum()) for outcome in (0, 1))
    size = 2 * min(draft.config.learning_pool_size // 2, rarer // 2)
    if not size:
        return draft
    ids = draw_pool(draft.applications, LEARNING_SPLIT, rng, size)
    menu = menu_of(draft.applications.frame.loc[ids], rng)
    learning = replace(
        draft,
        pools=pd.Series(LEARNING_SPLIT, index=ids),
        identities=torch.tensor(rng.integers(n_identities, size=size)),
        menu=menu,
        config=draft.config.model_copy(update={"identities_per_application": 1}),
    )
    return replace(draft, learning=learning)


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


def draw_identities(n_applications: int, n_each: int, n_identities: int, rng: np.random.Generator) -> Tensor:
    """long [n_applications · n_each]: different identities for each application, computed from nothing else."""
    drawn = [rng.permutation(n_identities)[:n_each] for _ in range(n_applications)]
    return torch.tensor(np.concatenate(drawn))


def _rows(condition: str, application_ids: list[str], identities: Tensor, menu: Menu) -> pd.DataFrame:
    """Rows of images.csv, but for their pictures: a condition's menu of N faces for the applications named."""
    rows = pd.DataFrame(
        {
            "application_id": application_ids,
            "condition": condition,
            "identity": identities.numpy(),
            "propensity": menu.propensities,
            "source_application_id": application_ids,
        }
    )
    return pd.concat([rows, pd.DataFrame(menu.expressions.numpy(), columns=EXPRESSION_COLUMNS)], axis=1)


def shuffle_faces(face_rows: pd.DataFrame, split_of: pd.Series, rng: np.random.Generator) -> pd.DataFrame:
    """Rows of the condition `shuffled`: every application gets all faces of another one of its split."""
    donor: dict[str, str] = {}
    for _, ids in split_of.groupby(split_of):
        order = rng.permutation(ids.index.to_numpy())
        donor |= dict(zip(order, np.roll(order, 1), strict=True))
    by_source = dict(list(face_rows.groupby("application_id")))
    shuffled = [by_source[source].assign(application_id=target) for target, source in donor.items()]
    return pd.concat(shuffled, ignore_index=True).assign(condition="shuffled")


def keys_of_rows(rows: pd.DataFrame) -> list[PictureKey]:
    """Which picture each row of images.csv shows."""
    return picture_keys(rows["identity"].tolist(), rows[EXPRESSION_COLUMNS].to_numpy())


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


def with_percepts(images: pd.DataFrame, percepts: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Rows of images.csv and what was read in their pictures, by path float [K]; missing where nothing was read."""
    unread = np.full(len(PERCEPT_COLUMNS), np.nan)
    values = np.stack([percepts.get(path, unread) for path in images["image"]])
    return images.assign(**dict(zip(PERCEPT_COLUMNS, values.T, strict=True)))


def pictures_of(bundle: Bundle) -> dict[PictureKey, bytes]:
    """A bundle's picture files. Raises BundleError where one is gone or altered."""
    faces = bundle.images.drop_duplicates("image")
    contents = [bundle.image_bytes(image) for image in faces["image"]]
    return dict(zip(keys_of_rows(faces), contents, strict=True))
