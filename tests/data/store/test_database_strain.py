"""Databases under strain, and how their troubles are told: in a sentence, without a password or anybody's key."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from data.admission import Occupancy, ParticipantPlan
from data.errors import CountenanceError, StoreError
from data.records import Recruitment, Study
from data.store.decision_store import DecisionStore
from tests.support.own_pgbouncer import OwnPgbouncer, find_pgbouncer
from tests.support.own_postgres import OwnPostgres, find_postgres
from tests.support.tiny_study import write_task, write_tiny_bundle

needs_postgres = pytest.mark.skipif(find_postgres() is None, reason="Debian's postgresql is not installed")
needs_pooler = pytest.mark.skipif(find_pgbouncer() is None, reason="Debian's pgbouncer is not installed")
STUDY = Study(
    name="s",
    participants="simulated",
    task_name="t",
    task_hash="0" * 64,
    study_file="{}",
    study_hash="0" * 64,
)


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    server = OwnPostgres()
    server.start()
    yield server
    server.remove()


@pytest.mark.parametrize(
    "url",
    [
        "postgrsql://me:hush@somewhere/studies",
        "postgresql:/me:hush@somewhere/studies",
        "me:hush@somewhere/studies",
        "mysql://me:hush@somewhere/studies",
        "postgresql://me:hu@hush@127.0.0.1:1/studies",
        "postgresql://me:hu@hu/hush?x@127.0.0.1:1/studies",
        "postgresql://me:hush",
        "postgresql://me:hu/hu:hush@127.0.0.1:port/studies",
        "postgresql+psycopg2://me:hush@127.0.0.1:1/studies",
        "postgresql+asyncpg://me:hush@127.0.0.1:1/studies",
        "postgres://127.0.0.1:1/studies?user=me&password=hush",
        "postgresql://me@127.0.0.1:1/studies?sslpassword=hush",
        "postgresql://me@127.0.0.1:1/studies?passwrod=hush",
        "postgresql://127.0.0.1:1/studies?user=me&PASSWORD=hush&connect_timeout=1",
        "sqlite:////proc/nowhere/studies.db?passwrod=hush",
        "sqlite:///studies.db?passwrod=hush",
        "mysql://me:hush@127.0.0.1/studies?token=hush",
    ],
)
def test_a_wrong_url_is_told_without_its_password(url: str) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(CountenanceError) as raised:
        DecisionStore.open(url)
    seen: BaseException | None = raised.value
    assert len(str(seen).splitlines()) == 1
    while seen is not None:  # what a log of the whole chain would show
        assert "hush" not in str(seen)
        seen = seen.__cause__
    assert "pip install" not in str(raised.value)


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mssql+pyodbc", "oracle"])
def test_a_database_that_is_not_served_is_not_taken_for_a_slip(scheme: str) -> None:
    with pytest.raises(
        StoreError, match="only SQLite and PostgreSQL are; write sqlite:///FILE or postgresql://"
    ):
        DecisionStore.open(f"{scheme}://me@127.0.0.1/studies")
    with pytest.raises(StoreError, match="did you mean sqlite://"):
        DecisionStore.open("sqllite:///studies.db")


def test_a_disk_that_declines_the_write_ahead_log_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # This way of locking has no shared memory, as network drives have none.
    with pytest.raises(StoreError, match="write-ahead log.*disk of this machine"):
        DecisionStore.open("sqlite:///file:study.db?vfs=unix-dotfile&uri=true")


def test_a_database_that_cannot_be_written_says_so_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("study.db").touch()
    began = time.monotonic()
    with pytest.raises(StoreError, match="readonly"):
        DecisionStore.open("sqlite:///file:study.db?mode=ro&uri=true")
    assert time.monotonic() - began < 10  # it waited half a minute for a lock that nobody held


@needs_postgres
def test_missing_rights_are_named_with_what_grants_them(postgres: OwnPostgres) -> None:
    engine = create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE ROLE guest LOGIN"))
        connection.execute(text("CREATE DATABASE visited"))
    engine.dispose()
    with pytest.raises(StoreError, match='GRANT USAGE, CREATE ON SCHEMA public TO "guest"'):
        DecisionStore.open(f"postgresql://guest@127.0.0.1:{postgres.port}/visited")


@needs_postgres
@pytest.mark.parametrize("driver", ["postgres", "postgresql+psycopg2", "postgresql+asyncpg"])
def test_urls_for_other_drivers_open_the_database(postgres: OwnPostgres, driver: str) -> None:
    with DecisionStore.open(postgres.url.replace("postgresql+psycopg", driver)) as store:
        store.check_ready()
        assert store.shown_url == postgres.url


@needs_postgres
def test_a_server_that_takes_no_writes_is_not_ready_until_it_does(postgres: OwnPostgres) -> None:
    admin = create_engine(postgres.url, isolation_level="AUTOCOMMIT")

    def configure(setting: str) -> None:
        with admin.connect() as connection:
            connection.execute(text("SET transaction_read_only = off"))
            connection.execute(text(f"ALTER SYSTEM {setting}"))
            connection.execute(text("SELECT pg_reload_conf()"))
        time.sleep(0.3)

    with DecisionStore.open(postgres.url) as store:
        configure("SET default_transaction_read_only = on")
        try:
            with pytest.raises(StoreError, match="refused what it was asked"):
                store.create_study(STUDY)
            with pytest.raises(StoreError, match="takes no writes"):
                store.check_ready()
        finally:
            configure("RESET default_transaction_read_only")
        store.check_ready()
    admin.dispose()


@needs_postgres
@needs_pooler
def test_a_pooler_in_transaction_mode_serves_everybody(postgres: OwnPostgres, tmp_path: Path) -> None:
    bundle = write_tiny_bundle(write_task(tmp_path / "task"), tmp_path / "round_0" / "bundle").as_record()
    pooler = OwnPgbouncer(postgres)

    def nothing_to_decide(_: Occupancy) -> ParticipantPlan:
        return ParticipantPlan("none", [])

    def begin(number: int) -> str:
        person = Recruitment(platform="link", external_id=str(number))
        return store.add_participant(
            "pooled", "simulated", nothing_to_decide, external=person
        ).participant_key

    try:
        with DecisionStore.open(pooler.url) as store, ThreadPoolExecutor(10) as threads:
            study = STUDY.model_copy(update={"name": "pooled", "task_hash": bundle.task_hash})
            store.create_study(study)
            store.register_bundle(bundle)
            store.start_round("pooled", bundle.bundle_hash)
            keys = list(threads.map(begin, range(60)))
            assert len(set(keys)) == 60
            assert len(store.participants_frame("pooled", kind="simulated")) == 60
    finally:
        pooler.remove()


def test_an_error_of_the_database_repeats_nothing_that_was_to_be_stored(tmp_path: Path) -> None:
    with DecisionStore.open(f"sqlite:///{tmp_path / 'study.db'}") as store:
        store.add_stored_rows([Study], {"study": [STUDY.model_dump()]})
        with pytest.raises(StoreError) as raised:
            store.add_stored_rows([Study], {"study": [STUDY.model_dump()]})
    assert (
        STUDY.study_hash not in f"{raised.value} {raised.value.__cause__} {raised.value.__cause__.__cause__}"
    )
