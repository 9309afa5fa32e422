"""Contrasts of conditions against independent implementations and known answers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_estimating_equations import GEE
from statsmodels.stats.multitest import multipletests

from advisor.measurement.crossed_means import TOO_FEW_PEOPLE
from advisor.measurement.estimate import NO_SPREAD
from human_study.analysis import contrasts
from human_study.study.analysis_plan import declared_analysis
from tests.support.analysed_study import Counts, decisions_of

UNEQUAL = pd.concat(
    [
        decisions_of([(6, 4, 5, 5), (8, 2, 3, 7), (3, 1, 2, 4), (9, 1, 2, 8), (4, 4, 3, 5)]),
        decisions_of([(5, 5, 5, 5), (4, 3, 2, 2), (7, 3, 6, 4), (2, 2, 1, 5), (6, 1, 3, 3)], "none", start=5),
    ],
    ignore_index=True,
)


def test_the_difference_is_that_of_statsmodels_gee() -> None:
    is_face = (UNEQUAL["condition"] == "face").to_numpy()
    outcome = UNEQUAL["outcome"].to_numpy(bool)
    correct = (UNEQUAL["approved"] == UNEQUAL["outcome"]).to_numpy(float)
    design = np.column_stack([is_face & outcome, is_face & ~outcome, ~is_face & outcome, ~is_face & ~outcome])
    people = pd.factorize(UNEQUAL["participant_key"])[0]
    fit = GEE(correct, design.astype(float), groups=people).fit()
    result = contrasts.contrast(UNEQUAL, is_face)
    assert result.difference.value == pytest.approx(fit.params @ [0.5, 0.5, -0.5, -0.5], abs=1e-9)
    half_width = stats.t.ppf(0.975, result.found.degrees_of_freedom) * result.found.standard_error
    assert result.difference.ci_low == pytest.approx(result.difference.value - half_width, abs=1e-9)
    assert result.found.p_value == pytest.approx(
        2
        * stats.t.sf(
            abs(result.difference.value) / result.found.standard_error, result.found.degrees_of_freedom
        )
    )


def test_odds_ratio_equals_that_of_statsmodels_logit_gee() -> None:
    is_face = (UNEQUAL["condition"] == "face").to_numpy()
    outcome = UNEQUAL["outcome"].to_numpy(bool)
    correct = (UNEQUAL["approved"] == UNEQUAL["outcome"]).to_numpy(float)
    sign = np.where(outcome, 0.5, -0.5)
    design = np.column_stack([np.ones(len(correct)), is_face, sign, is_face * sign]).astype(float)
    groups = pd.factorize(UNEQUAL["participant_key"])[0]
    fit = GEE(correct, design, groups=groups, family=Binomial()).fit(ctol=1e-12)
    result = contrasts.contrast(UNEQUAL, is_face).odds_ratio
    assert result.value == pytest.approx(np.exp(fit.params[1]), abs=1e-6)
    assert result.ci_low < result.value < result.ci_high


DEFAULT = declared_analysis({"conditions": {"none": 1, "face": 1}})


def test_p_values_are_corrected_over_the_declared_family_in_one_round() -> None:
    in_three = pd.concat(
        [
            decisions_of([(5, 5, 5, 5), (6, 4, 5, 5), (5, 5, 4, 6)] * 2, "none"),
            decisions_of([(9, 1, 2, 8), (8, 2, 1, 9), (9, 1, 1, 9)] * 2, "face", start=6),
            decisions_of([(6, 4, 4, 6), (6, 4, 5, 5), (5, 5, 5, 5)] * 2, "score", start=12),
        ],
        ignore_index=True,
    )
    earlier = in_three.assign(round_number=-1)
    declared = declared_analysis({"conditions": {"none": 1, "face": 1, "score": 1}})
    table = contrasts.contrasts_table(pd.concat([earlier, in_three], ignore_index=True), declared)
    table = table.set_index(["round_number", "condition", "against"])
    newest = table.loc[0]
    primary, other = newest.loc[("face", "none")], newest.loc[("face", "score")]
    assert primary["difference"] == pytest.approx(52 / 60 - 32 / 60)
    expected = multipletests([primary["p_value"], other["p_value"]], method="holm")[1]
    np.testing.assert_allclose([primary["p_holm"], other["p_holm"]], expected)
    assert not newest.loc[("score", "none"), "is_declared"]
    assert np.isnan([newest.loc[("score", "none"), "p_holm"], *table.loc[-1, "p_holm"]]).all()
    filtered = contrasts.contrasts_table(in_three, declared, corrected=False)
    assert filtered["p_holm"].isna().all() and filtered["p_value"].notna().all()


def test_a_one_sided_test_is_of_the_first_condition_being_better() -> None:
    declared = declared_analysis({"conditions": {"none": 1, "face": 1}, "analysis": {"direction": "better"}})
    better = pd.concat(
        [
            decisions_of([(9, 1, 2, 8), (8, 2, 1, 9), (9, 1, 1, 9)] * 2),
            decisions_of([(5, 5, 5, 5), (6, 4, 5, 5), (5, 5, 4, 6)] * 2, "none", start=6),
        ],
        ignore_index=True,
    )
    swapped = better.assign(condition=better["condition"].map({"face": "none", "none": "face"}))
    (up,), (down,) = (
        contrasts.contrasts_table(one, declared).to_dict("records") for one in (better, swapped)
    )
    assert up["p_holm"] == pytest.approx(up["p_value"] / 2)
    assert down["p_holm"] == pytest.approx(1 - down["p_value"] / 2)


@pytest.mark.parametrize(
    ("face", "none", "difference", "reason"),
    [
        ([(4, 1, 2, 3)], [(3, 2, 2, 3), (2, 3, 1, 4)], 0.1, TOO_FEW_PEOPLE),
        (
            [(4, 1, 0, 0)],
            [(3, 2, 2, 3), (2, 3, 1, 4)],
            None,
            "a group has not met both outcomes yet: nothing to compare",
        ),
        (
            [(5, 0, 0, 5)] * 5,
            [(5, 0, 0, 5)] * 5,
            0,
            NO_SPREAD,
        ),
    ],
)
def test_a_contrast_that_cannot_be_tested_says_why(
    face: Counts,
    none: Counts,
    difference: float | None,
    reason: str,
) -> None:
    both = pd.concat([decisions_of(face), decisions_of(none, "none", start=9)], ignore_index=True)
    (row,) = contrasts.contrasts_table(both, DEFAULT).to_dict("records")
    assert row["reason"] == reason
    assert np.isnan([row["ci_low"], row["p_value"], row["p_holm"]]).all()
    assert (
        np.isnan(row["difference"]) if difference is None else row["difference"] == pytest.approx(difference)
    )


def test_perfect_separation_still_gives_a_difference_but_no_odds() -> None:
    both = pd.concat(
        [
            decisions_of([(5, 0, 0, 5)] * 6),
            decisions_of([(3, 2, 1, 4), (2, 3, 1, 4), (4, 1, 3, 2)] * 2, "none", start=9),
        ],
        ignore_index=True,
    )
    result = contrasts.contrast(both, (both["condition"] == "face").to_numpy())
    assert result.difference.ci_low < result.difference.value == pytest.approx(1 - 19 / 30)
    assert result.odds_ratio.value is None
    assert "infinite" in result.odds_ratio.reason


people = st.lists(st.tuples(*[st.integers(1, 12)] * 4), min_size=4, max_size=8)


@settings(deadline=None, max_examples=25)
@given(people, people)
def test_a_contrast_turned_round_is_its_negative(first: Counts, second: Counts) -> None:
    both = pd.concat([decisions_of(first), decisions_of(second, "none", start=20)], ignore_index=True)
    is_first = (both["condition"] == "face").to_numpy()
    one, other = contrasts.contrast(both, is_first), contrasts.contrast(both, ~is_first)
    assert one.difference.value == pytest.approx(-other.difference.value)
    if one.found.p_value is not None:
        assert one.found.p_value == pytest.approx(other.found.p_value)
        assert one.odds_ratio.value == pytest.approx(1 / other.odds_ratio.value)


@settings(deadline=None, max_examples=25)  # statsmodels collects garbage at each call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_what_statsmodels_makes_of_it(p_values: list[float]) -> None:
    corrected = contrasts.holm(np.array([p_values, p_values[::-1]]))
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(corrected, [expected, expected[::-1]])


def test_what_was_not_tested_does_not_count_in_holms_family() -> None:
    p_values = np.array([[0.03, np.nan, 0.02], [np.nan, np.nan, np.nan]])
    corrected = contrasts.holm(p_values)
    np.testing.assert_allclose(corrected, [[0.04, np.nan, 0.04], [np.nan] * 3])
    assert contrasts.holm(np.array([])).shape == (0,)
