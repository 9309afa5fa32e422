"""The subcommands about a study's data: report, sample size, export and import, and what must be deleted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.command_line import DatabaseOption, KindOption
from data.errors import StudyError
from human_study.command_arguments import StudyOrName, is_study_file, study_and_database

if TYPE_CHECKING:
    from human_study.planning.power_report import PowerOptions

commands = typer.Typer()


@commands.command(
    epilog="Example: human-study report pilot --db sqlite:///var/countenance.db --out pilot.html"
)
def report(
    study: StudyOrName,
    out: Annotated[
        Path, typer.Option("--out", help="the file to write: HTML, or Markdown if it ends in .md")
    ],
    kind: KindOption = None,
    preregister: Annotated[
        bool,
        typer.Option(
            "--preregister", help="write OSF preregistration fields and hashes to --out FILE.md instead"
        ),
    ] = False,
    preregistration: Annotated[
        Path | None, typer.Option(help="the .json that --preregister wrote, to compare the report with")
    ] = None,
    db: DatabaseOption = None,
) -> None:
    """Write the study's report: one HTML file that needs no network, or Markdown."""
    from data.store.decision_store import DecisionStore
    from human_study.report.report import write_preregistration, write_report

    if preregister:
        print(f"Wrote {write_preregistration(study, db, out)}; complete what it says is to be completed.")
        return
    name, url = study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        chosen = kind or store.study(name).participants
        print(f"Wrote {write_report(store, name, kind=chosen, out=out, registered=preregistration)}")


@commands.command(epilog="Example: human-study power study.yaml --effect 0.05 --out var/power")
def power(
    study: StudyOrName,
    effect: Annotated[
        float | None,
        typer.Option(
            help="the primary contrast in balanced accuracy, 0-1; with --pilot, the pilot's own by default"
        ),
    ] = None,
    population: Annotated[str, typer.Option(help="simulated people to draw from")] = "realistic",
    pilot: Annotated[
        Path | None,
        typer.Option(help="a run of `advisor train`: draw from what its ĥ learned of people instead"),
    ] = None,
    target: Annotated[float, typer.Option(help="target power", min=0.05, max=0.99)] = 0.8,
    participants: Annotated[
        str | None,
        typer.Option(help="sample sizes per condition to try, such as 20,40,80; default: searched for"),
    ] = None,
    simulations: Annotated[int, typer.Option(help="simulated studies per sample size", min=50)] = 500,
    minutes: Annotated[float | None, typer.Option(help="minutes one participation takes", min=0.1)] = None,
    rounds: Annotated[
        int, typer.Option(help="rounds of that size: all are paid, the newest is tested", min=1)
    ] = 1,
    seed: Annotated[int, typer.Option(help="random seed")] = 0,
    out: Annotated[Path | None, typer.Option(help="folder for the table, figure and text")] = None,
    db: DatabaseOption = None,
) -> None:
    """Estimate how many participants a study needs by simulating its planned analysis.

    Given the name of a study in the database instead of a study file, report the smallest effect that it can still
    detect.
    """
    from human_study.planning.power_report import PowerOptions, power_of_study, sizes_named, write_power

    options = PowerOptions(population, pilot, target, sizes_named(participants), simulations, seed)
    if not is_study_file(study):
        if effect is not None or minutes is not None or rounds != 1:
            raise StudyError(
                "--effect, --minutes and --rounds are for planning, with a study file; leave them out to see the"
                " smallest effect that a study in the database can still detect."
            )
        _power_of_running(study, db, options, out)
        return
    found = power_of_study(study, options, effect=effect, minutes=minutes, n_rounds=rounds)
    for point in found.points:
        print(
            f"{point.n_each:5d} a condition, {point.n_total:5d} in all: power {point.power:6.1%} "
            f"± {point.monte_carlo_error:.1%} (Monte Carlo), {point.cost:,.2f} {found.plan.currency}, "
            f"{point.hours:,.1f} hours"
        )
    print(*found.sentences(), sep="\n")
    if out is not None:
        print("Wrote", ", ".join(map(str, write_power(found, out))))


def _power_of_running(study: str, db: str | None, options: PowerOptions, out: Path | None) -> None:
    from data.store.decision_store import DecisionStore
    from human_study.planning.running_power import power_of_running_study, write_running_power

    name, url = study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        found = power_of_running_study(store, name, options)
    print(*found.sentences(), sep="\n")
    if out is not None:
        print("Wrote", ", ".join(map(str, write_running_power(found, out))))


@commands.command(
    epilog="Example: human-study export pilot --db sqlite:///var/countenance.db --out var/pilot_data"
)
def export(
    study: StudyOrName,
    out: Annotated[
        Path, typer.Option(help="the folder to write; an earlier export of the study is replaced")
    ],
    kind: KindOption = None,
    db: DatabaseOption = None,
) -> None:
    """Write the study's data as a Psych-DS data set: CSV, Parquet, codebook, faces; no platform ids."""
    from data.store.decision_store import DecisionStore
    from human_study.dataset.export import export_study

    name, url = study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        chosen = kind or store.study(name).participants
        print(f"Wrote {export_study(store, name, kind=chosen, out=out)}; an erasure reaches it there.")


@commands.command("import", epilog="Example: human-study import var/pilot_data --db sqlite:///var/again.db")
def import_(
    folder: Annotated[Path, typer.Argument(help="a data set that `human-study export` wrote")],
    db: Annotated[
        str, typer.Option("--db", help="SQLAlchemy URL of a database that does not hold that study")
    ],
    bundles: Annotated[Path, typer.Option(help="where to put its bundles")] = Path("var/imported"),
) -> None:
    """Load an exported data set into a database."""
    from data.store.decision_store import DecisionStore
    from human_study.dataset.import_data_set import import_data_set, read_data_set

    data_set = read_data_set(folder)  # before a database is made
    with DecisionStore.open(db) as store:
        print(f"Imported the study {import_data_set(data_set, store, bundles)} into {store.shown_url}")


@commands.command(epilog="Example: human-study erase pilot --participant 5pC0xhBAqAy4bbwVvOIaJQ")
def erase(
    study: StudyOrName,
    participant: Annotated[
        str | None,
        typer.Option("--participant", help="the participant's random key, as shown on the People page"),
    ] = None,
    external_id: Annotated[
        str | None, typer.Option("--external-id", help="the id the platform gave the participant")
    ] = None,
    db: DatabaseOption = None,
) -> None:
    """Permanently delete a participant from database, exports and runs; reports what it cannot reach."""
    from data.store.decision_store import DecisionStore
    from human_study.dataset.erase import erase_participant

    name, url = study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        outcome = erase_participant(store, name, participant_key=participant, external_id=external_id)
    print("\n".join(outcome.sentences()))


@commands.command(epilog="Example: human-study retain --db sqlite:///var/countenance.db")
def retain(db: DatabaseOption = None) -> None:
    """Delete recruitment ids past their retention period (retention_days after closing), as `serve` does daily."""
    from data.default_database import DEFAULT_DATABASE_URL
    from data.store.decision_store import DecisionStore
    from human_study.dataset.retention import delete_due

    with DecisionStore.open(db or DEFAULT_DATABASE_URL, create=False) as store:
        deleted = delete_due(store)
    for name, n_ids in deleted.items():
        print(f"{name}: {n_ids} recruitment ids deleted")
    if not deleted:
        print("No recruitment ids are due.")
