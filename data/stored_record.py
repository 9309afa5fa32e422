"""What all stored records share: they are immutable, hold text that databases can hold, and say what fields mean.

What is written is a record, what is read is an equal one. Keys are random url-safe tokens and carry nothing; times
are UTC.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator


@dataclass(frozen=True)
class Meaning:
    """What a stored field means, its unit, and its place among the tables."""

    text: str
    unit: str = ""
    primary_key: bool = False
    references: str | None = None  # "record.field" of another record


def new_key() -> str:
    """A random url-safe token of 128 bits."""
    return secrets.token_urlsafe(16)


def now() -> datetime:
    """The present time, in UTC."""
    return datetime.now(UTC)


def storable_text(text: str) -> str:
    """Text as both databases can hold it, unchanged where they can.

    PostgreSQL holds no NUL, and neither holds half of a surrogate pair; a browser can send both, a command line and
    a file the latter.
    """
    if text.isascii() and "\x00" not in text:
        return text
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


class Record(BaseModel):
    """What all stored records share: they are immutable, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        return storable_text(value) if isinstance(value, str) else value
