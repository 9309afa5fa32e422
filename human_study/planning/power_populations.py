"""Whom a power analysis draws from: a simulated population, or the people that a pilot's response model learned.

Both decide on the test pool of the study's bundle. A simulated population's advice is the machine's score as its
members heed it; a pilot's is what its response model ĥ makes of the faces that its encoder draws, against faces
without expression.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import logit

from advisor.bundles.bundle import Bundle, load_bundle
from advisor.simulation.judgement import Judgement, calibrated_judgement, own_direction
from advisor.simulation.populations import SCORE_GAIN, Population
from data.errors import StudyError, TrainingError
from data.tasks.applications import Applications, read_applications
from data.tasks.decision_task import DecisionTask, load_task


@dataclass(frozen=True)
class TestPool:
    """The applications that a study measures on: task, table, and the bundle's test pool."""

    __test__ = False  # no test of pytest's

    task: DecisionTask
    applications: Applications
    bundle: Bundle

    @classmethod
    def of_study(cls, bundle_path: Path, task_name: str) -> TestPool:
        """Raises BundleError or TaskError where either is gone."""
        task = load_task(task_name)
        return cls(task, read_applications(task), load_bundle(bundle_path))

    @property
    def ids(self) -> pd.Index:
        """Application ids of the test pool."""
        table = self.bundle.applications
        return table.index[table["split"] == "test"]

    @property
    def outcomes(self) -> np.ndarray:
        """Outcomes [A], 1 = the good one."""
        return self.bundle.outcomes().loc[self.ids].to_numpy()

    @property
    def scores(self) -> np.ndarray:
        """The machine's probability of the good outcome, float [A]."""
        return self.bundle.applications.loc[self.ids, "score"].to_numpy(float)

    @property
    def frame(self) -> pd.DataFrame:
        """The table's rows of the pool. Raises StudyError where the table lacks some."""
        missing = self.ids.difference(self.applications.frame.index)
        if len(missing):
            raise StudyError(
                f"The task {self.task.name} lacks {len(missing)} of the bundle's applications (first: "
                f"{missing[0]}); name "
                "the bundle that was published for it."
            )
        return self.applications.frame.loc[self.ids]


class SimulatedPopulation:
    """People of a simulated population (advisor/simulation), in the terms of a power analysis."""

    def __init__(self, population: Population, pool: TestPool) -> None:
        self.outcomes = pool.outcomes
        self._population, self._pool = population, pool

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `DecidingPopulation.draw`."""
        judgements: dict[str, tuple[Judgement, np.ndarray]] = {}
        read = np.tanh(SCORE_GAIN * logit(np.clip(self._pool.scores, 0.01, 0.99)))
        log_odds, added, lapses = [], [], []
        for _ in range(n):
            kind = self._population.member(rng)
            if kind.name not in judgements:
                seed = np.random.default_rng(sum(kind.name.encode()))
                base = calibrated_judgement(self._pool.applications, kind, seed)
                features = base.standardiser.transform(self._pool.frame) - base.offset
                judgements[kind.name] = base, features
            base, features = judgements[kind.name]
            direction = own_direction(base, kind, rng.normal(size=len(base.valid)))
            log_odds.append(kind.evidence_slope * (features @ direction) + rng.normal(0, kind.bias_sd))
            added.append(rng.gamma(kind.heed_shape, kind.heed_mean / kind.heed_shape) * read)
            lapse = kind.lapse_mean
            lapses.append(rng.beta(lapse * 20, (1 - lapse) * 20) if 0 < lapse < 1 else lapse)
        return np.array(log_odds), np.array(added), np.array(lapses)


class PilotPopulation:
    """People as a pilot's response model ĥ describes them: each one of its members, with own heed and offset."""

    def __init__(self, run_path: Path, pool: TestPool) -> None:
        """Raises TrainingError where the run is not whole or of another task."""
        import torch

        from advisor.encoder.trained_run import TrainedRun

        trained = TrainedRun.load(run_path)
        if not pool.task.has_hash(trained.option("task_hash")):
            raise TrainingError(
                f"The run {run_path} was trained on another task than {pool.task.name}; name a pilot of it."
            )
        response, features = trained.response, trained.seen_features(pool.frame)
        expressions = trained.expressions(pool.frame)
        with torch.no_grad():
            own, neutral = response.parts(torch.cat([torch.zeros_like(expressions), features], 1))
            _, shown = response.parts(torch.cat([expressions, features], 1))
            heed, log_shares = response.heed()
        self.outcomes = pool.outcomes
        self._own, self._neutral = own.double().numpy(), neutral.double().numpy()
        self._added = (shown - neutral).double().numpy()
        self._heed, self._heed_shares = heed.double().numpy(), log_shares.double().exp().numpy()
        self._careless = response.careless_share.detach().double().numpy()
        self._offset_sd = response.offset_sd.detach().double().numpy()
        self._lapse = response.lapse_rate.detach().double().numpy()

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """See `DecidingPopulation.draw`."""
        member = rng.integers(len(self._own), size=n)
        offsets = rng.normal(size=n) * self._offset_sd[member]
        place = (rng.random((n, 1)) > self._heed_shares[member].cumsum(1)[:, :-1]).sum(1)
        heed = self._heed[member, place][:, None]
        lapse = np.where(rng.random(n) < self._careless[member], 1.0, self._lapse[member])
        unadvised = self._own[member] + heed * self._neutral[member] + offsets[:, None]
        return unadvised, heed * self._added[member], lapse
