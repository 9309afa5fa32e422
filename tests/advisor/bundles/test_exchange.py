"""A round run on any other platform: out, and back in, whole or not at all."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from advisor.bundles.exchange import export_trials, read_exported_decisions
from advisor.bundles.import_decisions import Imported, import_decisions, read_answered
from advisor.cli import app
from data.errors import BundleError, CountenanceError, SetupError, TrialsError
from data.store.decision_store import DecisionStore
from data.store.erasure_key import KEY_VARIABLE
from tests.support.tiny_study import write_task, write_tiny_bundle


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    bundle = write_tiny_bundle(write_task(tmp_path / "task"), tmp_path / "round_0" / "bundle")
    out = tmp_path / "export"
    export_trials(bundle.path, 10, 6, ["face", "none", "score", "shuffled", "risk_to_smile"], "train", 3, out)
    return out


def decisions_for(exported: Path) -> pd.DataFrame:
    """A decision on every exported trial."""
    trials = pd.read_csv(exported / "trials.csv", dtype={"participant": str})
    choices = ["approve" if k % 3 else "deny" for k in range(len(trials))]
    return trials[["participant", "trial"]].assign(choice=choices, response_time_ms=1500.5)


def test_an_export_holds_what_a_platform_needs_and_never_an_outcome(exported: Path) -> None:
    trials = pd.read_csv(exported / "trials.csv", keep_default_na=False, dtype=str)
    assert list(trials.columns) == [
        "participant",
        "trial",
        "condition",
        "application_id",
        "image",
        "score",
        "amount",
        "income",
        "term",
    ]
    assert set(trials["condition"]) == {"face", "none", "score", "shuffled", "risk_to_smile"}
    with_face = trials["condition"].isin(["face", "shuffled", "risk_to_smile"])
    assert (trials.loc[with_face, "image"] != "").all()
    assert (trials.loc[~with_face, "image"] == "").all()
    assert all((exported / image).is_file() for image in trials.loc[with_face, "image"])
    assert trials.loc[trials["condition"] == "score", "score"].str.fullmatch(r"[01]\.\d{3}").all()
    assert (trials.loc[trials["condition"] != "score", "score"] == "").all()
    everything = "".join(path.read_text() for path in exported.glob("*.*"))
    assert "repaid" not in everything and "outcome" not in everything
    assert "age" not in trials.columns and "debt" not in trials.columns


def test_the_same_seed_exports_the_same_trials(exported: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    export = json.loads((exported / "export.json").read_text())
    export_trials(Path(export["bundle_path"]), 10, 6, export["conditions"], "train", 3, again)
    assert (again / "trials.csv").read_bytes() == (exported / "trials.csv").read_bytes()


def test_decisions_come_back_traceable_and_labelled(exported: Path, tmp_path: Path, store_url: str) -> None:
    decisions = decisions_for(exported)
    decisions.to_csv(tmp_path / "decisions.csv", index=False)
    with DecisionStore.open(store_url) as store:
        imported = import_decisions(
            read_answered(tmp_path / "decisions.csv", exported), "pilot", store, "simulated"
        )
        frame = store.decisions_frame("pilot", kind="simulated")
        assert imported.n_decisions == len(frame) == len(decisions)
        assert store.decisions_frame("pilot", kind="people").empty
        assert frame["approved"].sum() == (decisions["choice"] == "approve").sum()
        assert (frame["response_time_ms"] == 1500.5).all()
        assert set(frame["split"]) == {"train"}
        bundle_hash = json.loads((exported / "export.json").read_text())["bundle_hash"]
        assert set(frame["bundle_hash"]) == {bundle_hash}
        assert frame.loc[frame["condition"] == "face", "image_sha256"].str.fullmatch(r"[0-9a-f]{64}").all()


def test_the_same_participants_are_imported_once(exported: Path, tmp_path: Path, store_url: str) -> None:
    decisions_for(exported).to_csv(tmp_path / "decisions.csv", index=False)
    with DecisionStore.open(store_url) as store:
        import_decisions(read_answered(tmp_path / "decisions.csv", exported), "pilot", store)
        with pytest.raises(TrialsError, match="already"):
            import_decisions(read_answered(tmp_path / "decisions.csv", exported), "pilot", store)
        assert len(store.decisions_frame("pilot", kind="people")) == 60


def test_whoever_was_erased_does_not_come_back_by_a_file(
    exported: Path, tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "a long and random text of the tests")
    decisions = decisions_for(exported)
    first = decisions["participant"].iloc[0]
    decisions[decisions["participant"] == first].to_csv(tmp_path / "first.csv", index=False)
    decisions[decisions["participant"] != first].to_csv(tmp_path / "others.csv", index=False)
    with DecisionStore.open(store_url) as store:
        import_decisions(read_answered(tmp_path / "first.csv", exported), "pilot", store)
        (person,) = store.participants_frame("pilot", kind="people")["participant_key"]
        store.erase("pilot", participant_key=person)
    again = [str(tmp_path / "first.csv"), "--trials", str(exported), "--study", "pilot", "--db", store_url]
    run = CliRunner().invoke(app, ["import-decisions", *again])
    assert run.exit_code == 0, run.output
    assert "0 decisions of people stored" in run.output
    assert "left out: 6 decisions of 1 participants who were erased from the study" in run.output
    with DecisionStore.open(store_url) as store:
        imported = import_decisions(read_answered(tmp_path / "others.csv", exported), "pilot", store)
        assert imported == Imported(54, 0, 0)
        assert person not in set(store.participants_frame("pilot", kind="people")["participant_key"])
        monkeypatch.delenv(KEY_VARIABLE)
        monkeypatch.setenv("COUNTENANCE_ERASURE_KEY_FILE", str(tmp_path / "no_such_key"))
        with pytest.raises(SetupError, match="erasure key|key that recognises"):
            import_decisions(read_answered(tmp_path / "first.csv", exported), "pilot", store)


@pytest.mark.parametrize(
    ("scale", "said"),
    [(0.001, "multiply them by 1000"), (0, "leave the column out"), (1e6, "microseconds"), (1.0, None)],
)
def test_response_times_in_another_unit_are_refused(
    exported: Path, tmp_path: Path, scale: float, said: str | None
) -> None:
    decisions = decisions_for(exported)
    decisions["response_time_ms"] = scale * np.linspace(400, 9000, len(decisions))
    decisions.to_csv(tmp_path / "timed.csv", index=False)
    if said is None:
        assert len(read_answered(tmp_path / "timed.csv", exported).decisions) == len(decisions)
    else:
        with pytest.raises(TrialsError, match=said):
            read_answered(tmp_path / "timed.csv", exported)


def test_a_file_that_is_partly_bad_is_rejected_whole_and_every_bad_line_named(
    exported: Path, tmp_path: Path, store_url: str
) -> None:
    decisions = decisions_for(exported).astype(str)
    decisions.loc[2, "choice"] = "maybe"
    decisions.loc[7, "trial"] = "999"
    decisions.loc[9, "response_time_ms"] = "-3"
    decisions = pd.concat([decisions, decisions.iloc[[0]]])
    decisions.to_csv(tmp_path / "bad.csv", index=False)
    with DecisionStore.open(store_url) as store:
        with pytest.raises(TrialsError) as error:
            import_decisions(read_answered(tmp_path / "bad.csv", exported), "pilot", store)
        assert [study.name for study in store.studies()] == []
    for line in ("line 4:", "line 9:", "line 11:", "line 62:"):
        assert line in str(error.value)


def _as_csv(decisions: pd.DataFrame) -> str:
    return decisions.to_csv(index=False)


OTHER_WRITINGS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "trailing comma in rows": lambda d: _as_csv(d).replace("\n", ",\n").replace(",\n", "\n", 1).encode(),
    "trailing comma everywhere": lambda d: _as_csv(d).replace("\n", ",\n").encode(),
    "semicolons": lambda d: d.to_csv(index=False, sep=";").encode(),
    "semicolons, named first": lambda d: ("sep=;\n" + d.to_csv(index=False, sep=";")).encode(),
    "tabs": lambda d: d.to_csv(index=False, sep="\t").encode(),
    "bars": lambda d: d.to_csv(index=False, sep="|").encode(),
    "capitals in the header": lambda d: _as_csv(d.rename(columns=str.upper)).encode(),
    "blanks in the header": lambda d: _as_csv(d.rename(columns=lambda name: f" {name}\u00a0")).encode(),
    "Windows-1252": lambda d: _as_csv(d).encode("cp1252"),
    "UTF-8 with a mark": lambda d: _as_csv(d).encode("utf-8-sig"),
    "UTF-16": lambda d: _as_csv(d).encode("utf-16"),
    "UTF-16 without a mark": lambda d: _as_csv(d).encode("utf-16-le"),
    "blanks around cells": lambda d: _as_csv(d.astype(str).map(lambda cell: f" {cell}\u00a0")).encode(),
    "blank lines": lambda d: ("\n" + _as_csv(d) + "\n\n,,,,\n  \n").encode(),
    "old line ends": lambda d: _as_csv(d).replace("\n", "\r").encode(),
    "trials as decimals": lambda d: _as_csv(d.astype({"trial": float})).encode(),
    "trials with decimal commas": lambda d: (
        d.astype({"trial": float}).to_csv(index=False, decimal=",").encode()
    ),
    "capitals in choices": lambda d: _as_csv(d.assign(choice=d["choice"].str.title())).encode(),
    "shouted choices": lambda d: _as_csv(d.assign(choice=d["choice"].str.upper())).encode(),
    "capitals in participants": lambda d: _as_csv(
        d.assign(participant=d["participant"].str.upper())
    ).encode(),
    "decimal commas": lambda d: d.to_csv(index=False, sep=";", decimal=",").encode(),
    "decimal commas in quotes": lambda d: d.to_csv(index=False, decimal=",").encode(),
    "other columns": lambda d: _as_csv(d.assign(country="DE")).encode(),
}


@pytest.mark.parametrize("writing", OTHER_WRITINGS)
def test_decisions_are_read_however_they_were_written(exported: Path, tmp_path: Path, writing: str) -> None:
    decisions = decisions_for(exported).assign(confidence=0.8, reason="größer")
    decisions.loc[1, "confidence"] = 0.0
    decisions.loc[2, ["confidence", "response_time_ms"]] = None
    path = tmp_path / "written.csv"
    path.write_bytes(_as_csv(decisions).encode())
    plain = read_exported_decisions(path, exported)
    assert list(plain["confidence"][:3]) == [0.8, 0.0, None]
    assert set(plain["reason"]) == {"größer"}
    path.write_bytes(OTHER_WRITINGS[writing](decisions))
    pd.testing.assert_frame_equal(read_exported_decisions(path, exported), plain)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("participant,trial,choice,confidence\np01,1,approve,0,8\n", "5 cells where the header has 4"),
        (
            "participant,trial,choice,confidence\np01,1,approve,80\n",
            "confidence is '80', must be a number from 0 to 1",
        ),
        ('participant,trial,choice,response_time_ms\np01,1,deny,"1,234"\n', "response_time_ms is '1,234'"),
        ("participant,trial,choice\np01,1.5,approve\n", "trial is '1.5', must be a whole number"),
        ("participant,trial,choice\np01,1,yes\n", "choice is 'yes', must be approve or deny"),
        ("participant,trial,choice,Choice\np01,1,deny,deny\n", "has the column choice twice"),
        (
            "person;trial;choice\np01;1;deny\n",
            "read as separated by semicolons, lacks the column participant",
        ),
        ("PK\x03\x04", "is a spreadsheet workbook"),
    ],
)
def test_what_cannot_be_read_is_named_for_what_it_is(
    exported: Path, tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "decisions.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TrialsError) as refused:
        read_exported_decisions(path, exported)
    assert said in str(refused.value)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_file_is_read_or_refused_in_words(exported: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    with pytest.raises(CountenanceError):
        read_exported_decisions(path, exported)


def test_decisions_of_another_task_or_kind_are_refused(
    exported: Path, tmp_path: Path, store_url: str
) -> None:
    decisions_for(exported).to_csv(tmp_path / "decisions.csv", index=False)
    with DecisionStore.open(store_url) as store:
        import_decisions(read_answered(tmp_path / "decisions.csv", exported), "pilot", store, "simulated")
        with pytest.raises(TrialsError, match="of simulated, these decisions of people"):
            import_decisions(read_answered(tmp_path / "decisions.csv", exported), "pilot", store, "people")
        with pytest.raises(TrialsError, match="no folder that"):
            import_decisions(read_answered(tmp_path / "decisions.csv", tmp_path), "pilot", store)


def test_an_export_whose_bundle_is_gone_is_refused(exported: Path, tmp_path: Path, store_url: str) -> None:
    decisions_for(exported).to_csv(tmp_path / "decisions.csv", index=False)
    (tmp_path / "round_0" / "bundle").rename(tmp_path / "round_0" / "moved")
    with DecisionStore.open(store_url) as store, pytest.raises(BundleError, match="no advice bundle"):
        import_decisions(read_answered(tmp_path / "decisions.csv", exported), "pilot", store)


def test_a_round_whose_folders_were_moved_together_is_exported_and_imported(
    exported: Path, tmp_path: Path, store_url: str
) -> None:
    decisions_for(exported).to_csv(exported / "decisions.csv", index=False)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("task", "round_0", "export"):
        (tmp_path / name).rename(moved / name)
    export_trials(moved / "round_0" / "bundle", 4, 4, ["face"], "train", 0, moved / "again")
    answered = read_answered(moved / "export" / "decisions.csv", moved / "export")
    with DecisionStore.open(store_url) as store:
        assert import_decisions(answered, "pilot", store).n_decisions == 60
    (moved / "task" / "task.yaml").write_text("name: another\n")
    with pytest.raises(CountenanceError, match="no decision task"):
        export_trials(moved / "round_0" / "bundle", 4, 4, ["face"], "train", 0, moved / "once_more")
