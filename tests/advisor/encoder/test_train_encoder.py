"""The encoder learns to help the people that ĥ describes, whatever they read in a face."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from advisor.encoder.composition import AdviceComposition
from advisor.encoder.losses import decision_loss
from advisor.encoder.train_encoder import EncoderData, train_encoder
from advisor.runs.config import EncoderConfig, TrainConfig, parse_config
from advisor.runs.run_dir import RunDirectory
from data.errors import TrainingError
from models.encoder import FeatureEncoder
from models.response import ResponseModel
from tests.support.decided_round import DecidedRound

pytestmark = pytest.mark.training

BOUNDS = torch.tensor([[-1.0, 1.0], [0.0, 1.0]])
N_FEATURES = 4


def response_that_trusts(axis_weights: list[float]) -> ResponseModel:
    """ĥ of people who approve with the given weights on the two axes and look at nothing else."""
    model = ResponseModel(n_advice=2, n_features=N_FEATURES, n_members=2)
    with torch.no_grad():
        model.linear[:, :2] = torch.tensor(axis_weights)
    return model.eval().requires_grad_(False)


def data() -> EncoderData:
    rng = np.random.default_rng(0)
    features = torch.tensor(rng.normal(size=(600, N_FEATURES)), dtype=torch.float32)
    risk = torch.sigmoid(2 * features[:, 0])
    outcomes = (torch.tensor(rng.random(600)) < risk).float()
    nothing = torch.zeros(600, 0)
    return EncoderData(features, features, outcomes, risk, torch.logit(risk), nothing, nothing)


def composition(response: ResponseModel) -> AdviceComposition:
    """Faces that are read exactly as they are meant."""

    def seen_as_meant(_identities: Tensor, expressions: Tensor) -> Tensor:
        return expressions

    torch.manual_seed(0)
    encoder = FeatureEncoder(N_FEATURES, BOUNDS, hidden=8)
    return AdviceComposition(encoder, response, seen_as_meant, torch.zeros(1, N_FEATURES), BOUNDS)


CONFIG = EncoderConfig(n_steps=150, batch_size=64, learning_rate=0.02, checkpoint_steps=50)


def run_in(folder: Path) -> RunDirectory:
    return RunDirectory.start(folder, {})


@pytest.mark.parametrize("trust", [2.0, -2.0])
def test_it_smiles_at_safe_applications_only_for_people_who_trust_smiles(
    trust: float, tmp_path: Path
) -> None:
    learned = composition(response_that_trusts([trust, 0.0]))
    train_encoder(learned, data(), 3, CONFIG, 0, run_in(tmp_path / "run"))
    with torch.no_grad():
        smile = learned.encoder(data().features)[:, 0]
    correlation = np.corrcoef(smile.numpy(), data().risk_scores.numpy())[0, 1]
    assert correlation * np.sign(trust) > 0.8


def test_an_interrupted_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    response = response_that_trusts([2.0, -1.0])
    straight, broken = composition(response), composition(response)
    train_encoder(straight, data(), 3, CONFIG, 0, run_in(tmp_path / "straight"))

    class InterruptError(Exception):
        pass

    steps = 0

    def stop(n: int) -> None:
        nonlocal steps
        steps += n
        if steps == 77:
            raise InterruptError

    with pytest.raises(InterruptError):
        train_encoder(broken, data(), 3, CONFIG, 0, run_in(tmp_path / "broken"), stop)
    again = composition(response)
    train_encoder(again, data(), 3, CONFIG, 0, run_in(tmp_path / "broken"))
    for name, parameter in straight.named_parameters():
        assert torch.equal(parameter, dict(again.named_parameters())[name]), name


def test_no_input_leaves_the_axes_bounds() -> None:
    encoder = FeatureEncoder(N_FEATURES, BOUNDS)
    with torch.no_grad():
        expression = encoder(torch.randn(64, N_FEATURES) * 1e3)
    assert (expression >= BOUNDS[:, 0]).all()
    assert (expression <= BOUNDS[:, 1]).all()


def test_the_decision_loss_falls_as_people_decide_better() -> None:
    target = torch.tensor([1.0, 0.0])
    good, _ = decision_loss(torch.tensor([[0.9, 0.1]]), target)
    bad, metrics = decision_loss(torch.tensor([[0.1, 0.9]]), target)
    assert good < bad
    assert metrics["expected_error"] == pytest.approx(bad.item())


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("encoder.n_stepz=3", "encoder.n_stepz"),
        ("encoder.n_steps=many", "encoder.n_steps"),
        ("seed", "no value"),
        ("response.n_members=1", "write a number of at least 2; change it with `--set response.n_members"),
        ("encoder.reach=0,9", "write it with a point: 0.9"),
        ("encoder.path=pixel", "write distilled or pixels"),
        ("encoder.path=[", "is no value: it is not valid YAML"),
        ("encoder=3", "write its keys below it"),
    ],
)
def test_a_wrong_option_is_named(setting: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        parse_config(TrainConfig, [setting])


def test_statistics_are_json_lines_always_and_go_to_a_tracker_when_asked(tmp_path: Path) -> None:
    learned = composition(response_that_trusts([2.0, 0.0]))
    config = CONFIG.model_copy(update={"n_steps": 50, "tracker": "aim"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Aim's own
        train_encoder(learned, data(), 3, config, 0, run_in(tmp_path / "run"))
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [50]
    assert "expected_error" in lines[0]
    assert (tmp_path / "run" / ".aim").is_dir()


def test_a_tracker_that_is_not_installed_is_one_sentence_before_a_run_is_begun(
    decided_round: DecidedRound, tmp_path: Path
) -> None:
    decisions = decided_round.answers(tmp_path / "d.csv", decided_round.by_smiles())
    words = decided_round.training(decisions, tmp_path / "run", "--set", "encoder.tracker=tensorboard")
    without = "import sys; sys.modules.update(tensorboard=None, tensorboardX=None)"
    done = subprocess.run(
        [sys.executable, "-c", f"{without}; from advisor.cli import main; main()", *map(str, words)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "The tracker tensorboard is not installed here; `pip install tensorboard`" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_tensorboard_gets_the_statistics_as_event_files(tmp_path: Path) -> None:
    learned = composition(response_that_trusts([2.0, 0.0]))
    config = CONFIG.model_copy(update={"n_steps": 100, "tracker": "tensorboard"})
    train_encoder(learned, data(), 3, config, 0, run_in(tmp_path / "run"))
    events = b"".join(path.read_bytes() for path in (tmp_path / "run").rglob("events.out.tfevents.*"))
    assert b"expected_error" in events
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2
