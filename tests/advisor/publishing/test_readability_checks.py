"""Publication refuses faces that are two masks, and passes what the shipped objective makes of the same people."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from advisor.bundles.bundle import Check
from advisor.encoder.composition import AdviceComposition
from advisor.encoder.learning_step import encoder_data
from advisor.encoder.risk_model import Calibration, RiskModel
from advisor.encoder.train_encoder import new_encoder, train_encoder
from advisor.encoder.trained_run import encoder_features, readability_of_faces
from advisor.measurement.readability import Readability, ReadThing
from advisor.publishing.readability_checks import readability_checks
from advisor.response.training_decisions import even_sample
from advisor.runs.config import EncoderConfig, PublishConfig
from advisor.runs.run_dir import RunDirectory
from advisor.simulation.populations import Population
from data.tasks.applications import Applications, Standardiser, read_applications
from data.tasks.decision_task import load_task
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS
from models.response import ResponseModel

pytestmark = pytest.mark.training

BOUNDS = torch.tensor(EXPRESSION_BOUNDS)
VERDICT_ALONE = EncoderConfig(thing_weight=0, doubt_weight=0, strength_weight=0, protected_weight=0, reach=1)
N_PEOPLE = 3
CALIBRATED = Calibration(scaled_by=1.0, slope=1.0, slope_error=0.1)


@pytest.fixture(scope="module")
def applications() -> Applications:
    return read_applications(load_task("consumer_credit"))


def seen_as_meant(_identities: Tensor, expressions: Tensor) -> Tensor:
    return expressions


def people(n_features: int) -> ResponseModel:
    """ĥ of people who read faces as the simulated ones do on average, and look at nothing else."""
    response = ResponseModel(len(EXPRESSION_AXES), n_features, n_members=2)
    usual = Population()
    with torch.no_grad():
        response.linear[:, : len(EXPRESSION_AXES)] = torch.tensor(
            [usual.heed_mean * usual.valence[axis] for axis in EXPRESSION_AXES]
        )
    return response.eval().requires_grad_(False)


def read_in_faces(applications: Applications, config: EncoderConfig, folder: Path) -> Readability:
    """What can be read in the faces that an encoder learns with this objective, on applications it never saw."""
    train, validation = applications.select("train"), applications.select("validation")
    risk_model = RiskModel.fit(applications)
    seen = Standardiser.fit(applications.task, train.frame, columns=applications.task.shown_columns)
    data = encoder_data(train, risk_model, seen, config.n_things)
    torch.manual_seed(0)
    encoder = new_encoder(data.features.shape[1], BOUNDS, config)
    response = people(data.seen_features.shape[1])
    composition = AdviceComposition(encoder, response, seen_as_meant, data.seen_features, BOUNDS)
    train_encoder(composition, data, N_PEOPLE, config, 0, RunDirectory.start(folder, {}))
    rng = np.random.default_rng(0)
    frame = validation.frame.iloc[even_sample(validation.outcomes.to_numpy(), 250, rng)]
    with torch.no_grad():
        expressions = encoder(torch.from_numpy(encoder_features(risk_model, frame)))
    return readability_of_faces(applications.task, frame, risk_model, expressions, expressions, rng)


def failed(found: Readability, config: PublishConfig | None = None) -> list[Check]:
    checks = readability_checks(found, CALIBRATED, config or PublishConfig())
    return [check for check in checks if not check.passed]


def test_two_masks_are_refused_for_what_they_do_not_say_and_the_shipped_objective_passes(
    applications: Applications, tmp_path: Path
) -> None:
    masks = failed(read_in_faces(applications, VERDICT_ALONE, tmp_path / "masks"))
    said = " ".join(check.name for check in masks)
    assert "things beyond the risk" in said
    assert "outer tenth" in said
    assert "log odds among" in said
    assert all(check.mended_by for check in masks)
    found = read_in_faces(applications, EncoderConfig(), tmp_path / "shipped")
    assert failed(found) == []
    assert len(found.things) >= 5
    assert {thing.column for thing in found.unseen_things} == {"debt"}


def readable(**changes: object) -> Readability:
    """Faces that pass, but for `changes`."""
    things = tuple(
        ReadThing(f"column_{k}", axis, 0.4, True, True) for k, axis in enumerate(EXPRESSION_AXES[:5])
    )
    usual = {
        "n_faces": 500,
        "looking_noise_sd": 0.2,
        "doubt_r2": {"all": 0.8, "safe": 0.5, "risky": 0.5},
        "things": things,
        "n_things_possible": 8,
        "outer_tenth": {"smile": 0.1},
        "protected_r2": {"age": 0.02, "marital": None},
    }
    return Readability(**usual | changes)  # type: ignore[arg-type]


def test_doubt_is_refused_where_its_interval_lies_below_and_not_for_the_draw_of_faces() -> None:
    near = {"all": 0.8, "safe": 0.36, "risky": 0.5}
    assert failed(readable(doubt_r2=near, doubt_error={"safe": 0.06, "risky": 0.06})) == []
    few_doubts = failed(readable(doubt_r2=near, doubt_error={"safe": 0.01, "risky": 0.01}))
    assert [("safe" in check.name, "0.36" in check.name) for check in few_doubts] == [(True, True)]
    assert len(failed(readable(doubt_r2=near))) == 1  # of an earlier version, which knew no error


def test_a_column_that_faces_give_away_is_named() -> None:
    leaking = failed(readable(protected_r2={"age": 0.02, "marital": 0.3}))
    assert len(leaking) == 1
    assert "marital" in leaking[0].sentence()
    assert "max_protected_r2" in leaking[0].mended_by
    assert failed(readable(protected_r2={"marital": 0.3}), PublishConfig(max_protected_r2=0.35)) == []


def test_a_task_without_anything_beyond_the_risk_is_told_so_and_not_refused_for_ever() -> None:
    found = readable(things=(), n_things_possible=0)
    assert failed(found) == []
    checks = readability_checks(found, CALIBRATED, PublishConfig())
    assert any("how safe, and not why" in check.sentence() for check in checks)


def test_too_few_faces_are_not_judged_and_said_so() -> None:
    few = readable(n_faces=20, things=(), doubt_r2={"all": None, "safe": None, "risky": None})
    assert failed(few) == []
    checks = readability_checks(few, CALIBRATED, PublishConfig())
    assert "not judged" in checks[-1].name


def test_a_machine_that_cannot_be_calibrated_is_refused_in_words() -> None:
    nothing_known = Calibration(scaled_by=-0.2, slope=0.0, slope_error=0.5)
    refused = [c for c in readability_checks(readable(), nothing_known, PublishConfig()) if not c.passed]
    assert len(refused) == 1
    assert "log odds" in refused[0].name
    assert "columns that tell of its outcome" in refused[0].mended_by
