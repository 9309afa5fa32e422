"""What version 0.1.0 wrote still opens: a database, a bundle and a run of its own commands (tests/before_rooms).

They were made with 0.1.0's `publish --explore`, `export-trials`, `import-decisions --simulated` and `train` on a
synthetic table of 120 rows.
"""

import csv
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from advisor.bundles.bundle import load_bundle
from data.records import Study
from data.store.decision_store import DecisionStore
from human_study.report.report import write_report
from tests.support.decided_round import Call, run_main

STUDY = "before"
WRITTEN_IN = "/tmp/before2"
NAMED_IN = (
    ("study", "study_file"), ("bundle", "bundle_path"), ("training_run", "run_path"),
)  # fmt: skip
COMMANDS = {
    "publish": ("publish", "run", "--out", "bundle_1"),
    "evaluate": ("evaluate", "run"),
    "evaluate a study": ("evaluate", "run", "--study", STUDY, "--db", "sqlite:///store.db"),
}
READ_FILES = (
    "options.json", "summary.json", "risk_model.json", "seen_features.json", "response.safetensors",
    "encoder.safetensors",
)  # fmt: skip
DAMAGE = {
    "cut short": lambda content: content[: len(content) // 2],
    "empty": lambda _content: b"",
    "another program's": lambda _content: b'{"format": "mp4"}',
}


@pytest.fixture
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what 0.1.0 wrote, as the current folder; the folder that it names is this one, too."""
    archive = Path(__file__).parent / "before_rooms" / "version_0.1.0.tar.xz"
    shutil.unpack_archive(archive, tmp_path, filter="data")
    for file in tmp_path.glob("run/*.json"):
        file.write_text(file.read_text().replace(WRITTEN_IN, str(tmp_path)))
    with (tmp_path / "task" / "loans.csv").open() as table:
        outcomes = [f"{row['case_id']},{int(row['repaid'] == 'yes')}" for row in csv.DictReader(table)]
    (tmp_path / "outcomes.csv").write_text("\n".join(["application_id,outcome", *outcomes]) + "\n")
    with closing(sqlite3.connect(tmp_path / "store.db")) as store, store:
        for table, column in NAMED_IN:
            store.execute(
                f"update {table} set {column} = replace({column}, ?, ?)", (WRITTEN_IN, str(tmp_path))
            )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_its_bundle_and_database_are_read_and_reported_on(before: Path) -> None:
    bundle = load_bundle(before / "bundle")
    image = bundle.images.iloc[0]
    assert bundle.image_bytes(image["image"]).startswith(b"\x89PNG")
    with DecisionStore.open(f"sqlite:///{before / 'store.db'}", create=False) as store:
        study: Study = store.study(STUDY)
        report = write_report(store, STUDY, kind="simulated", out=before / "report.html")
    assert study.participants == "simulated"
    assert "Balanced accuracy" in report.read_text(encoding="utf-8")


@pytest.mark.training
@pytest.mark.usefixtures("before")
def test_its_run_is_judged_published_from_and_trained_on(call: Call) -> None:
    judged = call("evaluate", "run")
    assert (judged.status, judged.err) == (0, "")
    published = call("publish", "run", "--out", "bundle_1", "--set", "max_pool_size=10")
    assert published.status == 2
    assert "was trained with other weights of face_generator, face_perception; train again" in published.err
    source = ("--db", "sqlite:///store.db", "--study", STUDY, "--kind", "simulated")
    small = ("--set", "response.n_members=2", "--set", "encoder.n_steps=20", "--set", "encoder.batch_size=32")
    assert run_main(("train", "--task", "task/task.yaml", *source, "--out", "again", *small)) == 0


def test_faces_of_128_pixels_are_still_drawn(call: Call, tmp_path: Path) -> None:
    weights = Path(__file__).parent / "before_rooms" / "generator_of_128_pixels.safetensors"
    outcome = call("faces", "--identities", 2, "--weights", weights, "--out", tmp_path)
    assert (outcome.status, outcome.err) == (0, "")
    with Image.open(tmp_path / "identity01_smile_4.png") as face:
        assert face.size == (128, 128)


@pytest.mark.usefixtures("before")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_damaged_run_is_named_in_one_sentence(command: str, call: Call) -> None:
    for name in READ_FILES:
        file = Path("run") / name
        whole = file.read_bytes()
        for damage in DAMAGE.values():
            file.write_bytes(damage(whole))
            outcome = call(*COMMANDS[command])
            assert outcome.status == 2, (name, outcome)
            said = outcome.err.strip()
            assert "\n" not in said and "run" in said and "Traceback" not in said, (name, said)
        file.unlink()
        assert call(*COMMANDS[command]).status == 2, name
        file.write_bytes(whole)
    assert not Path("bundle_1").exists()
