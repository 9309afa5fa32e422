"""Why one part of a page or report is missing: a sentence in its place, so that it costs no other part."""

import logging
import traceback

from data.errors import CountenanceError

_LOG = logging.getLogger(__name__)


def why_missing(part: str, error: Exception) -> str:
    """The reason, a sentence without its full stop, to be asked for where the error is caught.

    A bundle or a task that is gone is named. A mistake of the program is named as one, and its traceback goes to the
    log under the name of the `part`, without the message, which may hold what people wrote.
    """
    if isinstance(error, CountenanceError):
        return str(error).rstrip(".")
    kind = type(error).__name__
    where = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("%s stumbled over %s:\n%s", part, kind, where)
    return f"the program made a mistake ({kind}); please report it with what its log says"
