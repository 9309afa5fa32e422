"""The sections of a study file: what each may say, and what it means when it is left out."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    ValidationInfo,
    field_validator,
    model_validator,
)

from data.formats.value_format import currency_decimals, is_currency
from human_study.study.wording import is_unfinished, names_no_board, no_truth_value, plain, says_nothing


def _never_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("it is empty; write it, or leave the key out")
    return text


Text = Annotated[str, AfterValidator(_never_blank)]


class Section(BaseModel):
    """The base of all sections: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        return no_truth_value(value, cls.model_fields[str(info.field_name)].annotation)


class ConditionPlan(Section):
    """A condition's share of the participants, and its quota in each round."""

    share: PositiveFloat = Field(
        default=1.0, le=1_000_000, description="a weight: the condition gets share / sum of shares"
    )
    quota: int | None = Field(
        default=None, ge=1, description="most active or completed participants in a round"
    )


class TrialPlan(Section):
    """How many trials of each kind a participant decides on, and how."""

    main: int = Field(default=40, ge=1, le=400, description="decisions that count")
    test_share: float = Field(
        default=0.5, ge=0, le=1, description="share of main trials on applications never trained on"
    )
    practice: int = Field(default=0, ge=0, le=50, description="with feedback, without advice, never counted")
    learning: int = Field(
        default=0,
        ge=0,
        le=200,
        description="before the main trials: with the condition's advice and feedback, unpaid, never counted",
    )
    attention: int = Field(default=0, ge=0, le=50, description="trials that say what to choose")
    repeated: int = Field(default=0, ge=0, le=500, description="main trials shown a second time")
    stages: Literal[1, 2] = Field(default=1, description="2: decide, see the advice, decide again")
    confidence_points: Literal[0, 2, 3, 4, 5, 7, 9, 11] = Field(
        default=0, description="points of the confidence scale; 0: not asked"
    )
    reason_share: float = Field(
        default=0, ge=0, le=1, description="share of main trials that ask for a reason in words"
    )

    @field_validator("stages", "confidence_points", mode="before")
    @classmethod
    def _number_of_its_text(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.strip().isdecimal() else value

    @property
    def confidence_scale(self) -> tuple[float, ...]:
        """The points of the confidence scale, from 0 to 1; () where confidence is not asked for."""
        n = self.confidence_points
        return tuple(point / (n - 1) for point in range(n)) if n else ()

    @model_validator(mode="after")
    def _repeats_something(self) -> TrialPlan:
        if self.attention > self.main:
            raise ValueError(
                f"attention is {self.attention}, but there are {self.main} main trials to stand between; ask for fewer"
            )
        if self.repeated > self.main // 2:
            raise ValueError(
                f"repeated is {self.repeated}, but only the first half of {self.main} main trials is shown"
                " again; ask for fewer"
            )
        return self


class Payment(Section):
    """What participants are paid. Nobody's bonus falls below the mean bonus of the condition `none`."""

    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$", description="ISO 4217 code of all amounts")
    base: float = Field(default=0, ge=0, description="for completing the study")
    bonus_per_correct: float = Field(default=0, ge=0, description="for each correct main decision")
    most: float | None = Field(
        default=None,
        ge=0,
        description="the most that one participant can earn, written out where it is more than 200",
    )
    screened_out: float = Field(default=0, ge=0, description="for people who are screened out")
    returned: float = Field(default=0, ge=0, description="for people who stop early")
    timed_out: float = Field(default=0, ge=0, description="for people who run out of time")

    def highest(self, n_main: int) -> float:
        """The most that one participant can earn with so many main decisions, in `currency`."""
        return round(self.base + self.bonus_per_correct * n_main, currency_decimals(self.currency))

    def for_a_part(self, status: str, *, consented: bool = True) -> float:
        """What somebody is paid whose participation ended with that status, other than by completion.

        Who did not consent took no part that could be paid, and the page that they end at promises nothing.
        """
        return float(getattr(self, status, 0)) if consented else 0.0

    @field_validator("currency")
    @classmethod
    def _is_money(cls, currency: str) -> str:
        if not is_currency(currency):
            raise ValueError(f"{currency} stands for no currency of today; write one that people are paid in")
        return currency

    @model_validator(mode="after")
    def _can_be_paid(self) -> Payment:
        decimals = currency_decimals(self.currency)
        most = f"at most {decimals}" if decimals else "no"
        for name in ("base", "bonus_per_correct", "screened_out", "returned", "timed_out"):
            amount = getattr(self, name)
            if round(amount, decimals) != amount:
                raise ValueError(
                    f"{name} is {plain(amount)}, but amounts of {self.currency} have {most} decimals: participants are"
                    " shown, and paid, no more"
                )
        return self


class Ethics(Section):
    """What must be said before people can be recruited; `missing` names what is not."""

    approval: Text | None = Field(default=None, description="which board approved, and its reference")
    exemption: Text | None = Field(default=None, description="why no approval is needed, and who says so")
    contact: Text | None = Field(default=None, description="who is responsible, and how to reach them")
    retention_days: int | None = Field(
        default=None, ge=1, le=36_500, description="how long recruitment IDs are kept after the study closes"
    )
    withdrawal: Text | None = Field(default=None, description="what happens to the data of people who stop")
    risks: Text | None = Field(default=None, description="of taking part, in a sentence")
    benefits: Text | None = Field(default=None, description="of taking part, in a sentence")
    sharing: Text | None = Field(default=None, description="with whom the data are shared, and in what form")

    @field_validator("approval", "exemption", "contact", "withdrawal", "risks", "benefits", "sharing")
    @classmethod
    def _says_something(cls, said: str | None) -> str | None:
        if said is not None and is_unfinished(said):
            raise ValueError(f'"{said}" says nothing yet; write it, or leave the key out')
        return said

    @field_validator("approval", "exemption")
    @classmethod
    def _is_given(cls, said: str | None) -> str | None:
        if said is not None and names_no_board(said):
            raise ValueError(
                f'"{said}" does not say which board approved, or why no approval is needed and who says so; write that,'
                " with the reference, once it is decided, and leave the key out until then"
            )
        return said

    def missing(self) -> list[str]:
        """What people have a right to know and this section does not say, in words."""
        wanted = {
            "ethics.approval or ethics.exemption": self.approval or self.exemption,
            "ethics.contact": self.contact,
            "ethics.retention_days": self.retention_days,
            "ethics.withdrawal": self.withdrawal,
        }
        return [name for name, said in wanted.items() if not said]


class TimeLimits(Section):
    """How long a participation may pause, and how long it may take in all."""

    idle_minutes: float = Field(
        default=60, gt=0, le=60 * 24 * 30, description="a place without activity for this long is given away"
    )
    total_minutes: float | None = Field(
        default=None, gt=0, le=60 * 24 * 60, description="from the first click to the end, pauses included"
    )

    @property
    def idle(self) -> timedelta:
        """How long a participation may pause: never longer than it may take in all."""
        return timedelta(minutes=min(self.idle_minutes, self.total_minutes or self.idle_minutes))

    @property
    def total(self) -> timedelta | None:
        """How long it may take in all, if that is limited."""
        return None if self.total_minutes is None else timedelta(minutes=self.total_minutes)


class Exclusions(Section):
    """When a participant's decisions are left out of the results; declared before there are any."""

    failed_attention: int | None = Field(
        default=None, ge=1, description="exclude at this many failed checks or more"
    )
    median_response_time_ms: float | None = Field(
        default=None, gt=0, le=60_000, description="exclude medians faster than this, in milliseconds"
    )
    one_choice_only: bool = Field(
        default=False, description="exclude people who chose the same on every main trial"
    )


class Texts(Section):
    """Markdown that replaces the shipped texts; a text that is left out keeps the shipped one."""

    @field_validator("*")
    @classmethod
    def _says_something(cls, said: str | None) -> str | None:
        if said is not None and says_nothing(said):
            raise ValueError(f'"{said}" says nothing yet; write it, or leave the key out')
        return said

    welcome: Text | None = Field(default=None, description="the page a recruitment link opens")
    consent: Text | None = Field(default=None, description="what participants agree to")
    instructions: Text | None = Field(default=None, description="shown before the comprehension questions")
    debrief: Text | None = Field(default=None, description="the last page")
