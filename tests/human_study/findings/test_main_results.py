"""What else differs between conditions beside accuracy, against an interval computed from matrices."""

import numpy as np
import pandas as pd
import pytest

from data.store.decision_store import DecisionStore
from human_study.analysis.study_results import StudyResults, collect_results
from human_study.findings.main_results import measure_findings, measures_table
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle
from tests.support.two_way_matrices import two_way_interval

SLOWEST_MS = 4000.0


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """Eight people without advice and eight with the face; what took longer than 4 s does not count as a time."""
    folder = tmp_path_factory.mktemp("measures")
    bundle = write_reviewed_bundle(folder)
    content = {
        "conditions": {"face": 1, "none": 1},
        "analysis": {"response_times": {"at_most_ms": SLOWEST_MS}},
    }
    with DecisionStore.open(f"sqlite:///{folder / 'measures.db'}") as store:
        open_reviewed_study(store, bundle, content=content)
        add_people(store, bundle, ("none", "face"), np.random.default_rng(2), n_each=8)
        store.close_study(STUDY)
        return collect_results(store, STUDY, "people")


def long_way(decisions: pd.DataFrame, value: pd.Series) -> tuple[float, float, float]:
    """Face less no advice, with the interval, from matrices."""
    cells = (decisions["condition"] == "none").to_numpy(int)
    weights, who = np.array([1.0, -1.0]), decisions["participant_key"].to_numpy()
    people, applications = (
        np.unique(labels, return_inverse=True)[1] for labels in (who, decisions["application_id"].to_numpy())
    )
    return two_way_interval(value.to_numpy(float), cells, weights, people, applications)[:3]


def test_response_times_are_compared_as_a_ratio_of_those_that_are_declared_to_count(
    results: StudyResults,
) -> None:
    (row,) = measures_table(results).to_dict("records")
    main = results.decisions
    counted = main[main["response_time_ms"] <= SLOWEST_MS]
    assert 0 < len(counted) < len(main)
    expected = np.exp(long_way(counted, np.log(counted["response_time_ms"])))
    assert [row["time_ratio"], row["time_ratio_low"], row["time_ratio_high"]] == pytest.approx(expected)
    assert "those above 4000 ms are left out" in measure_findings(results).notes[0]


def test_confidence_is_compared_on_test_applications_from_a_guess_to_certainty(results: StudyResults) -> None:
    (row,) = measures_table(results).to_dict("records")
    stated = results.test_decisions
    expected = long_way(stated, 0.5 + stated["confidence"] / 2)
    assert [row["confidence"], row["confidence_low"], row["confidence_high"]] == pytest.approx(expected)
