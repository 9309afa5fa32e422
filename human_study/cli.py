"""The command `human-study`: set a study up, serve it, see how far it is, write its report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from data.errors import CountenanceError, StudyError
from data.records import ParticipantKind

app = typer.Typer(
    help="Run a study in which people decide with and without advice.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)

StudyPath = Annotated[str, typer.Argument(help="the study file")]
StudyOrName = Annotated[str, typer.Argument(help="a study file, or the name of a study in the database")]
DatabaseUrl = Annotated[str | None, typer.Option("--db", help="SQLAlchemy URL, in place of the study file's")]


@app.command(epilog="Example: human-study init pilot.yaml")
def init(
    path: Annotated[Path, typer.Argument(help="the file to write")] = Path("study.yaml"),
    task: Annotated[str, typer.Option(help="a shipped task, or the path of a task.yaml")] = "lending_club",
    bundle: Annotated[Path, typer.Option(help="the first round's bundle")] = Path("var/round_0/bundle"),
    database: Annotated[str, typer.Option(help="SQLAlchemy URL")] = "sqlite:///var/countenance.db",
    participants: Annotated[
        str, typer.Option(help="people, or simulated to try a study out: nothing counts as people's then")
    ] = "people",
    allow_simulated_advisor: Annotated[
        bool,
        typer.Option("--allow-simulated-advisor", help="people may meet advice learned from simulated ones"),
    ] = False,
) -> None:
    """Write a complete, commented study file to start from."""
    from human_study.study_template import STUDY_TEMPLATE

    if participants not in ("people", "simulated"):
        raise StudyError(
            f"There are no participants {participants}; write --participants people or simulated."
        )
    if path.exists():
        raise StudyError(f"{path} exists and is left as it is; choose another name.")
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in path.stem.lower())
    content = STUDY_TEMPLATE.format(
        name=name,
        file_name=path,
        task=task,
        bundle=bundle,
        database=database,
        participants=participants,
        allow_simulated_advisor=str(allow_simulated_advisor).lower(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    first = "say under ethics what people have a right to know" if participants == "people" else "look at it"
    print(f"Wrote {path}; {first}, then: human-study serve {path}")


@app.command(epilog="Example: human-study serve study.yaml --port 8501 --analyst-port 8502")
def serve(
    study: StudyPath,
    port: Annotated[int, typer.Option(help="of the participant app", min=1, max=65535)] = 8501,
    analyst_port: Annotated[
        int, typer.Option(help="of the analyst app, on this machine only", min=1, max=65535)
    ] = 8502,
    db: DatabaseUrl = None,
    replica: Annotated[
        bool, typer.Option("--replica", help="one of several behind a load balancer, on PostgreSQL")
    ] = False,
    access_log: Annotated[
        Path | None, typer.Option(help="a file for a line a request: path only, nothing that names anybody")
    ] = None,
    analyst_key_file: Annotated[
        Path, typer.Option(help="keeps the analysts' key; made with a random one, readable by you only")
    ] = Path("var/analyst_key"),
    analyst_host: Annotated[
        str | None, typer.Option(help="the host name for which a proxy with TLS passes analysts on")
    ] = None,
) -> None:
    """Serve a study until Ctrl-C: the participant app, and the analyst app beside it."""
    from human_study import server

    server.serve(
        study,
        port=port,
        analyst_port=analyst_port,
        database_url=db,
        replica=replica,
        access_log=access_log,
        analyst_key_file=analyst_key_file,
        analyst_host=analyst_host,
    )


@app.command(epilog="Example: human-study status study.yaml")
def status(study: StudyOrName, db: DatabaseUrl = None) -> None:
    """Show how many participants are where, by round and condition."""
    from rich.console import Console
    from rich.table import Table

    from data.store import DecisionStore

    name, url = _study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        record = store.study(name)
        counts = store.status_counts(name, kind=record.participants)
        n_decisions = len(store.decisions_frame(name, kind=record.participants))
    table = Table(
        title=f"{name}: {record.status}, participants: {record.participants}, {n_decisions} decisions"
    )
    for column in ("round", "condition", "status"):
        table.add_column(column)
    table.add_column("participants", justify="right")
    for row in counts.itertuples(index=False):
        table.add_row(str(row.round_number), str(row.condition), str(row.status), str(row.n_participants))
    Console().print(table)


@app.command(epilog="Example: human-study close study.yaml --condition face")
def close(
    study: StudyOrName,
    condition: Annotated[str | None, typer.Option(help="close this condition only")] = None,
    db: DatabaseUrl = None,
) -> None:
    """Take no more participants, into the study or into one condition; those under way may finish."""
    from data.records import StudyCondition
    from data.store import DecisionStore

    name, url = _study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        if condition is None:
            store.close_study(name)
            print(f"{name} takes nobody any more; those under way may finish.")
            return
        known = {found.condition: found for found in store.conditions(name)}
        if condition not in known:
            raise StudyError(f"{name} has no condition {condition}; it has {', '.join(known)}.")
        store.set_condition(
            StudyCondition(
                study_name=name, condition=condition, quota=known[condition].quota, status="closed"
            )
        )
        print(f"{name} puts nobody into {condition} any more; those under way may finish.")


@app.command(epilog="Example: human-study bonuses study.yaml --out bonuses.csv")
def bonuses(
    study: StudyOrName,
    out: Annotated[Path, typer.Option(help="the CSV file to write: external_id,amount,currency,session_id")],
    again: Annotated[bool, typer.Option("--again", help="also those who were listed before")] = False,
    db: DatabaseUrl = None,
) -> None:
    """List what everybody who completed a closed study is to be paid beyond the base, each person once."""
    from data.store import DecisionStore
    from human_study.bonus_list import list_bonuses

    name, url = _study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        n_listed, total, currency = list_bonuses(store, name, out, again=again)
    print(f"Wrote {out}: {n_listed} bonuses, {total:.2f} {currency} in all.")


@app.command(epilog="Example: human-study report pilot --db sqlite:///var/countenance.db --out pilot.html")
def report(
    study: StudyOrName,
    out: Annotated[Path, typer.Option(help="the file to write: HTML, or Markdown where it ends in .md")],
    kind: Annotated[str | None, typer.Option(help="people or simulated; the study's own if left out")] = None,
    preregister: Annotated[
        bool,
        typer.Option(
            "--preregister", help="write OSF preregistration fields and hashes to --out FILE.md instead"
        ),
    ] = False,
    preregistration: Annotated[
        Path | None, typer.Option(help="the .json that --preregister wrote, to hold the report against")
    ] = None,
    db: DatabaseUrl = None,
) -> None:
    """Write the study's report: one HTML file that needs no network, or Markdown."""
    from data.store import DecisionStore
    from human_study.report import write_preregistration, write_report

    if kind not in (None, "people", "simulated"):
        raise StudyError(f"There is no kind of participants {kind}; write --kind people or --kind simulated.")
    if preregister:
        print(f"Wrote {write_preregistration(study, db, out)}; complete what it says is to be completed.")
        return
    name, url = _study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        chosen = cast(ParticipantKind, kind or store.study(name).participants)
        print(f"Wrote {write_report(store, name, kind=chosen, out=out, registered=preregistration)}")


@app.command(epilog="Example: human-study power study.yaml --effect 0.05 --out var/power")
def power(
    study: StudyPath,
    effect: Annotated[
        float | None,
        typer.Option(help="gain in balanced accuracy over no advice, 0-1; a pilot has its own if left out"),
    ] = None,
    population: Annotated[str, typer.Option(help="simulated people to draw from")] = "realistic",
    pilot: Annotated[
        Path | None,
        typer.Option(help="a run of `advisor train`: draw from what its ĥ learned of people instead"),
    ] = None,
    target: Annotated[float, typer.Option(help="power to reach", min=0.05, max=0.99)] = 0.8,
    participants: Annotated[
        str | None,
        typer.Option(help="participants a condition to try, such as 20,40,80; looked for if left out"),
    ] = None,
    simulations: Annotated[int, typer.Option(help="simulated studies a sample size", min=50)] = 500,
    minutes: Annotated[float | None, typer.Option(help="that a participation takes", min=0.1)] = None,
    seed: Annotated[int, typer.Option(help="of all that is drawn")] = 0,
    out: Annotated[Path | None, typer.Option(help="folder for table, picture and text")] = None,
) -> None:
    """Say how many participants a study needs, by simulating its planned analysis."""
    from human_study.power_report import power_of_study, write_power

    found = power_of_study(study, effect, population, pilot, target, participants, simulations, minutes, seed)
    for point in found.points:
        print(
            f"{point.n_each:5d} a condition, {point.n_total:5d} in all: power {point.power:6.1%} "
            f"± {point.monte_carlo_error:.1%} (Monte Carlo), {point.cost:,.2f} {found.plan.currency}, "
            f"{point.hours:,.1f} hours"
        )
    print(*found.sentences(), sep="\n")
    if out is not None:
        print("Wrote", ", ".join(map(str, write_power(found, out))))


ParticipantsKind = Annotated[
    str | None, typer.Option("--kind", help="people or simulated; the study's own if left out")
]


@app.command(
    epilog="Example: human-study export pilot --db sqlite:///var/countenance.db --out var/pilot_data"
)
def export(
    study: StudyOrName,
    out: Annotated[
        Path, typer.Option(help="the folder to write; an earlier export of the study is replaced")
    ],
    kind: ParticipantsKind = None,
    db: DatabaseUrl = None,
) -> None:
    """Write the study's data as a Psych-DS data set: CSV, Parquet, codebook, faces. No ids from elsewhere."""
    from data.store import DecisionStore
    from human_study.export import export_study

    name, url = _study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        chosen = _kind(kind) or store.study(name).participants
        print(f"Wrote {export_study(store, name, kind=chosen, out=out)}; an erasure reaches it there.")


@app.command("import", epilog="Example: human-study import var/pilot_data --db sqlite:///var/again.db")
def import_(
    folder: Annotated[Path, typer.Argument(help="a data set that `human-study export` wrote")],
    db: Annotated[str, typer.Option("--db", help="SQLAlchemy URL of a database without that study")],
    bundles: Annotated[Path, typer.Option(help="where to put its bundles")] = Path("var/imported"),
) -> None:
    """Put an exported data set back into a database."""
    from data.store import DecisionStore
    from human_study.import_data_set import import_data_set

    with DecisionStore.open(db) as store:
        print(f"Imported the study {import_data_set(folder, store, bundles)} into {store.shown_url}")


@app.command(epilog="Example: human-study erase pilot --participant 5pC0xhBAqAy4bbwVvOIaJQ")
def erase(
    study: StudyOrName,
    participant: Annotated[
        str | None, typer.Option("--participant", help="the participant's random key, as on the page People")
    ] = None,
    external_id: Annotated[
        str | None, typer.Option("--external-id", help="the id under which the platform sent the person")
    ] = None,
    db: DatabaseUrl = None,
) -> None:
    """Delete a person for good: rows, exports, places in runs. Says what it cannot reach."""
    from data.store import DecisionStore
    from human_study.erase import erase_participant

    name, url = _study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        outcome = erase_participant(store, name, participant_key=participant, external_id=external_id)
    print("\n".join(outcome.sentences()))


@app.command(epilog="Example: human-study retain --db sqlite:///var/countenance.db")
def retain(db: DatabaseUrl = None) -> None:
    """Delete recruitment ids whose time is over (retention_days after closing), as `serve` does daily."""
    from data.store import DEFAULT_DATABASE_URL, DecisionStore
    from human_study.retention import delete_due

    with DecisionStore.open(db or DEFAULT_DATABASE_URL, create=False) as store:
        deleted = delete_due(store)
    for name, n_ids in deleted.items():
        print(f"{name}: {n_ids} recruitment ids deleted")
    if not deleted:
        print("No recruitment ids are due.")


def _kind(text: str | None) -> ParticipantKind | None:
    if text not in (None, "people", "simulated"):
        raise StudyError(f"There is no kind of participants {text}; write --kind people or --kind simulated.")
    return cast("ParticipantKind | None", text)


def _study_and_database(study: str, database_url: str | None) -> tuple[str, str]:
    """The study's name and its database, from a study file or from a bare name."""
    from data.store import DEFAULT_DATABASE_URL
    from human_study.study_file import load_study_file

    if study.endswith((".yaml", ".yml")) or Path(study).is_file():
        study_file = load_study_file(study)
        return study_file.name, database_url or study_file.database
    return study, database_url or DEFAULT_DATABASE_URL


def main() -> None:
    """Entry point: a user's mistake is one line on stderr and exit status 2."""
    try:
        app()
    except CountenanceError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
