"""The command `advisor`: training, publishing and rounds. Each subcommand calls one typed function."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from advisor.faces import commands
from data.errors import CountenanceError, TrainingError
from data.records import ParticipantKind
from data.store import DEFAULT_DATABASE_URL
from models.checkpoint import CheckpointError

if TYPE_CHECKING:
    from advisor.pictures import Progress as ProgressReport
    from advisor.rounds import RoundOutcome

app = typer.Typer(help="Train, publish and evaluate advisors.", no_args_is_help=True, add_completion=False)
console = Console(stderr=True)
commands.register(app)

TaskOption = Annotated[str, typer.Option("--task", help="A shipped task's name or the path of a task.yaml.")]
OutOption = Annotated[Path, typer.Option("--out", help="Folder to write.")]
DatabaseOption = Annotated[str, typer.Option("--db", help="SQLAlchemy URL of the database.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of everything random.")]
SettingsOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="An option by name, such as encoder.n_steps=300; repeatable."),
]


@contextmanager
def progress_bars() -> Iterator[ProgressReport]:
    """Progress bars on standard error, one for each kind of work reported."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        known: dict[tuple[str, int], int] = {}

        def report(what: str, n_done: int, n_all: int) -> None:
            key = (what, n_all)
            if key not in known or bars.tasks[known[key]].finished:
                known[key] = bars.add_task(what, total=n_all)
            bars.advance(known[key], n_done)  # type: ignore[arg-type]

        yield report


@app.command()
def check_task(path: Annotated[str, typer.Argument(help="A task.yaml, or a shipped task's name.")]) -> None:
    """Say everything that is wrong with a task and its table at once.

    Example: advisor check-task my_loans/task.yaml
    """
    from data.errors import TaskError
    from data.task import check_task as problems_of

    problems = problems_of(path)
    if problems:
        raise TaskError("\n".join(problems))
    print(f"{path} is a complete decision task.")


@app.command()
def simulate(
    task: TaskOption,
    out: OutOption,
    rounds: Annotated[int, typer.Option(min=0, help="Learning rounds after round 0.")] = 2,
    participants: Annotated[int, typer.Option(min=2, help="Simulated participants a block.")] = 40,
    trials: Annotated[int, typer.Option(min=1, help="Trials each.")] = 30,
    seed: SeedOption = 0,
    population: Annotated[str, typer.Option(help="Simulated population.")] = "realistic",
    settings: SettingsOption = None,
) -> None:
    """Run rounds with simulated participants and write OUT/results.json.

    Example: advisor simulate --task lending_club --rounds 2 --participants 40 --trials 30 --out var/simulation
    """
    from advisor.config import TrainConfig, parse_config
    from advisor.rounds import simulate_rounds
    from advisor.simulate import population as population_named
    from data.task import load_task

    config = parse_config(TrainConfig, settings or [])
    with progress_bars() as report:
        simulate_rounds(
            load_task(task),
            population_named(population),
            rounds,
            participants,
            trials,
            seed,
            out,
            config,
            on_round=_print_round,
            on_progress=report,
        )
    print(f"Results: {out / 'results.json'} (all participants were simulated)")


def _print_round(outcome: RoundOutcome) -> None:
    figures = "  ".join(
        f"{row['condition']} {row['accuracy']:.3f}" for row in outcome.rows if row["accuracy"] is not None
    )
    print(f"round {outcome.round_number} (simulated participants), balanced accuracy: {figures}")
    if not outcome.published:
        print(f"  the bundle before was shown again. {outcome.reason}")


@app.command()
def train(
    task: TaskOption,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run; default: the next in var/runs.")
    ] = None,
    decisions: Annotated[
        str | None, typer.Option("--decisions", help="Database URL, or with --trials a CSV file.")
    ] = None,
    study: Annotated[str | None, typer.Option("--study", help="Study in the database.")] = None,
    trials: Annotated[Path | None, typer.Option("--trials", help="Folder that export-trials wrote.")] = None,
    participants: Annotated[
        str, typer.Option("--participants", help="people or simulated; never both.")
    ] = "people",
    seed: SeedOption = 0,
    settings: SettingsOption = None,
) -> None:
    """Refit ĥ to decisions and retrain the encoder; interrupted, the same command goes on.

    Example: advisor train --task lending_club --decisions sqlite:///var/countenance.db --study pilot --out var/runs/1
    """
    from advisor.config import TrainConfig, parse_config
    from advisor.decisions import decisions_of_files, decisions_of_study
    from advisor.run_dir import next_run_folder
    from advisor.train_advisor import train_advisor
    from data.store import DecisionStore
    from data.task import load_task

    kind = _participant_kind(participants)
    config = parse_config(TrainConfig, settings or [], seed=seed)
    loaded = load_task(task)
    with progress_bars() as report:
        if trials is not None:
            if decisions is None:
                raise TrainingError("--trials needs --decisions FILE, the decisions on these trials; add it.")
            learned_from = decisions_of_files(Path(decisions), trials, loaded, kind)
            run = train_advisor(loaded, learned_from, config, out or next_run_folder(), report)
        else:
            if study is None:
                raise TrainingError(
                    "Name the study with --study, or give --decisions FILE with --trials DIR."
                )
            with DecisionStore.open(decisions or DEFAULT_DATABASE_URL, create=False) as store:
                learned_from = decisions_of_study(store, study, loaded, kind)
                run = train_advisor(loaded, learned_from, config, out or next_run_folder(), report)
    summary = run.read_json("summary.json")["response"]
    print(
        f"{run.path}: trained on {len(learned_from.frame)} decisions of {kind}; ĥ on held-out participants"
        f" {summary['held_out_log_loss']:.3f} nats (application alone {summary['application_alone_log_loss']:.3f},"
        f" constant {summary['constant_log_loss']:.3f})"
    )
    predicted = run.read_json("summary.json")["predicted_accuracy"]
    print(
        f"  balanced accuracy of {kind} with these faces, predicted before anybody sees them:"
        f" {predicted['value']:.3f} ({predicted['ci_low']:.3f}, {predicted['ci_high']:.3f})"
    )


def _participant_kind(text: str) -> ParticipantKind:
    if text not in ("people", "simulated"):
        raise TrainingError(f"--participants is {text!r}; give people or simulated.")
    return text  # type: ignore[return-value]


@app.command()
def sweep(
    task: TaskOption,
    study: Annotated[str, typer.Option("--study", help="Study in the database to learn from.")],
    name: Annotated[str, typer.Option("--name", help="Name of the sweep; workers join it by this name.")],
    out: OutOption,
    decisions: Annotated[str, typer.Option("--decisions", help="Database URL.")] = DEFAULT_DATABASE_URL,
    trials: Annotated[int, typer.Option(min=1, help="Finished trials, of all workers together.")] = 20,
    participants: Annotated[str, typer.Option(help="people or simulated; never both.")] = "people",
    seed: SeedOption = 0,
    settings: SettingsOption = None,
) -> None:
    """Search for training options; any number of workers join by giving the same command.

    Example: advisor sweep --task lending_club --study pilot --name first --trials 20 --out var/sweeps/first
    """
    from advisor.decisions import decisions_of_study
    from advisor.sweep import sweep as take_part
    from data.store import DecisionStore
    from data.task import load_task

    kind, loaded = _participant_kind(participants), load_task(task)
    with DecisionStore.open(decisions, create=False) as store, progress_bars() as report:
        learned_from = decisions_of_study(store, study, loaded, kind)
        best, accuracy = take_part(
            loaded, learned_from, settings or [], decisions, name, trials, seed, out, report
        )
    print(
        f"best of {trials} trials: {accuracy:.4f} balanced accuracy of {kind}, predicted on validation applications"
    )
    print("  advisor train … " + " ".join(f"--set {setting}" for setting in best))


@app.command()
def publish(
    out: OutOption,
    run: Annotated[Path | None, typer.Argument(help="Folder of a run that `advisor train` made.")] = None,
    explore: Annotated[
        bool, typer.Option("--explore", help="Round 0: random expressions; needs --task.")
    ] = False,
    task: Annotated[str | None, typer.Option("--task", help="A shipped task's name or a task.yaml.")] = None,
    study: Annotated[str | None, typer.Option("--study", help="Serve it as this study's next round.")] = None,
    db: DatabaseOption = DEFAULT_DATABASE_URL,
    seed: SeedOption = 0,
    settings: SettingsOption = None,
) -> None:
    """Run the checks, render the faces and write a bundle.

    Example: advisor publish --explore --task lending_club --out var/bundles/round_0
    """
    from advisor.config import PublishConfig, parse_config
    from advisor.publish import publish_explore, publish_run, require_allowed
    from data.store import DecisionStore
    from data.task import load_task

    config = parse_config(PublishConfig, settings or [], seed=seed)
    if explore == (run is not None):
        raise TrainingError("Give either a RUN to publish, or --explore with --task.")
    if explore and task is None:
        raise TrainingError("--explore needs --task; name a shipped task or a task.yaml.")
    with ExitStack() as opened, progress_bars() as report:
        # without --study and --db, the run's own database says whether somebody was erased since
        asked = study is not None or db != DEFAULT_DATABASE_URL
        store = opened.enter_context(DecisionStore.open(db, create=False)) if asked else None
        if study is not None:
            assert store is not None
            require_allowed(store.study(study), run)
        if run is not None:
            bundle = publish_run(run, out, config, report, store)
        else:
            assert task is not None
            bundle = publish_explore(load_task(task), out, config, report)
    print(f"{out}: published {bundle.bundle_hash[:12]}, {len(bundle.images)} faces rows, all checks passed:")
    for check in bundle.manifest.checks:
        print(f"  {check.sentence()}")
    if study is not None:
        with DecisionStore.open(db, create=False) as store:
            store.register_bundle(bundle.as_record())
            print(f"  study {study}: round {store.start_round(study, bundle.bundle_hash)} from now on")


@app.command()
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
    from advisor.bundle import CONDITIONS
    from advisor.exchange import export_trials as export
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


@app.command()
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
    from advisor.import_decisions import import_decisions as import_file
    from data.store import DecisionStore

    kind: ParticipantKind = "simulated" if simulated else "people"
    with DecisionStore.open(db) as store:
        n_decisions = import_file(file, trials, study, store, kind)
    print(f"study {study}: {n_decisions} decisions of {kind} stored")


@app.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Folder of a run that `advisor train` made.")],
    study: Annotated[
        str | None, typer.Option("--study", help="Also what this study's participants reached.")
    ] = None,
    participants: Annotated[str, typer.Option(help="people or simulated; never both.")] = "people",
    db: DatabaseOption = DEFAULT_DATABASE_URL,
) -> None:
    """Accuracy on test applications: the machine's, people's as ĥ predicts it, and people's as measured.

    Example: advisor evaluate var/runs/00000 --study pilot
    """
    from advisor.evaluate import (
        evaluate_run,
        measured_accuracy,
        prediction_and_outcome,
        response_log_loss_on_study,
    )
    from data.store import DecisionStore

    for name, figure in evaluate_run(run).rows():
        print(f"{name:32} {figure:.4f}")
    if study is not None:
        kind = _participant_kind(participants)
        with DecisionStore.open(db, create=False) as store:
            measured = measured_accuracy(store, study, kind)
            loss = response_log_loss_on_study(run, store, study, kind)
        print(f"\nMeasured, participants: {kind}")
        print(measured.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
        print("\nThis run's faces, balanced accuracy on test applications:")
        side_by_side = prediction_and_outcome(run, measured)
        print(side_by_side.to_string(index=False, float_format=lambda value: f"{value:.4f}"))
        if loss is not None:
            print(f"log-loss of ĥ on these test decisions with a face: {loss:.4f}")


def main() -> None:
    """Run the command line: a user's mistake is one sentence and exit status 2."""
    try:
        app(standalone_mode=False)
    except (CountenanceError, CheckpointError) as error:
        print(f"advisor: {error}", file=sys.stderr)
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    except Exception as error:
        # typer's own usage errors carry their text and an exit code
        show = getattr(error, "show", None)
        if show is None:
            raise
        show()
        sys.exit(2)
