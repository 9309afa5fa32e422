"""Subcommands of `advisor` on tables and on rounds that are run elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from advisor.command_options import OutOption, SeedOption
from data.command_line import DatabaseOption, one_spelling
from data.default_database import DEFAULT_DATABASE_URL
from data.records import ParticipantKind

commands = typer.Typer()


@commands.command(epilog="Example: advisor check-task my_loans/task.yaml")
def check_task(path: Annotated[str, typer.Argument(help="a task.yaml, or a shipped task's name")]) -> None:
    """Report everything that is wrong with a task and its table, all at once."""
    from data.errors import TaskError
    from data.tasks.decision_task import checked_table, open_questions

    frame, problems = checked_table(path)
    if frame is None or problems:
        raise TaskError("\n".join(problems))
    questions = open_questions(path)
    kind = "decision task with open questions" if questions else "complete decision task"
    print(f"{path} is a {kind}: {len(frame):,} applications.")
    missing = frame.isna().sum()
    if missing.any():
        counts = ", ".join(f"{name} {n:,}" for name, n in missing[missing > 0].items())
        print(f"Read as missing: {counts}.")
    if questions:
        listed = "\n".join(f"  {question}" for question in questions)
        raise TaskError(
            f"open questions: {len(questions)}; answer each in {path}, then delete its line, which begins with # ?:"
            f"\n{listed}"
        )


@commands.command(epilog="Example: advisor draft-task my_loans/loans.csv --outcome repaid")
def draft_task(
    table: Annotated[Path, typer.Argument(help="a .csv, .csv.gz or .parquet file")],
    outcome: Annotated[str, typer.Option(help="the column that records how each case turned out")],
) -> None:
    """Draft a task.yaml next to a table, with questions where you need to decide."""
    from data.tasks.decision_task import check_task as problems_of
    from data.tasks.draft_task import draft_task as draft

    path = draft(table, outcome)
    print(f"{path}: read it, and answer the lines that begin with # ?")
    for problem in problems_of(path):
        print(f"still to decide: {problem}")


@commands.command(
    epilog="Example: advisor export-trials var/bundles/round_0 --participants 40 --trials 30 --out var/export"
)
def export_trials(
    bundle: Annotated[Path, typer.Argument(help="folder of a published bundle")],
    out: OutOption,
    participants: Annotated[int, typer.Option(min=1, help="how many participants")] = 40,
    trials: Annotated[int, typer.Option(min=1, help="trials per participant")] = 30,
    conditions: Annotated[str, typer.Option(help="conditions, separated by commas")] = "face,none",
    split: Annotated[
        Literal["train", "test"], typer.Option(help="train to learn from, test to measure")
    ] = "train",
    seed: SeedOption = 0,
) -> None:
    """Write trials.csv and images/ for a study on any other platform."""
    from advisor.bundles.bundle import CONDITIONS
    from advisor.bundles.exchange import export_trials as export
    from data.errors import TrialsError

    names = [name.strip() for name in conditions.split(",") if name.strip()]
    unknown = [name for name in names if name not in CONDITIONS]
    if unknown or not names:
        raise TrialsError(
            f"There is no condition {', '.join(unknown)!r}; choose from {', '.join(CONDITIONS)}."
        )
    if "examples" in names:
        raise TrialsError(
            "The condition examples shows what became of past cases, and outcomes are never exported; run it with"
            " human-study, or leave it out."
        )
    written = export(bundle, participants, trials, names, split, seed, out)  # type: ignore[arg-type]
    print(f"{out}: {written.n_participants} participants × {written.n_trials} {split} trials")


@commands.command(epilog="Example: advisor import-decisions decisions.csv --trials var/export --study pilot")
def import_decisions(
    file: Annotated[Path, typer.Argument(help="CSV with participant,trial,choice")],
    trials: Annotated[Path, typer.Option(help="folder that export-trials wrote")],
    study: Annotated[str, typer.Option(help="study to store them under; created if it does not exist")],
    kind: Annotated[
        ParticipantKind | None, typer.Option("--kind", help="whose decisions; default: people")
    ] = None,
    db: DatabaseOption = None,
    simulated: Annotated[bool, typer.Option("--simulated", hidden=True)] = False,
) -> None:
    """Read back the decisions of an exported round; a file with any bad line is rejected as a whole."""
    from advisor.bundles.import_decisions import import_decisions as import_answered
    from advisor.bundles.import_decisions import read_answered
    from data.store.decision_store import DecisionStore

    old_kind: ParticipantKind | None = "simulated" if simulated else None
    kind = one_spelling("--kind", kind, "--simulated", old_kind) or "people"
    answered = read_answered(file, trials)  # before a database is made
    with DecisionStore.open(db or DEFAULT_DATABASE_URL) as store:
        imported = import_answered(answered, study, store, kind)
    print(f"study {study}: {imported.n_decisions} decisions of {kind} stored")
    if imported.n_erased_people:
        print(
            f"left out: {imported.n_left_out} decisions of {imported.n_erased_people} participants who were erased"
            " from the study; delete them from the file too"
        )
