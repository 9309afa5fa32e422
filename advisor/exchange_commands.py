"""Subcommands of `advisor` on tables and on rounds that are run elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from advisor.command_options import DatabaseOption, OutOption, SeedOption
from data.default_database import DEFAULT_DATABASE_URL
from data.records import ParticipantKind


def check_task(path: Annotated[str, typer.Argument(help="A task.yaml, or a shipped task's name.")]) -> None:
    """Say everything that is wrong with a task and its table at once.

    Example: advisor check-task my_loans/task.yaml
    """
    from data.errors import TaskError
    from data.tasks.decision_task import checked_table

    frame, problems = checked_table(path)
    if frame is None or problems:
        raise TaskError("\n".join(problems))
    print(f"{path} is a complete decision task: {len(frame):,} applications.")
    missing = frame.isna().sum()
    if missing.any():
        counts = ", ".join(f"{name} {n:,}" for name, n in missing[missing > 0].items())
        print(f"Read as missing: {counts}.")


def export_trials(
    bundle: Annotated[Path, typer.Argument(help="Folder of a published bundle.")],
    out: OutOption,
    participants: Annotated[int, typer.Option(min=1, help="How many participants.")] = 40,
    trials: Annotated[int, typer.Option(min=1, help="Trials each.")] = 30,
    conditions: Annotated[str, typer.Option(help="Conditions, separated by commas.")] = "face,none",
    split: Annotated[str, typer.Option(help="train (to learn from) or test (to measure).")] = "train",
    seed: SeedOption = 0,
) -> None:
    """Write trials.csv and images/ for a study on any other platform.

    Example: advisor export-trials var/bundles/round_0 --participants 40 --trials 30 --out var/export
    """
    from advisor.bundles.bundle import CONDITIONS
    from advisor.bundles.exchange import export_trials as export
    from data.errors import TrialsError

    names = [name.strip() for name in conditions.split(",") if name.strip()]
    unknown = [name for name in names if name not in CONDITIONS]
    if unknown or not names:
        raise TrialsError(
            f"There is no condition {', '.join(unknown)!r}; choose from {', '.join(CONDITIONS)}."
        )
    if split not in ("train", "test"):
        raise TrialsError(f"--split is {split!r}; give train or test.")
    chosen: Literal["train", "test"] = "train" if split == "train" else "test"
    written = export(bundle, participants, trials, names, chosen, seed, out)  # type: ignore[arg-type]
    print(f"{out}: {written.n_participants} participants × {written.n_trials} {split} trials")


def import_decisions(
    file: Annotated[Path, typer.Argument(help="CSV with participant,trial,choice.")],
    trials: Annotated[Path, typer.Option(help="Folder that export-trials wrote.")],
    study: Annotated[str, typer.Option(help="Study to store them under; made if new.")],
    db: DatabaseOption = DEFAULT_DATABASE_URL,
    simulated: Annotated[bool, typer.Option("--simulated", help="The decisions are not people's.")] = False,
) -> None:
    """Read back the decisions of an exported round; a file that is partly bad is rejected whole.

    Example: advisor import-decisions decisions.csv --trials var/export --study pilot
    """
    from advisor.bundles.import_decisions import import_decisions as import_file
    from data.store.decision_store import DecisionStore

    kind: ParticipantKind = "simulated" if simulated else "people"
    with DecisionStore.open(db) as store:
        imported = import_file(file, trials, study, store, kind)
    print(f"study {study}: {imported.n_decisions} decisions of {kind} stored")
    if imported.n_erased_people:
        print(
            f"left out: {imported.n_left_out} decisions of {imported.n_erased_people} participants who were erased"
            " from the study; delete them from the file too"
        )


def register(app: typer.Typer) -> None:
    """Add these subcommands to the command line."""
    for command in (check_task, export_trials, import_decisions):
        app.command()(command)
