"""Fixtures that several test files share."""

import gc
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import Engine, create_engine, inspect, make_url, text

from data.passive_waiting import wait_passively

wait_passively()  # before torch loads, as the commands do
if "PYTEST_XDIST_WORKER" in os.environ:  # tests run side by side, each on a core of its own
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from advisor.freed_memory import keep_freed_memory  # noqa: E402
from data.store.database import VERSION_TABLE  # noqa: E402
from data.store.decision_store import DecisionStore  # noqa: E402
from tests.support.decided_round import Call, DecidedRound, Outcome, explored, run_main  # noqa: E402
from tests.support.tiny_table import tiny_table, write_tiny_task  # noqa: E402

# A machine that trains beside the tests is slow now and then; that is no failure.
settings.register_profile("countenance", deadline=None, max_examples=60)
settings.load_profile("countenance")
keep_freed_memory()  # as the command `advisor` does


# A fixture that brings a browser, trained networks or a server along → the mark of the tests that use it.
NEEDS = {"chromium": "browser", "decided_round": "training", "served": "server", "serve_study": "server"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by what they need, and put files with long tests first; browser tests come last.

    Whole files go to one of several processes, in this order: a long one at the end would leave the others idle.
    Playwright keeps an event loop in the thread, where asyncio.run then refuses to work.
    """
    for item in items:
        for fixture in NEEDS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(NEEDS[fixture])
    by_length = {"training": 0, "slow": 1, "server": 2}
    rank: dict[Path, int] = {}
    for item in items:
        for mark in item.iter_markers():
            rank[item.path] = min(rank.get(item.path, 3), by_length.get(mark.name, 3))
    items.sort(key=lambda item: (item.get_closest_marker("browser") is not None, rank.get(item.path, 3)))


def pytest_collection_finish() -> None:
    """Leave modules and collected tests out of every later garbage collection: they stay, and are half a million."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _no_finding_stumbles(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A finding or chart that fails leaves the others standing, which must hide no mistake from the tests."""
    yield
    stumbled = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.name == "human_study.presentation.failures"
    ]
    assert not stumbled, stumbled


POSTGRES_URL = os.environ.get("COUNTENANCE_TEST_POSTGRES_URL", "")


@pytest.fixture
def tiny_task(tmp_path: Path) -> Path:
    """The task.yaml of a small synthetic task, with its table of 300 rows beside it."""
    return write_tiny_task(tmp_path / "tiny", tiny_table())


@pytest.fixture(scope="session")
def postgres_engine() -> Iterator[Engine]:
    """The PostgreSQL server that is named."""
    engine = create_engine(make_url(POSTGRES_URL).set(drivername="postgresql+psycopg"))
    yield engine
    engine.dispose()


def _schema(postgres: Engine) -> Iterator[str]:
    """The URL of a new schema."""
    name = f"test_{secrets.token_hex(8)}"
    with postgres.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    options = {"options": f"-csearch_path={name}"}
    yield make_url(POSTGRES_URL).update_query_dict(options).render_as_string(hide_password=False)
    with postgres.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {name} CASCADE"))


@pytest.fixture(scope="session")
def migrated_schema(postgres_engine: Engine) -> Iterator[tuple[str, str]]:
    """The URL of a schema with all tables, and the statement that empties them: to migrate takes ten times as long."""
    for url in _schema(postgres_engine):
        with DecisionStore.open(url):
            pass
        name = str(make_url(url).query["options"]).removeprefix("-csearch_path=")
        tables = set(inspect(postgres_engine).get_table_names(name)) - {VERSION_TABLE}
        yield url, f"TRUNCATE {', '.join(f'{name}.{table}' for table in tables)} RESTART IDENTITY"


@pytest.fixture(scope="session")
def migrated_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite file with all tables, to be copied, for the same reason."""
    file = tmp_path_factory.mktemp("migrated") / "store.db"
    with DecisionStore.open(f"sqlite:///{file}"):
        pass
    return file


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param(
            "postgres",
            marks=pytest.mark.skipif(not POSTGRES_URL, reason="COUNTENANCE_TEST_POSTGRES_URL is not set"),
        ),
    ]
)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without rows: SQLite, and PostgreSQL where one is named.

    It is new and has no tables yet, or has them where the test takes an open `store` as well.
    """
    is_migrated = "store" in request.fixturenames
    if request.param == "sqlite":
        file = tmp_path / "store.db"
        if is_migrated:
            shutil.copyfile(request.getfixturevalue("migrated_database"), file)
        yield f"sqlite:///{file}"
        return
    engine: Engine = request.getfixturevalue("postgres_engine")
    if not is_migrated:
        yield from _schema(engine)
        return
    url, empty = request.getfixturevalue("migrated_schema")
    yield url
    with engine.begin() as connection:
        connection.execute(text(empty))


@pytest.fixture
def store(store_url: str) -> Iterator[DecisionStore]:
    """An open, empty store on each kind of database."""
    with DecisionStore.open(store_url) as opened:
        yield opened


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line `advisor` in this process."""

    def run(*words: object) -> Outcome:
        status = run_main(words)
        written = capsys.readouterr()
        return Outcome(status, written.out, written.err)

    return run


@pytest.fixture(scope="session")
def decided_round(tmp_path_factory: pytest.TempPathFactory) -> DecidedRound:
    """Trials in `face` of an exploratory bundle of the tiny task, made by the real commands; do not write there."""
    folder = tmp_path_factory.mktemp("decided")
    return explored(write_tiny_task(folder / "task", tiny_table()), folder)
