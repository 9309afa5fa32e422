"""What several subcommands of `advisor` share: options, progress bars, and words that mean something to all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from advisor.drawing.rendering import Progress as ProgressReport

TaskOption = Annotated[str, typer.Option("--task", help="a shipped task's name or the path of a task.yaml")]
OutOption = Annotated[Path, typer.Option("--out", help="folder to write")]
SeedOption = Annotated[int, typer.Option("--seed", help="random seed")]


def _settings(example: str) -> Any:
    return typer.Option("--set", help=f"an option by name, such as {example}; repeatable")


TrainSettings = Annotated[list[str] | None, _settings("encoder.n_steps=300")]
PublishSettings = Annotated[list[str] | None, _settings("max_pool_size=300")]
FaceSettings = Annotated[list[str] | None, _settings("n_steps=8000")]

DeviceOption = Annotated[
    str | None,
    typer.Option("--device", help="cpu, cuda or mps; default: a GPU where there is one"),
]


def compute_on(device: str | None) -> None:
    """Have a command compute on the device of its --device. Raises models.errors.DeviceError where it is not there."""
    from models.device import use_device

    use_device(device)


@contextmanager
def progress_bars() -> Iterator[ProgressReport]:
    """Progress bars on standard error, one for each kind of work reported; none where it is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    # Where it is not watched, rich would end with an empty line, before the sentence that says what is wrong.
    with Progress(*columns, console=console, transient=True, disable=not console.is_interactive) as bars:
        known: dict[tuple[str, int], int] = {}

        def report(what: str, n_done: int, n_all: int) -> None:
            key = (what, n_all)
            if key not in known or bars.tasks[known[key]].finished:
                known[key] = bars.add_task(what, total=n_all)
            bars.advance(known[key], n_done)  # type: ignore[arg-type]

        yield report
