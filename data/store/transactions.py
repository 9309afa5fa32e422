"""An open database and its transactions, for every part of the store."""

from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects import postgresql, sqlite

from data.default_database import DEFAULT_DATABASE_URL
from data.store.database import VERSION_TABLE, open_engine, require_writable, shown_url, transaction


class Transactions:
    """An open database and its transactions: what all parts of `DecisionStore` stand on."""

    def __init__(self, engine: Engine) -> None:
        """Wrap an engine whose schema is up to date; `open` makes one from a URL."""
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    @classmethod
    def open(cls, url: str = DEFAULT_DATABASE_URL, *, create: bool = True) -> Self:
        """Open the database at a SQLAlchemy URL, migrating its tables; a new SQLite file only if `create`.

        Raises StoreError (absent, unreachable, foreign, newer than this program) or SetupError (no driver).
        """
        return cls(open_engine(url, create=create))

    @property
    def shown_url(self) -> str:
        """The database's URL without its password; a SQLite file by its absolute path."""
        url = self._engine.url
        if self._engine.dialect.name == "sqlite":
            return f"sqlite:///{Path(str(url.database)).resolve()}"
        return shown_url(self._engine)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def check_ready(self) -> None:
        """Two cheap queries, for readiness routes. Raises StoreError where they fail, or nothing can be written."""
        with self._reading() as connection:
            connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))
        require_writable(self._engine)

    def _reading(self) -> AbstractContextManager[Connection]:
        return transaction(self._engine, writing=False)

    def _writing(self) -> AbstractContextManager[Connection]:
        return transaction(self._engine, writing=True)

    @property
    def _database_path(self) -> str | None:
        """The file of a SQLite database; None for a server's."""
        return self._engine.url.database if self._engine.dialect.name == "sqlite" else None
