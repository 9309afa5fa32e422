"""ĥ knows that people differ: in how far they heed advice, and in whether they take part at all."""

import numpy as np
import pytest
import torch

from advisor.response_estimator import HumanResponseEstimator
from models.response import ResponseModel

pytestmark = pytest.mark.training


def decisions(
    heed: np.ndarray, careless: np.ndarray, n_each: int, advice_sd: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """X (one advice column, two features), approved, person and P(approve), of simulated people with this heed."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(len(heed)), n_each)
    X = rng.normal(size=(len(person), 3)) * [advice_sd, 1, 1]
    f = heed[person] * X[:, 0] + 0.8 * X[:, 1] + rng.normal(0, 0.4, len(heed))[person]
    p = np.where(careless[person], 0.5, 1 / (1 + np.exp(-f)))
    return X, (rng.random(len(p)) < p).astype(int), person, p


def estimator() -> HumanResponseEstimator:
    return HumanResponseEstimator(n_advice=1, n_members=3, boosting=False)


def fitted(heed: np.ndarray, careless: np.ndarray, seed: int = 0) -> ResponseModel:
    X, y, person, _ = decisions(heed, careless, 40, 1.0, seed)
    return estimator().fit(X, y, groups=person).model_


def heed_sd(model: ResponseModel) -> float:
    values, log_shares = model.heed()
    return float(((values - 1).square() * log_shares.exp()).sum(1).sqrt().mean())


@pytest.fixture(scope="module")
def alike() -> ResponseModel:
    """ĥ of people who heed advice alike, and all look."""
    return fitted(np.full(80, 1.5), np.zeros(80, dtype=bool))


def test_it_learns_how_differently_people_heed_advice(alike: ResponseModel) -> None:
    rng = np.random.default_rng(1)
    apart = fitted(rng.gamma(0.4, 1.5 / 0.4, 80), np.zeros(80, dtype=bool))
    assert heed_sd(alike) < 0.8 < 1.1 < heed_sd(apart)


def test_it_finds_those_who_do_not_look(alike: ResponseModel) -> None:
    rng = np.random.default_rng(2)
    careless = rng.random(80) < 0.35
    some = fitted(np.full(80, 1.5), careless).careless_share.mean().item()
    none = alike.careless_share.mean().item()
    assert none < 0.08 and abs(some - careless.mean()) < 0.12


def test_advice_stronger_than_any_shown_is_not_believed_to_move_everybody() -> None:
    rng = np.random.default_rng(3)
    heed = rng.gamma(0.5, 3.0, 500)
    careless = np.zeros(500, dtype=bool)
    X, y, person, _ = decisions(heed[:60], careless[:60], 40, 1.0, 4)
    ours = estimator().fit(X, y, groups=person)
    strong, _, _, p = decisions(heed[60:], careless[60:], 10, 3.0, 5)
    upwards = strong[:, 0] > 3
    assert abs(ours.predict_proba(strong[upwards])[:, 1].mean() - p[upwards].mean()) < 0.04


@pytest.mark.parametrize("n_advice", [0, 1, 2])
def test_parts_add_up_and_heed_has_mean_one(n_advice: int) -> None:
    torch.manual_seed(0)
    model = ResponseModel(n_advice, 2, n_members=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    inputs = torch.randn(7, n_advice + 2)
    own, advised = model.parts(inputs)
    values, log_shares = model.heed()
    assert torch.allclose(own + advised, model.logits(inputs), atol=1e-5)
    assert torch.allclose((values * log_shares.exp()).sum(1), torch.ones(3), atol=1e-5)
    beside_average = inputs.clone()
    beside_average[:, :n_advice] = model.input_mean[:n_advice]
    assert torch.allclose(model.parts(beside_average)[1], torch.zeros(3, 7), atol=1e-5)
    p = model.member_probabilities(inputs)
    assert ((p > 0) & (p < 1)).all()
