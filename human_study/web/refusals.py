"""The refusal of a request, as routes answer it."""


class NotServedError(Exception):
    """A request that the study refuses; `status` is its HTTP status, `reason` a word that scripts can read."""

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        """`message` is one sentence that a participant may read."""
        super().__init__(message)
        self.status = status
        self.reason = reason
