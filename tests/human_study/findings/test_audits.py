"""Audits, faces and reasons against planted answers and independent implementations."""

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    equalized_odds_difference,
    false_negative_rate,
    false_positive_rate,
    selection_rate,
)
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, roc_auc_score

from advisor.measurement.crossed_means import TOO_FEW_PEOPLE
from advisor.measurement.readability import ReadThing
from human_study.findings.face_leaks import areas_under_curve, probe
from human_study.findings.face_meaning import Read, meaning_table, reading_sentences, still_sentences
from human_study.findings.group_audits import (
    disparity_table,
    group_estimates,
    group_table,
)
from human_study.findings.reason_codes import coder_agreement, suggest_codes
from human_study.findings.reliance import steering_table
from human_study.findings.similar_faces import LearnedLikeness, learned_likeness, likeness, nearest_by_face
from tests.support.analysed_study import decisions_of


def random_decisions(seed: int = 0, n_people: int = 20, n_trials: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = n_people * n_trials
    return pd.DataFrame(
        {
            "participant_key": np.repeat(np.arange(n_people), n_trials),
            "condition": np.repeat(np.where(np.arange(n_people) % 2, "face", "none"), n_trials),
            "round_number": 0,
            "application_id": np.arange(n),
            "group": rng.choice(["old", "young"], n),
            "outcome": rng.integers(0, 2, n),
            "approved": rng.integers(0, 2, n),
        }
    )


def test_figures_by_group_are_those_of_fairlearn() -> None:
    decisions = random_decisions()
    metrics = {
        "accuracy": balanced_accuracy_score,
        "approval_rate": selection_rate,
        "bad_approved": false_positive_rate,
        "good_denied": false_negative_rate,
    }
    theirs = MetricFrame(
        metrics=metrics,
        y_true=decisions["outcome"],
        y_pred=decisions["approved"],
        sensitive_features=decisions["group"],
        control_features=decisions["condition"],
    ).by_group
    table = group_table(decisions).set_index(["condition", "group"])
    for name in metrics:
        for key, value in theirs[name].items():
            assert table.loc[key, name] == pytest.approx(value)
    face = decisions[decisions["condition"] == "face"]
    told = {"sensitive_features": face["group"]}
    found = disparity_table(group_table(decisions)).set_index("condition").loc["face"]
    expected = {
        "demographic_parity": demographic_parity_difference(face["outcome"], face["approved"], **told),
        "equalized_odds": equalized_odds_difference(face["outcome"], face["approved"], **told),
        "accuracy_difference": theirs.loc["face", "accuracy"].max() - theirs.loc["face", "accuracy"].min(),
    }
    assert found[list(expected)].to_dict() == pytest.approx(expected)


def test_a_group_with_few_decisions_or_one_outcome_says_so() -> None:
    decisions = random_decisions()
    decisions.loc[decisions["group"] == "old", "outcome"] = 1
    decisions.loc[decisions.index[:3], "group"] = "rare"
    table = group_table(decisions).set_index(["condition", "group"])
    assert table.loc[("none", "old"), "accuracy_reason"] == "only one outcome was decided on"
    assert 0 < table.loc[("none", "old"), "approval_rate"] < 1  # what can be said of them is said
    assert table.loc[("none", "rare"), "reason"] == "fewer than 20 decisions"


def test_steering_is_apart_for_what_the_machine_gets_right_and_wrong() -> None:
    followers = decisions_of([(10, 0, 0, 10)] * 6).assign(machine_score=0.0)
    right = np.tile([True, False], len(followers) // 2)
    followers["machine_score"] = np.where(right == (followers["outcome"] == 1), 0.9, 0.1)
    followers["approved"] = (followers["machine_score"] > 0.5).astype(int)
    followers.loc[[0, 1], "approved"] = 1 - followers.loc[[0, 1], "approved"]  # not without exception
    alone = decisions_of([(5, 5, 5, 5), (6, 4, 5, 5), (4, 6, 5, 5)] * 2, "none", start=9)
    right = np.tile([True, False], len(alone) // 2)
    alone["machine_score"] = np.where(right == (alone["outcome"] == 1), 0.9, 0.1)
    table = steering_table(pd.concat([followers, alone], ignore_index=True)).set_index("machine")
    assert table.loc["right", "difference"] > 0.35
    assert table.loc["wrong", "difference"] < -0.35


def test_a_probe_finds_what_was_painted_into_pictures_and_nothing_in_noise() -> None:
    rng = np.random.default_rng(1)
    belongs = rng.random(150) < 0.4
    noise = rng.normal(size=(150, 300))
    assert probe(noise, belongs, np.random.default_rng(0)).p_value > 0.05
    painted = noise + 0.3 * belongs[:, None] * (np.arange(300) < 30)
    found = probe(painted, belongs, np.random.default_rng(0))
    assert found.p_value < 0.01
    assert found.area.ci_low > 0.5
    assert "fewer than" in probe(noise, np.arange(150) < 4, rng).area.reason


def test_chance_is_chance_for_the_probe() -> None:
    rng = np.random.default_rng(8)
    p_values = [probe(rng.normal(size=(60, 40)), rng.random(60) < 0.5, rng).p_value for _ in range(40)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_areas_are_scikit_learns() -> None:
    rng = np.random.default_rng(2)
    guess, belongs = rng.normal(size=(50, 3)).round(1), rng.random((50, 3)) < 0.5
    expected = [roc_auc_score(belongs[:, k], guess[:, k]) for k in range(3)]
    np.testing.assert_allclose(areas_under_curve(guess, belongs), expected)


def test_axes_say_which_features_they_carry() -> None:
    rng = np.random.default_rng(0)
    income, debt = rng.normal(size=200), rng.normal(size=200)
    expressions = pd.DataFrame({"smile": income, "jaw_drop": -debt + 0.5 * income, "head_tilt": 0.0})
    features = pd.DataFrame({"Annual income": income, "Debt ratio": debt})
    table = meaning_table(expressions, features)
    pairs = table.set_index(["axis", "feature"])["correlation"]
    assert pairs["smile", "Annual income"] == pytest.approx(1)
    assert pairs["jaw_drop", "Debt ratio"] == pytest.approx(stats.spearmanr(-debt + 0.5 * income, debt)[0])
    assert still_sentences(table) == ["The same on every face: head tilt."]


def test_what_a_look_at_one_axis_tells_beyond_the_score_is_said_in_words() -> None:
    things = (
        ReadThing("Debt", "inner_brow_raise", 0.583, True, False),
        ReadThing("Term: 60 months", "jaw_drop", 0.41, False, True),
    )
    assert reading_sentences(Read(things, {"all": 0.8, "safe": 0.62, "risky": None})) == [
        "Raised inner brows: Debt higher than usual (not among the facts shown), R² 0.58.",
        "An open mouth: Term less often 60 months than usual, R² 0.41.",
        "How sure the machine is can be seen with R² 0.62 among safe ones.",
    ]
    assert "not why" in reading_sentences(Read((), {"all": None, "safe": None, "risky": None}))[0]


def likeness_of(seed: int, from_face: float, from_feature: float):
    """60 applications with random faces and features; how much either moves approval."""
    rng = np.random.default_rng(seed)
    ids = pd.Index([f"A{k:02d}" for k in range(60)])
    expressions = pd.DataFrame(rng.normal(size=(60, 2)), index=ids, columns=["smile", "jaw_drop"])
    features = pd.DataFrame(rng.normal(size=(60, 2)), index=ids)
    lean = from_face * np.tanh(expressions["smile"]) + from_feature * features[0]
    rows = [(person, ids[k]) for person in range(25) for k in rng.permutation(60)[:30]]
    decisions = pd.DataFrame(rows, columns=["participant_key", "application_id"])
    p = 1 / (1 + np.exp(-lean.loc[decisions["application_id"]].to_numpy()))
    decisions["approved"] = (rng.random(len(p)) < p).astype(int)
    return likeness(decisions, expressions, features, np.random.default_rng(0))


def test_likeness_of_decisions_is_found_where_faces_made_it_and_not_where_features_did() -> None:
    found = likeness_of(0, from_face=2.0, from_feature=0.0)
    assert found.p_value < 0.01
    assert found.moran > 0.2
    p_values = [likeness_of(seed, from_face=0.0, from_feature=1.5).p_value for seed in range(1, 9)]
    assert np.mean(p_values) > 0.25


def learned_likeness_of(seed: int, early: float, late: float) -> LearnedLikeness:
    """25 people on 20 learning trials each; how much faces move approval in either half of them."""
    rng = np.random.default_rng(seed)
    ids = pd.Index([f"A{k:02d}" for k in range(60)])
    expressions = pd.DataFrame(rng.normal(size=(60, 2)), index=ids, columns=["smile", "jaw_drop"])
    features = pd.DataFrame(rng.normal(size=(60, 2)), index=ids)
    rows = [
        (person, ids[k], place) for person in range(25) for place, k in enumerate(rng.permutation(60)[:20])
    ]
    decisions = pd.DataFrame(rows, columns=["participant_key", "application_id", "position"])
    heed = np.where(decisions["position"] < 10, early, late)
    lean = heed * np.tanh(expressions["smile"]).loc[decisions["application_id"]].to_numpy()
    decisions["approved"] = (rng.random(len(lean)) < 1 / (1 + np.exp(-lean))).astype(int)
    return learned_likeness(decisions, expressions, features, np.random.default_rng(0))


def test_a_rise_of_likeness_over_the_learning_trials_is_found_where_people_learned_and_not_elsewhere() -> (
    None
):
    found = learned_likeness_of(0, early=0.0, late=3.0)
    assert found.early is not None and found.late is not None
    assert found.late > found.early + 0.2
    assert found.p_value is not None and found.p_value < 0.02
    p_values = [learned_likeness_of(seed, early=2.0, late=2.0).p_value for seed in range(1, 9)]
    assert 0.25 < np.mean([p for p in p_values if p is not None]) < 0.75


def test_the_nearest_faces_are_the_nearest_expressions() -> None:
    expressions = pd.DataFrame(
        {"smile": [0.0, 0.1, 0.5, -1.0], "jaw_drop": [0.0, 0, 0, 0]}, index=list("abcd")
    )
    assert list(nearest_by_face(expressions, "a", 2).index) == ["b", "c"]
    assert list(nearest_by_face(expressions, "a", 2, among=pd.Index(["c", "d"])).index) == ["c", "d"]


def test_coders_agreement_is_scikit_learns_kappa() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random(80) < 0.4, rng.random(80) < 0.4
    second[:50] = first[:50]
    rows = [
        (f"t{k}", coder, "analogy" if has else "")
        for coder, given in (("Ann", first), ("Bo", second))
        for k, has in enumerate(given)
    ]
    rows.append(("only Ann's", "Ann", "analogy"))
    (row,) = coder_agreement(pd.DataFrame(rows, columns=["trial_key", "coder", "code"])).to_dict("records")
    assert row["n_texts"] == 80
    assert row["kappa"] == pytest.approx(cohen_kappa_score(first, second))
    assert row["kappa_low"] < row["kappa"] < row["kappa_high"]


def test_one_coder_has_no_agreement() -> None:
    codes = pd.DataFrame([("t", "Ann", "analogy")], columns=["trial_key", "coder", "code"])
    assert coder_agreement(codes).empty


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Similar to the previous one, and that was repaid", ["analogy"]),
        ("SHE SMILED at me", ["face"]),
        ("low income, many debts", ["income", "debt"]),
        ("carpet", []),  # holds "car" only as a part of a word
        ("", []),
    ],
)
def test_codes_are_suggested_by_whole_words(text: str, codes: list[str]) -> None:
    assert suggest_codes(text) == codes


def test_estimates_of_one_person_have_a_value_and_no_interval() -> None:
    one = decisions_of([(8, 2, 3, 7)])
    for estimate in group_estimates(one).values():
        assert estimate.value is not None
        assert estimate.reason == TOO_FEW_PEOPLE
