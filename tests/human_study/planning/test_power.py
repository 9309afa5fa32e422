"""Power against the level of the test, a known normal approximation, and its command."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from typer.testing import CliRunner

from advisor.encoder.risk_model import RiskModel
from advisor.encoder.trained_run import encoder_features
from advisor.runs.run_dir import RunDirectory
from advisor.runs.run_tables import ENCODER_FILE, RESPONSE_FILE
from data.errors import StudyError, TrainingError
from data.store.decision_store import DecisionStore
from data.tasks.applications import Standardiser, read_applications
from data.tasks.decision_task import load_task
from human_study.analysis.contrasts import contrasts_table
from human_study.cli import app
from human_study.planning.people_bank import DrawnPeople, draw_bank
from human_study.planning.power import (
    PlannedStudy,
    PowerPoint,
    found_contrasts,
    power_curve,
    sample_size,
    simulate_decisions,
    simulated_p_values,
)
from human_study.planning.power_populations import PilotPopulation, TestPool
from human_study.planning.running_power import reach_of
from human_study.study.analysis_plan import declared_analysis
from models.checkpoint import save_checkpoint
from models.encoder import FeatureEncoder
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS
from models.response import ResponseModel
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle
from tests.support.tiny_study import write_study


def plan_of(*conditions: str, **analysis: object) -> PlannedStudy:
    declared = declared_analysis({"conditions": dict.fromkeys(conditions, 1), "analysis": analysis or None})
    return PlannedStudy(declared, 20, 40, dict.fromkeys(conditions, 1.0), 2.0, 0.05, "GBP", 30)


PLAN = plan_of("none", "face")
OF_THREE = plan_of("none", "score", "face", "shuffled")


class People:
    """People who differ in their readiness to approve, on applications that differ in how hard they are."""

    def __init__(self) -> None:
        self.outcomes = np.tile([0, 1], 40)
        self.hardness = np.random.default_rng(1).normal(0, 0.5, 80)

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        sign = 2 * self.outcomes - 1
        log_odds = 0.4 * sign + self.hardness + rng.normal(0, 0.5, (n, 1))
        return log_odds, np.broadcast_to(sign * rng.gamma(2, 0.5, (n, 1)), (n, 80)), np.full(n, 0.04)


def test_without_an_effect_the_planned_test_keeps_its_level() -> None:
    bank = draw_bank(People(), 0.0, np.random.default_rng(0))
    p_values = np.abs(simulated_p_values(bank, PLAN, 12, 400, np.random.default_rng(1)))
    found = (p_values < 0.05).mean()
    assert 0.05 - 3 * 0.011 < found < 0.05 + 3 * 0.011  # Monte Carlo error of 400 studies


def test_the_effect_that_is_asked_for_is_there_in_other_people_too() -> None:
    population = People()
    others = DrawnPeople(*population.draw(20_000, np.random.default_rng(99)), population.outcomes)
    strengths = [draw_bank(population, 0.06, np.random.default_rng(seed)).strength for seed in range(8)]
    missed = [others.gain(strength) - 0.06 for strength in strengths]
    assert np.sqrt(np.mean(np.square(missed))) < 0.001  # about a point of power; .0018 with 600 people


def test_a_simulated_study_finds_what_the_report_would_find_in_its_decisions() -> None:
    bank = draw_bank(People(), 0.12, np.random.default_rng(0))
    n_each, n_found = 14, []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        decided = {
            condition: simulate_decisions(approval, bank.outcomes, n_each, PLAN.n_test_trials, rng)
            for condition, approval in (
                ("face", bank.advised),
                ("none", bank.without),
                ("score", bank.without),
                ("shuffled", bank.without),
            )
        }
        frames = [
            pd.DataFrame(
                {
                    "participant_key": [f"{condition} {person}" for person in made.people],
                    "round_number": 0,
                    "condition": condition,
                    "application_id": made.applications,
                    "outcome": bank.outcomes[made.applications],
                    "approved": np.where(made.correct, 1, 0) == bank.outcomes[made.applications],
                }
            )
            for condition, made in decided.items()
        ]
        table = contrasts_table(pd.concat(frames, ignore_index=True), OF_THREE.declared)
        family = table[table["is_declared"]]
        assert family["against"].tolist() == ["none", "score", "shuffled"]
        found = (family["p_holm"] < 0.05) & (family["difference"] > 0)
        p_values = simulated_p_values(bank, OF_THREE, n_each, 1, np.random.default_rng(seed))
        np.testing.assert_allclose(np.abs(p_values[0]), family["p_value"])
        assert found_contrasts(p_values)[0].tolist() == found.tolist()
        n_found.append(int(found.sum()))
    assert {0, 3} < set(n_found)  # the studies tell the rules apart


def test_an_effect_is_found_where_holm_steps_down_to_it() -> None:
    p_values = np.array(
        [
            [0.01, 0.02, 0.9],  # 0.02 passes 0.05 / 2, though not 0.05 / 3
            [0.02, 0.03, 0.9],  # the least does not pass 0.05 / 3: nothing is found
            [0.01, 0.03, np.nan],  # what could not be tested does not count among the tests
            [0.01, -0.01, 0.9],  # the wrong way round
        ]
    )
    assert found_contrasts(p_values).tolist() == [
        [True, True, False],
        [False, False, False],
        [True, True, False],
        [True, False, False],
    ]


def test_where_nothing_has_an_effect_holm_keeps_the_level_over_all_contrasts() -> None:
    bank = draw_bank(People(), 0.0, np.random.default_rng(0))
    p_values = np.abs(simulated_p_values(bank, OF_THREE, 12, 300, np.random.default_rng(1)))
    any_found = found_contrasts(p_values).any(axis=1).mean()
    assert any_found < 0.05 + 3 * 0.0126  # Monte Carlo error of 300 studies


def test_advice_is_made_as_strong_as_the_effect_says_and_no_stronger_than_it_can_be() -> None:
    bank = draw_bank(People(), 0.08, np.random.default_rng(0))
    assert bank.effect == pytest.approx(0.08, abs=1e-6)
    with pytest.raises(StudyError, match="advice adds between 0 and"):
        draw_bank(People(), 0.6, np.random.default_rng(0))
    assert draw_bank(People(), None, np.random.default_rng(0)).strength == 1


def test_power_grows_with_participants_and_its_error_and_price_are_said() -> None:
    bank = draw_bank(People(), 0.06, np.random.default_rng(0))
    few, many = power_curve(bank, PLAN, [8, 60], 150, np.random.default_rng(0))
    assert few.power + 0.2 < many.power
    assert many.monte_carlo_error == pytest.approx(np.sqrt(many.power * (1 - many.power) / 150))
    assert many.n_total == 120
    each = 2.0 + 0.05 * 40 * (bank.accuracy(True) + bank.accuracy(False)) / 2
    assert many.cost == pytest.approx(120 * each, abs=0.01)
    assert many.hours == 60


def test_power_is_for_the_primary_contrast_and_groups_are_as_large_as_their_quotas() -> None:
    bank = draw_bank(People(), 0.1, np.random.default_rng(0))
    unequal = replace(
        plan_of("none", "score", "face", family=["face against score"]),
        group_sizes={"none": 0.5, "score": 1, "face": 1.5},
    )
    found = found_contrasts(simulated_p_values(bank, unequal, 20, 80, np.random.default_rng(3)))
    (point,) = power_curve(bank, unequal, [20], 80, np.random.default_rng(3))
    assert point.power == pytest.approx(found[:, 0].mean())
    assert point.power_of_all == pytest.approx(found.all(axis=1).mean()) and point.power_of_all < point.power
    assert point.n_total == 10 + 20 + 30
    correct = 30 * bank.accuracy(True) + 30 * bank.accuracy(False)
    assert point.cost == pytest.approx(60 * 2.0 + 0.05 * 40 * correct, abs=0.01)


def test_planned_looks_find_a_strong_effect_as_often_and_keep_the_level() -> None:
    plan = plan_of("none", "face", looks_at=[24, 48])
    nothing = draw_bank(People(), 0.0, np.random.default_rng(0))
    p_values = np.abs(simulated_p_values(nothing, plan, 24, 300, np.random.default_rng(1)))
    assert (p_values < 0.05).mean() < 0.05 + 3 * 0.0126  # Monte Carlo error of 300 studies
    bank = draw_bank(People(), 0.08, np.random.default_rng(0))
    fixed, looked = (
        found_contrasts(simulated_p_values(bank, one, 24, 60, np.random.default_rng(2))).mean()
        for one in (PLAN, plan)
    )
    assert abs(fixed - looked) < 0.1


def test_a_declared_direction_is_tested_one_sided() -> None:
    bank = draw_bank(People(), 0.06, np.random.default_rng(0))
    two_sided = simulated_p_values(bank, PLAN, 12, 30, np.random.default_rng(2))[:, 0]
    better = simulated_p_values(
        bank, plan_of("none", "face", direction="better"), 12, 30, np.random.default_rng(2)
    )[:, 0]
    up = two_sided >= 0
    assert up.any() and not up.all()
    np.testing.assert_allclose(better[up], two_sided[up] / 2)
    np.testing.assert_allclose(-better[~up], 1 + two_sided[~up] / 2)


def test_the_sample_size_is_that_of_a_curve_whose_answer_is_known() -> None:
    sizes = [10, 20, 30, 40, 60]
    known = [float(stats.norm.cdf(0.4 * np.sqrt(n) - 1.96)) for n in sizes]
    points = [PowerPoint(n, 2 * n, power, 0.01, 0, 0, 0) for n, power in zip(sizes, known, strict=True)]
    low, n_each, high = sample_size(points, 0.8, 2000)
    assert n_each == int(np.ceil(((stats.norm.ppf(0.8) + 1.96) / 0.4) ** 2))
    assert low <= n_each <= high
    assert sample_size(points[:2], 0.8, 2000) is None


def planned(folder: Path, **changes: object) -> Path:
    """A study file whose bundle has a score that knows something."""
    path = write_study(folder, **{"bundle": "round_1/bundle", **changes})
    write_reviewed_bundle(folder)
    return path


def command(*words: str):
    return CliRunner().invoke(app, ["power", *words])


def test_the_command_says_how_many_and_leaves_table_picture_and_text(tmp_path: Path) -> None:
    study = planned(tmp_path, trials={"main": 20, "test_share": 0.5})
    out = tmp_path / "power"
    words = ("--effect", "0.05", "--participants", "6,24", "--simulations", "60", "--out", str(out))
    run = command(str(study), *words)
    assert run.exit_code == 0, run.output
    assert "SIMULATED: the population realistic" in run.output
    assert {path.name for path in out.iterdir()} == {"power.csv", "power.svg", "power.md", "power.json"}
    content = json.loads((out / "power.json").read_text())
    assert content["effect"] == pytest.approx(0.05, abs=1e-6)
    assert [point["n_each"] for point in content["points"]] == [6, 24]
    assert "SIMULATED" in (out / "power.svg").read_text()


def test_the_command_plans_what_the_study_file_declares(tmp_path: Path) -> None:
    conditions = {"none": {"quota": 30}, "face": {"quota": 90}, "shuffled": {"quota": 60}}
    study = planned(
        tmp_path,
        conditions=conditions,
        trials={"main": 20, "test_share": 0.5},
        analysis={"primary": "face against shuffled", "direction": "better"},
    )
    words = (
        "--effect",
        "0.05",
        "--participants",
        "6,12",
        "--simulations",
        "50",
        "--out",
        str(tmp_path / "out"),
    )
    run = command(str(study), *words)
    assert run.exit_code == 0, run.output
    said = " ".join(run.output.split())
    assert "Primary contrast: the face against a shuffled face" in said
    assert "one-sided" in said and "over this family of 2" in said
    assert "Face 50%, No advice 17%, Shuffled face 33%" in said
    plan = json.loads((tmp_path / "out" / "power.json").read_text())["plan"]
    assert plan["group_sizes"] == {"none": 0.5, "face": 1.5, "shuffled": 1.0}


@pytest.mark.parametrize(
    ("changes", "words", "sentence"),
    [
        ({}, ["--effect", "0.9"], "choose an effect in between"),
        ({}, [], "needs --effect"),
        ({}, ["--effect", "0.05", "--population", "angels"], "no simulated population"),
        ({}, ["--effect", "0.05", "--participants", "many"], "whole numbers"),
        ({"conditions": {"face": 1}}, ["--effect", "0.05"], "compares two conditions"),
        ({"trials": {"main": 10, "test_share": 0.0}}, ["--effect", "0.05"], "fewer than two test trials"),
        ({}, ["--pilot", "nowhere"], "There is no run at"),
    ],
)
def test_a_plan_that_cannot_be_simulated_is_one_sentence(
    tmp_path: Path, changes, words, sentence: str
) -> None:
    run = command(str(planned(tmp_path, **changes)), "--simulations", "50", *words)
    assert sentence in str(run.exception)


def write_pilot(folder: Path, task_path: Path) -> Path:
    """A finished run: an ĥ that likes smiles, and an encoder that smiles where the machine's odds are good."""
    task = load_task(task_path)
    applications = read_applications(task)
    train = applications.select("train").frame
    risk_model = RiskModel.fit(applications)
    seen = Standardiser.fit(task, train, columns=task.shown_columns)
    run = RunDirectory.start(folder, {"task": str(task_path), "task_hash": task.task_hash})
    run.write_json("risk_model.json", risk_model.to_dict())
    run.write_json("seen_features.json", seen.to_dict())
    response = ResponseModel(len(EXPRESSION_AXES), seen.transform(train).shape[1], n_members=2)
    encoder = FeatureEncoder(encoder_features(risk_model, train).shape[1], torch.tensor(EXPRESSION_BOUNDS), 4)
    with torch.no_grad():
        response.linear[:, EXPRESSION_AXES.index("smile")] = 2.0
        encoder.linear.weight.zero_()
        encoder.linear.weight[EXPRESSION_AXES.index("smile"), -1] = 1.0
    save_checkpoint(run.file(RESPONSE_FILE), "response", response.state_dict(), response.config)
    save_checkpoint(run.file(ENCODER_FILE), "feature_encoder", encoder.state_dict(), encoder.config)
    run.write_json("summary.json", {})
    return run.path


def test_a_pilots_response_model_is_drawn_from_with_an_effect_of_its_own_or_a_planned_one(
    tmp_path: Path,
) -> None:
    study = planned(tmp_path)
    pool = TestPool.of_study(tmp_path / "round_1" / "bundle", str(tmp_path / "task"))
    pilot = write_pilot(tmp_path / "run", tmp_path / "task" / "task.yaml")
    log_odds, added, lapse = PilotPopulation(pilot, pool).draw(50, np.random.default_rng(0))
    assert log_odds.shape == added.shape == (50, len(pool.ids))
    assert log_odds.std(axis=0).mean() > 0.1  # people differ in readiness to approve
    assert (lapse > 0).all()
    words = (str(study), "--pilot", str(pilot), "--participants", "6", "--simulations", "50")
    own = command(*words)
    assert own.exit_code == 0, own.output
    assert "people as the pilot" in own.output
    assert "choose an effect in between" in str(command(*words, "--effect", "0.9").exception)


@pytest.mark.parametrize(
    "name",
    ["options.json", "risk_model.json", "seen_features.json", "response.safetensors", "encoder.safetensors"],
)
@pytest.mark.parametrize("damage", ["truncated", "missing", "another program's"])
def test_a_damaged_pilot_is_one_sentence_that_names_the_file(tmp_path: Path, name: str, damage: str) -> None:
    study = planned(tmp_path)
    file = write_pilot(tmp_path / "run", tmp_path / "task" / "task.yaml") / name
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:20] if damage == "truncated" else b'{"kind": "something else"}')
    run = command(str(study), "--pilot", str(file.parent), "--participants", "6", "--simulations", "50")
    assert isinstance(run.exception, TrainingError)
    assert name in str(run.exception) or (name, damage) == ("options.json", "missing")


def test_rounds_are_all_paid_and_the_planned_quotas_have_their_power(tmp_path: Path) -> None:
    study = planned(
        tmp_path,
        conditions={"none": {"quota": 8}, "face": {"quota": 16}},
        trials={"main": 20, "test_share": 0.5},
        payment={"base": 3.0, "currency": "GBP"},
    )
    words = ("--effect", "0.05", "--participants", "12", "--simulations", "50", "--rounds", "3")
    run = command(str(study), *words, "--out", str(tmp_path / "out"))
    assert run.exit_code == 0, run.output
    said = " ".join(run.output.split())
    (point,) = json.loads((tmp_path / "out" / "power.json").read_text())["points"]
    assert (point["n_total"], point["cost"]) == (3 * 24, 3 * 24 * 3.0)
    assert f"With the quotas of the study file (72 in all) power is {point['power']:.1%}" in said
    assert "3 rounds of that size" in said and "their people are not in the test" in said


RUNNING = {
    "conditions": {"none": {"share": 1, "quota": 90}, "face": {"share": 1, "quota": 90}},
    "trials": {"main": 20, "test_share": 0.5, "practice": 0, "attention": 0, "repeated": 0},
}


def running(folder: Path, n_each: int, content: dict[str, object] | None = None) -> str:
    """The URL of a database with an open study of which so many have completed each condition."""
    bundle, url = write_reviewed_bundle(folder), f"sqlite:///{folder / 'running.db'}"
    with DecisionStore.open(url) as store:
        open_reviewed_study(store, bundle, content=content or RUNNING)
        if n_each:
            add_people(store, bundle, ("none", "face"), np.random.default_rng(0), n_each=n_each, n_main=4)
    return url


def test_a_running_study_is_told_which_effect_it_can_still_find_and_no_outcome(tmp_path: Path) -> None:
    url = running(tmp_path, 6)
    words = (STUDY, "--db", url, "--simulations", "60", "--out", str(tmp_path / "out"))
    run = command(*words)
    assert run.exit_code == 0, run.output
    so_far, quotas = json.loads((tmp_path / "out" / "power.json").read_text())["reaches"]
    assert so_far["n_by_condition"] == {"none": 6, "face": 6}
    assert quotas["n_by_condition"] == {"none": 90, "face": 90}
    said = " ".join(run.output.split())
    # Who follows a score that is right on 70 % of 40 applications may be wrong on the next 40, however many they are.
    assert "no effect that this advice can have" in said and "There are 40 test applications" in said
    assert "SIMULATED" in run.output and "No outcome of this study was used" in said
    with DecisionStore.open(url) as store:
        assert store.study_events(STUDY) == []  # that was no look


def test_the_smallest_effect_is_found_as_often_as_it_is_said_to_be() -> None:
    people = DrawnPeople.of(People(), np.random.default_rng(0))
    reach = reach_of("all", {"none": 20, "face": 20}, PLAN, People(), 0.8, 200, np.random.default_rng(1))
    assert reach.smallest is not None
    low, effect, high = reach.smallest
    assert low < effect < high
    assert f"an effect of {100 * effect:.1f} points or more is found with a power of 80%" in reach.sentence(
        0.8
    )
    bank = people.bank(effect)
    found = found_contrasts(simulated_p_values(bank, PLAN, 20, 300, np.random.default_rng(2)))[:, 0].mean()
    assert found == pytest.approx(0.8, abs=3 * 0.023 + 0.03)  # Monte Carlo error of both, and of the curve


@pytest.mark.parametrize(
    ("n_each", "content", "words", "sentence"),
    [
        (2, {**RUNNING, "conditions": {"none": {"share": 1}, "face": {"share": 1}}}, [], "name numbers with"),
        (2, {"conditions": ["none", "face"]}, [], "was simulated or imported"),
        (2, {**RUNNING, "conditions": {"face": {"share": 1}}}, [], "compares two conditions"),
        (0, RUNNING, ["--effect", "0.05"], "for planning, with a study file"),
    ],
)  # fmt: skip
def test_a_running_study_without_a_plan_is_one_sentence(
    tmp_path: Path, n_each: int, content: dict[str, object], words: list[str], sentence: str
) -> None:
    run = command(STUDY, "--db", running(tmp_path, n_each, content), "--simulations", "50", *words)
    assert isinstance(run.exception, StudyError) and sentence in str(run.exception)
