"""Boundaries against published ones, and planned looks of a study against what may be seen."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from data.store.decision_store import DecisionStore
from human_study.analysis.planned_looks import looks_so_far
from human_study.analysis.sequential import nominal_levels, sequential_p
from human_study.analysis.study_results import collect_results
from human_study.findings.answer import answer_findings
from human_study.study.analysis_plan import declared_analysis
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle


@pytest.mark.parametrize(
    ("fractions", "bounds"),
    [
        # Lan and DeMets (1983) and the programs after it: 5 % two-sided, O'Brien and Fleming's manner.
        ((0.5, 1.0), (2.963, 1.969)),
        ((0.2, 0.4, 0.6, 0.8, 1.0), (4.877, 3.357, 2.680, 2.290, 2.031)),
        ((1.0,), (1.960,)),
    ],
)
def test_boundaries_are_those_published(fractions: tuple, bounds: tuple) -> None:
    assert stats.norm.isf(nominal_levels(fractions, 0.025)) == pytest.approx(bounds, abs=2e-3)


def test_a_p_value_is_the_error_rate_at_which_the_boundary_is_just_crossed() -> None:
    for rate in (0.01, 0.05, 0.2):
        levels = nominal_levels((0.4, 0.7, 1.0), rate / 2)
        for look in range(3):
            p_values = [0.9] * 3
            p_values[look] = 2 * levels[look]
            found = sequential_p(p_values, (0.4, 0.7, 1.0), one_sided=False)
            assert found == pytest.approx(rate, rel=1e-3)


def test_five_looks_keep_the_error_rate_where_plain_p_values_do_not() -> None:
    rng, fractions = np.random.default_rng(0), (0.2, 0.4, 0.6, 0.8, 1.0)
    z = np.cumsum(rng.normal(size=(4000, 5)), axis=1) / np.sqrt(np.arange(1, 6))
    plain = 2 * stats.norm.sf(np.abs(z))
    adjusted = [sequential_p(list(row), fractions, one_sided=False) for row in plain]
    assert (plain < 0.05).any(axis=1).mean() > 0.12
    assert np.mean(np.array(adjusted) < 0.05) == pytest.approx(0.05, abs=3 * 0.0035)


def test_where_no_look_could_be_tested_there_is_no_p_value() -> None:
    assert sequential_p([None, None], (0.5, 1.0), one_sided=True) is None


def test_looks_are_of_those_who_completed_first() -> None:
    keys = [f"person {n}" for n in range(6)]
    people = pd.DataFrame(
        {"participant_key": keys, "round_number": 0, "status": ["completed"] * 5 + ["active"]}
    )
    people["completed_at"] = pd.to_datetime([f"2026-01-0{6 - n}" for n in range(6)])
    decisions = pd.DataFrame({"participant_key": keys, "round_number": 0})
    declared = declared_analysis({"conditions": {"none": 1, "face": 1}, "analysis": {"looks_at": [2, 8]}})
    (half, first), (whole, now) = looks_so_far(people, decisions, declared)
    assert (half, whole) == (0.25, 0.625)
    assert set(first["participant_key"]) == {"person 4", "person 3"} and len(now) == 6


def test_an_open_study_with_declared_looks_shows_the_look_that_was_reached(tmp_path: Path) -> None:
    content = {"conditions": {"none": 1, "face": 1}, "analysis": {"looks_at": [12, 40]}}
    with DecisionStore.open(f"sqlite:///{tmp_path / 'looks.db'}") as store:
        bundle = write_reviewed_bundle(tmp_path)
        open_reviewed_study(store, bundle, content=content)
        add_people(store, bundle, ("none", "face"), np.random.default_rng(0), n_each=5)
        early = collect_results(store, STUDY, "people")
        assert early.is_withheld and early.at_planned_look() is early
        add_people(store, bundle, ("none", "face"), np.random.default_rng(1), n_each=3)
        seen = collect_results(store, STUDY, "people").at_planned_look()
        store.close_study(STUDY)
        closed = collect_results(store, STUDY, "people")
    assert (seen.look, len(seen.participants), seen.is_withheld) == (12, 12, False)
    assert (
        "first 12 participants who completed the newest round, of 40 planned"
        in answer_findings(seen).warnings[0]
    )
    (early_look,), (at_end,) = (one.contrasts.to_dict("records") for one in (seen, closed))
    # A tenth to a third of the planned information: nearly no error has been spent.
    assert early_look["p_holm"] > early_look["p_value"]
    assert closed.at_planned_look() is closed and at_end["n_participants"] == 16
