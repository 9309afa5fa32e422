"""What one cell of the learning benchmark is made of: its table, its simulated people, its rounds of decisions."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advisor.drawing.rendering import usable_bounds
from advisor.encoder.distillation import distilled_path
from advisor.encoder.risk_model import RiskModel
from advisor.encoder.trained_run import encoder_features, load_encoder
from advisor.publishing.bundle_draft import draw_identities
from advisor.publishing.exploration import Menu, exploring_menu, only_explore
from advisor.response.learn_response import load_response
from advisor.response.training_decisions import even_sample
from advisor.runs.config import PublishConfig, TrainConfig
from advisor.runs.run_dir import RunDirectory
from advisor.simulation.populations import population
from advisor.simulation.simulated_participant import SimulatedParticipant, draw_people
from data.tasks.applications import Applications, Standardiser, draw_pool, read_applications
from models.checkpoint import file_sha256, shipped_weights
from models.face_generator import FaceGenerator
from models.observer import SimulatedObserver
from tests.benchmarks.learning_faces import RenderedFaces, observer_path
from tests.benchmarks.learning_people import PeopleSample
from tests.benchmarks.learning_tables import table_task

N_ROUNDS, N_PEOPLE, N_TRIALS = 3, 60, 40
N_FEW_PEOPLE = 20
N_FRESH_PEOPLE, N_EVALUATED = 500, 300  # people; applications of either outcome, at most
FORMAT = 3


def fingerprint() -> str:
    """What a cell's figures depend on, apart from code: weights and default options."""
    parts = ("face_generator", "face_perception", "simulated_observer")
    content = {
        "format": FORMAT,
        "train": TrainConfig().model_dump(mode="json"),
        "publish": PublishConfig().model_dump(mode="json"),
        "weights": [file_sha256(shipped_weights(part)) for part in parts],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:10]


@dataclass
class Cell:
    """All that a cell's rounds share. `faces` draws and reads; `evaluated` is a fixed sample of the test split."""

    population: str
    table: str
    seed: int
    folder: Path
    config: TrainConfig = field(default_factory=TrainConfig)
    publish: PublishConfig = field(default_factory=PublishConfig)

    def __post_init__(self) -> None:
        shared = self.folder.parent
        self.task = table_task(self.table, shared / "tables")
        self.applications = read_applications(self.task)
        self.risk_model = RiskModel.fit(self.applications)
        train = self.applications.select("train")
        self.seen = Standardiser.fit(self.task, train.frame, columns=self.task.shown_columns)
        self.generator = FaceGenerator.load()
        self.bounds = usable_bounds(self.generator)
        self.faces = RenderedFaces(self.generator, SimulatedObserver.load(), shared / "faces")
        self.percept_path, self.percept_r2 = distilled_path(shared / "distilled.safetensors", lambda n: None)
        self.observer_path, self.observer_r2 = observer_path(shared / "distilled_observer.safetensors")
        self.pool = draw_pool(
            self.applications, "train", np.random.default_rng([self.seed, 0]), self.publish.max_pool_size
        )
        self.evaluated = self._evaluated()
        self.outcomes = self.evaluated.outcomes.to_numpy()
        rng = np.random.default_rng(7)
        self.evaluated_identities = torch.tensor(
            rng.integers(self.generator.n_identities, size=len(self.outcomes))
        )
        self.sample = PeopleSample(
            self.people(N_FRESH_PEOPLE, 900), self.evaluated, np.random.default_rng([self.seed, 901])
        )

    def _evaluated(self) -> Applications:
        """Test applications to evaluate on: the same for every population and seed of a table."""
        test = self.applications.select("test")
        chosen = even_sample(test.outcomes.to_numpy(), N_EVALUATED, np.random.default_rng(5))
        return Applications(
            self.task, test.frame.iloc[chosen], test.outcomes.iloc[chosen], test.splits.iloc[chosen]
        )

    def people(self, n: int, part: int) -> list[SimulatedParticipant]:
        """Fresh simulated people; `part` tells groups apart."""
        rng = np.random.default_rng([self.seed, part])
        return draw_people(
            n, population(self.population), self.applications, self.generator.axes, _no_reader, rng
        )

    def seen_features(self, frame: pd.DataFrame) -> Tensor:
        """What ĥ knows of applications, float [N, F]."""
        return torch.from_numpy(self.seen.transform(frame))

    def encoder_input(self, frame: pd.DataFrame) -> Tensor:
        """What the encoder is given, float [N, F + 2]."""
        return torch.from_numpy(encoder_features(self.risk_model, frame))


def _no_reader(images: np.ndarray) -> np.ndarray:  # noqa: ARG001
    raise AssertionError("the benchmark reads faces itself")


def menu_of_round(cell: Cell, run: RunDirectory | None, identities: Tensor, rng: np.random.Generator) -> Menu:
    """Faces of the training pool: exploring ones only in round 0, else the advisor's and some that explore."""
    m = cell.publish.identities_per_application
    if run is None:
        return only_explore(len(cell.pool), m, cell.bounds, rng)
    frame = cell.applications.frame.loc[cell.pool]
    with torch.no_grad():
        advised = load_encoder(run)(cell.encoder_input(frame))
    return exploring_menu(
        advised,
        identities,
        np.ones(len(cell.pool), dtype=bool),
        cell.seen_features(frame),
        cell.risk_model.score(frame),
        load_response(run),
        cell.percept_path,
        cell.bounds,
        cell.publish.explore_share,
        rng,
    )


def collect(cell: Cell, round_number: int, run: RunDirectory | None) -> pd.DataFrame:
    """Decisions of fresh people on the training pool in `face`, with propensities."""
    rng = np.random.default_rng([cell.seed, round_number, 2])
    m = cell.publish.identities_per_application
    identities = draw_identities(len(cell.pool), m, cell.generator.n_identities, rng)
    menu = menu_of_round(cell, run, identities, rng)
    frame = cell.applications.frame.loc[cell.pool]
    outcomes = cell.applications.outcomes.loc[cell.pool].to_numpy()
    chances = menu.propensities.reshape(-1, m)
    people = cell.people(N_PEOPLE, 100 + round_number)
    picked, shown = [], []
    for _ in people:
        of_person = np.concatenate(
            [rng.choice(np.flatnonzero(outcomes == y), N_TRIALS // 2, replace=False) for y in (0, 1)]
        )
        drawn = [rng.choice(m, p=chances[i] / chances[i].sum()) for i in of_person]
        picked.append(of_person)
        shown.append(of_person * m + np.array(drawn))
    faces, place = np.unique(np.array(shown), return_inverse=True)  # what nobody sees is not drawn
    names, readings = cell.faces.readings(
        identities[torch.from_numpy(faces)], menu.expressions[torch.from_numpy(faces)], keep=run is None
    )
    rows = []
    judged: dict[int, np.ndarray] = {}
    for k, (person, where, seen) in enumerate(
        zip(people, picked, place.reshape(len(people), -1), strict=True)
    ):
        features = judged.setdefault(id(person.judgement), person.judged_features(frame))
        noise = rng.normal(0, person.coefficients().reading_noise_sd, (N_TRIALS, readings.shape[1]))
        chance = person.approve_probability(features[where], readings[seen] + noise)
        rows.append(
            pd.DataFrame(
                {
                    "participant": f"r{round_number}p{k:02d}",
                    "application_id": np.array(cell.pool, dtype=object)[where],
                    "approved": (rng.random(N_TRIALS) < chance).astype(int),
                    "image_sha256": np.array(names, dtype=object)[seen],
                    "round_number": round_number,
                    "propensity": menu.propensities[faces[seen]],
                }
            )
        )
    return pd.concat(rows, ignore_index=True)
