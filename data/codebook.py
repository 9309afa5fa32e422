"""What the records' declarations say, field by field: the codebook, and what tables are derived from."""

import types
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pandas as pd
from pydantic import AwareDatetime

from data.records import STORED_RECORDS
from data.stored_record import Meaning, Record


@dataclass(frozen=True)
class StoredField:
    """One field of a stored record, as read from its declaration."""

    record: str
    name: str
    python_type: type
    nullable: bool
    allowed: tuple[str, ...]  # the values of an enumeration, else ()
    meaning: Meaning


def record_name(record: type[Record]) -> str:
    """The record's name in table, codebook and export: `StudyRound` is `study_round`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in record.__name__)[1:]


def stored_fields(record: type[Record]) -> list[StoredField]:
    """The declared fields of a record, in order."""
    return [
        _stored_field(record_name(record), name, field.annotation, field.metadata)
        for name, field in record.model_fields.items()
    ]


def _stored_field(record: str, name: str, annotation: Any, metadata: list[Any]) -> StoredField:
    options = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    nullable = type(None) in options
    (kind,) = [option for option in options if option is not type(None)]
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    allowed = tuple(get_args(kind)) if get_origin(kind) is Literal else ()
    (meaning,) = [entry for entry in metadata if isinstance(entry, Meaning)]
    python_type = str if allowed else datetime if kind is AwareDatetime else kind
    return StoredField(record, name, python_type, nullable, allowed, meaning)


def codebook(records: Iterable[type[Record]] = STORED_RECORDS) -> pd.DataFrame:
    """Every stored field of the records: columns `record`, `field`, `type`, `unit`, `meaning`, all text."""
    type_names = {str: "text", int: "integer", float: "number", bool: "yes | no", datetime: "time"}
    rows = [
        {
            "record": field.record,
            "field": field.name,
            "type": " | ".join(field.allowed) or type_names[field.python_type],
            "unit": field.meaning.unit,
            "meaning": field.meaning.text + (" (may be missing)" if field.nullable else ""),
        }
        for record in records
        for field in stored_fields(record)
    ]
    return pd.DataFrame(rows, columns=["record", "field", "type", "unit", "meaning"])
