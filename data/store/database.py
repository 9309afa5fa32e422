"""A database: how it is opened, what every connection is told, and how its schema is brought up to date."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnectionError

from data.errors import SetupError, StoreError

# Not alembic's own default: Optuna keeps its studies in the same database and takes `alembic_version`.
VERSION_TABLE = "countenance_schema"
BUSY_TIMEOUT_MS = 30_000
# Any fixed number, known to nobody else: two programs that open an empty database must not both fill it.
MIGRATION_LOCK = 0x434F554E


def open_engine(url: str, *, create: bool = True) -> Engine:
    """Connect to a database and bring its schema up to date; a new SQLite file is made only if `create`.

    Raises StoreError where the database is unreachable, foreign or newer than this program, SetupError where
    its driver is not installed.
    """
    location = _location(url)
    if not create and location.get_backend_name() == "sqlite" and not Path(str(location.database)).exists():
        raise StoreError(
            f"there is no database at {location.database}; mend the URL, or collect decisions first"
        )
    engine = create_engine(location, pool_pre_ping=location.get_backend_name() != "sqlite")
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite_connection)
        event.listen(engine, "begin", _begin_sqlite_transaction)
    try:
        _bring_up_to_date(engine)
    except OperationalError as error:
        engine.dispose()
        raise StoreError(
            f"{shown_url(engine)} cannot be opened ({_reason(error)}); mend the URL or start it"
        ) from error
    except DatabaseError as error:
        engine.dispose()
        raise StoreError(
            f"{shown_url(engine)} is no database of Countenance ({_reason(error)}); name another"
        ) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def _location(url: str) -> URL:
    try:
        # "postgres://" is how hosts hand it out; psycopg 3 is the driver that the extra installs.
        location = make_url(url.replace("postgres://", "postgresql://", 1))
        if location.drivername == "postgresql":
            location = location.set(drivername="postgresql+psycopg")
        location.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError(
            f'"{url}" is no database URL; write sqlite:///FILE or postgresql://USER@HOST/NAME'
        ) from error
    except ModuleNotFoundError as error:
        raise SetupError(
            f'the driver {error.name} is missing; install it: pip install "countenance[postgres]"'
        ) from error
    if location.get_backend_name() not in ("sqlite", "postgresql"):
        raise StoreError(f"{location.get_backend_name()} is not supported; use SQLite or PostgreSQL")
    if location.get_backend_name() == "sqlite":
        if not location.database or location.database == ":memory:":
            raise StoreError("a database in memory keeps nothing; name a file: sqlite:///FILE")
        try:
            Path(location.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the folder of {location.database} cannot be made ({error.strerror}); name another"
            ) from error
    return location


def shown_url(engine: Engine) -> str:
    """The database's URL without its password."""
    return engine.url.render_as_string(hide_password=True)


def _reason(error: DatabaseError) -> str:
    lines = str(error.orig).strip().splitlines()
    return lines[0] if lines else type(error.orig).__name__


def _prepare_sqlite_connection(dbapi_connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: a write takes its lock at once (see below).
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    # SQLite does not wait for the lock that this takes: of two programs that open a new file, one tries again.
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite_transaction(connection: Connection) -> None:
    # A transaction that reads first and writes later fails when another wrote in between; one that takes the
    # write lock at its start waits for it instead.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def transaction(engine: Engine, *, writing: bool) -> Iterator[Connection]:
    """One transaction: committed at the end of the block, rolled back by any exception.

    Raises StoreError where the database does not answer.
    """
    try:
        with engine.connect().execution_options(writing=writing) as connection, connection.begin():
            yield connection
    except OperationalError as error:
        raise StoreError(f"{shown_url(engine)} did not answer ({_reason(error)}); try again") from error
    except NoFreeConnectionError as error:
        raise StoreError(f"{shown_url(engine)} is busy with other requests; try again") from error


def overwrite_what_is_deleted(connection: Connection) -> None:
    """From now on, this SQLite connection overwrites the content of deleted rows with zeros."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


def compact(engine: Engine) -> bool:
    """Leave nothing of deleted rows in a SQLite file and its log; True where that is certain.

    A server's tables are vacuumed, but it keeps pages and logs of its own: False. False too where another
    program reads from the log at this moment. Raises StoreError where the disk is full or the file busy.
    """
    raw = engine.raw_connection()
    try:
        if engine.dialect.name == "sqlite":
            cursor = raw.cursor()
            cursor.execute("VACUUM")
            busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            return not busy
        raw.driver_connection.autocommit = True  # type: ignore[union-attr]
        raw.cursor().execute("VACUUM")
        raw.driver_connection.autocommit = False  # type: ignore[union-attr]
        return False
    except sqlite3.OperationalError as error:
        raise StoreError(
            f"the rows are deleted, but {shown_url(engine)} could not be compacted ({error}); free the disk or"
            " stop other programs, and give the same command again"
        ) from error
    finally:
        raw.close()


def _bring_up_to_date(engine: Engine) -> None:
    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).parents[1] / "migrations").replace("%", "%%")
    )
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        if _schema_version(connection) == scripts.get_current_head():
            return
    with (
        engine.connect().execution_options(writing=True) as connection,
        _without_foreign_keys(connection),
        connection.begin(),
    ):
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
        version = _schema_version(connection)
        if version and version not in {script.revision for script in scripts.walk_revisions()}:
            raise StoreError(f"{shown_url(engine)} was written by a newer Countenance; upgrade Countenance")
        if version is None and inspect(connection).get_table_names():
            raise StoreError(f"{shown_url(engine)} holds another program's tables; name another database")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _without_foreign_keys(connection: Connection) -> Iterator[None]:
    # SQLite changes a table by writing it anew; the rows that refer to it must outlive that moment.
    if connection.dialect.name != "sqlite":
        yield
        return
    # Only outside a transaction, and straight to the driver, as SQLAlchemy would begin one.
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()


def _schema_version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return str(
        connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none() or ""
    )
