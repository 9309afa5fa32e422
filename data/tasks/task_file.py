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

    role: Role
    kind: Kind | None = None
    label: Text = ""
    unit: Text = ""
    help: Text = ""
    shown: bool = False
    grouped: bool | None = Field(
        default=None, description="thousands set apart; left out: not in four-digit integers without a unit"
    )
    display_factor: float = Field(default=1, gt=0, description="people read the value times this")
    categories: Annotated[dict[Text, Text], BeforeValidator(_trimmed_keys)] = Field(default_factory=dict)
    missing: tuple[Text, ...] = Field(
        default=(), description="words for a missing value, beyond the usual ones"
    )

    @field_validator("missing", mode="before")
    @classmethod
    def _one_or_more(cls, words: Any) -> Any:
        return (words,) if isinstance(words, (str, int, float)) else words


class Outcome(Section):
    """Which column says what became of a case, and the two values that it takes."""

    column: Text
    positive: Text
    negative: Text
    positive_label: Text = "repaid"
    negative_label: Text = "defaulted"


class Choices(Section):
    """The labels of the two buttons; the keys are fixed."""

    approve: Text = "Approve"
    deny: Text = "Deny"


class TaskFile(Section):
    """A decision task as its file states it, before its table is looked at."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    title: Text
    description: Text = ""
    table: Text
    separator: Separator = "comma"
    encoding: str = "utf-8"
    decimal: Decimal | None = Field(default=None, description="of numbers: point or comma; left out: a point")
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = Field(
        default=None, description="of the words in this file; others lie in task.LANGUAGE.yaml"
    )
    case_noun: Text = "application"
    case_noun_plural: Text = ""
    choices: Choices = Choices()
    outcome: Outcome
    use_price: bool = False
    columns: Annotated[dict[Text, Column], BeforeValidator(_trimmed_keys)]

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
