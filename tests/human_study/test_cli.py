"""The command human-study: what it prints, and the one line with exit status 2 for every mistake."""

import shutil
import socket
import sys
from pathlib import Path

import pytest
import yaml

from data.records import Recruitment
from data.tasks.decision_task import load_task, task_path
from human_study import cli
from human_study.analysis.study_results import collect_results
from human_study.participation.running_study import RunningStudy
from human_study.study.study_file import load_study_file
from tests.support.served_study import free_port
from tests.support.tiny_study import write_study
from tests.support.tiny_table import tiny_table, write_tiny_task


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs the command as a user types it; returns exit status, stdout and stderr."""

    def command(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["human-study", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        printed = capsys.readouterr()
        return int(caught.value.code or 0), printed.out, printed.err

    return command


@pytest.mark.parametrize("command", ["init", "serve", "status", "report"])
def test_every_command_explains_itself_with_an_example(run, command: str) -> None:
    status, out, _ = run(command, "--help")
    assert status == 0
    assert f"Example: human-study {command}" in out


def test_init_writes_a_study_file_and_never_over_another(run, tmp_path: Path) -> None:
    path = tmp_path / "My pilot.yaml"
    assert run("init", path)[0] == 0
    content = path.read_text()
    assert "name: my_pilot " in content
    status, _, err = run("init", path)
    assert (status, path.read_text()) == (2, content)
    assert "choose another name" in err


@pytest.mark.parametrize(
    ("options", "title"),
    [
        ((), "Deciding on applications"),
        (("--language", "de"), "Entscheidungen über Anträge"),
        (("--task", "TINY"), "Deciding on claims"),
    ],
)
def test_a_new_study_is_called_after_what_is_decided_on(
    run, tmp_path: Path, options: tuple[str, ...], title: str
) -> None:
    task_file = write_tiny_task(tmp_path / "task", tiny_table())
    task_file.write_text(f"case_noun: claim\n{task_file.read_text()}")
    given = [
        str(task_file) if option == "TINY" else option for option in ("--task", "lending_club", *options)
    ]
    assert run("init", tmp_path / "study.yaml", *given)[0] == 0
    assert yaml.safe_load((tmp_path / "study.yaml").read_text())["title"] == title


def test_status_counts_participants(run, tmp_path: Path) -> None:
    path = write_study(tmp_path)
    live = RunningStudy.open(str(path))
    with live.store:
        live.prepare()
        for name in "abcd":  # of a random block, three at most begin with the same condition
            live.participations.begin(Recruitment(platform="link", external_id=name))
    for arguments in ([path], ["tiny_study", "--db", live.study.database]):
        status, out, _ = run("status", *arguments)
        assert status == 0
        assert "participants: simulated" in out
        assert {"face", "none", "active"} <= set(out.split())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bundle": "gone"}, "no advice bundle"),
        ({"task": "lending_clubb"}, "lending_club"),
        ({"conditons": {}}, "did you mean conditions"),
        ({"database": "nonsense"}, "database"),
    ],
)
def test_a_wrong_study_is_one_line_and_status_2(run, tmp_path: Path, changes: dict, sentence: str) -> None:
    status, _, err = run(
        "serve", write_study(tmp_path, **changes), "--port", free_port(), "--analyst-port", free_port()
    )
    assert status == 2
    assert sentence in err
    assert len(err.strip().splitlines()) == 1


def test_a_taken_port_is_named(run, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = run("serve", write_study(tmp_path), "--port", port)
    assert status == 2
    assert str(port) in err


def test_report_is_written_from_the_study_file(run, tmp_path: Path) -> None:
    path = write_study(tmp_path)
    live = RunningStudy.open(str(path))
    with live.store:
        live.prepare()
    status, _, _ = run("report", path, "--out", tmp_path / "report.html")
    assert status == 0
    assert "SIMULATED" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "absent.yaml"],
        ["status", "absent"],
        ["report", "absent", "--out", "x.html", "--kind", "robots"],
    ],
)
def test_what_is_not_there_is_said_in_one_line(
    run, tmp_path: Path, monkeypatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = run(*arguments)
    assert status == 2
    assert len(err.strip().splitlines()) == 1


def test_a_closed_study_opens_again(run, tmp_path: Path) -> None:
    path = write_study(tmp_path)
    live = RunningStudy.open(str(path))
    with live.store:
        live.prepare()
        assert "add --yes" in run("close", path)[2]  # a script has nobody to ask
        assert live.participations.has_room()
        assert "human-study open" in run("close", path, "--yes")[1]
        assert not live.participations.has_room()
        assert run("open", path)[0] == 0
        assert live.participations.has_room()
        assert "open already" in run("open", path)[2]
        for command in (("close", "--yes"), ("open",)):
            assert run(*command, path, "--condition", "face")[0] == 0
        assert live.participations.has_room()


@pytest.mark.parametrize("given_from_its_folder", [True, False])
def test_a_study_folder_can_be_copied_to_a_server(
    run, tmp_path: Path, monkeypatch, given_from_its_folder: bool
) -> None:
    lab, server = tmp_path / "lab", tmp_path / "server"
    write_study(lab / "study")
    monkeypatch.chdir(lab)
    bundle = Path("study/round_0/bundle") if given_from_its_folder else lab / "study" / "round_0" / "bundle"
    options = ("--kind", "simulated", "--db", "sqlite:///tried.db")
    assert run("init", "study/new.yaml", "--bundle", bundle, *options)[0] == 0
    lab.rename(tmp_path / "gone")
    shutil.copytree(tmp_path / "gone" / "study", server / "copied")
    monkeypatch.chdir(server)
    live = RunningStudy.open("copied/new.yaml")
    with live.store:
        live.prepare()
        assert live.participations.has_room()
        assert live.task.path == server / "copied" / "task" / "task.yaml"
        results = collect_results(live.store, "new", "simulated")
    assert results.applications.task is not None and results.applications.task.path == live.task.path


def test_a_shipped_task_is_named_and_found_on_every_machine(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("init", "new.yaml", "--task", task_path("lending_club"))[0] == 0
    assert load_study_file("new.yaml").task == "lending_club"
    written_elsewhere = "/built/on/another/machine/data/lending_club/task.yaml"
    assert load_task(written_elsewhere).path == task_path("lending_club")
