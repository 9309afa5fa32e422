"""What the README and `--help` say can be typed."""

import re
import shlex
import textwrap
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
import typer

import advisor.cli
import human_study.cli

ROOT = Path(__file__).parent.parent
PROGRAMS: dict[str, click.Group] = {
    "advisor": typer.main.get_command(advisor.cli.app),  # type: ignore[dict-item]
    "human-study": typer.main.get_command(human_study.cli.app),  # type: ignore[dict-item]
}
COMMANDS = [(program, name) for program, group in PROGRAMS.items() for name in group.commands]


def commands_in(text: str) -> list[list[str]]:
    """Command lines of the two programs in indented blocks, comments cut off."""
    lines = [
        line.split("#")[0] for line in text.splitlines() if re.match(r" {4}(advisor|human-study) ", line)
    ]
    return [shlex.split(line) for line in lines]


def complaints(words: list[str]) -> list[str]:
    """What is wrong with a command line, judged by the program's own declarations."""
    program, name, *rest = words
    command = PROGRAMS[program].commands.get(name)
    if command is None:
        return [f"{program} has no {name}"]
    known = {
        option
        for parameter in command.params
        if not getattr(parameter, "hidden", False)  # the old spelling of another
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    return [f"{program} {name} has no {word}" for word in rest if word.startswith("--") and word not in known]


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "docs/how-to/run-a-study.md",
        "docs/explanation/simulated-people.md",
        "models/weights/README.md",
    ],
)
def test_commands_in_the_documents_exist(document: str) -> None:
    wrong = [
        complaint for words in commands_in((ROOT / document).read_text()) for complaint in complaints(words)
    ]
    assert wrong == []


def test_the_readme_shows_commands_at_all() -> None:
    assert len(commands_in((ROOT / "README.md").read_text())) >= 8


def test_the_example_in_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "README.md").read_text()
    example = re.search(r"(?:^    (?:import|from) .*\n(?:    .*\n|\n)+)", text, re.MULTILINE)
    assert example
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"who": np.repeat([f"p{k}" for k in range(8)], 12), "score": rng.random(96)})
    table["income"], table["amount"] = rng.normal(50_000, 9000, 96), rng.normal(5000, 900, 96)
    table["choice"] = np.where(rng.random(96) < table["score"], "approve", "deny")
    table.to_csv(tmp_path / "decisions.csv", index=False)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(textwrap.dedent(example.group()), names)
    assert list(names["model"].classes_) == ["approve", "deny"]
    assert names["model"].importance_["name"].iloc[0] == "score"


@pytest.mark.parametrize(("program", "name"), COMMANDS)
def test_every_command_explains_itself_with_an_example_that_it_understands(program: str, name: str) -> None:
    command = PROGRAMS[program].commands[name]
    example = re.search(rf"Example: ({program} .*)", command.epilog or "")
    assert example, f"{program} {name} --help shows no example"
    words = shlex.split(example.group(1))
    assert words[1] == name
    assert complaints(words) == []


def test_links_in_the_readme_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / "README.md").read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []
