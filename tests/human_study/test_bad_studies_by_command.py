"""Studies of which little can be computed, on the command line: report and data set, or one sentence of why not."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from advisor.bundles.bundle import Bundle
from advisor.publishing.evaluate import measured_accuracy, scored_decisions, what_is_missing
from advisor.runs.run_tables import READING_COLUMN, READINGS_FILE
from data.analysis_records import TrainingRun
from data.errors import StudyError
from data.records import ParticipantKind
from data.store.decision_store import DecisionStore
from data.store.erasure_key import KEY_VARIABLE
from human_study.analysis.advice_shown import NO_READING, advice_shown, face_readings
from human_study.analysis.application_groups import StudyApplications
from human_study.analysis.group_harm import NOT_COMPARED
from human_study.analysis.study_results import StudyResults, collect_results
from human_study.cli import app
from human_study.dataset.psych_ds import read_table
from human_study.findings.harm_warnings import harm_findings
from human_study.findings.reliance import reliance_findings
from tests.support.bad_studies import BAD_STUDIES, build_bad_studies
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database of all bad studies."""
    folder = tmp_path_factory.mktemp("bad_by_command")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, "a long random text, for these tests alone")
        build_bad_studies(f"sqlite:///{folder / 'bad.db'}", folder)
    return f"sqlite:///{folder / 'bad.db'}"


def command(*words: str):
    return CliRunner().invoke(app, list(words))


@pytest.mark.parametrize("name", BAD_STUDIES)
def test_a_bad_study_is_exported_and_evaluated(url: str, tmp_path: Path, name: str) -> None:
    written = command("export", name, "--db", url, "--out", str(tmp_path / "data"))
    assert written.exit_code == 0, written.output
    with DecisionStore.open(url) as store:
        began = len(store.participants_frame(name, kind="people"))
        measured = measured_accuracy(scored_decisions(store, name, "people"))
    assert read_table(tmp_path / "data", "participant").num_rows == began
    counted = {"one_person": 1, "one_condition": 1, "all_correct": 2, "face_unfinished": 1, "one_erased": 2}
    assert len(measured) == counted.get(name, 0)  # a row a condition in which somebody counts


def test_evaluate_names_the_condition_that_nobody_counts_in(url: str) -> None:
    with DecisionStore.open(url) as store:
        measured = measured_accuracy(scored_decisions(store, "face_unfinished", "people"))
        began = store.status_counts("face_unfinished", kind="people")
    sides = pd.DataFrame({"round_number": [1, 1], "accuracy": [0.6, np.nan]})
    (nobody, not_yet) = what_is_missing(measured, began, sides)
    assert nobody.startswith("Round 0, face: ") and "nobody who counts" in nobody
    assert "in round 1, the first after those that this run learned from" in not_yet
    assert what_is_missing(measured, began[began["condition"] == "none"], sides.assign(accuracy=0.6)) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nobody_yet", "nobody has begun yet"),
        ("all_inattentive", "all 6 participants are left out (failed attention checks)"),
        ("all_correct", "declares no analysis (no section analysis), so these are the defaults"),
    ],
)
def test_the_report_of_a_bad_study_says_what_is_missing(
    url: str, tmp_path: Path, name: str, says: str
) -> None:
    run = command("report", name, "--db", url, "--out", str(tmp_path / "report.md"))
    assert run.exit_code == 0, run.output
    text = (tmp_path / "report.md").read_text().replace("\\", "")
    assert says in text
    assert not re.findall(r"\b(?:nan|NaN|inf|NaT)\b|<NA>", text) and "the program made a mistake" not in text


@pytest.fixture(scope="module")
def exploratory(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyResults, Bundle, Path]:
    """A study of people with and without a face, its bundle and a folder."""
    folder = tmp_path_factory.mktemp("exploratory")
    bundle = write_reviewed_bundle(folder)
    with DecisionStore.open(f"sqlite:///{folder / 'a.db'}") as store:
        open_reviewed_study(store, bundle)
        add_people(store, bundle, ("none", "face"), np.random.default_rng(0), n_each=6, n_main=12)
        store.close_study(STUDY)
        return collect_results(store, STUDY, "people"), bundle, folder


def test_readings_of_other_pictures_are_none_of_these(exploratory: tuple[StudyResults, Bundle, Path]) -> None:
    results, bundle, folder = exploratory
    unread = dataclasses.replace(bundle)
    unread.__dict__["images"] = bundle.images.drop(columns=READING_COLUMN)
    with_face = results.test_decisions[results.test_decisions["condition"] == "face"]

    def advice(pictures: pd.Series) -> np.ndarray:
        table = pd.DataFrame({"image_sha256": pictures, READING_COLUMN: 0.9})
        table.to_csv(folder / READINGS_FILE, index=False)
        run = TrainingRun(study_name=STUDY, participants="people", run_path=str(folder))
        return advice_shown(with_face, unread, face_readings([run]))

    assert (advice(bundle.images["image_sha256"]) == 0.9).all()
    of_others = advice(pd.Series(["0" * 64]))
    assert np.isnan(of_others).all()
    without = dataclasses.replace(results)
    without.__dict__["test_decisions"] = with_face.assign(advice=of_others)
    assert reliance_findings(without).reason == NO_READING


def test_where_all_applications_are_of_one_group_no_group_is_accused(
    exploratory: tuple[StudyResults, Bundle, Path],
) -> None:
    results = dataclasses.replace(exploratory[0])
    known = results.applications
    protected = [name for name, column in known.task.columns.items() if column.role == "protected"]
    alike = known.frame.assign(**dict.fromkeys(protected, known.frame[protected[0]].iloc[0]))
    results.__dict__["applications"] = StudyApplications(known.task, alike)
    found = harm_findings(results)
    assert found.sentences == ("No group could be compared with the others.",)
    assert found.tables[0].frame["reason"].unique().tolist() == [NOT_COMPARED]


@pytest.mark.parametrize("kind", ["simulated", "people"])
def test_a_study_without_a_file_is_not_planned(tmp_path: Path, kind: ParticipantKind) -> None:
    bundle, url = write_reviewed_bundle(tmp_path), f"sqlite:///{tmp_path / 'a.db'}"
    with DecisionStore.open(url) as store:
        open_reviewed_study(store, bundle, kind=kind, content={"source": "imported"})
    run = command("power", STUDY, "--db", url)
    assert isinstance(run.exception, StudyError)
    assert "was simulated or imported" in str(run.exception) and "name a study file" in str(run.exception)
