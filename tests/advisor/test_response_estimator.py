"""ĥ learns from few, different, lapsing people, and says so as a scikit-learn estimator."""

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.utils.estimator_checks import parametrize_with_checks

from advisor.drawing.rendering import encode_face, read_percepts, render_faces
from advisor.response_estimator import HumanResponseEstimator
from models.expression import EXPRESSION_BOUNDS, random_expressions
from models.face_generator import FaceGenerator
from models.perception import FacePerception

pytestmark = pytest.mark.training


@parametrize_with_checks([HumanResponseEstimator(max_steps=40, n_members=3)])
def test_it_is_a_scikit_learn_classifier(estimator: Any, check: Any) -> None:
    check(estimator)
    assert clone(estimator).get_params() == estimator.get_params()


def people(
    n_people: int, n_each: int, offset_sd: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulated choices on 3 advice and 5 feature columns: X, approved, person."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_people * n_each, 8))
    person = np.repeat(np.arange(n_people), n_each)
    f = X @ np.array([1.5, -1.0, 0.0, 0.6, -0.4, 0, 0, 0]) + rng.normal(0, offset_sd, n_people)[person]
    p = 0.03 + 0.94 / (1 + np.exp(-f))
    return X, (rng.random(len(p)) < p).astype(int), person


def test_it_predicts_people_it_never_saw_no_worse_than_logistic_regression() -> None:
    X, y, person = people(80, 40, offset_sd=0.8, seed=0)
    known = person < 30
    ours = HumanResponseEstimator(n_advice=3).fit(X[known], y[known], groups=person[known])
    plain = LogisticRegression().fit(X[known], y[known])
    loss_ours = log_loss(y[~known], ours.predict_proba(X[~known])[:, 1])
    loss_plain = log_loss(y[~known], plain.predict_proba(X[~known])[:, 1])
    assert loss_ours <= loss_plain * 1.01
    assert 0.4 < ours.model_.offset_sd.mean().item() < 1.2
    assert ours.model_.lapse_rate.mean().item() < 0.12


def test_a_monotone_column_never_turns() -> None:
    X, y, person = people(20, 30, offset_sd=0.3, seed=1)
    wrong_way = HumanResponseEstimator(n_advice=3, monotone_signs=(-1, 0, 0)).fit(X, y, groups=person)
    low, high = (np.repeat(X[:1], 2, axis=0) for _ in range(2))
    high[:, 0] += 3
    assert (wrong_way.predict_proba(high)[:, 1] <= wrong_way.predict_proba(low)[:, 1]).all()


def test_it_is_less_sure_where_it_has_seen_nothing() -> None:
    X, y, person = people(20, 30, offset_sd=0.3, seed=2)
    fitted = HumanResponseEstimator(n_advice=3).fit(X, y, groups=person)
    assert fitted.predict_spread(X * 4).mean() > fitted.predict_spread(X * 0.2).mean()


@pytest.mark.parametrize("n_people", [2, 3, 6])
def test_a_class_that_one_person_alone_chose_is_learned_without_trees(n_people: int) -> None:
    person = np.repeat(np.arange(n_people), 240 // n_people)
    X = np.random.default_rng(0).normal(size=(240, 2))
    fitted = HumanResponseEstimator(n_advice=1, max_steps=20, n_members=2).fit(X, person == 0, groups=person)
    assert fitted.boosting_share_ == 0
    assert np.isfinite(fitted.predict_proba(X)).all()


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
@pytest.mark.parametrize("where", ["y", "groups"])
@pytest.mark.parametrize("kind", [list, pd.Series])
def test_missing_values_are_refused_with_what_to_do(missing: Any, where: str, kind: Any) -> None:
    given: dict[str, list[Any]] = {"y": ["approve", "deny"] * 6, "groups": ["ann", "bob", "cleo"] * 4}
    given[where][4] = missing
    with pytest.raises(ValueError, match=f"{where} contains NaN or None 1 times; leave these decisions out"):
        HumanResponseEstimator().fit(np.ones((12, 2)), kind(given["y"]), groups=kind(given["groups"]))


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="names who took each of 12 decisions"):
        HumanResponseEstimator().fit(np.ones((12, 2)), np.arange(12) % 2, groups=np.arange(11))


def test_a_column_that_holds_no_numbers_is_named(fitted_to_names: HumanResponseEstimator) -> None:
    for value, said in (
        ("low", 'text in column income, such as "low"'),
        (np.nan, "NaN or None 1 times in column income"),
        (None, "NaN or None 1 times in column income"),
        (np.inf, "infinity.* in column income"),
    ):
        X = pd.DataFrame({"score": np.arange(12.0), "income": np.arange(12.0)}).astype(object)
        X.loc[3, "income"] = value
        with pytest.raises(ValueError, match=said):
            HumanResponseEstimator().fit(X, np.arange(12) % 2)
        with pytest.raises(ValueError, match=said):
            fitted_to_names.predict_proba(X)


@pytest.fixture(scope="module")
def fitted_to_names() -> HumanResponseEstimator:
    X = pd.DataFrame({"score": np.arange(12.0), "income": np.arange(12.0)})
    return HumanResponseEstimator(max_steps=40, n_members=3).fit(X, np.arange(12) % 2)


@pytest.mark.parametrize(
    ("X", "y", "groups", "message"),
    [
        (np.ones((12, 2)), np.ones(12), None, "two classes|two\\s+classes|exactly two"),
        (
            np.random.default_rng(0).normal(size=(12, 2)),
            np.arange(12) % 2,
            np.zeros(12),
            "at least two people",
        ),
        (np.full((12, 2), np.nan), np.arange(12) % 2, None, "NaN"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused_in_words(
    X: np.ndarray, y: np.ndarray, groups: np.ndarray | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        HumanResponseEstimator().fit(X, y, groups=groups)


def test_twelve_decisions_and_a_constant_column_give_a_modest_model() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=12), np.ones(12)])
    fitted = HumanResponseEstimator(n_advice=1).fit(X, np.arange(12) % 2, groups=np.arange(12) // 4)
    p = fitted.predict_proba(X)[:, 1]
    assert np.isfinite(p).all()
    assert np.abs(p - 0.5).max() < 0.4


def test_it_says_what_people_decide_by_and_how_surely() -> None:
    X, y, person = people(40, 30, offset_sd=0.5, seed=3)
    table = HumanResponseEstimator(n_advice=3).fit(X, y, groups=person).importance_.set_index("name")
    assert list(table.columns) == ["kind", "importance", "ci_low", "ci_high"]
    assert table.at["x0", "kind"] == "axis" and table.at["x3", "kind"] == "feature"
    assert table.at["x0", "ci_low"] > table.at["x3", "importance"] > 0
    assert table.at["x2", "ci_low"] < 0.005  # says nothing
    assert (table["ci_low"] < table["importance"]).all()


def test_a_table_with_names_and_words_as_choices_is_taken_as_it_is() -> None:
    X, y, person = people(20, 20, offset_sd=0.3, seed=5)
    table = pd.DataFrame(X, columns=["score", *(f"column_{k}" for k in range(1, 8))])
    words = pd.Series(np.where(y == 1, "deny", "approve"))  # in the alphabet, approve comes first
    named = HumanResponseEstimator(n_advice=1, max_steps=60).fit(
        table, words, groups=pd.Series(person).map("p{}".format)
    )
    assert list(named.classes_) == ["approve", "deny"]
    assert set(named.importance_["name"]) == set(table.columns)
    assert named.importance_.set_index("name").at["score", "kind"] == "axis"
    plain = HumanResponseEstimator(n_advice=1, max_steps=60).fit(X, y, groups=person)
    assert named.predict_proba(table) == pytest.approx(plain.predict_proba(X))
    assert set(named.predict(table)) == {"approve", "deny"}
    with pytest.raises(ValueError, match="feature names"):
        named.predict_proba(table.rename(columns={"score": "other"}))


def test_without_groups_every_decision_is_another_persons() -> None:
    X, y, _ = people(60, 1, offset_sd=0.3, seed=6)
    alone = HumanResponseEstimator(n_advice=3, max_steps=60).fit(X, y)
    numbered = HumanResponseEstimator(n_advice=3, max_steps=60).fit(X, y, groups=np.arange(60))
    assert (alone.predict_proba(X) == numbered.predict_proba(X)).all()


def test_what_it_says_of_people_it_never_saw_is_calibrated() -> None:
    X, y, person = people(90, 30, offset_sd=0.8, seed=7)
    known = person < 45
    fitted = HumanResponseEstimator(n_advice=3).fit(X[known], y[known], groups=person[known])
    p = fitted.predict_proba(X[~known])[:, 1]
    for low, high in itertools.pairwise(np.quantile(p, [0, 0.25, 0.5, 0.75, 1])):
        within = (p >= low) & (p <= high)
        assert abs(y[~known][within].mean() - p[within].mean()) < 0.08
    members = fitted.model_.member_probabilities(torch.tensor(X[~known], dtype=torch.float32))
    assert members.shape[0] == fitted.n_members
    assert (fitted.predict_spread(X[~known]) > 0).all()


def test_advice_as_pictures_is_read_by_face_perception() -> None:
    """Simulated people who approve whom they see smile: of pictures alone, it learns that they do."""
    rng = np.random.default_rng(8)
    generator, n = FaceGenerator.load(), 160
    smiles = rng.uniform(*EXPRESSION_BOUNDS[0], n)
    expressions = random_expressions(n, generator.axis_bounds, rng)
    expressions[:, 0] = torch.tensor(smiles, dtype=torch.float32)
    faces = render_faces(generator, torch.tensor(rng.integers(generator.n_identities, size=n)), expressions)
    advice = read_percepts(FacePerception.load(), [encode_face(face) for face in faces])
    X = pd.DataFrame(advice, columns=generator.axes).assign(income=rng.normal(size=n))
    y = (rng.random(n) < 1 / (1 + np.exp(-4 * smiles))).astype(int)
    fitted = HumanResponseEstimator(n_advice=advice.shape[1], max_steps=100)
    fitted.fit(X, y, groups=np.repeat(np.arange(8), 20))
    assert fitted.importance_["name"].iloc[0] == "smile"
    assert np.corrcoef(fitted.predict_proba(X)[:, 1], smiles)[0, 1] > 0.9


def test_trees_have_a_say_only_where_people_are_predicted_better_with_them() -> None:
    X, y, person = people(40, 30, offset_sd=0.5, seed=4)
    assert HumanResponseEstimator(n_advice=3).fit(X, y, groups=person).boosting_share_ <= 0.2
    stepwise = ((X[:, 0] > 0) != (X[:, 3] > 0)).astype(int)
    assert HumanResponseEstimator(n_advice=3).fit(X, stepwise, groups=person).boosting_share_ > 0.5
