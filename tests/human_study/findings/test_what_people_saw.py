"""What people saw, against answers and judgements planted by a rule: read in the face, and not in another's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from advisor.bundles.bundle import Bundle
from data.records import FACE_SURENESS, Decision, PairJudgement, Participant, Trial
from data.store.decision_store import DecisionStore
from data.stored_record import new_key
from human_study.analysis.study_results import StudyResults, collect_results
from human_study.findings.finding import Finding
from human_study.findings.what_people_saw import pair_findings, perception_findings
from human_study.participation.running_study import RunningStudy
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study

N_PEOPLE, NOISE = 24, 0.15
ASKED = {"trials": 8, "columns": ["debt"]}


def seen(bundle: Bundle, trial: Trial, rng: np.random.Generator) -> tuple[str, str]:
    """What somebody reads in a trial's picture with a noisy look: the debt, and how sure it looks."""
    face = bundle.images.set_index("image").loc[trial.image]
    brows, smile = face["e_inner_brow_raise"], face["e_smile"]
    debt = ("lower", "usual", "higher")[int(np.searchsorted([1 / 3, 2 / 3], brows + rng.normal(0, NOISE)))]
    sure = abs(smile - 0.2) + rng.normal(0, NOISE)
    return debt, str(int(np.clip(1 + 5 * sure, 1, 5)))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """People in three conditions who answer what their pictures show; and judge pairs with a noisy look."""
    folder: Path = tmp_path_factory.mktemp("saw")
    conditions = {"face": 1, "shuffled": 1, "none": 1}
    study: dict[str, Any] = {"conditions": conditions, "trained_on": "simulated", "pairs": {"number": 20}}
    path = write_study(folder, **study, perception_questions=ASKED, trials={"main": 20})
    store = DecisionStore.open(f"sqlite:///{folder / 'study.db'}")
    running = RunningStudy(load_study_file(path), store)
    running.prepare()
    rng = np.random.default_rng(3)
    bundle_hash = store.newest_round("tiny_study").bundle_hash
    served = running.bundles.served(bundle_hash)
    for condition in conditions:
        for slot in range(N_PEOPLE):
            person = Participant(
                study_name="tiny_study", round_number=0, bundle_hash=bundle_hash, kind="simulated",
                condition=condition, status="completed", slot=slot,
            )  # fmt: skip
            key = person.participant_key
            trials = [
                trial.model_copy(update={"trial_key": new_key(), "participant_key": key, "position": k})
                for k, trial in enumerate(running.bundles.drawn(served, condition, slot, rng))  # type: ignore[arg-type]
            ]
            store.add_collected(
                "tiny_study", [person], trials, [decided(served.bundle, t, rng) for t in trials]
            )
            for pair in running.bundles.pairs(bundle_hash, slot):
                left, right = (rng.normal(value, 0.2) for value in (pair.left_value, pair.right_value))
                choice = "right" if right > left else "left"
                judgement = {"participant_key": key, "bundle_hash": bundle_hash, **vars(pair)}
                store.add_pair_judgement(PairJudgement(**judgement, choice=choice, response_time_ms=900.0))
    return collect_results(store, "tiny_study", "simulated")


def decided(bundle: Bundle, trial: Trial, rng: np.random.Generator) -> Decision:
    asked = trial.perception_question
    debt, sure = seen(bundle, trial, rng) if asked else ("", "")
    return Decision(
        trial_key=trial.trial_key,
        participant_key=trial.participant_key,
        choice=("approve", "deny")[int(rng.integers(2))],
        response_time_ms=1000.0,
        perceived=(sure if asked == FACE_SURENESS else debt) if asked else None,
        perceived_time_ms=800.0 if asked else None,
        study_hash="hash",
        bundle_hash=trial.bundle_hash,
    )


def rows(found: Finding, table: int) -> dict[str, dict[str, Any]]:
    return {row["condition"]: row for row in found.tables[table].frame.to_dict("records")}


def test_what_the_own_face_says_is_read_and_not_what_another_says(results: StudyResults) -> None:
    found = perception_findings(results)
    of = rows(found, 0)
    assert set(of) == {"Face", "Shuffled face"}
    assert of["Face"]["n_answers"] == of["Shuffled face"]["n_answers"] == N_PEOPLE * 4
    assert of["Face"]["right"] > 0.5 and of["Face"]["more_low"] > 0.1
    assert of["Face"]["chance"] == pytest.approx(1 / 3, abs=0.04)
    assert of["Face"]["beyond_risk_low"] > 0.4
    assert abs(of["Shuffled face"]["more"]) < 0.2  # four standard errors: each run draws other answers
    assert abs(of["Shuffled face"]["beyond_risk"]) < 0.4
    assert any(sentence.startswith("Debt ratio (Face, round 0): right") for sentence in found.sentences)


def test_how_sure_a_face_looks_rises_with_the_machines_certainty_only_in_its_own(
    results: StudyResults,
) -> None:
    of = rows(perception_findings(results), 1)
    assert of["Face"]["rises_low"] > 0.2
    assert abs(of["Shuffled face"]["rises"]) < 0.4


def test_pairs_give_the_noise_of_a_look_and_say_how_to_train_with_it(results: StudyResults) -> None:
    found = pair_findings(results)
    overall, *axes = found.tables[0].frame.to_dict("records")
    assert overall["n_pairs"] == N_PEOPLE * 3 * 20
    assert overall["noise"] == pytest.approx(0.2, abs=0.06)
    assert {row["axis"] for row in axes} == {"smile", "inner brow raise"}
    assert "the 0.2 that training assumes" in found.sentences[0]
    assert f"--set encoder.looking_noise_sd={overall['noise']:.2f}" in found.sentences[0]
