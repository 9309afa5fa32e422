"""The whole loop with simulated participants, and what must never come out of it."""

import json
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from torch import Tensor

from advisor.bundles.bundle import FACE_CONDITIONS, Bundle, load_bundle
from advisor.bundles.exchange import export_trials
from advisor.encoder import losses
from advisor.encoder.learning_step import train_advisor
from advisor.encoder.trained_run import TrainedRun
from advisor.measurement.counted_decisions import counted_decisions
from advisor.publishing.bundle_draft import keys_of_rows
from advisor.publishing.evaluate import (
    evaluate_run,
    measured_accuracy,
    prediction_and_outcome,
    response_log_loss_on_study,
    scored_decisions,
)
from advisor.publishing.publish import publish_again, publish_run
from advisor.response.training_decisions import decisions_of_study
from advisor.runs.config import EncoderConfig, PublishConfig, ResponseConfig, TrainConfig
from advisor.simulation.collect import Asked
from advisor.simulation.populations import population
from advisor.simulation.rounds import DATABASE_FILE, NEWEST_BUNDLE, RoundOutcome, simulate_rounds
from advisor.simulation.simulated_study import STUDY_NAME
from data.errors import BundleError, PublicationRefusedError, TrainingError
from data.store.decision_store import DecisionStore
from data.tasks.decision_task import DecisionTask, load_task
from human_study.analysis.study_results import collect_results
from human_study.findings.reliance import reliance_findings
from human_study.findings.what_people_saw import pair_findings, perception_findings

pytestmark = pytest.mark.training

QUICK = TrainConfig(
    response=ResponseConfig(n_members=3, max_steps=150), encoder=EncoderConfig(n_steps=250, batch_size=128)
)
SMALL = PublishConfig(max_pool_size=120, identities_per_application=1, learning_pool_size=20)


@pytest.fixture(scope="module")
def task() -> DecisionTask:
    return load_task("consumer_credit")


@pytest.fixture(scope="module")
def simulation(task: DecisionTask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Round 0 and one learning round of 30 simulated participants × 20 trials; drawn.txt says how many were drawn."""
    out = tmp_path_factory.mktemp("simulation")
    n_drawn = 0

    def count(what: str, n_done: int, _: int) -> None:
        nonlocal n_drawn
        n_drawn += n_done if what == "rendering faces" else 0

    simulate_rounds(task, population("realistic"), 1, 30, 20, 0, out, QUICK, SMALL, on_progress=count)
    (out / "drawn.txt").write_text(str(n_drawn))
    return out


def test_results_are_complete_and_labelled_simulated(simulation: Path) -> None:
    results = json.loads((simulation / "results.json").read_text())
    assert results["participants"] == "simulated"
    assert 0.6 < results["machine_accuracy"] < 0.9
    rows = results["results"]
    assert [(row["round"], row["condition"]) for row in rows] == [
        (k, c) for k in (0, 1) for c in ("none", "score", "face", "shuffled", "risk_to_smile")
    ]
    for row in rows:
        assert row["n_participants"] == 30
        assert row["n_decisions"] == 600
        assert 0 <= row["ci_low"] <= row["accuracy"] <= row["ci_high"] <= 1
        assert row["published"] is True


def test_a_learned_face_helps_and_a_random_one_does_not(simulation: Path) -> None:
    rows = json.loads((simulation / "results.json").read_text())["results"]
    accuracy = {(row["round"], row["condition"]): row["accuracy"] for row in rows}
    assert accuracy[1, "face"] > accuracy[1, "none"] + 0.03
    assert accuracy[1, "face"] > accuracy[0, "face"] + 0.03
    assert accuracy[1, "face"] > accuracy[1, "shuffled"] + 0.03


def test_everything_collected_is_simulated_and_traceable(simulation: Path) -> None:
    with DecisionStore.open(f"sqlite:///{simulation / DATABASE_FILE}") as store:
        assert store.decisions_frame(STUDY_NAME, kind="people").empty
        frame = store.decisions_frame(STUDY_NAME, kind="simulated")
        assert len(frame) == 2 * 6 * 600
        assert set(frame["bundle_hash"]) == {r.bundle_hash for r in store.rounds(STUDY_NAME)}
        assert store.bundle(store.newest_round(STUDY_NAME).bundle_hash).trained_on == "simulated"


def test_a_face_is_drawn_once_and_only_if_somebody_can_be_shown_it(simulation: Path) -> None:
    bundles = [load_bundle(simulation / f"round_{k}" / "bundle") for k in (0, 1)]
    with DecisionStore.open(f"sqlite:///{simulation / DATABASE_FILE}") as store:
        frame = store.decisions_frame(STUDY_NAME, kind="simulated")
    shown = set(frame.loc[frame["bundle_hash"] == bundles[0].bundle_hash, "image"].dropna())
    assert set(bundles[0].images["image"]) == shown
    assert not bundles[0].is_whole
    assert bundles[1].is_whole  # it is the newest, which people may be served
    faces = {key for bundle in bundles for key in keys_of_rows(bundle.images)}
    assert int((simulation / "drawn.txt").read_text()) == len(faces)


def test_reliance_on_faces_is_known_in_every_round_that_the_commands_made(simulation: Path) -> None:
    with DecisionStore.open(f"sqlite:///{simulation / DATABASE_FILE}") as store:
        results = collect_results(store, STUDY_NAME, "simulated")
    faces = results.test_decisions[results.test_decisions["condition"].isin(["face", "shuffled"])]
    assert set(faces["round_number"]) == {0, 1}
    assert faces["advice"].between(0, 1).all()
    found = reliance_findings(results)
    assert not found.reason
    (table,) = found.tables
    assert {(0, "Face"), (1, "Face")} <= set(
        table.frame[["round_number", "condition"]].itertuples(index=False, name=None)
    )


def test_a_bundle_that_lacks_faces_is_neither_exported_nor_served(simulation: Path, tmp_path: Path) -> None:
    partial = simulation / "round_0" / "bundle"
    with pytest.raises(BundleError, match="take the simulation's newest_bundle"):
        export_trials(partial, 2, 4, ["face"], "train", 0, tmp_path / "trials")
    whole = publish_again(load_bundle(partial), tmp_path / "whole")
    assert whole.is_whole
    before, after = (load_bundle(path).images for path in (partial, whole.path))
    together = after.merge(before, on=["application_id", "condition", "identity"], suffixes=("", "_before"))
    assert len(together) == len(before) < len(after)
    assert (together["image_sha256"] == together["image_sha256_before"]).all()
    assert len(export_trials(whole.path, 2, 4, ["face"], "train", 0, tmp_path / "trials").conditions) == 1


def test_people_learn_before_they_are_measured_and_say_what_they_saw(
    task: DecisionTask, tmp_path: Path
) -> None:
    pool = PublishConfig(max_pool_size=40, learning_pool_size=20)
    simulate_rounds(
        task,
        population("by_example"),
        0,
        4,
        8,
        0,
        tmp_path,
        publish_config=pool,
        asked=Asked(6, n_questions=2, n_pairs=9),
    )
    with DecisionStore.open(f"sqlite:///{tmp_path / DATABASE_FILE}") as store:
        frame = store.decisions_frame(STUDY_NAME, kind="simulated")
        results = collect_results(store, STUDY_NAME, "simulated")
        counted = counted_decisions(store, STUDY_NAME, "simulated", split="test")
    learned = frame[frame["trial_kind"] == "learning"]
    assert (
        learned.groupby("participant_key")["position"].apply(list) == pd.Series([list(range(6))] * 28).array
    ).all()
    assert set(learned["split"]) == {"validation"}
    assert (learned["image"].notna() == learned["condition"].isin(FACE_CONDITIONS)).all()
    assert not set(learned["application_id"]) & set(counted["application_id"])
    assert len(counted) == 6 * 4 * 8
    answered = frame[frame["perceived"].notna()]
    assert set(answered["perception_question"]) == {"face_sureness"}  # random faces tell no column
    per_person = answered.groupby(["condition", "participant_key"]).size()
    assert set(per_person.index.get_level_values("condition")) == set(FACE_CONDITIONS)
    assert (per_person == 2).all()
    assert len(results.pair_judgements) == 6 * 4 * 9
    assert not perception_findings(results).reason
    assert not pair_findings(results).reason


def test_the_same_command_goes_on_where_it_was(simulation: Path, task: DecisionTask) -> None:
    before = (simulation / "results.json").read_text()
    seen: list[RoundOutcome] = []
    simulate_rounds(
        task, population("realistic"), 1, 30, 20, 0, simulation, QUICK, SMALL, on_round=seen.append
    )
    assert (simulation / "results.json").read_text() == before
    assert len(seen) == 2
    with pytest.raises(TrainingError, match="other options"):
        simulate_rounds(task, population("realistic"), 1, 31, 20, 0, simulation, QUICK, SMALL)


def test_evaluation_predicts_and_measures(simulation: Path) -> None:
    run = simulation / "round_1" / "run"
    predicted = evaluate_run(TrainedRun.load(run))
    assert predicted.predicted_accuracy > predicted.predicted_accuracy_neutral
    assert predicted.held_out_log_loss < predicted.application_alone_log_loss < 0.7
    with DecisionStore.open(f"sqlite:///{simulation / DATABASE_FILE}") as store:
        decided = scored_decisions(store, STUDY_NAME, "simulated")
        measured = measured_accuracy(decided).set_index(["round_number", "condition"])
        loss = response_log_loss_on_study(TrainedRun.load(run), store, decided)
    assert abs(measured.at[(1, "face"), "accuracy"] - predicted.predicted_accuracy) < 0.08
    assert loss is not None
    assert 0.4 < loss < 0.7
    both = prediction_and_outcome(TrainedRun.load(run), measured.reset_index()).set_index("what")
    assert (both["round_number"] == 1).all()
    assert both.at["measured after", "accuracy"] == measured.at[(1, "face"), "accuracy"]
    assert abs(both["accuracy"].diff().iloc[1]) < 0.1


def test_a_run_says_what_it_learned_of_people_in_tables_and_predicts_before_it_is_shown(
    simulation: Path,
) -> None:
    run = simulation / "round_1" / "run"
    calibration = pd.read_csv(run / "response_calibration.csv")
    assert list(calibration.columns) == ["predicted", "observed", "n_decisions"]
    assert calibration["n_decisions"].sum() == 600
    assert np.corrcoef(calibration["predicted"], calibration["observed"])[0, 1] > 0.7
    importance = pd.read_csv(run / "response_importance.csv").set_index("name")
    assert list(importance.columns) == ["kind", "importance", "ci_low", "ci_high"]
    assert importance.at["smile", "kind"] == "axis"
    of_axes = importance.loc[importance["kind"] == "axis", "importance"]
    assert (
        of_axes.idxmax() == "smile" and of_axes["smile"] > 0
    )  # what these people go by; few decisions show it
    assert importance.at["income", "kind"] == "feature"
    faces = pd.read_csv(run / "face_readings.csv")
    assert faces["approve_probability"].between(0, 1).all()
    with DecisionStore.open(f"sqlite:///{simulation / DATABASE_FILE}") as store:
        trained_on = store.decisions_frame(STUDY_NAME, kind="simulated")
    trained_on = trained_on[(trained_on["round_number"] == 0) & (trained_on["split"] == "train")]
    held_out = (run / "held_out_decisions.csv").read_text()
    assert not any(key in held_out for key in trained_on["participant_key"].unique())
    exploring = load_bundle(simulation / "round_0" / "bundle")
    on_test = exploring.images["application_id"].map(exploring.applications["split"]) == "test"
    of_test = set(
        exploring.images.loc[on_test, "image_sha256"]
    )  # read as well, since reliance is measured on them
    assert set(faces["image_sha256"]) == set(trained_on["image_sha256"]) | of_test
    predicted = json.loads((run / "summary.json").read_text())["predicted_accuracy"]
    assert predicted["ci_low"] < predicted["value"] < predicted["ci_high"]
    assert predicted["effective_decisions"] > 20


def test_a_flipped_sign_in_the_loss_is_caught_before_anything_is_published(
    simulation: Path, task: DecisionTask, tmp_path: Path
) -> None:
    right = losses.decision_loss

    def flipped(member_probabilities: Tensor, target: Tensor) -> losses.Loss:
        return right(member_probabilities, 1 - target)

    with DecisionStore.open(f"sqlite:///{simulation / DATABASE_FILE}") as store:
        decisions = decisions_of_study(store, STUDY_NAME, task, "simulated")
        with mock.patch.object(losses, "decision_loss", flipped):
            train_advisor(task, decisions, QUICK, tmp_path / "run")
    with pytest.raises(PublicationRefusedError, match="gain of the faces over a neutral one"):
        publish_run(tmp_path / "run", tmp_path / "bundle", SMALL)
    assert not (tmp_path / "bundle").exists()


def test_people_and_simulated_participants_are_never_mixed(simulation: Path, task: DecisionTask) -> None:
    with (
        DecisionStore.open(f"sqlite:///{simulation / DATABASE_FILE}") as store,
        pytest.raises(TrainingError, match="no decisions of people"),
    ):
        decisions_of_study(store, STUDY_NAME, task, "people")


def test_an_advisor_is_never_trained_to_mislead(simulation: Path, task: DecisionTask, tmp_path: Path) -> None:
    with DecisionStore.open(f"sqlite:///{simulation / DATABASE_FILE}") as store:
        decisions = decisions_of_study(store, STUDY_NAME, task, "simulated")
        with pytest.raises(TrainingError, match="decision_weight must be above 0"):
            train_advisor(
                task, decisions, TrainConfig(encoder=EncoderConfig(decision_weight=-1)), tmp_path / "run"
            )


def test_a_refused_advisor_leaves_the_one_before_and_the_rounds_go_on(
    tiny_task: Path, tmp_path: Path
) -> None:
    strict = SMALL.model_copy(update={"max_pool_size": 24, "min_response_gain": 9.0})
    few_steps = QUICK.model_copy(update={"encoder": EncoderConfig(n_steps=20, batch_size=64)})
    results = simulate_rounds(
        load_task(tiny_task), population("realistic"), 2, 6, 8, 0, tmp_path / "out", few_steps, strict
    )
    assert [row["published"] for row in results["results"]] == [True] * 5 + [False] * 10
    assert set(results["not_published"]) == {"1", "2"}
    assert "gain of ĥ" in results["not_published"]["1"]
    with DecisionStore.open(f"sqlite:///{tmp_path / 'out' / DATABASE_FILE}") as store:
        rounds = store.rounds(STUDY_NAME)
        assert [r.round_number for r in rounds] == [0, 1, 2]
        # The same advisor, with the faces that were dealt so far, and in the end with all.
        assert len({r.bundle_hash for r in rounds}) == 3
        assert [load_bundle(store.bundle(r.bundle_hash).bundle_path).is_whole for r in rounds] == [
            False,
            False,
            True,
        ]
        counts = store.decisions_frame(STUDY_NAME, kind="simulated").groupby("round_number").size()
        assert counts.tolist() == [6 * 6 * 8] * 3


def test_only_faces_that_somebody_is_shown_are_drawn_until_people_are_to_see_them(
    tiny_task: Path, tmp_path: Path
) -> None:
    def simulated(only_shown: bool) -> Bundle:
        pool = PublishConfig(max_pool_size=24)
        words = (load_task(tiny_task), population("realistic"), 0, 3, 6, 0, tmp_path / "out")
        simulate_rounds(*words, publish_config=pool, only_shown=only_shown)
        return load_bundle(tmp_path / "out" / NEWEST_BUNDLE)

    few = simulated(True)
    assert not few.is_whole
    whole = simulated(False)
    assert whole.is_whole
    assert set(few.images["image_sha256"]) < set(whole.images["image_sha256"])
