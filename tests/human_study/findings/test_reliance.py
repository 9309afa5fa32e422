"""Reliance, gains over machine and people, consistency and confidence against answers known by construction."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from advisor.measurement.estimate import Estimate
from human_study.findings.confidence import (
    calibration_error,
    calibration_table,
    discrimination,
    overconfidence,
    probability_of_being_right,
)
from human_study.findings.consistency import repeated_pairs, retest_agreement
from human_study.findings.gains import (
    equivalence_table,
    equivalence_test,
    gain_over_machine,
    gain_over_the_better,
    gains_table,
)
from human_study.findings.reliance import (
    advice_accuracy,
    advice_following,
    appropriate_reliance,
    first_to_final,
    switching,
)
from human_study.findings.trends import rounds_table, trend_over_trials
from tests.support.analysed_study import decisions_of
from tests.support.two_way_matrices import two_way_interval


def two_stage(rows: list[tuple[int, int, float, int]], person: str = "a") -> pd.DataFrame:
    """Decisions from (initial, final, advice, outcome)."""
    frame = pd.DataFrame(rows, columns=["initial_approved", "approved", "advice", "outcome"])
    application = [f"{person} {number}" for number in range(len(rows))]
    return frame.assign(participant_key=person, application_id=application, round_number=0, condition="face")


def test_rair_and_rsr_are_those_of_their_definition() -> None:
    both = pd.concat(
        [
            two_stage([(0, 1, 0.9, 1)] * 3 + [(0, 0, 0.9, 1)] + [(1, 1, 0.2, 1), (1, 0, 0.2, 1)], "a"),
            two_stage([(1, 0, 0.1, 0)] + [(1, 1, 0.1, 0)] * 3 + [(0, 0, 0.8, 0)] * 2, "b"),
            # right first and right advice, wrong first and wrong advice: neither says anything of reliance
            two_stage([(1, 1, 0.9, 1), (0, 0, 0.1, 1)], "b"),
        ]
    )
    rair, rsr = appropriate_reliance(both)
    assert rair.value == pytest.approx((3 + 1) / 8)
    assert rsr.value == pytest.approx((1 + 2) / 4)
    assert switching(both).value == pytest.approx((3 + 1 + 1 + 0) / (4 + 2 + 4 + 2))


def test_the_gain_from_first_to_final_answer_is_within_people_and_applications() -> None:
    rng = np.random.default_rng(0)
    people, applications = np.repeat(np.arange(8), 20), np.tile(np.arange(20), 8)
    outcome = applications % 2
    first, final = (np.where(rng.random(160) < share, outcome, 1 - outcome) for share in (0.55, 0.75))
    frame = pd.DataFrame({"participant_key": people, "application_id": applications, "outcome": outcome})
    found = first_to_final(frame.assign(initial_approved=first, approved=final))
    more = (final == outcome).astype(float) - (first == outcome)
    expected = two_way_interval(more, 1 - outcome, np.array([0.5, 0.5]), people, applications)[:3]
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx(expected)
    one_stage = first_to_final(frame.assign(initial_approved=np.nan, approved=final))
    assert one_stage.value is None and "in two stages" in one_stage.reason


def test_reliance_that_nobody_could_show_says_so() -> None:
    rair, rsr = appropriate_reliance(two_stage([(1, 1, 0.9, 1)] * 4))
    assert rair == Estimate(None, None, None, "nobody was wrong at first with advice that was right")
    assert rsr == Estimate(None, None, None, "nobody was right at first with advice that was wrong")


def test_following_is_counted_apart_where_the_advice_is_right_and_wrong() -> None:
    decisions = two_stage([(0, 1, 0.9, 1)] * 3 + [(0, 0, 0.7, 1)] + [(0, 1, 0.6, 0), (0, 0, 0.6, 0)])
    following = advice_following(decisions)
    assert following["right"].value == pytest.approx(3 / 4)
    assert following["wrong"].value == pytest.approx(1 / 2)
    assert following["all"].value == pytest.approx(4 / 6)
    assert advice_accuracy(decisions) == pytest.approx(0.5)


def test_gain_over_the_machine_is_paired_on_the_same_trials() -> None:
    decisions = decisions_of([(8, 2, 2, 8), (6, 4, 4, 6), (7, 3, 3, 7)] * 2)
    machine = decisions.assign(machine_score=np.where(decisions["outcome"] == 1, 0.8, 0.6))  # 100% and 0%
    assert gain_over_machine(machine).value == pytest.approx(0.7 - 0.5)
    perfect = decisions.assign(machine_score=decisions["outcome"].astype(float))
    gain = gain_over_machine(perfect)
    assert gain.value == pytest.approx(-0.3)
    assert gain.ci_low < -0.3 < gain.ci_high


def test_the_gain_over_the_better_is_the_smaller_one_and_beyond_chance_only_if_both_are() -> None:
    small, large = Estimate(0.05, 0.02, 0.08), Estimate(0.1, -0.01, 0.21)
    assert gain_over_the_better(small, large) == Estimate(0.05, -0.01, 0.08)
    missing = Estimate(None, None, None, "nobody decided without advice in this round")
    assert gain_over_the_better(missing, large).reason == missing.reason


def test_gains_without_anybody_unadvised_say_so_in_the_table() -> None:
    decisions = decisions_of([(8, 2, 2, 8), (6, 4, 4, 6), (7, 3, 3, 7)]).assign(machine_score=0.6)
    (row,) = gains_table(decisions).to_dict("records")
    assert row["over_better_reason"] == "nobody decided without advice in this round"
    assert row["over_machine"] == pytest.approx(0.2)


def test_agreement_with_oneself_equals_scikit_learns_kappa_and_bounds_every_model() -> None:
    rng = np.random.default_rng(3)
    n_people, n_items = 60, 40
    p = rng.beta(0.7, 0.7, (n_people, n_items))
    answers = [(rng.random(p.shape) < p).astype(int) for _ in range(2)]
    pairs = pd.DataFrame(
        {
            "participant_key": np.repeat(np.arange(n_people), n_items),
            "application_id": np.tile(np.arange(n_items), n_people),
            "first": answers[0].ravel(),
            "second": answers[1].ravel(),
        }
    )
    found = retest_agreement(pairs)
    assert found.agreement.value == pytest.approx((answers[0] == answers[1]).mean())
    assert found.kappa.value == pytest.approx(cohen_kappa_score(pairs["first"], pairs["second"]))
    best = ((answers[1] == (p > 0.5)).mean() + (answers[0] == (p > 0.5)).mean()) / 2  # who knows every p
    assert found.ceiling_low - 0.02 < best < found.ceiling_high + 0.02


def test_pairs_are_the_same_person_on_the_same_application_and_never_practice() -> None:
    rows = [
        ("a", "x", "main", 0, 1),
        ("a", "y", "main", 1, 0),
        ("b", "x", "main", 0, 0),
        ("a", "x", "repeated", 5, 0),
        ("a", "y", "practice", 6, 0),
    ]
    frame = pd.DataFrame(
        rows, columns=["participant_key", "application_id", "trial_kind", "position", "approved"]
    )
    (pair,) = repeated_pairs(frame.assign(round_number=0, condition="face")).to_dict("records")
    assert (pair["participant_key"], pair["application_id"], pair["first"], pair["second"]) == (
        "a",
        "x",
        1,
        0,
    )


def with_confidence(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(12), 30)
    confidence = rng.uniform(0.5, 1, len(people))
    outcome = rng.integers(0, 2, len(people))
    right = rng.random(len(people)) < confidence - 0.1
    return pd.DataFrame(
        {
            "participant_key": people,
            "application_id": np.tile(np.arange(30), 12),
            "confidence": confidence,
            "outcome": outcome,
            "approved": np.where(right, outcome, 1 - outcome),
        }
    )


def test_a_guess_is_right_half_of_the_time_so_honest_people_are_not_overconfident() -> None:
    rng = np.random.default_rng(0)
    decisions = with_confidence()
    stored = pd.Series(rng.choice([0, 0.25, 0.5, 0.75, 1], len(decisions)))
    stated = probability_of_being_right(stored)
    assert (stated.min(), stated.max()) == (0.5, 1.0)
    right = rng.random(len(decisions)) < stated
    honest = decisions.assign(approved=np.where(right, decisions["outcome"], 1 - decisions["outcome"]))
    found = overconfidence(honest.assign(confidence=stated))
    assert found.ci_low < 0 < found.ci_high
    assert overconfidence(honest.assign(confidence=stored)).ci_high < -0.15  # as it was read before


def jackknifed_low(decisions: pd.DataFrame) -> float:
    """Lower end of the interval of the mean AUC, everything left out by itself and computed by scikit-learn."""

    @cache  # what is left out changes few people's
    def area(index: tuple[int, ...]) -> float:
        own = decisions.loc[list(index)]
        return float(roc_auc_score(own["approved"] == own["outcome"], own["confidence"]))

    def areas(kept: pd.DataFrame) -> list[float]:
        return [area(tuple(index)) for index in kept.groupby("participant_key").groups.values()]

    def spread(of: list[pd.Index]) -> float:
        left_out = [np.mean(areas(decisions.drop(index))) for index in of]
        return (len(of) - 1) * float(np.var(left_out))

    people = float(np.var(areas(decisions), ddof=1)) / 12
    applications = spread([g.index for _, g in decisions.groupby("application_id")])
    variance = max(people, people + applications - spread([pd.Index([i]) for i in decisions.index]))
    degrees = variance**2 / (people**2 / 11 + applications**2 / 29)
    return float(np.mean(areas(decisions)) - stats.t.ppf(0.975, degrees) * np.sqrt(variance))


def test_confidence_equals_scikit_learn_person_by_person() -> None:
    decisions = with_confidence()
    correct = decisions["approved"] == decisions["outcome"]
    assert overconfidence(decisions).value == pytest.approx((decisions["confidence"] - correct).mean())
    areas = [
        roc_auc_score(correct[group.index], group["confidence"])
        for _, group in decisions.groupby("participant_key")
    ]
    assert discrimination(decisions).value == pytest.approx(np.mean(areas))
    assert discrimination(decisions).ci_low == pytest.approx(jackknifed_low(decisions))
    bins = calibration_table(decisions)
    assert bins["n_decisions"].sum() == len(decisions)
    by_hand = sum(
        abs(decisions["confidence"][i].mean() - correct[i].mean()) * len(i) / len(decisions)
        for i in decisions.groupby((decisions["confidence"] * 10).astype(int)).groups.values()
    )
    assert calibration_error(decisions) == pytest.approx(by_hand)


def test_equivalence_is_two_one_sided_tests() -> None:
    found = equivalence_test(0.01, 0.02, 30, 0.05)
    assert found.p_value == pytest.approx(0.0274, abs=1e-4)  # t = (0.05 - 0.01) / 0.02 = 2 with 30 df
    assert -0.05 < found.ci_low < found.ci_high < 0.05
    assert equivalence_test(0.04, 0.02, 30, 0.05).p_value > 0.05


def test_alike_is_said_only_where_the_interval_lies_within_the_margin() -> None:
    counts = [(50, 50, 50, 50), (51, 49, 50, 50), (49, 51, 50, 50), (50, 50, 51, 49)] * 3
    alike = pd.concat([decisions_of(counts), decisions_of(counts, "none", start=20)], ignore_index=True)
    (row,) = equivalence_table(alike, 0.05).to_dict("records")
    assert row["equivalent"] is True
    assert (row["condition"], row["against"]) == ("face", "none")
    few = pd.concat([decisions_of([(3, 2, 2, 3)] * 2), decisions_of([(2, 3, 1, 4)] * 2, "none", start=9)])
    (row,) = equivalence_table(few.reset_index(drop=True), 0.05).to_dict("records")
    assert row["equivalent"] is None or not row["equivalent"]


def test_a_trend_over_trials_is_found_as_it_was_made() -> None:
    rng = np.random.default_rng(5)
    people, position = np.repeat(np.arange(30), 40), np.tile(np.arange(40), 30)
    outcome = rng.integers(0, 2, len(people))
    frame = pd.DataFrame({"participant_key": people, "position": position, "outcome": outcome})
    change = trend_over_trials(frame, 0.5 + 0.01 * position + rng.normal(0, 0.01, len(people)))
    assert change.value == pytest.approx(0.1, abs=0.002)  # ten trials
    assert change.ci_low < 0.1 < change.ci_high
    assert "fewer than three" in trend_over_trials(frame[frame["participant_key"] < 2], np.zeros(80)).reason


def test_rounds_compare_the_latest_with_the_first() -> None:
    later = decisions_of([(9, 1, 1, 9), (8, 2, 2, 8), (8, 2, 1, 9)], start=9).assign(round_number=2)
    both = pd.concat([decisions_of([(5, 5, 5, 5), (6, 4, 5, 5), (5, 5, 4, 6)]), later], ignore_index=True)
    (row,) = rounds_table(both).to_dict("records")
    assert (row["first"], row["latest"]) == (0, 2)
    assert row["change"] == pytest.approx(51 / 60 - 32 / 60)
