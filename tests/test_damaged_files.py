"""A damaged or foreign file under every command that opens one: one sentence, exit status 2, and nothing written.

A damaged run under `publish`, `evaluate` and `power --pilot` is tested with what version 0.1.0 wrote and with a pilot
(test_versions_before.py, human_study/planning/test_power.py).
"""

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

import advisor.cli
import human_study.cli
from advisor.faces.corpus.corpus import build_corpus
from data.store.decision_store import DecisionStore
from human_study.dataset.export import export_study
from tests.support.decided_round import QUICK, explored, run_main
from tests.support.drawn_people import write_people
from tests.support.planted_study import STUDY, plant_study
from tests.support.tiny_table import tiny_table, write_tiny_task

pytestmark = pytest.mark.training

PROGRAMS = {"advisor": advisor.cli, "human-study": human_study.cli}
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda content: content[: len(content) // 2],
    "empty": lambda _content: b"",
    "another program's": lambda _content: b'{"format": "mp4"}',
    "no text": lambda _content: bytes(range(256)) * 4,
}


def not_numbers(weights: bytes) -> bytes:
    """A weights file whose floats are all NaN; its header, whose length stands in eight bytes, is whole."""
    body = 8 + int.from_bytes(weights[:8], "little")
    return weights[:body] + b"\xff" * (len(weights) - body)


def of_another_network(weights: bytes) -> bytes:
    """A whole weights file of a kind that no network has."""
    kind = weights.index(b'"kind":"') + len(b'"kind":"')
    return weights[:kind] + b"?" + weights[kind + 1 :]


DAMAGED_WEIGHTS: dict[str, Callable[[bytes], bytes]] = {
    "not numbers": not_numbers,
    "of a later version": lambda content: content.replace(b"countenance/1", b"countenance/9", 1),
    "of another network": of_another_network,
}
DATABASE = "study.db"
DATA_SET = (
    f"data_set/data/study-{STUDY}_description-decision_data.csv", "data_set/parquet/trial.parquet",
    "data_set/documentation/codebook.csv", "data_set/dataset_description.json",
)  # fmt: skip
RUN = tuple(  # a pilot's summary is not read
    f"run/{name}"
    for name in (
        "summary.json",
        "options.json",
        "risk_model.json",
        "response.safetensors",
        "encoder.safetensors",
    )
)
OF_STUDY = f"--study {STUDY} --db sqlite:///study.db"
TRAINING = f"--task task/task.yaml {OF_STUDY} {' '.join(QUICK)}"
BUNDLE = tuple(f"round_0/bundle/{name}" for name in ("manifest.json", "applications.csv", "images.csv"))
OUTCOMES = "round_0/outcomes.csv"
TRIALS = ("trials/trials.csv", "trials/export.json")
GENERATOR, PERCEPTION, OBSERVER, DISTILLED = (
    f"weights/{name}.safetensors"
    for name in ("face_generator", "face_perception", "simulated_observer", "distilled_percept")
)
CORPUS = ("corpus/manifest.json", "corpus/train-0000.npy", "corpus/train-0000.npz")
# Every command that opens such files, and those that it opens.
OPENED = {
    f"advisor train {TRAINING} --out made": (*BUNDLE, GENERATOR, PERCEPTION, DISTILLED),
    f"advisor train --task task/task.yaml --decisions answers.csv --trials trials --out made {' '.join(QUICK)}": TRIALS,
    f"advisor sweep {TRAINING} --name damaged --out made --trials 1": (*BUNDLE, GENERATOR, PERCEPTION, DISTILLED),
    f"advisor evaluate run {OF_STUDY}": (*BUNDLE, OUTCOMES, GENERATOR, PERCEPTION),
    "advisor publish run --out made/bundle": (GENERATOR, PERCEPTION, *RUN),
    "advisor draft-task task/loans.csv --outcome repaid": ("task/loans.csv",),
    "advisor publish --explore --task task/task.yaml --out made/bundle": (GENERATOR, PERCEPTION),
    "advisor simulate --task task/task.yaml --out made": (GENERATOR, PERCEPTION, OBSERVER, DISTILLED),
    "advisor export-trials round_0/bundle --participants 2 --trials 4 --conditions face --out made": (
        *BUNDLE, OUTCOMES,
    ),
    "advisor import-decisions answers.csv --trials trials --study made --db sqlite:///made.db": (*TRIALS, *BUNDLE),
    "advisor faces --identities 1 --out made": (GENERATOR,),
    f"advisor faces --identities 1 --weights {GENERATOR} --out made": (GENERATOR,),
    f"advisor adopt-faces {GENERATOR} --samples 100 --out made": (GENERATOR,),
    "advisor distil-percepts --samples 100 --out made.safetensors": (GENERATOR, PERCEPTION),
    "advisor train-faces corpus --out made": (*CORPUS, "corpus/identities.json", "corpus/people/people.npz"),
    f"advisor train-faces corpus --initial {GENERATOR} --out made": (GENERATOR,),
    f"advisor train-perception corpus --generator {GENERATOR} --out made": (*CORPUS, GENERATOR),
    "advisor train-observer corpus --out made.safetensors": CORPUS,
    f"human-study report {STUDY} --db sqlite:///study.db --out made.html": (*BUNDLE, OUTCOMES),
    f"human-study export {STUDY} --db sqlite:///study.db --out made": (*BUNDLE, OUTCOMES),
    **{
        f"human-study {words.format(STUDY)} --db sqlite:///{DATABASE}": (DATABASE,)
        for words in (
            "status {}", "close {} --yes", "open {}", "completions {} --out made.csv", "power {} --simulations 50",
            "erase {} --participant nobody", "retain", "report {} --out made.html", "export {} --out made",
        )
    },
    "human-study power served.yaml --pilot run --simulations 50 --participants 20": RUN[1:],
    "human-study import data_set --db sqlite:///made.db": DATA_SET,
    f"human-study bonuses {STUDY} --db sqlite:///study.db --out made.csv": (*BUNDLE, OUTCOMES),
    "human-study init made.yaml --bundle round_0/bundle": BUNDLE,
    "human-study materials served.yaml --out made": BUNDLE,
    "human-study preview served.yaml": BUNDLE,
    "human-study serve served.yaml --port 18531 --analyst-port 18532": (*BUNDLE, OUTCOMES),
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bundle, a study, a run, exported trials, a corpus and weights, made by the real commands."""
    folder = tmp_path_factory.mktemp("whole")
    decided = explored(write_tiny_task(folder / "task", tiny_table()), folder)
    url = f"sqlite:///{folder / 'study.db'}"
    with DecisionStore.open(url) as store:
        plant_study(store, decided.bundle, decided.task)
    words = ("--db", url, "--study", STUDY, "--out", folder / "run", *QUICK)
    assert run_main(("train", "--task", decided.task, *words)) == 0
    with DecisionStore.open(url) as store:
        store.close_study(STUDY)  # outcomes of an open one are withheld
        export_study(store, STUDY, kind="people", out=folder / "data_set")
    decided.answers(folder / "answers.csv", decided.by_smiles())
    pictures = write_people(folder / "pictures")
    build_corpus(pictures, folder / "corpus", 60, image_size=32, n_processes=1, shard_size=20)
    shutil.copytree(Path(advisor.cli.__file__).parents[1] / "models" / "weights", folder / "weights")
    return folder


@pytest.fixture
def call(
    whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[int, str]]:
    """Runs a command line in the folder; returns exit status and stderr."""
    monkeypatch.chdir(whole)
    monkeypatch.setenv("COUNTENANCE_WEIGHTS", str(whole / "weights"))

    def command(line: str) -> tuple[int, str]:
        program, *words = shlex.split(line)
        monkeypatch.setattr(sys, "argv", [program, *words])
        with pytest.raises(SystemExit) as caught:
            PROGRAMS[program].main()
        return int(caught.value.code or 0), capsys.readouterr().err.strip()

    return command


def files(folder: Path) -> set[Path]:
    """Every file, without the logs that SQLite keeps beside an open database."""
    return {
        path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".db-wal", ".db-shm")
    }


def test_every_command_is_given_damaged_files() -> None:
    commands = {
        f"{program} {name}"
        for program, module in PROGRAMS.items()
        for name in typer.main.get_command(module.app).commands  # type: ignore[attr-defined]
    }
    given = {" ".join(line.split()[:2]) for line in OPENED}
    assert commands - given == {
        "advisor check-task",
        "advisor build-corpus",
    }  # say all that is wrong, line by line


@pytest.mark.parametrize("line", OPENED)
def test_a_damaged_file_is_one_sentence_and_nothing_is_written(
    line: str, whole: Path, call: Callable[[str], tuple[int, str]]
) -> None:
    if "served.yaml" in line and not (whole / "served.yaml").exists():
        assert call(
            "human-study init served.yaml --bundle round_0/bundle --kind simulated --db sqlite:///served.db"
        )
    before = files(whole)
    for name in OPENED[line]:
        content = (whole / name).read_bytes()
        damages = DAMAGE | (DAMAGED_WEIGHTS if name.endswith(".safetensors") else {})
        try:
            for damage in damages.values():
                for log in whole.glob("*.db-*"):
                    log.unlink()
                (whole / name).write_bytes(damage(content))
                status, said = call(line)
                assert (status, len(said.splitlines())) == (2, 1), (name, said)
                assert said.startswith(f"{line.split()[0]}: ") and "Traceback" not in said
                assert {path.name for path in files(whole) - before} <= {"served.db"}, name
        finally:
            (whole / name).write_bytes(content)
