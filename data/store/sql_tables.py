"""The tables of the database, derived from the records, and how their values are stored."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.sql.schema import SchemaItem

from data.analysis_records import CodeBookEntry, Erasure, ExportFolder, ReasonCode, StudyEvent, TrainingRun
from data.codebook import record_name, stored_fields
from data.records import (
    Answer,
    Bonus,
    Bundle,
    Decision,
    EarlierSession,
    Event,
    InitialDecision,
    PairJudgement,
    Participant,
    Recruitment,
    Study,
    StudyCondition,
    StudyRound,
    Trial,
)
from data.stored_record import Record, storable_text


class StorableText(TypeDecorator[str]):
    """Text. What is looked for is made storable as what is written was, so that no text fails in a query."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Pass on only what the database can hold."""
        return None if value is None else storable_text(value)


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC. SQLite keeps no time zones, so there it is stored without and read as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store a time that knows its zone as UTC."""
        if value is None:
            return None
        assert value.tzinfo is not None, "a time without a zone"
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read a time as UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


SQL_TYPES: dict[type, Any] = {
    str: StorableText,
    int: Integer,
    float: Double,
    bool: Boolean,
    datetime: UtcTime,
}

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


def _table(record: type[Record], *constraints: SchemaItem) -> Table:
    fields = stored_fields(record)
    items: list[SchemaItem] = []
    if not any(field.meaning.primary_key for field in fields):
        # Answers and events have no key of their own; the number keeps them in the order of writing.
        items.append(Column("row_number", Integer, primary_key=True, autoincrement=True))
    for field in fields:
        items.append(
            Column(
                field.name,
                SQL_TYPES[field.python_type],
                *([ForeignKey(field.meaning.references)] if field.meaning.references else []),
                primary_key=field.meaning.primary_key,
                nullable=field.nullable,
            )
        )
        if field.allowed:
            allowed = ", ".join(f"'{value}'" for value in field.allowed)
            items.append(CheckConstraint(f"{field.name} IN ({allowed})", name=field.name))
    return Table(record_name(record), metadata, *items, *constraints)


# The names are singular on purpose: Optuna keeps its own `studies` and `trials` in the same database.
study = _table(Study)
bundle = _table(Bundle)
study_round = _table(StudyRound)
study_condition = _table(StudyCondition)
participant = _table(
    Participant,
    Index(None, "study_name", "round_number", "condition"),
    UniqueConstraint("session_token_hash"),
)
earlier_session = _table(EarlierSession, Index(None, "participant_key"))
recruitment = _table(Recruitment, UniqueConstraint("study_name", "platform", "external_id"))
trial = _table(Trial, UniqueConstraint("participant_key", "position"))
initial_decision = _table(InitialDecision, Index(None, "participant_key"))
decision = _table(Decision, Index(None, "participant_key"))
pair_judgement = _table(PairJudgement)
answer = _table(Answer, Index(None, "participant_key"))
event = _table(Event, Index(None, "participant_key"))
bonus = _table(Bonus)
code_book_entry = _table(CodeBookEntry)
reason_code = _table(ReasonCode, Index(None, "participant_key"))
export_folder = _table(ExportFolder)
training_run = _table(TrainingRun)
erasure = _table(Erasure, Index(None, "study_name"))
study_event = _table(StudyEvent, Index(None, "study_name"))
