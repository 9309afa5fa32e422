"""A user's mistake is one sentence with the mend and exit status 2; nothing is written."""

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from advisor.bundles.exchange import export_trials
from advisor.command_options import progress_bars
from data.store.decision_store import DecisionStore
from models.checkpoint import shipped_weights
from tests.support.decided_round import Call
from tests.support.tiny_study import write_task, write_tiny_bundle


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def test_progress_that_nobody_watches_leaves_no_line_before_what_follows(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress_bars() as report:
        report("rendering faces", 1, 2)
    assert capsys.readouterr().err == ""


def test_check_task_says_everything_at_once(call: Call, tiny_task: Path) -> None:
    assert call("check-task", tiny_task).status == 0
    tiny_task.write_text(tiny_task.read_text().replace("  age:", "  # ? is it one?\n  age:"))
    asked = call("check-task", tiny_task)
    assert asked.status == 2 and "complete" not in asked.out
    assert "age: {role: protected" in asked.err.split("open questions: 1;")[1]
    tiny_task.write_text(tiny_task.read_text().replace("role: protected", "roll: protected"))
    table = pd.read_csv(tiny_task.parent / "loans.csv").astype(object)
    table.loc[0, "income"] = "much"
    table.loc[1, "home"] = "castle"
    table.to_csv(tiny_task.parent / "loans.csv", index=False)
    result = call("check-task", tiny_task)
    assert result.status == 2
    for word in ("role", "income", "castle"):
        assert word in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["publish", "--out", "b"], "RUN to publish, or --explore"),
        (["publish", "--explore", "--out", "b"], "--explore needs --task"),
        (["publish", "--explore", "--task", "lending_clup", "--out", "b"], "lending_club"),
        (["publish", "nowhere", "--out", "b"], "no run at nowhere"),
        (["export-trials", "nowhere", "--out", "b"], "no advice bundle at"),
        (["export-trials", "nowhere", "--out", "b", "--conditions", "smile"], "no condition 'smile'"),
        (["train", "--task", "consumer_credit", "--out", "b"], "--study"),
        (
            ["train", "--task", "consumer_credit", "--study", "s", "--kind", "both", "--out", "b"],
            "people",
        ),
        (
            ["simulate", "--task", "consumer_credit", "--population", "nobody", "--out", "b"],
            "no simulated population",
        ),
        (["simulate", "--task", "consumer_credit", "--set", "seet=1", "--out", "b"], "seet"),
        (["evaluate", "nowhere"], "no run at nowhere"),
        (
            ["train", "--task", "consumer_credit", "--study", "s", "--out", "b"],
            "no database at var/countenance.db",
        ),
        (["faces", "--identities", "999", "--out", "b"], "identities"),
        (["train", "--tusk", "x"], "--tusk"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    call: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*words)
    assert result.status == 2
    assert message in result.err
    assert "Traceback" not in result.err
    assert files_below(tmp_path) == set()


@pytest.mark.parametrize("damage", ["truncated", "foreign", "absent"])
def test_weights_that_are_none_are_refused(call: Call, tmp_path: Path, damage: str) -> None:
    weights = tmp_path / "weights.safetensors"
    if damage == "truncated":
        weights.write_bytes(shipped_weights("face_generator").read_bytes()[:5000])
    elif damage == "foreign":
        weights.write_bytes(shipped_weights("simulated_observer").read_bytes())
    result = call("faces", "--weights", weights, "--out", tmp_path / "faces")
    assert result.status == 2
    assert str(weights) in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "faces").exists()


@pytest.mark.parametrize("folder", ["absent", "empty", "file"])
def test_a_weights_folder_without_weights_is_one_sentence(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    own = tmp_path / "my_faces"
    if folder == "empty":
        own.mkdir()
    elif folder == "file":
        own.write_text("no weights")
    monkeypatch.setenv("COUNTENANCE_WEIGHTS", str(own))
    result = call("faces", "--out", tmp_path / "faces")
    assert result.status == 2
    assert f"COUNTENANCE_WEIGHTS names {own}, where there is none of " in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "faces").exists()


def test_a_weights_folder_that_is_not_named_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTENANCE_WEIGHTS", raising=False)
    shipped = shipped_weights("face_generator")
    monkeypatch.setenv("COUNTENANCE_WEIGHTS", "")
    assert shipped_weights("face_generator") == shipped


def test_a_database_of_a_newer_version_is_refused(call: Call, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    DecisionStore.open(url).close()
    with sqlite3.connect(tmp_path / "study.db") as connection:
        connection.execute("UPDATE countenance_schema SET version_num = '9999'")
    connection.close()
    result = call(
        "train", "--task", "consumer_credit", "--db", url, "--study", "s", "--out", tmp_path / "run"
    )
    assert result.status == 2
    assert "newer" in result.err
    assert not (tmp_path / "run").exists()


def test_decisions_for_trials_of_another_study_are_refused(call: Call, tmp_path: Path) -> None:
    bundle = write_tiny_bundle(write_task(tmp_path / "task"), tmp_path / "round_0" / "bundle")
    trials = tmp_path / "trials"
    export_trials(bundle.path, 2, 4, ["face"], "train", 0, trials)
    foreign = tmp_path / "foreign.csv"
    foreign.write_text("participant,trial,choice\nq1,1,approve\n")
    url = f"sqlite:///{tmp_path / 'study.db'}"
    result = call("import-decisions", foreign, "--trials", trials, "--study", "pilot", "--db", url)
    assert result.status == 2
    assert "line 2: there is no trial 1 of participant 'q1'" in result.err
    with DecisionStore.open(url) as store:
        assert store.studies() == []


def test_a_round_goes_out_and_comes_back(call: Call, tmp_path: Path) -> None:
    bundle = write_tiny_bundle(write_task(tmp_path / "task"), tmp_path / "round_0" / "bundle")
    trials, url = tmp_path / "trials", f"sqlite:///{tmp_path / 'study.db'}"
    options = (
        "--participants",
        4,
        "--trials",
        6,
        "--conditions",
        "face,none",
        "--split",
        "test",
        "--seed",
        1,
    )
    assert call("export-trials", bundle.path, *options, "--out", trials).status == 0
    table = pd.read_csv(trials / "trials.csv")
    table.assign(choice="deny")[["participant", "trial", "choice"]].to_csv(
        tmp_path / "answers.csv", index=False
    )
    result = call(
        "import-decisions",
        tmp_path / "answers.csv",
        "--trials",
        trials,
        "--study",
        "pilot",
        "--db",
        url,
        "--kind",
        "simulated",
    )
    assert result.status == 0
    assert "24 decisions of simulated" in result.out
    refused = call(
        "train", "--task", tmp_path / "task" / "task.yaml", "--decisions", tmp_path / "answers.csv", "--trials", trials,
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert refused.status == 2
    assert "never trained on" in refused.err
