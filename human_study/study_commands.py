"""The subcommands that run a study: set it up, serve it, see how far it is, close it, list what is to be paid."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from data.command_line import DatabaseOption, OldKindOption, one_spelling
from data.default_database import DEFAULT_DATABASE_URL
from data.errors import StudyError
from data.records import ParticipantKind
from human_study.command_arguments import StudyOrName, StudyPath, study_and_database

if TYPE_CHECKING:
    from data.store.decision_store import DecisionStore

commands = typer.Typer()


@commands.command(epilog="Example: human-study init pilot.yaml")
def init(
    path: Annotated[Path, typer.Argument(help="the file to write")] = Path("study.yaml"),
    task: Annotated[
        str | None,
        typer.Option(help="a shipped task, or the path of a task.yaml; the bundle's own if left out"),
    ] = None,
    bundle: Annotated[Path, typer.Option(help="the first round's bundle")] = Path("var/round_0/bundle"),
    kind: Annotated[
        ParticipantKind | None,
        typer.Option(
            "--kind",
            help="who takes part; simulated is for trying a study out, and never counts as people; default: people",
        ),
    ] = None,
    db: Annotated[str | None, typer.Option("--db", help="SQLAlchemy URL for the study file")] = None,
    allow_simulated_advisor: Annotated[
        bool,
        typer.Option(
            "--allow-simulated-advisor", help="people may be shown advice learned from simulated participants"
        ),
    ] = False,
    language: Annotated[
        str,
        typer.Option(
            help="language code of what participants read; if not shipped, texts to translate are written too"
        ),
    ] = "en",
    participants: OldKindOption = None,
    database: Annotated[str | None, typer.Option("--database", hidden=True)] = None,
) -> None:
    """Write a complete, commented study file to start from."""
    from human_study.study.template import STUDY_TEMPLATE

    recruited = one_spelling("--kind", kind, "--participants", participants) or "people"
    database = one_spelling("--db", db, "--database", database) or DEFAULT_DATABASE_URL
    if path.exists():
        raise StudyError(f"{path} exists and is left as it is; choose another name.")
    name = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in path.stem.lower())
    task = task or _task_of(bundle)
    texts = _language_folder(language, task, path.parent)
    content = STUDY_TEMPLATE.format(
        name=name,
        file_name=path,
        task=_task_beside(path, task),
        language=language,
        language_folder=f"language_folder: {texts}" if texts else "# language_folder: languages/fr",
        bundle=_beside(path, bundle),
        database=database,
        participants=recruited,
        allow_simulated_advisor=str(allow_simulated_advisor).lower(),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    first = "say under ethics what people have a right to know" if recruited == "people" else "look at it"
    print(f"Wrote {path}; {first}, then: human-study serve {path}")


def _language_folder(language: str, task: str, beside: Path) -> Path | None:
    """The folder of texts to translate, written where a language does not ship; its path as the study file names it."""
    from human_study.study.messages import shipped_languages, write_language_folder

    if language in shipped_languages():
        return None
    from data.tasks.decision_task import load_task

    texts = Path("languages", language)
    write_language_folder(beside / texts, load_task(task))
    print(f"Wrote {beside / texts}; translate its files, and leave what stands in braces")
    return texts


def _beside(study_file: Path, named: Path) -> Path:
    """What the study file calls a file or folder: seen from its own folder, so that both can be copied elsewhere.

    Absolute where it is far away, and as given where nothing is there yet.
    """
    if not named.exists():
        return named
    folder = study_file.parent.resolve()
    near = named.resolve().is_relative_to(folder.parent)
    return Path(os.path.relpath(named.resolve(), folder)) if near or not named.is_absolute() else named


def _task_beside(study_file: Path, task: str) -> str:
    """A shipped task by its name, which means the same on every machine; another's task.yaml like any file."""
    from data.tasks.decision_task import shipped_name, task_path

    if name := shipped_name(task):
        return name
    return str(_beside(study_file, task_path(task) if Path(task).exists() else Path(task)))


def _task_of(bundle: Path) -> str:
    """The task that a bundle was published for, where there is a bundle; else the first one that ships."""
    from human_study.participation.served_bundles import task_of

    return task_of(bundle) if (bundle / "manifest.json").exists() else "lending_club"


@commands.command(epilog="Example: human-study serve study.yaml --port 8501 --analyst-port 8502")
def serve(
    study: StudyPath,
    port: Annotated[int, typer.Option(help="of the participant app", min=1, max=65535)] = 8501,
    host: Annotated[
        str,
        typer.Option(
            help="address to listen on; for a proxy on another machine 0.0.0.0, with FORWARDED_ALLOW_IPS set to it"
        ),
    ] = "127.0.0.1",
    analyst_port: Annotated[
        int, typer.Option(help="of the analyst app, on this machine only", min=1, max=65535)
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


@commands.command(epilog="Example: human-study preview study.yaml --condition face")
def preview(
    study: StudyPath,
    condition: Annotated[str, typer.Option(help="the condition to show")],
    port: Annotated[int, typer.Option(help="to listen on", min=1, max=65535)] = 8503,
    host: Annotated[str, typer.Option(help="address to listen on; see serve")] = "127.0.0.1",
    hours: Annotated[float, typer.Option(help="how long the link works", min=0.0001, max=24 * 90)] = 72,
) -> None:
    """Show a condition as participants see it, e.g. to an ethics board; nothing is stored."""
    from human_study import server

    server.serve_preview(study, condition, port=port, host=host, hours=hours)


@commands.command(epilog="Example: human-study status study.yaml")
def status(study: StudyOrName, db: DatabaseOption = None) -> None:
    """Show how far participants have got, by round and condition."""
    from rich.console import Console
    from rich.table import Table

    from data.store.decision_store import DecisionStore
    from human_study.dataset.completions import minutes_taken
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


@commands.command(epilog="Example: human-study materials study.yaml --out for_the_board")
def materials(
    study: StudyPath,
    out: Annotated[Path, typer.Option(help="the folder to write: materials.LANGUAGE.md and .html")],
) -> None:
    """Write every text that participants may read, by condition and language, e.g. for an ethics board."""
    from human_study.participants.materials import write_materials
    from human_study.study.study_file import load_study_file

    for path in write_materials(load_study_file(study), out):
        print(f"Wrote {path}")


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
