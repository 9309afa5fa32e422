"""The answer to the study's question: what is compared with what, and which warnings stand beside it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.analysis_records import TrainingRun
from data.errors import WithheldError
from data.store.decision_store import DecisionStore
from human_study.analysis.contrasts import contrasts_table
from human_study.analysis.study_results import StudyResults, collect_results
from human_study.dataset.export import export_study
from human_study.findings.answer import answer_findings, comparison_table, history
from human_study.findings.finding import Column, FindingTable
from human_study.findings.participant_flow import people_table
from human_study.findings.sections import SECTIONS
from human_study.study.analysis_plan import declared_analysis
from tests.support.analysed_study import STUDY, build_known_study, decisions_of
from tests.support.reviewed_study import STUDY as REVIEWED
from tests.support.reviewed_study import add_people, open_reviewed_study, write_reviewed_bundle


def test_the_face_is_compared_with_every_other_condition_of_its_round() -> None:
    better, worse = (
        [(8, 2, 2, 8), (9, 1, 1, 9), (7, 3, 3, 7)] * 2,
        [(5, 5, 5, 5), (6, 4, 4, 6), (4, 6, 6, 4)] * 2,
    )
    first = pd.concat([decisions_of(worse), decisions_of(worse, "none", start=10)])
    arms = [
        decisions_of(better),
        decisions_of(worse, "none", start=10),
        decisions_of(better, "score", start=20),
    ]
    second = pd.concat(arms).assign(round_number=1)
    declared = declared_analysis({"conditions": {"none": 1, "face": 1, "score": 1}})
    table = comparison_table(contrasts_table(pd.concat([first, second], ignore_index=True), declared))
    assert list(zip(table["round_number"], table["against"], strict=True)) == [
        (0, "none"),
        (1, "none"),
        (1, "score"),
    ]
    assert table["difference"].tolist() == pytest.approx([0, 0.3, 0])
    assert table["is_newest"].tolist() == [False, True, True]


def test_conditions_stand_in_one_order_in_every_table() -> None:
    frame = pd.DataFrame(
        {"round_number": [1, 1, 0], "condition": ["Face", "No advice", "score"], "n": [1, 2, 3]}
    )
    shown = FindingTable(
        "t", "", frame, (Column("condition", "Condition"), Column("n", "n", "integer"))
    ).shown()
    assert shown["Condition"].tolist() == ["No advice", "Face", "score"]


def known(folder: Path) -> StudyResults:
    url = f"sqlite:///{folder / 'known.db'}"
    build_known_study(url, folder, "people")
    with DecisionStore.open(url) as store:
        return collect_results(store, STUDY, "people")


def test_harm_is_not_hidden_by_a_one_sided_test(tmp_path: Path) -> None:
    results = known(tmp_path)
    analysis = {"primary": "none against face", "direction": "better"}
    study = results.study.model_copy(
        update={"study_file": json.dumps({**results.study.declared, "analysis": analysis})}
    )
    said = answer_findings(dataclasses.replace(results, study=study)).sentences[1]
    assert "by the two-sided interval people decided worse with it" in said and "no gain" not in said


def test_few_people_are_warned_of(tmp_path: Path) -> None:
    (few,) = answer_findings(known(tmp_path)).warnings
    assert "Few people in round 1 (face 8, no advice 8)" in few


def test_an_open_study_of_people_shows_how_far_it_is_and_no_outcome(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'known.db'}"
    build_known_study(url, tmp_path, "people")
    with DecisionStore.open(url) as store:
        store.open_study(STUDY)
        results = collect_results(store, STUDY, "people")
    with pytest.raises(WithheldError, match="human-study close"):
        results.require_shown()
    found = answer_findings(results)
    assert found.sentences[0] == "32 participants have begun, 32 have completed."
    assert not found.tables and not found.charts
    shown = [one for section in SECTIONS for one in section.findings(results)]
    assert {one.name for one in shown} == {"answer", "design", "exclusions", "meaning", "pairs", "leaks"}
    assert "accuracy" not in people_table(results)


def test_simulated_outcomes_are_never_withheld(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'known.db'}"
    build_known_study(url, tmp_path, "simulated")
    with DecisionStore.open(url) as store:
        store.open_study(STUDY)
        results = collect_results(store, STUDY, "simulated")
    assert not results.is_withheld
    assert answer_findings(results).tables and not history(results)


def test_looks_at_an_open_study_and_a_changed_declaration_are_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'known.db'}"
    build_known_study(url, tmp_path, "people")
    with DecisionStore.open(url) as store:
        export_study(store, STUDY, kind="people", out=tmp_path / "export")  # of a closed study: no look
        store.open_study(STUDY)
        export_study(store, STUDY, kind="people", out=tmp_path / "export")
        run = TrainingRun(run_key="run", study_name=STUDY, participants="people", run_path="run")
        store.register_run(run)
        store.register_run(run)  # resumed: the same look
        before = store.study(STUDY)
        after = before.model_copy(
            update={"study_file": json.dumps({**before.declared, "analysis": {"direction": "better"}})}
        )
        detail = {
            "keys": ["analysis.direction"],
            "analysis_before": declared_analysis(before.declared).sentences(),
        }
        store.amend_study(after, {}, detail)
        store.close_study(STUDY)
        looks, changed = history(collect_results(store, STUDY, "people"))
    assert "looked at 3 times" in looks
    assert (
        "opened again" in looks
        and "exported" in looks
        and "trained" in looks
        and "after 32 had begun" in looks
    )
    assert "declared analysis was changed on" in changed and "after 32 people had begun" in changed
    assert "The study file declares no analysis" in changed


def test_whoever_left_one_condition_is_warned_of_with_bounds(tmp_path: Path) -> None:
    bundle = write_reviewed_bundle(tmp_path)
    with DecisionStore.open(f"sqlite:///{tmp_path / 'left.db'}") as store:
        open_reviewed_study(store, bundle)
        add_people(store, bundle, ("none", "face"), np.random.default_rng(0), n_each=8)
        add_people(store, bundle, ("face",), np.random.default_rng(1), n_each=8, status="returned")
        store.close_study(REVIEWED)
        found = answer_findings(collect_results(store, REVIEWED, "people"))
    (left,) = [warning for warning in found.warnings if "left one condition" in warning]
    assert "8 of 16 left Face and 0 of 8 no advice (exact test, p = .022)" in left
