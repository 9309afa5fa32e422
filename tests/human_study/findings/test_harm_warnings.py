"""Planted harm is named in the warnings of a study, and studies without any are not accused of it."""

from pathlib import Path

import numpy as np
import pandas as pd

from data.store.decision_store import DecisionStore
from human_study.analysis.study_results import collect_results
from human_study.findings.harm_warnings import over_reliance, warning_sentences
from tests.benchmarks.bench_inference import Design
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle

DESIGN = Design((40, 40), 20, 120, 0.5, 0.5)


def study_with_a_machine(seed: int, follows: float) -> pd.DataFrame:
    """Decisions without an effect of the face, but that it follows a machine, wrong on a third, with that chance."""
    rng = np.random.default_rng(seed)
    made = DESIGN.study(rng).assign(round_number=0)
    machine_wrong = made["application_id"].map(pd.Series(rng.random(DESIGN.pool) < 1 / 3))
    advised = np.where(machine_wrong, 1 - made["outcome"], made["outcome"])
    heeds = (made["condition"] == "face") & (rng.random(len(made)) < follows)
    return made.assign(
        machine_score=np.where(advised == 1, 0.8, 0.2), approved=np.where(heeds, advised, made["approved"])
    )


def test_planted_over_reliance_is_named_and_none_is_named_without_it() -> None:
    planted = sum(len(over_reliance(study_with_a_machine(seed, 0.5))) for seed in range(20))
    without = sum(len(over_reliance(study_with_a_machine(seed, 0.0))) for seed in range(40))
    assert planted >= 18 and without <= 3


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
