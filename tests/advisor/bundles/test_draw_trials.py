"""Trials are balanced, from the right pool, and show what the condition says and nothing else."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.bundles.bundle import CONDITIONS, FACE_CONDITIONS, Bundle
from advisor.bundles.draw_trials import draw_trials
from data.errors import BundleError
from tests.support.tiny_study import write_task, write_tiny_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder: Path = tmp_path_factory.mktemp("bundle")
    return write_tiny_bundle(write_task(folder / "task"), folder / "round_0" / "bundle", n_learning=4)


@settings(max_examples=60, deadline=None)
@given(
    condition=st.sampled_from(CONDITIONS),
    n_trials=st.integers(1, 36),
    n_learning=st.integers(0, 4),
    test_share=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    seed=st.integers(0, 10_000),
)
def test_trials_are_balanced_and_show_only_their_condition(
    bundle: Bundle, condition: str, n_trials: int, n_learning: int, test_share: float, seed: int
) -> None:
    outcomes = bundle.outcomes()
    rng = np.random.default_rng(seed)
    trials = draw_trials(bundle, outcomes, condition, n_trials, test_share, rng, n_learning)  # type: ignore[arg-type]
    assert [trial.position for trial in trials] == list(range(n_learning + n_trials))
    assert len({trial.application_id for trial in trials}) == n_learning + n_trials
    learning = {trial.application_id for trial in trials[:n_learning]}
    assert learning <= set(bundle.learning_ids)
    assert [trial.kind for trial in trials] == ["learning"] * n_learning + ["main"] * n_trials
    for trial in trials:
        cases = json.loads(trial.examples or "[]")
        assert set(cases) <= set(bundle.learning_ids) - (learning if trial.kind == "learning" else set())
        assert len(cases) == 3 or condition != "examples" or trial.kind == "learning"
    for split in ("train", "test"):
        drawn = [trial.application_id for trial in trials if trial.split == split]
        assert len(drawn) == (
            round(n_trials * test_share) if split == "test" else n_trials - round(n_trials * test_share)
        )
        assert (bundle.applications.loc[drawn, "split"] == split).all()
        assert abs(2 * outcomes.loc[drawn].sum() - len(drawn)) <= 1
    for trial in trials:
        assert (trial.image is not None) == (condition in FACE_CONDITIONS)
        assert (trial.score is not None) == (condition == "score")
        assert trial.bundle_hash == bundle.bundle_hash
        if trial.image is not None:
            rows = bundle.images[
                (bundle.images["image"] == trial.image) & (bundle.images["condition"] == condition)
            ]
            assert trial.application_id in set(rows["application_id"])


def test_more_trials_than_applications_is_one_sentence(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="ask for fewer trials"):
        draw_trials(bundle, bundle.outcomes(), "face", 500, 0.0, np.random.default_rng(0))
