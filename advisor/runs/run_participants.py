"""Who a run learned from: a list in the run itself, so that an erasure reaches runs wherever they stand.

Imports no torch. The list holds random keys, nothing else; `human_study.dataset.erase` takes erased ones out of it.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from advisor.runs.run_dir import RunDirectory
from advisor.runs.run_tables import HELD_OUT_FILE, PARTICIPANTS_FILE
from data.analysis_records import TrainingRun
from data.errors import PublicationRefusedError, SetupError, StoreError, TrainingError
from data.records import ParticipantKind
from data.store.decision_store import DecisionStore
from data.stored_record import new_key


class RunParticipants(BaseModel):
    """Whose decisions a run learned from, and how many of them were erased since."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_key: str = Field(default_factory=new_key)
    kind: ParticipantKind
    study: str | None = Field(description="None where the decisions came from files")
    database: str | None = Field(description="URL of the study's database, without a password")
    participants: tuple[str, ...]
    n_erased: int = 0


def enter_participants(
    run: RunDirectory, kind: ParticipantKind, study: str, keys: list[str], store: DecisionStore | None
) -> RunParticipants:
    """Write whom the run learns from into it, and the run into the study's register (`store` None: files).

    Raises TrainingError where the run was begun with other people, as when somebody was erased in between.
    """
    listed = tuple(sorted(set(keys)))
    if run.has(PARTICIPANTS_FILE):
        known = read_participants(run)
        if known.participants != listed or known.n_erased:
            raise TrainingError(
                f"{run.path} was begun with the decisions of other people; choose another --out."
            )
    else:
        known = RunParticipants(
            kind=kind,
            study=study if store is not None else None,
            database=store.shown_url if store is not None else None,
            participants=listed,
        )
        run.write_json(PARTICIPANTS_FILE, known.model_dump(mode="json"))
    if store is not None:
        path = str(run.path.resolve())
        store.register_run(
            TrainingRun(run_key=known.run_key, study_name=study, participants=kind, run_path=path)
        )
    return known


def read_participants(run: RunDirectory) -> RunParticipants:
    """The run's list. Raises TrainingError where it has none that can be understood."""
    try:
        return RunParticipants.model_validate(run.read_json(PARTICIPANTS_FILE))
    except (TrainingError, ValidationError) as error:
        raise TrainingError(
            f"{run.path} does not say whose decisions it learned from ({PARTICIPANTS_FILE}); train again."
        ) from error


def take_out_erased(run: RunDirectory, store: DecisionStore) -> int:
    """Take those who were erased out of the run; returns how many of its people were erased so far.

    The run's copy of single decisions goes as a whole: it is of no use to a run that is not published again.

    Raises TrainingError where the run or its list is gone.
    """
    listed = read_participants(run)
    if listed.study is None:
        return listed.n_erased
    erased = store.erased_among(listed.study, listed.participants)
    n_erased = listed.n_erased + len(erased)
    if n_erased:
        run.file(HELD_OUT_FILE).unlink(missing_ok=True)
    if erased:
        kept = tuple(key for key in listed.participants if key not in erased)
        changed = listed.model_copy(update={"participants": kept, "n_erased": n_erased})
        run.write_json(PARTICIPANTS_FILE, changed.model_dump(mode="json"))
    store.set_run(listed.run_key, n_erased=n_erased)
    return n_erased


def require_nobody_erased(run_path: Path, store: DecisionStore | None = None) -> None:
    """Refuse a run that learned from somebody who was erased since, also a copy that the erasure never saw.

    `store` is the study's database; without it, the one that the run was trained from is looked up.

    Raises PublicationRefusedError for such a run, and for people's decisions that cannot be looked up.
    """
    listed = read_participants(RunDirectory.open(run_path))
    n_erased = listed.n_erased
    if not n_erased and listed.study is not None and listed.database is not None:
        try:
            if store is not None:
                n_erased = len(store.erased_among(listed.study, listed.participants))
            else:
                with DecisionStore.open(listed.database, create=False) as opened:
                    n_erased = len(opened.erased_among(listed.study, listed.participants))
        except (StoreError, SetupError) as error:
            if listed.kind == "people":
                raise PublicationRefusedError(
                    f"Whether somebody in {run_path} was erased since cannot be looked up: {error}."
                ) from error
    if n_erased:
        raise PublicationRefusedError(
            f"{run_path} learned from {n_erased} who were erased since; train again, which leaves them out."
        )
