"""Recruitment ids are kept no longer than a study says: `retention_days` after it was closed.

`human-study serve` looks when it starts and once a day; `human-study retain` looks when it is told to.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

from data.errors import CountenanceError
from data.store.decision_store import DecisionStore

DAY_S = 24 * 60 * 60
_log = logging.getLogger(__name__)


def delete_due(store: DecisionStore) -> dict[str, int]:
    """Delete what is due, and leave nothing of it in the file; returns study → how many ids were deleted."""
    deleted = store.delete_due_recruitment()
    if deleted:
        store.compact()
    return deleted


@contextlib.contextmanager
def retained_while_served(store: DecisionStore, every_s: float = DAY_S) -> Iterator[None]:
    """Delete what is due now, and again every day until the block ends.

    The first time raises CountenanceError where the database does not answer; later ones are logged and tried
    again after the same time.
    """
    delete_due(store)
    stopped = threading.Event()

    def look_daily() -> None:
        while not stopped.wait(every_s):
            try:
                delete_due(store)
            except CountenanceError as error:
                _log.warning("recruitment ids that are due were not deleted: %s", error)

    looking = threading.Thread(target=look_daily, name="retention", daemon=True)
    looking.start()
    try:
        yield
    finally:
        stopped.set()
        looking.join(timeout=5)
