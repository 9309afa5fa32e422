"""One answer to which decisions count: `evaluate`, the report, the export's table and the run name the same."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from advisor.measurement.counted_decisions import paid_decisions
from data.store.decision_store import DecisionStore
from human_study.analysis.study_results import collect_results
from human_study.dataset.export import export_study
from tests.support.decided_round import QUICK, DecidedRound, run_main
from tests.support.planted_study import CONDITIONS, ENDINGS, PLAN, STUDY, plant_study

N_TEST = round(PLAN.main * PLAN.test_share)


@dataclass(frozen=True)
class Planted:
    """The study's database, the people who count, and the run that learned from it."""

    url: str
    counting: set[str]
    run: Path


@pytest.fixture(scope="module")
def planted(decided_round: DecidedRound, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    folder = tmp_path_factory.mktemp("planted")
    url, run = f"sqlite:///{folder / 'study.db'}", folder / "run"
    with DecisionStore.open(url) as store:
        counting = plant_study(store, decided_round.bundle, decided_round.task)
    source = ("--decisions", url, "--study", STUDY)
    assert run_main(("train", "--task", decided_round.task, *source, "--out", run, *QUICK)) == 0
    return Planted(url, counting, run)


@pytest.fixture(scope="module")
def analysed(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The export's analysis table, kept as its README says."""
    with DecisionStore.open(planted.url) as store:
        folder = export_study(store, STUDY, kind="people", out=tmp_path_factory.mktemp("out") / "export")
    (file,) = (folder / "parquet").glob("analysed*.parquet")
    table = pd.read_parquet(file)
    return table[(table["trial_kind"] == "main") & table["counts"]]


def test_the_planted_study_holds_people_and_trials_that_do_not_count(planted: Planted) -> None:
    with DecisionStore.open(planted.url) as store:
        decisions = store.decisions_frame(STUDY, kind="people")
    assert set(decisions["trial_kind"]) == {"main", "repeated", "attention", "practice", "learning"}
    assert decisions["participant_key"].nunique() == len(ENDINGS) * len(CONDITIONS)
    assert len(planted.counting) == len(CONDITIONS) * sum(not careless for _, careless in ENDINGS)


def test_the_report_and_the_export_count_the_same(planted: Planted, analysed: pd.DataFrame) -> None:
    with DecisionStore.open(planted.url) as store:
        results = collect_results(store, STUDY, "people")
    assert set(results.decisions["participant_key"]) == planted.counting == set(analysed["participant_key"])
    assert set(results.decisions["trial_key"]) == set(analysed["trial_key"])
    assert len(analysed) == PLAN.main * len(planted.counting)


def test_evaluate_prints_what_the_report_shows(
    planted: Planted, analysed: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    with DecisionStore.open(planted.url) as store:
        shown = collect_results(store, STUDY, "people").accuracy.set_index("condition")
        evaluate = ("evaluate", planted.run, "--study", STUDY, "--db", planted.url)
        assert run_main(evaluate) == 0
        while_open = capsys.readouterr().out
        assert "Outcomes by condition are withheld" in while_open and "ci_low" not in while_open
        store.close_study(STUDY)
        assert run_main(evaluate) == 0
        printed = capsys.readouterr().out
        store.open_study(STUDY)
    for condition in CONDITIONS:
        on_test = analysed[(analysed["condition"] == condition) & (analysed["split"] == "test")]
        people = on_test["participant_key"].nunique()
        assert (people, len(on_test)) == (len(planted.counting) / 2, N_TEST * len(planted.counting) / 2)
        row = shown.loc[condition]
        figures = " +".join(f"{row[name]:.4f}" for name in ("accuracy", "ci_low", "ci_high"))
        assert re.search(
            rf"^ *0 +{condition} +{people} +{len(on_test)} +{figures}$", printed, re.MULTILINE
        ), printed


def test_the_run_learned_from_the_same_people_and_decisions(planted: Planted, analysed: pd.DataFrame) -> None:
    learned = analysed[(analysed["condition"] == "face") & (analysed["split"] == "train")]
    listed = json.loads((planted.run / "participants.json").read_text())["participants"]
    assert set(listed) == set(learned["participant_key"]) < planted.counting
    held_out = pd.read_csv(planted.run / "held_out_decisions.csv", dtype={"application_id": str})
    assert sorted(held_out["application_id"]) == sorted(learned["application_id"])
    assert held_out["approved"].sum() == learned["approved"].sum()


def test_pay_is_for_the_main_trials_of_everybody_who_completed_excluded_or_not(planted: Planted) -> None:
    with DecisionStore.open(planted.url) as store:
        paid = paid_decisions(store, STUDY, "people")
        people = store.participants_frame(STUDY, kind="people")
    completed = set(people.loc[people["status"] == "completed", "participant_key"])
    assert set(paid["participant_key"]) == completed
    assert len(completed - planted.counting) == len(CONDITIONS) * ENDINGS.count(("completed", True))
    assert len(paid) == PLAN.main * len(completed)
    right = (paid["approved"] == paid["outcome"]).groupby(paid["participant_key"]).sum()
    assert (right[list(completed - planted.counting)] == 0).all()
    assert (right[list(completed & planted.counting)] > 0).all()
