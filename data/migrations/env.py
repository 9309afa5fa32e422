"""Alembic's environment: runs the revisions on the connection that `data.store.database` hands over.

A change of the records needs a new revision in `versions/` (copy the newest, chain it by `down_revision`);
a test compares the migrated database with `data.store.sql_tables`.
"""

from alembic import context

from data.store.database import VERSION_TABLE
from data.store.sql_tables import metadata

# The caller holds the transaction, so that a migration is applied whole or not at all on SQLite too.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
