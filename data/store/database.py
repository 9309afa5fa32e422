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
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnectionError

from data.errors import SetupError, StoreError
from data.said_wrong import nearest

# Not alembic's own default: Optuna keeps its studies in the same database and takes `alembic_version`.
VERSION_TABLE = "countenance_schema"
BUSY_TIMEOUT_MS = 30_000
# Any fixed number, known to nobody else: two programs that open an empty database must not both fill it.
MIGRATION_LOCK = 0x434F554E

_WRITE_URL = "write sqlite:///FILE or postgresql://USER@HOST/NAME"
# psycopg 3 is the driver that the extra installs.
_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_SHOWN_OPTIONS = ("host", "port", "dbname")  # of a URL's query; others may be a password, or one misspelt
_INSUFFICIENT_PRIVILEGE = "42501"  # SQLSTATE


def open_engine(url: str, *, create: bool = True) -> Engine:
    """Connect to a database and bring its schema up to date; a new SQLite file is made only if `create`.

    Raises StoreError where the database is unreachable, foreign or newer than this program, SetupError where
    its driver is not installed.
    """
    location = _location(url)
    file = Path(str(location.database))
    if not create and location.get_backend_name() == "sqlite" and not (file.exists() and file.stat().st_size):
        raise StoreError(
            f"there is no database at {file}{', the file is empty' if file.exists() else ''}; correct the URL, or"
            " collect decisions first"
        )
    is_server = location.get_backend_name() == "postgresql"
    engine = create_engine(
        location,
        pool_pre_ping=is_server,
        # Parameters are people's keys and answers: no error or log repeats them.
        hide_parameters=True,
        # A pooler in transaction mode gives every transaction another connection, which lacks what was prepared.
        connect_args={"prepare_threshold": None} if is_server else {},
    )
    if not is_server:
        event.listen(engine, "connect", _prepare_sqlite_connection)
        event.listen(engine, "begin", _begin_sqlite_transaction)
    try:
        _bring_up_to_date(engine)
    except DBAPIError as error:
        engine.dispose()
        raise _not_opened(engine, error) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def _not_opened(engine: Engine, error: DBAPIError) -> StoreError:
    """What is wrong with a database that cannot be opened, in a sentence."""
    if getattr(error.orig, "sqlstate", None) == _INSUFFICIENT_PRIVILEGE:
        return StoreError(
            f"{shown_url(engine)} does not let {engine.url.username or 'this user'} make tables; have its"
            f' administrator say: GRANT USAGE, CREATE ON SCHEMA public TO "{engine.url.username or "USER"}"'
        )
    if isinstance(error, OperationalError) or engine.dialect.name == "postgresql":
        return StoreError(
            f"{shown_url(engine)} cannot be opened ({_reason(error)}); correct the URL, or start the server"
        )
    return StoreError(f"{shown_url(engine)} is no database of Countenance ({_reason(error)}); name another")


def _location(url: str) -> URL:
    # A URL may hold a password, and a mistyped one holds it anywhere: no sentence here repeats any of it.
    scheme, separator, rest = url.partition("://")
    backend = scheme.partition("+")[0]
    if not separator:
        raise StoreError(f"that is no database URL; {_WRITE_URL}")
    if backend not in _DRIVERS:
        meant = nearest(backend, ("sqlite", "postgresql"), cutoff=0.75)
        mend = f"did you mean {meant}://?" if meant else _WRITE_URL
        raise StoreError(
            f'a database URL that begins with "{backend}" is not supported, only SQLite and PostgreSQL are; {mend}'
        )
    if backend != "sqlite" and rest.count("@") > 1:
        raise StoreError("the password in the database URL holds an @; write it as %40 there")
    try:
        # Other drivers of the same database, as hosts hand them out, mean no more than the database.
        location = make_url(f"{_DRIVERS[backend]}://{rest}")
        location.get_dialect().import_dbapi()
    except (ArgumentError, ValueError):
        raise StoreError(
            "the database URL cannot be read; in its password write : / ? # @ as %3A %2F %3F %23 %40, and"
            f" {_WRITE_URL}"
        ) from None
    except ModuleNotFoundError as error:
        raise SetupError(
            f'the driver {error.name} is missing; install it: pip install "countenance[postgres]"'
        ) from error
    if backend == "sqlite":
        if not location.database or location.database == ":memory:":
            raise StoreError("a database in memory keeps nothing; name a file: sqlite:///FILE")
        if location.query and "uri" not in location.query:
            raise StoreError("a sqlite:/// URL takes no options; leave out what stands behind the ?")
        try:
            Path(location.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the folder of {location.database} cannot be made ({error.strerror}); name another"
            ) from error
    return location


def shown_url(engine: Engine) -> str:
    """The database's URL without its password, in whichever part of it that stands."""
    hidden = [option for option in engine.url.query if option not in _SHOWN_OPTIONS]
    url = engine.url.difference_update_query(hidden)
    return url.render_as_string(hide_password=True)


def _reason(error: DBAPIError) -> str:
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
            mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
            if mode != "wal":
                mode = cursor.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    if mode != "wal":
        raise StoreError(
            f"SQLite keeps no write-ahead log where the database stands (it is in mode {mode}), as on network"
            " drives; put it on a disk of this machine, or use PostgreSQL"
        )


def _begin_sqlite_transaction(connection: Connection) -> None:
    # A transaction that reads first and writes later fails when another wrote in between; one that takes the
    # write lock at its start waits for it instead.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def transaction(engine: Engine, *, writing: bool) -> Iterator[Connection]:
    """One transaction: committed at the end of the block, rolled back by any exception.

    Raises StoreError where the database does not answer or does not do what it was asked to.
    """
    try:
        with engine.connect().execution_options(writing=writing) as connection, connection.begin():
            yield connection
    except OperationalError as error:
        raise StoreError(f"{shown_url(engine)} did not answer ({_reason(error)}); try again") from error
    except DBAPIError as error:
        # A broken constraint is named; the sentences of other errors may repeat what was to be stored.
        reason = _reason(error) if isinstance(error, IntegrityError) else type(error.orig).__name__
        raise StoreError(f"{shown_url(engine)} refused what it was asked ({reason}); try again") from error
    except NoFreeConnectionError as error:
        raise StoreError(f"{shown_url(engine)} is busy with other requests; try again") from error


def require_writable(engine: Engine) -> None:
    """Raise StoreError where the server takes no writes, as the standby does that a failover has led to.

    Connections to it are dropped, so that the next ones find the server that leads now.
    """
    if engine.dialect.name != "postgresql":
        return
    with transaction(engine, writing=False) as connection:
        is_read_only = connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on"
    if is_read_only:
        engine.dispose()
        raise StoreError(
            f"{shown_url(engine)} takes no writes; wait until it leads, or name the server that does"
        )


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
