"""Studies of which little can be computed: every finding says why in its place, and none stumbles."""

import re
from collections.abc import Callable

import numpy as np
import pytest

from advisor.bundles.bundle import Bundle
from data.store.decision_store import DecisionStore
from data.store.erasure_key import KEY_VARIABLE
from human_study.analysis.study_results import StudyResults, collect_results
from human_study.findings.sections import SECTIONS
from tests.support.bad_studies import BAD_STUDIES
from tests.support.reviewed_study import add_people, open_reviewed_study, write_reviewed_bundle


def _very_unequal(store: DecisionStore, bundle: Bundle) -> None:
    rng = np.random.default_rng(0)
    add_people(store, bundle, ("face",), rng, n_each=100, n_main=4, name="very_unequal")
    add_people(store, bundle, ("none",), rng, n_each=2, n_main=4, name="very_unequal")


def _one_withdrawn(store: DecisionStore, bundle: Bundle) -> None:
    rng = np.random.default_rng(0)
    add_people(store, bundle, ("none", "score"), rng, n_each=6, n_main=8, name="one_withdrawn")
    add_people(store, bundle, ("face",), rng, n_each=6, n_main=8, status="returned", name="one_withdrawn")


STUDIES: dict[str, Callable[[DecisionStore, Bundle], None]] = {
    **BAD_STUDIES,
    "very_unequal": _very_unequal,
    "one_withdrawn": _one_withdrawn,
}


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StudyResults]:
    """The results of all of them."""
    folder = tmp_path_factory.mktemp("bad_studies")
    bundle = write_reviewed_bundle(folder)
    with (
        pytest.MonkeyPatch.context() as patch,
        DecisionStore.open(f"sqlite:///{folder / 'bad.db'}") as store,
    ):
        patch.setenv(KEY_VARIABLE, "a long random text, for these tests alone")
        for name, add in STUDIES.items():
            exclusions = {"failed_attention": 1} if name == "all_inattentive" else {}
            open_reviewed_study(store, bundle, name=name, exclusions=exclusions)
            add(store, bundle)
            store.close_study(name)
        return {name: collect_results(store, name, "people") for name in STUDIES}


@pytest.mark.parametrize("name", STUDIES)
def test_every_finding_of_a_bad_study_says_why_and_shows_no_nan(
    studies: dict[str, StudyResults], name: str
) -> None:
    for section in SECTIONS:
        for found in section.findings(studies[name]):
            said = [found.reason, *found.sentences, *found.notes, *found.warnings]
            said += [cell for table in found.tables for cell in table.shown().to_numpy().ravel()]
            text = " | ".join(said)
            assert "the program made a mistake" not in text, found.name
            assert not re.findall(r"\b(?:nan|NaN|inf|None|NaT)\b|<NA>", text), found.name
            for chart in found.charts:
                chart.draw()


def test_two_people_against_a_hundred_have_a_difference_and_no_interval(
    studies: dict[str, StudyResults],
) -> None:
    row = studies["very_unequal"].contrasts.iloc[0]
    assert np.isfinite(row["difference"]) and np.isnan(row["ci_low"]) and np.isnan(row["p_holm"])
    assert row["reason"] == "fewer than 5 people in a group: no interval"


def test_a_condition_that_all_left_is_named_and_costs_the_others_nothing(
    studies: dict[str, StudyResults],
) -> None:
    results = studies["one_withdrawn"]
    (answer,) = SECTIONS[0].findings(results)
    assert "All 6 participants of Face are left out (withdrew)." in answer.warnings
    (left,) = [warning for warning in answer.warnings if "left Face" in warning]
    assert "). The difference over all decisions taken is" in left and "– points" not in left
    assert np.isfinite(results.contrasts.set_index("condition").loc["score", "ci_low"])
