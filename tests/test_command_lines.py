"""Both programs speak one dialect: the same options, old spellings for a release, and one sentence for a mistake."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

import advisor.cli
import human_study.cli
from data.records import Study
from data.store.decision_store import DecisionStore
from tests.support.tiny_study import write_study

PROGRAMS = {"advisor": advisor.cli, "human-study": human_study.cli}
COMMANDS: dict[str, dict[str, Any]] = {
    program: typer.main.get_command(module.app).commands  # type: ignore[attr-defined]
    for program, module in PROGRAMS.items()
}
# What each command is given that it cannot use. `text.txt` holds a sentence, `odd` is a folder that holds `text.txt`
# too, `locked` is a file where a folder would have to be, `own.db` holds a study called `imported`.
WRONG = {
    "advisor": {
        "check-task": ["nowhere.yaml", "text.txt", "odd", ""],
        "draft-task": ["nowhere.csv --outcome x", "text.txt --outcome x", "odd --outcome x", "text.txt"],
        "export-trials": [
            "nowhere --out x", "odd --out x", "text.txt --out x", "odd --split validation --out x",
            "odd --conditions , --out x",
        ],
        "import-decisions": [
            "nowhere.csv --trials odd --study s", "text.txt --trials nowhere --study s --kind simulated --simulated",
            "text.txt --trials odd --study s --kind bots", "text.txt --trials odd --study s --db sqlite:///text.txt",
        ],
        "train": [
            "--task nowhere --study s", "--task consumer_credit", "--task consumer_credit --study s --kind both",
            "--task consumer_credit --study s --db nonsense", "--task consumer_credit --study s --db sqlite:///no.db",
            "--task consumer_credit --study s --kind people --participants people",
            "--task consumer_credit --study s --db sqlite:///own.db --decisions sqlite:///own.db",
            "--task consumer_credit --trials odd", "--task consumer_credit --trials odd --decisions text.txt --db x",
            "--task consumer_credit --trials odd --decisions nowhere.csv",
            "--task consumer_credit --study absent --db sqlite:///own.db", "--task consumer_credit --set x --study s",
        ],
        "sweep": [
            "--task consumer_credit --study absent --name n --out x --db sqlite:///own.db",
            "--task consumer_credit --study s --name n --out x --db sqlite:///a --decisions sqlite:///b",
            "--task consumer_credit --study s --name n --out x --kind simulated --participants people",
        ],
        "publish": [
            "--out x", "nowhere --out x", "odd --out x", "text.txt --out x", "--explore --out x",
            "--explore --task nowhere --out x", "odd --out x --study absent --db sqlite:///own.db",
        ],
        "simulate": [
            "--task nowhere --out x", "--task consumer_credit --population nobody --out x",
            "--task consumer_credit --participants people --out x", "--task consumer_credit --out locked/x",
        ],
        "evaluate": ["nowhere", "odd", "text.txt", "odd --kind people --participants people"],
        "faces": ["--identities 0 --out x", "--weights text.txt --out x", "--weights nowhere --out x"],
        "build-corpus": ["nowhere --out x", "odd --out x", "text.txt --out x"],
        "train-faces": ["nowhere --out x", "odd --out x", "odd --plain --out x", "odd --out x --set steps=1"],
        "adopt-faces": ["nowhere --out x", "text.txt --out x", "odd --out x"],
        "train-perception": ["nowhere --out x", "odd --out x", "odd --generator text.txt --out x"],
        "train-observer": ["nowhere --out x", "odd --out x"],
        "distil-percepts": ["--samples 1 --out x", "--out"],
    },
    "human-study": {
        "init": [
            "text.txt", "locked/study.yaml", "x.yaml --kind bots", "x.yaml --kind people --participants people",
            "x.yaml --db sqlite:///a --database sqlite:///b",
        ],
        "serve": ["nowhere.yaml", "text.txt", "odd", "nowhere.yaml --port 0", "nowhere.yaml --port eighty"],
        "status": ["nowhere.yaml", "absent --db sqlite:///own.db", "absent --db sqlite:///text.txt", "text.txt"],
        "close": ["absent --db sqlite:///own.db", "imported --db sqlite:///own.db --condition smile"],
        "open": ["absent --db sqlite:///own.db", "imported --db sqlite:///own.db", "nowhere.yaml"],
        "bonuses": ["absent --out x --db sqlite:///own.db", "imported --out locked/x --db sqlite:///own.db"],
        "preview": ["nowhere.yaml --condition face", "study.yaml --condition smile"],
        "completions": ["absent --out x --db sqlite:///own.db", "imported --out x --format sona --db sqlite:///own.db"],
        "materials": ["nowhere.yaml --out x", "study.yaml --out locked/x"],
        "report": [
            "absent --out x --db sqlite:///own.db", "imported --out x --db sqlite:///own.db --kind bots",
            "imported --preregister --out x.md --db sqlite:///own.db", "nowhere.yaml --preregister --out x.md",
        ],
        "power": [
            "nowhere.yaml", "study.yaml", "study.yaml --effect 0.05 --population nobody",
            "study.yaml --effect 0.05 --participants many", "study.yaml --pilot nowhere", "study.yaml --pilot odd",
        ],
        "export": ["absent --out x --db sqlite:///own.db", "imported --out locked/x --db sqlite:///own.db"],
        "import": ["nowhere --db sqlite:///x.db", "odd --db sqlite:///x.db", "text.txt --db sqlite:///x.db"],
        "erase": ["imported --db sqlite:///own.db", "imported --participant nobody --db sqlite:///own.db"],
        "retain": ["--db nonsense", "--db sqlite:///no.db", "--db sqlite:///text.txt"],
    },
}  # fmt: skip
CASES = [
    (program, f"{name} {words}")
    for program, commands in WRONG.items()
    for name, all_words in commands.items()
    for words in all_words
]


@pytest.fixture(scope="module")
def odd_things(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of odd things, from which no mistake takes anything."""
    folder = tmp_path_factory.mktemp("odd_things")
    (folder / "odd").mkdir()
    for path in ("text.txt", "odd/text.txt", "locked"):
        (folder / path).write_text("This is nothing of the kind.\n")
    write_study(folder)
    with DecisionStore.open(f"sqlite:///{folder / 'own.db'}") as store:
        bare = {"task_name": "t", "task_hash": "0" * 64, "study_file": "{}", "study_hash": "0" * 64}
        store.create_study(Study(name="imported", participants="simulated", **bare))
    return folder


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], odd_things: Path
) -> Callable[[str, str], tuple[int, str, str]]:
    """Runs PROGRAM with a line of words in the folder of odd things; returns exit status, stdout and stderr."""
    monkeypatch.chdir(odd_things)

    def command(program: str, words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [program, *shlex.split(words)])
        with pytest.raises(SystemExit) as caught:
            PROGRAMS[program].main()
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out, printed.err

    return command


def test_every_command_is_given_something_wrong() -> None:
    assert {program: set(commands) for program, commands in WRONG.items()} == {
        program: set(commands) for program, commands in COMMANDS.items()
    }


@pytest.mark.parametrize(("program", "words"), CASES)
def test_a_mistake_is_said_in_one_sentence(run, program: str, words: str) -> None:
    status, out, err = run(program, words)
    assert (status, len(err.strip().splitlines())) == (2, 1), err
    assert err.strip().startswith(f"{program}: ")
    assert "Traceback" not in out + err


@pytest.mark.parametrize("program", PROGRAMS)
def test_whoever_decided_is_named_by_the_same_choices_everywhere(run, program: str) -> None:
    with_kind = [
        name
        for name, command in COMMANDS[program].items()
        if any("--kind" in option.opts for option in command.params)
    ]
    assert len(with_kind) >= 3
    for name in with_kind:
        status, out, _ = run(program, f"{name} --help")
        assert status == 0
        assert "--kind <people|simulated>" in out
        assert "--simulated" not in out
        assert "--participants <people" not in out


def test_ctrl_c_is_exit_status_130(run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(DecisionStore, "open", interrupted)
    assert run("human-study", "status imported")[0] == 130
    assert run("advisor", "train --task consumer_credit --study imported")[0] == 130


def test_old_spellings_still_work(run, odd_things: Path) -> None:
    assert run("human-study", "init new.yaml --kind simulated --db sqlite:///a.db")[0] == 0
    assert run("human-study", "init old.yaml --participants simulated --database sqlite:///a.db")[0] == 0
    new, old = (odd_things / "new.yaml").read_text(), (odd_things / "old.yaml").read_text()
    assert old.replace("old", "new") == new.replace("old", "new")
    for spelling in ("--db", "--decisions"):
        words = f"train --task consumer_credit --study imported {spelling} sqlite:///own.db"
        assert "no decisions" in run("advisor", words)[2]
