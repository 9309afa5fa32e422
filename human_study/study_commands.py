"""The subcommands that run a study: serve it, see how far it is, close it, list who completed and is to be paid."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from data.command_line import DatabaseOption
from data.errors import StudyError
from human_study.command_arguments import StudyOrName, StudyPath, study_and_database

if TYPE_CHECKING:
    from data.store.decision_store import DecisionStore

commands = typer.Typer()


@commands.command(epilog="Example: human-study serve study.yaml --port 8501 --analyst-port 8502")
def serve(
    study: StudyPath,
    port: Annotated[int, typer.Option(help="port of the participant app", min=1, max=65535)] = 8501,
    host: Annotated[
        str,
        typer.Option(
            help="address to listen on; for a proxy on another machine 0.0.0.0, with FORWARDED_ALLOW_IPS set to it"
        ),
    ] = "127.0.0.1",
    analyst_port: Annotated[
        int, typer.Option(help="port of the analyst app, on this machine only", min=1, max=65535)
    ] = 8502,
    db: DatabaseOption = None,
    replica: Annotated[
        bool, typer.Option("--replica", help="one of several behind a load balancer, on PostgreSQL")
    ] = False,
    access_log: Annotated[
        Path | None,
        typer.Option(help="file to log one line per request to: path only, nothing that identifies anyone"),
    ] = None,
    analyst_key_file: Annotated[
        Path,
        typer.Option(help="file with the analysts' key; created with a random key, readable only by you"),
    ] = Path("var/analyst_key"),
    analyst_host: Annotated[
        str | None, typer.Option(help="host name under which a TLS proxy forwards analysts")
    ] = None,
) -> None:
    """Serve a study until Ctrl-C: the participant app, and the analyst app beside it."""
    from human_study import server

    server.serve(
        study,
        port=port,
        host=host,
        analyst_port=analyst_port,
        database_url=db,
        replica=replica,
        access_log=access_log,
        analyst_key_file=analyst_key_file,
        analyst_host=analyst_host,
    )


@commands.command(epilog="Example: human-study status study.yaml")
def status(study: StudyOrName, db: DatabaseOption = None) -> None:
    """Show how far participants have got, by round and condition."""
    from rich.console import Console
    from rich.table import Table

    from data.store.decision_store import DecisionStore
    from human_study.dataset.completions import minutes_taken, n_declined
    from human_study.dataset.overdue import release_overdue

    name, url = study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        release_overdue(store, name)
        record = store.study(name)
        counts = store.status_counts(name, kind=record.participants)
        people = store.participants_frame(name, kind=record.participants)
        quotas = {one.condition: one.quota for one in store.conditions(name) if one.quota is not None}
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
    steps = people.loc[people["status"] == "active", "step"]
    minutes = minutes_taken(people[people["status"] == "completed"])
    if len(steps):
        at = steps.replace("", "consent").value_counts()
        print(f"Under way: {', '.join(f'{step} {n}' for step, n in at.items())}")
    if declined := n_declined(people):
        print(f"Declined consent: {declined} (their status is returned)")
    if quotas:
        print(f"Quotas: {', '.join(f'{condition} {quota}' for condition, quota in quotas.items())}")
    if len(minutes):
        low, median, high = minutes.quantile([0.25, 0.5, 0.75])
        print(
            f"Completed in a median of {median:.1f} minutes (quartiles {low:.1f} and {high:.1f}): write"
            f" expected_minutes: {max(1, round(median))}"
        )


@commands.command(epilog="Example: human-study close study.yaml --condition face")
def close(
    study: StudyOrName,
    condition: Annotated[str | None, typer.Option(help="close this condition only")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask for confirmation")] = False,
    db: DatabaseOption = None,
) -> None:
    """Stop admitting participants, to the study or to one condition; `human-study open` reverses it."""
    from data.store.decision_store import DecisionStore

    name, url = study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        store.study(name)  # a name that is mistyped is said before anything is asked
        if not yes:
            if not sys.stdin.isatty():
                raise StudyError(
                    f"Closing {condition or name} asks first, and here nobody can answer; add --yes."
                )
            typer.confirm(f"Admit nobody new to {condition or name}? Those under way may finish", abort=True)
        if condition is None:
            store.close_study(name)
            print(f"{name} admits nobody new; those under way may finish. To undo: human-study open {study}")
            return
        _set_condition(store, name, condition, "closed")
        print(f"{name} assigns nobody new to {condition}; those under way may finish.")


@commands.command("open", epilog="Example: human-study open study.yaml --condition face")
def open_again(
    study: StudyOrName,
    condition: Annotated[str | None, typer.Option(help="open this condition only")] = None,
    db: DatabaseOption = None,
) -> None:
    """Admit participants again, to a closed study or to one condition."""
    from data.store.decision_store import DecisionStore

    name, url = study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        if condition is None:
            store.open_study(name)
            print(f"{name} admits participants again.")
            return
        _set_condition(store, name, condition, "open")
        print(f"{name} assigns participants to {condition} again.")


def _set_condition(
    store: DecisionStore, study_name: str, condition: str, status: Literal["open", "closed"]
) -> None:
    from data.records import StudyCondition

    known = {found.condition: found for found in store.conditions(study_name)}
    if condition not in known:
        raise StudyError(f"{study_name} has no condition {condition}; it has {', '.join(known)}.")
    quota = known[condition].quota
    store.set_condition(
        StudyCondition(study_name=study_name, condition=condition, quota=quota, status=status)
    )


@commands.command("completions", epilog="Example: human-study completions study.yaml --out completions.csv")
def list_completions(
    study: StudyOrName,
    out: Annotated[
        Path, typer.Option(help="the CSV file to write; it contains the platforms' participant ids")
    ],
    form: Annotated[
        Literal["table", "prolific", "mturk"],
        typer.Option(
            "--format",
            help="everything, or the format a platform accepts: Prolific's id,amount, MTurk's review file",
        ),
    ] = "table",
    db: DatabaseOption = None,
) -> None:
    """List everyone's id, status, completion code, failed checks, minutes, pay and bonus."""
    from data.store.decision_store import DecisionStore
    from human_study.dataset.completions import write_completions

    name, url = study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        n_listed = write_completions(store, name, out, form)
    print(f"Wrote {out}: {n_listed} people.")


@commands.command(epilog="Example: human-study bonuses study.yaml --out bonuses.csv")
def bonuses(
    study: StudyOrName,
    out: Annotated[Path, typer.Option(help="the CSV file to write: external_id,amount,currency,session_id")],
    again: Annotated[bool, typer.Option("--again", help="include people who were listed before")] = False,
    db: DatabaseOption = None,
) -> None:
    """List the bonus of everyone who completed a closed study; nobody is listed twice."""
    from data.store.decision_store import DecisionStore
    from human_study.dataset.bonus_list import list_bonuses

    name, url = study_and_database(study, db)
    with DecisionStore.open(url, create=False) as store:
        n_listed, total, currency = list_bonuses(store, name, out, again=again)
    print(f"Wrote {out}: {n_listed} bonuses, {total:.2f} {currency} in all.")
