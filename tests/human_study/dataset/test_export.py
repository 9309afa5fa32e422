"""Exported data sets: valid Psych-DS, safe to open, the same every time, and complete."""

import csv
import hashlib
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from data.errors import BundleError, StudyError
from data.records import Answer, Participant, Study
from data.store import sql_tables
from data.store.database import open_engine
from data.store.decision_store import DecisionStore
from human_study.analysis.study_results import collect_results
from human_study.dataset.export import export_study
from human_study.dataset.import_data_set import import_data_set, read_data_set
from human_study.dataset.psych_ds import read_table, table_names
from human_study.presentation.csv_cells import safe_cell
from tests.support.analysed_study import (
    CORRECT_OF_TEN,
    STUDY,
    add_participants,
    build_known_study,
    create_study,
)
from tests.support.plain_cells import plain_cell

# Terms of schema.org/PropertyValue that we use; the validator warns of others.
PROPERTY_VALUE_TERMS = {"@type", "name", "description", "unitText"}


def read_csv(path: Path) -> list[list[str]]:
    """All rows of a CSV file, as text."""
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def psych_ds_problems(folder: Path) -> list[str]:
    """What the rules of Psych-DS 1.5 find wrong in a folder, by the names of the official validator's issues."""
    problems = []
    described: dict[str, Any] = json.loads((folder / "dataset_description.json").read_text(encoding="utf-8"))
    if described.get("@type") != "Dataset" or "schema.org" not in described.get("@context", ""):
        problems.append("IncorrectDatasetType")
    problems += [
        f"JsonKeyRequired {key}"
        for key in ("name", "description", "variableMeasured")
        if not described.get(key)
    ]
    variables = [variable["name"] for variable in described["variableMeasured"]]
    problems += [
        f"InvalidSchemaorgProperty {term}"
        for variable in described["variableMeasured"]
        for term in variable.keys() - PROPERTY_VALUE_TERMS
    ]
    if not any((folder / name).exists() for name in ("README.md", "README.txt")):
        problems.append("MissingReadme")
    files = sorted((folder / "data").iterdir())
    if not files:
        problems.append("MissingDataFile")
    seen: set[str] = set()
    for path in files:
        if not re.fullmatch(r"([a-z]+-[A-Za-z0-9]+)(_[a-z]+-[A-Za-z0-9]+)*_data\.csv", path.name):
            problems.append(f"FilenameKeywordFormattingError {path.name}")
        rows = read_csv(path)
        if not rows or not all(rows[0]):
            problems.append(f"CSVHeaderMissing {path.name}")
            continue
        if len(set(rows[0])) != len(rows[0]):
            problems.append(f"CSVHeaderRepeated {path.name}")
        if any(len(row) != len(rows[0]) for row in rows):
            problems.append(f"CSVHeaderLengthMismatch {path.name}")
        seen |= set(rows[0])
    problems += [f"CsvColumnMissingFromMetadata {name}" for name in seen - set(variables)]
    problems += [f"VariableMissingFromCsvColumns {name}" for name in set(variables) - seen]
    if len(set(variables)) != len(variables):
        problems.append("VariableRepeated")
    return problems


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The study with known answers, with texts that a spreadsheet would run; its URL and a folder."""
    folder = tmp_path_factory.mktemp("known")
    url = f"sqlite:///{folder / 'known.db'}"
    build_known_study(url, folder, "people")
    with DecisionStore.open(url) as store:
        person = store.participants_frame(STUDY, kind="people")["participant_key"][0]
        for question, value in (("hobby", "=HYPERLINK('x')"), ("name", "'+1"), ("plain", 'a, "b"\n-c')):
            store.add_answers([Answer(participant_key=person, question=question, value=value)])
    return url, folder


@pytest.fixture(scope="module")
def exported(known: tuple[str, Path]) -> Path:
    with DecisionStore.open(known[0]) as store:
        return export_study(store, STUDY, kind="people", out=known[1] / "exported")


def test_it_is_a_valid_psych_ds_data_set(exported: Path) -> None:
    assert psych_ds_problems(exported) == []
    described = json.loads((exported / "dataset_description.json").read_text())
    units = {variable["name"]: variable.get("unitText") for variable in described["variableMeasured"]}
    assert units["response_time_ms"] == "ms"
    codebook = pd.read_csv(exported / "documentation" / "codebook.csv")
    assert set(codebook["record"]) | {"analysed_decision"} == set(table_names(exported))


def test_the_check_finds_what_is_wrong(exported: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(exported, damaged)
    path = next((damaged / "data").glob("*-decision_data.csv"))
    path.rename(path.with_name("decisions.csv"))
    (damaged / "data" / "study-x_data.csv").write_text("surprise,choice\n1\n")
    found = " ".join(psych_ds_problems(damaged))
    for name in ("FilenameKeyword", "CSVHeaderLengthMismatch", "CsvColumnMissingFromMetadata surprise"):
        assert name in found


def test_the_same_study_gives_the_same_bytes(known: tuple[str, Path], exported: Path) -> None:
    def contents() -> dict[str, bytes]:
        return {
            str(path.relative_to(exported)): path.read_bytes()
            for path in exported.rglob("*")
            if path.is_file()
        }

    before = contents()
    with DecisionStore.open(known[0]) as store:
        export_study(store, STUDY, kind="people", out=exported)
        assert [export.folder for export in store.exports(STUDY)] == [str(exported)]
    assert contents() == before


@pytest.mark.parametrize("damage", ["changed", "cut", "gone", "lines"])
def test_a_damaged_csv_is_not_imported(exported: Path, tmp_path: Path, damage: str) -> None:
    folder = shutil.copytree(exported, tmp_path / "damaged")
    (path,) = (folder / "data").glob("*description-decision_data.csv")
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        changed = {"changed": content.replace(b"approve", b"deny", 1), "cut": content[: len(content) // 2]}
        path.write_bytes(changed.get(damage, content.replace(b"\r\n", b"\n")))
    with DecisionStore.open(f"sqlite:///{tmp_path / 'again.db'}") as again:
        if damage == "lines":
            assert import_data_set(read_data_set(folder), again, tmp_path / "bundles") == STUDY
            return
        with pytest.raises(StudyError, match="decision_data.csv") as refused:
            import_data_set(read_data_set(folder), again, tmp_path / "bundles")
        assert "export the study again" in str(refused.value)
        assert again.studies() == []


@pytest.fixture(scope="module")
def with_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set some of whose participants saw faces."""
    folder = tmp_path_factory.mktemp("faces")
    with DecisionStore.open(f"sqlite:///{folder / 'a.db'}") as store:
        bundle = create_study(store, folder, "simulated", n_rounds=1, similar_cases=True)[0]
        add_participants(store, bundle, (0, "face"), "simulated")
        with open_engine(f"sqlite:///{folder / 'a.db'}").begin() as connection:
            connection.execute(update(sql_tables.trial).values(image=bundle.menu["image"].iloc[0]))
        return export_study(store, STUDY, kind="simulated", out=folder / "data_set")


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda _content: b"", None])
@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("materials/stimuli/*", "the face"),
        ("documentation/codebook.csv", "codebook.csv"),
        ("materials/bundles/outcomes.csv", "outcomes.csv|the tables in"),
        ("materials/bundles/*/images.csv", "the tables in|altered|images.csv|the face"),
    ],
)
def test_every_file_of_a_data_set_is_whole_or_it_is_not_imported(
    with_faces: Path, tmp_path: Path, pattern: str, said: str, damage: Callable[[bytes], bytes] | None
) -> None:
    folder = shutil.copytree(with_faces, tmp_path / "damaged")
    path = sorted(folder.glob(pattern))[0]
    if damage:
        path.write_bytes(damage(path.read_bytes()))
    else:
        path.unlink()
    with DecisionStore.open(f"sqlite:///{tmp_path / 'again.db'}") as again:
        with pytest.raises((StudyError, BundleError), match=said):
            import_data_set(read_data_set(folder), again, tmp_path / "bundles")
        assert again.studies() == []
        assert import_data_set(read_data_set(with_faces), again, tmp_path / "bundles") == STUDY


def test_an_imported_data_set_gives_the_same_statistics(
    known: tuple[str, Path], exported: Path, tmp_path: Path
) -> None:
    with DecisionStore.open(f"sqlite:///{tmp_path / 'again.db'}") as again:
        assert import_data_set(read_data_set(exported), again, tmp_path / "bundles") == STUDY
        imported = collect_results(again, STUDY, "people")
        second = export_study(again, STUDY, kind="people", out=tmp_path / "again")
        with pytest.raises(Exception, match="in it already"):
            import_data_set(read_data_set(exported), again, tmp_path / "bundles")
    with DecisionStore.open(known[0]) as store:
        original = collect_results(store, STUDY, "people")
    for name in ("accuracy", "contrasts", "participant_accuracy", "response_times"):
        pd.testing.assert_frame_equal(getattr(imported, name), getattr(original, name), check_exact=True)
    assert len(imported.decisions) == 960
    for name in table_names(exported):
        assert read_table(second, name).equals(read_table(exported, name)), name


def test_what_happened_to_the_study_is_exported_and_imported(tmp_path: Path) -> None:
    def counted(store: DecisionStore) -> list[tuple[str, int]]:
        return [(event.kind, event.n_began) for event in store.study_events(STUDY)]

    with DecisionStore.open(f"sqlite:///{tmp_path / 'a.db'}") as store:
        bundle = create_study(store, tmp_path, "people", n_rounds=1)[0]
        add_participants(store, bundle, (0, "none"), "people")
        store.close_study(STUDY)
        store.open_study(STUDY)
        folder = export_study(store, STUDY, kind="people", out=tmp_path / "data_set")
        happened = counted(store)
    n_people = len(CORRECT_OF_TEN[(0, "none")])
    assert happened == [("closed", n_people), ("opened", n_people), ("exported", n_people)]
    table = pd.read_csv(next(folder.glob("data/*studyEvent_data.csv")))
    assert list(zip(table["kind"], table["n_began"], strict=True)) == happened
    fields = pd.read_csv(folder / "documentation" / "codebook.csv").set_index(["record", "field"])
    assert "how many had begun" in fields.loc[("study_event", "n_began"), "meaning"]
    with DecisionStore.open(f"sqlite:///{tmp_path / 'again.db'}") as again:
        import_data_set(read_data_set(folder), again, tmp_path / "bundles")
        assert counted(again) == happened
    for before in [*folder.glob("data/*studyEvent_data.csv"), *folder.glob("parquet/study_event.*")]:
        before.unlink()  # as versions before exported it
    with DecisionStore.open(f"sqlite:///{tmp_path / 'older.db'}") as older:
        import_data_set(read_data_set(folder), older, tmp_path / "bundles")
        assert counted(older) == []


@pytest.mark.parametrize("name", ["../../elsewhere", "a\0b", ""])
def test_a_data_set_writes_nowhere_but_in_the_folder_given(exported: Path, tmp_path: Path, name: str) -> None:
    altered = tmp_path / "altered"
    shutil.copytree(exported, altered)
    described = json.loads((altered / "dataset_description.json").read_text())
    (altered / "dataset_description.json").write_text(json.dumps({**described, "identifier": name}))
    with (
        DecisionStore.open(f"sqlite:///{tmp_path / 'again.db'}") as again,
        pytest.raises(StudyError, match="as no export does"),
    ):
        import_data_set(read_data_set(altered), again, tmp_path / "a" / "b" / "bundles")
    assert not (tmp_path / "a").exists()


def test_accuracy_can_be_computed_from_the_csv_alone(exported: Path) -> None:
    table = pd.read_csv(next(exported.glob("data/*analysedDecision_data.csv")))
    main = table[(table["trial_kind"] == "main") & table["counts"] & (table["split"] == "test")]
    right = (main["approved"] == main["outcome"]).groupby([main["round_number"], main["condition"]]).mean()
    for cell, n_correct in CORRECT_OF_TEN.items():
        assert right[cell] == pytest.approx(sum(n_correct) / len(n_correct) / 10)


def test_no_cell_is_a_formula_and_csv_says_what_parquet_says(exported: Path) -> None:
    for path in (exported / "data").iterdir():
        rows = read_csv(path)
        cells = [cell for row in rows for cell in row]
        risky = [cell for cell in cells if cell.startswith(tuple("=+-@\t\r\n")) and not _is_number(cell)]
        assert risky == []
    header, *cells = read_csv(next(exported.glob("data/*answer_data.csv")))
    answers = [dict(zip(header, row, strict=True)) for row in cells]
    stored = read_table(exported, "answer").to_pylist()
    assert [plain_cell(row["value"]) for row in answers] == [row["value"] for row in stored]
    assert stored[0]["value"] == "=HYPERLINK('x')"


def _is_number(cell: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell) is not None


@given(st.text())
def test_any_text_is_harmless_in_a_spreadsheet_and_comes_back(text: str) -> None:
    cell = safe_cell(text)
    assert not cell.startswith(tuple("=+-@\t\r\n＝＋－＠"))
    assert plain_cell(cell) == text


def test_nothing_that_names_people_or_opens_doors_is_exported(exported: Path, tmp_path: Path) -> None:
    columns = {name for table in table_names(exported) for name in read_table(exported, table).column_names}
    for forbidden in ("external_id", "session_id", "session_token_hash", "lease_id", "completion_code"):
        assert forbidden not in columns
    url = f"sqlite:///{tmp_path / 'secret.db'}"
    with DecisionStore.open(url) as store:
        bundle = create_study(store, tmp_path, "people", n_rounds=1, name="other")[0]
        file = {"database": "postgresql://me:hunter2@host/db", "recruitment": {"completion_code": "C0DE77"}}
        store.create_study(
            Study(
                name="secretive",
                task_name="lending_club",
                task_hash="task-hash",
                study_file=json.dumps({**file, "conditions": {"face": 1}}),
                study_hash="h",
                participants="people",
            )
        )
        as_before = update(sql_tables.study).where(sql_tables.study.c.name == "secretive")
        with open_engine(url).begin() as connection:  # versions before kept the database's URL
            connection.execute(as_before.values(study_file=json.dumps({**file, "conditions": {"face": 1}})))
        store.start_round("secretive", bundle.bundle_hash)
        person = Participant(
            study_name="secretive",
            round_number=0,
            bundle_hash=bundle.bundle_hash,
            kind="people",
            condition="face",
            completion_code="C0MPL3T3",
        )
        store.add_collected("secretive", [person], [], [])
        folder = export_study(store, "secretive", kind="people", out=tmp_path / "secretive")
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert person.participant_key.encode() in written
    for secret in (b"hunter2", b"C0DE77", b"C0MPL3T3"):
        assert secret not in written
    assert psych_ds_problems(folder) == []


def test_shown_faces_are_named_by_their_hash(with_faces: Path) -> None:
    (shown,) = (with_faces / "materials" / "stimuli").iterdir()
    assert hashlib.sha256(shown.read_bytes()).hexdigest() == shown.stem
    described = json.loads((with_faces / "dataset_description.json").read_text())
    assert "SIMULATED" in described["name"]


@pytest.mark.parametrize("prepare", [lambda path: path.mkdir(), lambda path: path.write_text("mine")])
def test_a_folder_of_something_else_is_left_alone(
    known: tuple[str, Path], tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    out = tmp_path / "mine"
    prepare(out)
    if out.is_dir():
        (out / "thesis.txt").write_text("mine")
    with DecisionStore.open(known[0]) as store, pytest.raises(StudyError, match="--out|no data set"):
        export_study(store, STUDY, kind="people", out=out)
    assert out.exists()
