"""What a bundle will hold before its faces are drawn: applications, the machine, pools, identities and expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advisor.bundles.bundle import CONDITIONS, LEARNING_SPLIT, Check, Manifest
from advisor.encoder.risk_model import RiskModel
from advisor.publishing.bundle_faces import Advice, draw_identities, risk_to_smile
from advisor.publishing.exploration import Menu, only_exploit
from advisor.runs.config import PublishConfig
from advisor.runs.run_dir import git_revision
from data.stored_record import now
from data.tasks.applications import Applications, draw_pool
from data.tasks.decision_task import shipped_name
from models.face_generator import FaceGenerator

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

    def faces(self) -> Advice:
        """The advisor's faces."""
        return Advice("face", self._application_ids(), self.identities, self.menu)

    def smiles(self, axes: tuple[str, ...]) -> Advice:
        """The control without learning: the machine's risk as a smile, on the same identities."""
        train_scores = self.risk_model.score(self.applications.select("train").frame)
        smiles = risk_to_smile(self._scores().to_numpy(), train_scores, axes)
        menu = only_exploit(smiles, self.config.identities_per_application)
        return Advice("risk_to_smile", self._application_ids(), self.identities, menu)

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
