"""People who see what the machine does not: a face that ignores it overrules them where they are right."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from advisor.encoder.composition import AdviceComposition
from advisor.encoder.learning_step import encoder_data, scores_of_all_that_is_known, seen_columns
from advisor.encoder.risk_model import RiskModel
from advisor.encoder.train_encoder import train_encoder
from advisor.runs.config import EncoderConfig
from advisor.runs.run_dir import RunDirectory
from data.tasks.applications import Applications, Standardiser, read_applications
from data.tasks.decision_task import DecisionTask, load_task
from models.encoder import FeatureEncoder
from models.response import ResponseModel
from tests.support.tiny_study import TASK

pytestmark = pytest.mark.training

BOUNDS = torch.tensor([[-1.0, 1.0]])
N_APPLICATIONS = 1600
TRUST_IN_FACES, TRUST_IN_VISIT = 4.0, 2.5


@pytest.fixture(scope="module")
def applications(tmp_path_factory: pytest.TempPathFactory) -> Applications:
    """Loans whose outcome hangs on the income, which all see, and more on a visit that only people know of."""
    folder = tmp_path_factory.mktemp("visits")
    rng = np.random.default_rng(0)
    income, visit = rng.normal(size=N_APPLICATIONS), rng.normal(size=N_APPLICATIONS)
    repaid = rng.random(N_APPLICATIONS) < 1 / (1 + np.exp(-(1.2 * income + 2.5 * visit)))
    lines = ["loan_id,income,visit,repaid"]
    for k in range(N_APPLICATIONS):
        lines.append(f"L{k:05d},{50 + 10 * income[k]:.3f},{visit[k]:.3f},{'yes' if repaid[k] else 'no'}")
    (folder / "loans.csv").write_text("\n".join(lines) + "\n")
    columns = {
        "loan_id": {"role": "id"},
        "income": {"role": "feature", "kind": "number", "label": "Income", "unit": "USD", "shown": True},
        "visit": {"role": "human_only", "kind": "number", "label": "Impression at a visit"},
        "repaid": {"role": "outcome"},
    }
    (folder / "task.yaml").write_text(yaml.safe_dump({**TASK, "name": "visits", "columns": columns}))
    return read_applications(load_task(folder))


def as_meant(identities: Tensor, expressions: Tensor) -> Tensor:  # noqa: ARG001
    return expressions


def people(n_features: int, visit_weight: float) -> ResponseModel:
    """People who heed a face and, where they are told of it, the visit (the last feature)."""
    response = ResponseModel(1, n_features, n_members=2)
    with torch.no_grad():
        response.linear[:, 0] = TRUST_IN_FACES
        response.linear[:, -1] = visit_weight
    return response.requires_grad_(False)


def advisor(
    applications: Applications, task: DecisionTask, side_information: bool, folder: Path
) -> FeatureEncoder:
    train = applications.select("train")
    seen = Standardiser.fit(task, train.frame, columns=seen_columns(task, side_information))
    data = encoder_data(train, RiskModel.fit(applications), seen, 0)
    if side_information:
        data = data.with_scores(scores_of_all_that_is_known(applications))
    n_features = len(seen.feature_names)
    response = people(n_features, TRUST_IN_VISIT if side_information else 0.0)
    torch.manual_seed(0)
    encoder = FeatureEncoder(data.features.shape[1], BOUNDS, hidden=16)
    composition = AdviceComposition(encoder, response, as_meant, data.seen_features, BOUNDS)
    # Bound advice leaves room by itself; what is compared here is what the targets do.
    config = EncoderConfig(n_steps=300, learning_rate=0.02, strength_weight=0, doubt_weight=0)
    train_encoder(composition, data, 3, config, 0, RunDirectory.start(folder, {}))
    return encoder


def test_ignoring_what_only_people_see_costs_accuracy_and_the_learned_face_leaves_room_for_it(
    applications: Applications, tmp_path: Path
) -> None:
    task, test = applications.task, applications.select("test")
    risk_model = RiskModel.fit(applications)
    seen = Standardiser.fit(task, applications.select("train").frame, columns=task.shown_columns)
    features = encoder_data(test, risk_model, seen, 0)
    outcomes = test.outcomes.to_numpy()
    truth = people(len(seen.feature_names), TRUST_IN_VISIT)
    accuracy, strength = {}, {}
    for side_information in (True, False):
        encoder = advisor(applications, task, side_information, tmp_path / str(side_information))
        with torch.no_grad():
            expressions = encoder(features.features)
            p = truth(torch.cat([expressions, features.seen_features], 1)).numpy()
        accuracy[side_information] = (p[outcomes == 1].mean() + 1 - p[outcomes == 0].mean()) / 2
        strength[side_information] = float(expressions.abs().mean())
    assert accuracy[True] > accuracy[False] + 0.02
    assert strength[True] < 0.8 * strength[False]


def test_the_machine_never_reads_what_only_people_see(applications: Applications) -> None:
    assert RiskModel.fit(applications).standardiser.feature_names == ["income"]
    assert seen_columns(applications.task, side_information=True) == ["income", "visit"]
    assert seen_columns(applications.task, side_information=False) == ["income"]
