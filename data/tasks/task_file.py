"""The text of a `task.yaml`: its keys, their checks, and the sentences that say what is wrong with one."""

import codecs
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from data.formats.delimited_text import BLANKS

Role = Literal["id", "outcome", "feature", "human_only", "protected", "price", "ignored"]
Kind = Literal["number", "integer", "category", "yes_no"]


Separator = Literal["comma", "semicolon", "tab", "bar"]
Decimal = Literal["point", "comma"]


def _trimmed(value: Any) -> Any:
    # A file is read as text, but YAML's explicit tags and callers from Python may bring other scalars.
    return str(value).strip(BLANKS) if isinstance(value, (str, int, float)) else value


def _trimmed_keys(value: Any) -> Any:
    return {_trimmed(key): entry for key, entry in value.items()} if isinstance(value, dict) else value


Text = Annotated[str, BeforeValidator(_trimmed)]


class Section(BaseModel):
    """What all sections share: frozen, unknown keys are refused, and a key without a value says nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_empty_values(cls, content: Any) -> Any:
        if not isinstance(content, dict):
            return content
        return {key: value for key, value in content.items() if value not in ("", None)}


class Column(Section):
    """What one column of the table means, who sees it, and how its values are written."""

    role: Role = Field(description="who sees the column: see the roles in the tutorial")
    kind: Kind | None = Field(default=None, description="how its values are read; needed where they are used")
    label: Text = Field(default="", description="what people read as its name")
    unit: Text = Field(default="", description="written after its values")
    help: Text = Field(default="", description="an explanation for participants")
    shown: bool = Field(default=False, description="whether participants see this feature")
    grouped: bool | None = Field(
        default=None, description="separate thousands; left out: except in four-digit integers without a unit"
    )
    display_factor: float = Field(default=1, gt=0, description="people read the value times this")
    categories: Annotated[dict[Text, Text], BeforeValidator(_trimmed_keys)] = Field(
        default_factory=dict, description="value in the table → what people read"
    )
    missing: tuple[Text, ...] = Field(
        default=(), description="words for a missing value, beyond the usual ones"
    )

    @field_validator("missing", mode="before")
    @classmethod
    def _one_or_more(cls, words: Any) -> Any:
        return (words,) if isinstance(words, (str, int, float)) else words


class Outcome(Section):
    """The column that holds the outcome of a case, and its two values."""

    column: Text = Field(description="the column that holds the outcome")
    positive: Text = Field(description="the value of a good outcome, in which approval is right")
    negative: Text = Field(description="the value of a bad outcome, in which denial is right")
    positive_label: Text = Field(default="repaid", description="what people read for a good outcome")
    negative_label: Text = Field(default="defaulted", description="what people read for a bad outcome")


class Choices(Section):
    """The labels of the two buttons; the keys are fixed."""

    approve: Text = Field(default="Approve", description="the button that approves")
    deny: Text = Field(default="Deny", description="the button that denies")


class ValueWords(Section):
    """What is read for values that are no words of the table; left out: as the language has it, or in English."""

    yes: Text = Field(default="", description="of a yes_no column")
    no: Text = Field(default="", description="of a yes_no column")
    not_stated: Text = Field(default="", description="a missing value")


class TaskFile(Section):
    """A decision task as its file states it, before its table is looked at."""

    name: Annotated[
        str, Field(pattern=r"^[a-z0-9_]+$", description="names the task in databases and bundles")
    ]
    title: Text = Field(description="what people read as its name")
    description: Text = Field(default="", description="notes on the table, for readers of this file")
    table: Text = Field(description="CSV (also .gz) or Parquet file, beside this file")
    separator: Separator = Field(default="comma", description="between the cells of a CSV file")
    encoding: str = Field(default="utf-8", description="of a CSV file: utf-8, utf-16, cp1252 …")
    decimal: Decimal | None = Field(default=None, description="of numbers: point or comma; left out: a point")
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = Field(
        default=None, description="of the words in this file; others lie in task.LANGUAGE.yaml"
    )
    case_noun: Text = Field(default="application", description="what one case is called")
    case_noun_plural: Text = Field(default="", description="what several are called; left out: with an s")
    choices: Choices = Field(default=Choices(), description="the labels of the two buttons")
    outcome: Outcome = Field(description="which column is the outcome, and what its values mean")
    values: ValueWords = Field(default=ValueWords(), description="words for yes, no and a missing value")
    use_price: bool = Field(default=False, description="whether the machine reads columns of role price")
    columns: Annotated[dict[Text, Column], BeforeValidator(_trimmed_keys)] = Field(
        description="column of the table → what it means; every column must be listed"
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            return codecs.lookup(name).name
        except LookupError:
            raise ValueError("there is no encoding of that name; write utf-8, utf-16 or cp1252") from None

    def _with_role(self, *roles: Role) -> list[str]:
        return [name for name, column in self.columns.items() if column.role in roles]

    @property
    def id_columns(self) -> list[str]:
        """The column that names a case: exactly one in a checked task."""
        return self._with_role("id")

    @property
    def feature_columns(self) -> list[str]:
        """What the machine and the encoder read, in file order; the lender's price only if `use_price`."""
        return self._with_role("feature", "price") if self.use_price else self._with_role("feature")

    @property
    def shown_columns(self) -> list[str]:
        """What participants see, in file order: `human_only` columns, and feature columns marked `shown`."""
        return [
            name
            for name, column in self.columns.items()
            if column.role == "human_only" or (column.shown and name in self.feature_columns)
        ]

    @property
    def value_columns(self) -> list[str]:
        """Every column that is read into a table of applications, in file order."""
        return self._with_role("feature", "human_only", "protected", "price")
