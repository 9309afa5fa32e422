"""The analyst server reads its study before anybody asks, and says nothing where it cannot be read."""

from pathlib import Path

import numpy as np
import pytest

from advisor.bundles.bundle import Bundle
from data.store.decision_store import DecisionStore
from human_study.analysts.views import selection
from human_study.analysts.views.environment import DATABASE_VARIABLE, STUDY_VARIABLE
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_reviewed_bundle(tmp_path)


@pytest.fixture
def url(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A study with decisions, which the app opens with."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    with DecisionStore.open(url) as store:
        open_reviewed_study(store, bundle, "simulated")
        add_people(store, bundle, ("none", "face"), np.random.default_rng(0), n_each=4, kind="simulated")
    monkeypatch.setenv(DATABASE_VARIABLE, url)
    monkeypatch.setenv(STUDY_VARIABLE, STUDY)
    return url


def test_who_opens_the_app_first_does_not_wait_for_its_study_to_be_read(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    selection.read_ahead()
    monkeypatch.setattr(selection, "collect_results", lambda *_: pytest.fail("read again"))
    results = selection.Choice(url, STUDY, "simulated").results()
    assert len(results.participants) == 8


def test_what_came_in_between_is_read(url: str, bundle: Bundle) -> None:
    selection.read_ahead()
    with DecisionStore.open(url) as store:
        add_people(store, bundle, ("none",), np.random.default_rng(1), n_each=2, kind="simulated")
    assert len(selection.Choice(url, STUDY, "simulated").results().participants) == 10


def test_a_study_that_cannot_be_read_is_left_to_who_opens_it(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STUDY_VARIABLE, "another study")
    selection.read_ahead()
    assert selection.Choice(url, STUDY, "simulated").results().study.name == STUDY


def test_findings_and_results_are_kept_apart(url: str) -> None:
    choice = selection.Choice(url, STUDY, "simulated")
    assert len(choice.results().participants) == 8
    assert choice.findings("results")[0].name == "accuracy"
