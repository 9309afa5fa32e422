"""Planted harm is named in the warnings of a study, and studies without any are not accused of it."""

import dataclasses
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from data.store.decision_store import DecisionStore
from human_study.analysis.application_groups import groups_or_reason
from human_study.analysis.study_results import StudyResults, collect_results
from human_study.findings.answer import answer_findings
from human_study.findings.harm_warnings import over_reliance, warning_sentences
from tests.benchmarks.calibration_studies import Design, follow_a_machine
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle

DESIGN = Design((40, 40), 20, 120, 0.5, 0.5)


def test_planted_over_reliance_is_named_and_none_is_named_without_it() -> None:
    planted = sum(
        len(over_reliance(follow_a_machine(DESIGN, np.random.default_rng(seed), 0.5))) for seed in range(20)
    )
    without = sum(
        len(over_reliance(follow_a_machine(DESIGN, np.random.default_rng(seed), 0.0))) for seed in range(40)
    )
    assert planted >= 18 and without <= 3


def test_people_who_are_worse_everywhere_do_not_over_rely() -> None:
    """A fifth of what is right with the face turned wrong, wherever the machine errs."""
    named = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        made = follow_a_machine(DESIGN, rng, 0.0)
        turned = (
            (made["condition"] == "face")
            & (made["approved"] == made["outcome"])
            & (rng.random(len(made)) < 0.2)
        )
        named += len(
            over_reliance(made.assign(approved=made["approved"].where(~turned, 1 - made["approved"])))
        )
    assert named <= 2


def test_over_reliance_stands_among_the_warnings_of_a_study(tmp_path: Path) -> None:
    bundle = write_reviewed_bundle(tmp_path)
    with DecisionStore.open(f"sqlite:///{tmp_path / 'followers.db'}") as store:
        open_reviewed_study(store, bundle)
        add_people(store, bundle, ("none", "score"), np.random.default_rng(0), n_each=14, heed=6.0)
        store.close_study(STUDY)
        results = collect_results(store, STUDY, "people")
    (row,) = over_reliance(results.test_decisions).to_dict("records")
    (said,) = [one for one in warning_sentences(results) if one.startswith("Over-reliance")]
    assert row["condition"] == "score" and row["difference"] < -0.2
    assert f"with the score were {-100 * row['difference']:.1f} points less accurate" in said


@pytest.fixture(scope="module")
def without_a_plant(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """Thirty people without advice and thirty with a face that they do not heed."""
    folder = tmp_path_factory.mktemp("harm")
    bundle = write_reviewed_bundle(folder)
    with DecisionStore.open(f"sqlite:///{folder / 'harm.db'}") as store:
        open_reviewed_study(store, bundle)
        add_people(store, bundle, ("none", "face"), np.random.default_rng(3), n_each=30, n_main=40, heed=0.0)
        store.close_study(STUDY)
        return collect_results(store, STUDY, "people")


def test_harm_to_one_group_is_named_on_overview_with_group_and_interval(
    without_a_plant: StudyResults,
) -> None:
    groups = groups_or_reason(without_a_plant.applications, without_a_plant.study.task_name)
    assert not isinstance(groups, str)
    attribute, of_application = next(iter(groups.items()))
    tested = of_application.reindex(without_a_plant.test_decisions["application_id"].unique())
    group = tested.value_counts().index[0]
    taken = without_a_plant.all_decisions
    inside = taken["application_id"].map(of_application == group) & (taken["condition"] == "face")
    misled = inside & (np.random.default_rng(0).random(len(taken)) < 0.6)
    approved = taken["approved"].where(~misled, 1 - taken["outcome"])
    planted = dataclasses.replace(without_a_plant, all_decisions=taken.assign(approved=approved))
    (said,) = [
        one
        for one in answer_findings(planted).warnings
        if f"{attribute}, {group}: " in one and " right " in one
    ]
    assert said.startswith("Face harmed one group. ") and "95% interval" in said
    assert "No group of applications" not in answer_findings(planted).sentences[-1]
    assert re.search(r"without, −[\d.]+ points compared with", said)


def test_groups_by_a_number_share_no_edge(without_a_plant: StudyResults) -> None:
    """Whoever reads "36" finds it in one group: no edge is named twice, and no value lies in two."""
    cases = without_a_plant.applications
    assert cases.task is not None
    groups = groups_or_reason(cases, without_a_plant.study.task_name)
    assert not isinstance(groups, str)
    names = groups[cases.task.label("age")]
    ages = cases.frame["age"].astype(float)
    spans = sorted(
        (ages[inside].min(), ages[inside].max(), name) for name, inside in names.groupby(names).groups.items()
    )
    assert len(spans) == 3
    assert all(before[1] < after[0] for before, after in pairwise(spans))
    for low, high, name in spans:
        assert name.startswith(f"{low:.0f} to {high:.0f}")


def test_a_study_without_a_plant_is_warned_of_nothing(without_a_plant: StudyResults) -> None:
    assert warning_sentences(without_a_plant) == []
    said = "The data are compatible with no gain. No group of applications is affected differently from the others "
    assert answer_findings(without_a_plant).sentences[-1].endswith(f"{said}beyond chance.")
