"""Subcommands of `advisor` that learn from decisions, publish what was learned, and judge it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from advisor.command_options import (
    DeviceOption,
    OutOption,
    PublishSettings,
    SeedOption,
    TaskOption,
    TrainSettings,
    compute_on,
    progress_bars,
)
from data.command_line import DatabaseOption, KindOption, OldKindOption, one_spelling
from data.default_database import DEFAULT_DATABASE_URL
from data.errors import UsageError
from data.records import ParticipantKind

if TYPE_CHECKING:
    import pandas as pd

    from advisor.runs.run_dir import RunDirectory
    from advisor.simulation.rounds import RoundOutcome

commands = typer.Typer()


@commands.command(epilog="Example: advisor train --task lending_club --study pilot --out var/runs/1")
def train(
    task: TaskOption,
    out: Annotated[
        Path | None, typer.Option("--out", help="folder of the run; default: the next in var/runs")
    ] = None,
    study: Annotated[str | None, typer.Option("--study", help="study in the database to learn from")] = None,
    kind: KindOption = None,
    db: DatabaseOption = None,
    trials: Annotated[
        Path | None, typer.Option("--trials", help="folder that export-trials wrote, instead of a study")
    ] = None,
    decisions: Annotated[
        str | None, typer.Option("--decisions", help="CSV file of the decisions on --trials")
    ] = None,
    seed: SeedOption = 0,
    settings: TrainSettings = None,
    device: DeviceOption = None,
    participants: OldKindOption = None,
) -> None:
    """Refit ĥ to decisions and retrain the encoder; run the same command again to resume."""
    compute_on(device)
    from advisor.encoder.learning_step import next_run_of_all_processes, train_advisor
    from advisor.encoder.train_encoder import training_processes
    from advisor.response.training_decisions import decisions_of_files, decisions_of_study
    from advisor.runs.config import TrainConfig, parse_config
    from data.store.decision_store import DecisionStore
    from data.tasks.decision_task import load_task

    kind = one_spelling("--kind", kind, "--participants", participants)
    if trials is None:
        db = one_spelling("--db", db, "--decisions", decisions) or DEFAULT_DATABASE_URL
    elif decisions is None or db is not None or study is not None:
        raise UsageError("--trials needs --decisions FILE, the decisions on these trials, and no database.")
    config = parse_config(TrainConfig, settings or [], seed=seed)
    loaded = load_task(task)
    out = out or next_run_of_all_processes()
    with ExitStack() as opened, progress_bars() as report:
        if trials is not None:
            kind = kind or "people"
            learned_from = decisions_of_files(Path(str(decisions)), trials, loaded, kind)
        elif study is None:
            raise UsageError("Name the study with --study, or give --decisions FILE with --trials DIR.")
        else:
            store = opened.enter_context(DecisionStore.open(str(db), create=False))
            kind = kind or store.study(study).participants
            learned_from = decisions_of_study(store, study, loaded, kind)
        run = train_advisor(loaded, learned_from, config, out, report)
    if training_processes().is_main_process:
        _print_run(run, len(learned_from.frame), kind)


def _print_run(run: RunDirectory, n_decisions: int, kind: ParticipantKind) -> None:
    from advisor.encoder.risk_model import RiskModel
    from advisor.measurement.readability import Readability
    from advisor.runs.run_tables import RISK_MODEL_FILE, SUMMARY_FILE

    summary = run.read_json(SUMMARY_FILE)
    response = summary["response"]
    print(
        f"{run.path}: trained on {n_decisions} decisions of {kind}; ĥ on held-out participants"
        f" {response['held_out_log_loss']:.3f} nats (application alone {response['application_alone_log_loss']:.3f},"
        f" constant {response['constant_log_loss']:.3f})"
    )
    predicted = summary["predicted_accuracy"]
    print(
        f"  balanced accuracy of {kind} with these faces, predicted before anybody sees them:"
        f" {predicted['value']:.3f} ({predicted['ci_low']:.3f}, {predicted['ci_high']:.3f})"
    )
    calibration = RiskModel.from_dict(run.read_json(RISK_MODEL_FILE)).calibration
    readable = summary.get("readability")
    said = [calibration.sentence()] if calibration else []
    said += Readability.from_dict(readable).sentences() if readable else []
    for sentence in said or [
        "what can be read in these faces was not measured by the version that trained them"
    ]:
        print(f"  {sentence}")


@commands.command(
    epilog="Example: advisor sweep --task lending_club --study pilot --name first --out var/sweeps/first"
)
def sweep(
    task: TaskOption,
    study: Annotated[str, typer.Option("--study", help="study in the database to learn from")],
    name: Annotated[str, typer.Option("--name", help="name of the sweep; workers join it by this name")],
    out: OutOption,
    db: DatabaseOption = None,
    trials: Annotated[int, typer.Option(min=1, help="number of finished trials, across all workers")] = 20,
    kind: KindOption = None,
    seed: SeedOption = 0,
    settings: TrainSettings = None,
    device: DeviceOption = None,
    participants: OldKindOption = None,
    decisions: Annotated[str | None, typer.Option("--decisions", hidden=True)] = None,
) -> None:
    """Search for training options; run the same command in several processes to share the work."""
    compute_on(device)
    from advisor.encoder.sweep import sweep as take_part
    from advisor.response.training_decisions import decisions_of_study
    from data.store.decision_store import DecisionStore
    from data.tasks.decision_task import load_task

    kind = one_spelling("--kind", kind, "--participants", participants)
    url = one_spelling("--db", db, "--decisions", decisions) or DEFAULT_DATABASE_URL
    loaded = load_task(task)
    with DecisionStore.open(url, create=False) as store, progress_bars() as report:
        kind = kind or store.study(study).participants
        learned_from = decisions_of_study(store, study, loaded, kind)
        best, accuracy = take_part(loaded, learned_from, settings or [], url, name, trials, seed, out, report)
    print(
        f"best of {trials} trials: {accuracy:.4f} balanced accuracy of {kind}, predicted on validation applications"
    )
    print("  advisor train … " + " ".join(f"--set {setting}" for setting in best))


@commands.command(epilog="Example: advisor publish --explore --task lending_club --out var/bundles/round_0")
def publish(
    out: OutOption,
    run: Annotated[Path | None, typer.Argument(help="folder of a run that `advisor train` made")] = None,
    explore: Annotated[
        bool, typer.Option("--explore", help="round 0: random expressions; needs --task")
    ] = False,
    task: Annotated[
        str | None, typer.Option("--task", help="a shipped task's name or the path of a task.yaml")
    ] = None,
    study: Annotated[str | None, typer.Option("--study", help="serve it as this study's next round")] = None,
    db: DatabaseOption = None,
    seed: SeedOption = 0,
    settings: PublishSettings = None,
    device: DeviceOption = None,
) -> None:
    """Run the checks, render the faces and write a bundle."""
    compute_on(device)
    from advisor.publishing.publish import publish_explore, publish_run, require_allowed
    from advisor.runs.config import PublishConfig, parse_config
    from data.store.decision_store import DecisionStore
    from data.tasks.decision_task import load_task

    config = parse_config(PublishConfig, settings or [], seed=seed)
    if explore == (run is not None):
        raise UsageError("Give either a RUN to publish, or --explore with --task.")
    if explore and task is None:
        raise UsageError("--explore needs --task; name a shipped task or a task.yaml.")
    with ExitStack() as opened, progress_bars() as report:
        # without --study and --db, the run's own database says whether somebody was erased since
        asked = study is not None or db is not None
        url = db or DEFAULT_DATABASE_URL
        store = opened.enter_context(DecisionStore.open(url, create=False)) if asked else None
        if study is not None:
            assert store is not None
            require_allowed(store.study(study), run)
        if run is not None:
            bundle = publish_run(run, out, config, report, store)
        else:
            assert task is not None
            bundle = publish_explore(load_task(task), out, config, report)
    print(f"{out}: published {bundle.bundle_hash[:12]}, {len(bundle.images)} faces; all checks passed:")
    for check in bundle.manifest.checks:
        print(f"  {check.sentence()}")
    if study is not None:
        with DecisionStore.open(url, create=False) as store:
            store.register_bundle(bundle.as_record())
            print(f"  study {study}: round {store.start_round(study, bundle.bundle_hash)} from now on")


@commands.command(
    epilog="Example: advisor simulate --task lending_club --rounds 2 --participants 40 --out var/simulation"
)
def simulate(
    task: TaskOption,
    out: OutOption,
    rounds: Annotated[int, typer.Option(min=0, help="learning rounds after round 0")] = 2,
    participants: Annotated[int, typer.Option(min=2, help="simulated participants per block")] = 40,
    trials: Annotated[int, typer.Option(min=1, help="trials per participant")] = 30,
    seed: SeedOption = 0,
    learning: Annotated[
        int, typer.Option(min=0, help="learning trials per participant, before the others")
    ] = 0,
    questions: Annotated[
        int, typer.Option(min=0, help="main trials per participant that ask what was seen in the face")
    ] = 0,
    pairs: Annotated[int, typer.Option(min=0, help="pairs of faces that each participant compares")] = 0,
    population: Annotated[str, typer.Option(help="simulated population")] = "realistic",
    only_shown: Annotated[
        bool,
        typer.Option(
            "--only-shown",
            help="draw only faces that somebody here is shown; to serve the last bundle, run again without",
        ),
    ] = False,
    settings: TrainSettings = None,
    device: DeviceOption = None,
) -> None:
    """Run rounds with simulated participants and write OUT/results.json."""
    compute_on(device)
    from advisor.runs.config import TrainConfig, parse_config
    from advisor.simulation.collect import Asked
    from advisor.simulation.populations import population as population_named
    from advisor.simulation.rounds import simulate_rounds
    from data.tasks.decision_task import load_task

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
            asked=Asked(learning, n_questions=questions, n_pairs=pairs),
            only_shown=only_shown,
        )
    print(f"Results: {out / 'results.json'} (all participants were simulated)")


def _print_round(outcome: RoundOutcome) -> None:
    figures = "  ".join(
        f"{row['condition']} {row['accuracy']:.3f}" for row in outcome.rows if row["accuracy"] is not None
    )
    print(f"round {outcome.round_number} (simulated participants), balanced accuracy: {figures}")
    if not outcome.published:
        print(f"  the bundle before was shown again. {outcome.reason}")


@commands.command(epilog="Example: advisor evaluate var/runs/00000 --study pilot")
def evaluate(
    run: Annotated[Path, typer.Argument(help="folder of a run that `advisor train` made")],
    study: Annotated[
        str | None, typer.Option("--study", help="also report what this study's participants achieved")
    ] = None,
    kind: KindOption = None,
    db: DatabaseOption = None,
    device: DeviceOption = None,
    participants: OldKindOption = None,
) -> None:
    """Report accuracy on test applications: the machine's, people's as ĥ predicts it, and people's as measured."""
    compute_on(device)
    from advisor.encoder.trained_run import TrainedRun
    from advisor.measurement.withheld import WITHHELD, is_withheld
    from advisor.publishing.evaluate import (
        MEANING_OF_FIGURE,
        evaluate_run,
        measured_accuracy,
        prediction_and_outcome,
        require_same_task,
        response_log_loss_on_study,
        scored_decisions,
        what_is_missing,
    )
    from data.store.decision_store import DecisionStore

    kind = one_spelling("--kind", kind, "--participants", participants)
    trained = TrainedRun.load(run)
    withheld = False
    if study is not None:  # before faces are drawn: what is wrong with the study is said at once
        with DecisionStore.open(db or DEFAULT_DATABASE_URL, create=False) as store:
            kind = kind or store.study(study).participants
            require_same_task(trained, store.study(study))
            withheld = is_withheld(store.study(study), kind)
            if not withheld:
                decided = scored_decisions(store, study, kind)
                measured = measured_accuracy(decided)
                loss = response_log_loss_on_study(trained, store, decided)
                began = store.status_counts(study, kind=kind)
    for name, figure in evaluate_run(trained).rows():
        print(f"{name:28} {figure:.4f}  {MEANING_OF_FIGURE[name]}")
    if withheld:
        print(f"\nMeasured, participants: {kind}\n{WITHHELD}")
    elif study is not None:
        print(f"\nMeasured, participants: {kind}")
        print(
            _shown(measured if any(measured["reason"]) else measured.drop(columns="reason"))
            if len(measured)
            else "Nobody who counts has decided on a test application yet."
        )
        print("\nThis run's faces, balanced accuracy on test applications:")
        side_by_side = prediction_and_outcome(trained, measured)
        print(_shown(side_by_side))
        for sentence in what_is_missing(measured, began, side_by_side):
            print(sentence)
        if loss is not None:
            print(f"log-loss of ĥ on these test decisions with a face: {loss:.4f}")


def _shown(table: pd.DataFrame) -> str:
    """A table of figures as text, a dash for what there is none of."""
    return table.astype(object).where(table.notna(), "–").to_string(index=False, float_format="{:.4f}".format)
