"""One cell of the representation benchmark: a population, a table and a seed; all variants of the objective on it.

    python -m tests.benchmarks.representation_cell POPULATION TABLE SEED --out FOLDER

60 simulated people with 40 exploratory decisions each, ĥ once, then an encoder for each variant, by the product's own
training. Faces are not drawn: what FacePerception and the simulated observer read comes from networks distilled from
them. Accuracy is evaluated as in the learning benchmark. All participants are simulated.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advisor.drawing.rendering import usable_bounds
from advisor.encoder.composition import AdviceComposition
from advisor.encoder.distillation import distilled_path
from advisor.encoder.learning_step import encoder_data, scores_of_all_that_is_known
from advisor.encoder.risk_model import RiskModel
from advisor.encoder.train_encoder import new_encoder, train_encoder
from advisor.encoder.trained_run import encoder_features
from advisor.measurement.readability import measure_readability
from advisor.publishing.bundle_draft import draw_identities
from advisor.publishing.exploration import only_explore
from advisor.response.fit_response import fit_response
from advisor.response.training_decisions import even_sample
from advisor.runs.config import EncoderConfig, PublishConfig, ResponseConfig
from advisor.runs.run_dir import RunDirectory
from advisor.simulation.populations import population
from advisor.simulation.simulated_participant import SimulatedParticipant, draw_people
from data.tasks.applications import Applications, Standardiser, draw_pool, read_applications
from models.checkpoint import file_sha256, shipped_weights
from models.encoder import FeatureEncoder
from models.expression import EXPRESSION_BOUNDS
from models.face_generator import FaceGenerator
from models.response import ResponseModel
from tests.benchmarks.cells import cell_command, cell_result
from tests.benchmarks.learning_evaluation import balanced
from tests.benchmarks.learning_faces import observer_path
from tests.benchmarks.learning_people import PeopleSample, expected_correct
from tests.benchmarks.learning_tables import hidden_task, table_task

N_PEOPLE, N_TRIALS, N_FRESH_PEOPLE, N_EVALUATED, N_BOOTSTRAP = 60, 40, 500, 300, 400
LOOKING_NOISE_SDS = (0.1, 0.2, 0.4)
MASKS = "two masks"
DEFAULT = "as shipped"
# The front: from a verdict alone to more things than are shipped; then the other terms, each taken out.
VARIANTS: dict[str, dict[str, float]] = {
    MASKS: {"thing_weight": 0, "doubt_weight": 0, "strength_weight": 0, "reach": 1, "n_things": 0},
    DEFAULT: {},
    "no things": {"n_things": 0},
    "3 things": {"n_things": 3},
    "7 things": {"n_things": 7},
    "things half as clear": {"thing_r2": 0.2},
    "no doubt": {"doubt_weight": 0},
    "outer tenth left unused": {"outer_share": 0},
}
CODE = ("advisor/encoder", "advisor/response", "advisor/runs/config.py", "advisor/measurement/readability.py")
CODE += tuple(f"advisor/simulation/{part}.py" for part in ("judgement", "likeness", "populations"))
CODE += ("advisor/simulation/simulated_participant.py", "models", "tests/benchmarks/representation_cell.py")
PARTS = ("face_generator", "face_perception", "simulated_observer")


def fingerprint(*more: str) -> str:
    """What a cell's figures depend on: code (`more`: other files) and weights."""
    root = Path(__file__).parents[2]
    files = [
        p
        for name in (*CODE, *more)
        for p in ([root / name] if name.endswith(".py") else (root / name).glob("*.py"))
    ]
    content = b"".join(path.read_bytes() for path in sorted(files))
    weights = "".join(file_sha256(shipped_weights(part)) for part in PARTS)
    return hashlib.sha256(content + weights.encode()).hexdigest()[:10]


def cell_file(out: Path, population_name: str, table: str, seed: int) -> Path:
    """Where a cell's result stands."""
    return out / f"{population_name}-{table.replace('/', '_fold_')}-{seed}-{fingerprint()}.json"


class Cell:
    """What all variants of a cell share: a table, its machine, people, and ĥ fitted to what they decided."""

    def __init__(self, population_name: str, table: str, seed: int, shared: Path) -> None:
        self.seed, self.kind = seed, population(population_name)
        tables = shared / "tables"
        if self.kind.knows_columns:
            self.task = hidden_task(table, tables / f"{table.replace('/', '_fold_')}_hidden")
        else:
            self.task = table_task(table, tables)
        self.applications = read_applications(self.task)
        self.risk_model = RiskModel.fit(self.applications)
        train, test = self.applications.select("train"), self.applications.select("test")
        self.seen = Standardiser.fit(self.task, train.frame, columns=self.task.shown_columns)
        generator = FaceGenerator.load()
        self.axes, self.n_identities, self.bounds = (
            generator.axes,
            generator.n_identities,
            usable_bounds(generator),
        )
        self.path, _ = distilled_path(shared / "distilled.safetensors", lambda n: None)
        self.observer, _ = observer_path(shared / "distilled_observer.safetensors")
        chosen = even_sample(test.outcomes.to_numpy(), N_EVALUATED, np.random.default_rng(5))
        self.evaluated = Applications(
            self.task, test.frame.iloc[chosen], test.outcomes.iloc[chosen], test.splits.iloc[chosen]
        )
        self.outcomes = self.evaluated.outcomes.to_numpy()
        self.identities = torch.tensor(
            np.random.default_rng(7).integers(self.n_identities, size=len(self.outcomes))
        )
        self.response = self._response(PublishConfig())

    def people(self, n: int, part: int, noise_sd: float | None = None) -> list[SimulatedParticipant]:
        """Fresh people; `part` tells groups apart."""
        kind = self.kind if noise_sd is None else _with_noise(self.kind, noise_sd)
        rng = np.random.default_rng([self.seed, part])
        return draw_people(n, kind, self.applications, self.axes, no_reader, rng)

    def _response(self, publish: PublishConfig) -> ResponseModel:
        """ĥ, fitted to exploratory decisions."""
        rng, m = np.random.default_rng([self.seed, 0, 2]), publish.identities_per_application
        pool = draw_pool(
            self.applications, "train", np.random.default_rng([self.seed, 0]), publish.max_pool_size
        )
        frame = self.applications.frame.loc[pool]
        outcomes = self.applications.outcomes.loc[pool].to_numpy()
        identities = draw_identities(len(pool), m, self.n_identities, rng)
        expressions = only_explore(len(pool), m, self.bounds, rng).expressions
        with torch.no_grad():
            percepts, seen = (path(identities, expressions).numpy() for path in (self.path, self.observer))
        advice, features, approved = [], [], []
        for person in self.people(N_PEOPLE, 100):
            where = np.concatenate(
                [rng.choice(np.flatnonzero(outcomes == y), N_TRIALS // 2, replace=False) for y in (0, 1)]
            )
            face = where * m + rng.integers(m, size=N_TRIALS)
            noise = rng.normal(0, person.coefficients().reading_noise_sd, (N_TRIALS, seen.shape[1]))
            shown = frame.iloc[where]
            chance = person.approve_probability(person.judged_features(shown), seen[face] + noise)
            advice.append(percepts[face])
            features.append(self.seen.transform(shown))
            approved.append((rng.random(N_TRIALS) < chance).astype(int))
        people = np.repeat(np.arange(N_PEOPLE), N_TRIALS)
        return fit_response(
            np.concatenate(advice),
            np.concatenate(features),
            np.concatenate(approved),
            people,
            ResponseConfig(),
            np.random.default_rng([self.seed, 1]),
        ).model

    def encoder(self, config: EncoderConfig) -> FeatureEncoder:
        """The encoder that is trained with this objective."""
        train = self.applications.select("train")
        data = encoder_data(train, self.risk_model, self.seen, config.n_things)
        if self.kind.knows_columns:
            data = data.with_scores(scores_of_all_that_is_known(self.applications))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            encoder = new_encoder(data.features.shape[1], self.bounds, config)
        composition = AdviceComposition(encoder, self.response, self.path, data.seen_features, self.bounds)
        with tempfile.TemporaryDirectory() as folder:
            run = RunDirectory.start(Path(folder) / "run", {})
            train_encoder(composition, data, self.n_identities, config, self.seed, run)
        return encoder

    def expressions(self, encoder: FeatureEncoder, frame: pd.DataFrame) -> Tensor:
        """What an encoder shows for applications, float [N, K]."""
        with torch.no_grad():
            advised: Tensor = encoder(torch.from_numpy(encoder_features(self.risk_model, frame)))
        return advised

    def figures(self, expressions: dict[str, Tensor]) -> list[dict[str, Any]]:
        """One row a variant and a looking noise: what people decide, and what one look can read."""
        rows = []
        for noise_sd in LOOKING_NOISE_SDS:
            sample = PeopleSample(
                self.people(N_FRESH_PEOPLE, 900, noise_sd),
                self.evaluated,
                np.random.default_rng([self.seed, 901]),
            )
            unaided = expected_correct(sample.probabilities(), self.outcomes)
            for name, shown in expressions.items():
                with torch.no_grad():
                    read = self.observer(self.identities, shown).numpy()
                correct = expected_correct(sample.probabilities(read), self.outcomes)
                rows.append(
                    {
                        "variant": name,
                        "looking_noise_sd": noise_sd,
                        "none": balanced(unaided, self.outcomes),
                        "face": balanced(correct, self.outcomes),
                        "gain_replicates": self.replicates(correct - unaided),
                        "readability": self._readability(shown, noise_sd),
                    }
                )
        return rows

    def replicates(self, gain: np.ndarray) -> list[float]:
        """Balanced gain [P, N] under resampled people and applications, the same draws for every variant."""
        rng = np.random.default_rng(902)
        n_people = len(gain)
        people = rng.multinomial(n_people, np.full(n_people, 1 / n_people), size=N_BOOTSTRAP) / n_people
        cases = np.zeros((N_BOOTSTRAP, len(self.outcomes)))
        for y in (0, 1):
            where = np.flatnonzero(self.outcomes == y)
            drawn = rng.multinomial(len(where), np.full(len(where), 1 / len(where)), size=N_BOOTSTRAP)
            cases[:, where] = drawn / len(where) / 2
        return [round(float(v), 6) for v in (people @ gain * cases).sum(1)]

    def _readability(self, expressions: Tensor, noise_sd: float) -> dict[str, Any]:
        frame = self.evaluated.frame
        protected = [name for name, column in self.task.columns.items() if column.role == "protected"]
        with torch.no_grad():
            percepts = self.path(self.identities, expressions).numpy()
        return measure_readability(
            _named(expressions, self.axes),
            percepts,
            np.array(EXPRESSION_BOUNDS),
            self.risk_model.logits(frame),
            self.risk_model.contributions(frame),
            self.task.shown_columns,
            frame[protected],
            np.random.default_rng(0),
            noise_sd,
        ).to_dict()


def _named(expressions: Tensor, axes: Iterable[str]) -> Any:
    return pd.DataFrame(expressions.numpy(), columns=list(axes))


def _with_noise(kind: Any, noise_sd: float) -> Any:
    """The population with another noise of one look; each member of a mixed one likewise."""

    class Noisy(type(kind)):  # type: ignore[misc]
        def member(self, rng: np.random.Generator) -> Any:
            return replace(super().member(rng), reading_noise_sd=noise_sd)

    return Noisy(**{name: getattr(kind, name) for name in kind.__dataclass_fields__})


def no_reader(images: np.ndarray) -> np.ndarray:  # noqa: ARG001
    raise AssertionError("the benchmark reads faces itself")


def run_cell(population_name: str, table: str, seed: int, out: Path) -> dict[str, Any]:
    """All variants of one cell."""
    cell = Cell(population_name, table, seed, out)
    expressions = {}
    for name, change in VARIANTS.items():
        encoder = cell.encoder(EncoderConfig(**change))  # type: ignore[arg-type]
        expressions[name] = cell.expressions(encoder, cell.evaluated.frame)
        print(f"{population_name}, {table}, seed {seed}: {name}", flush=True)
    return cell_result((population_name, table, seed), cell.figures(expressions))


def main() -> None:
    """Run one cell and write its JSON file."""
    cell_command(__doc__, cell_file, run_cell)


if __name__ == "__main__":
    main()
