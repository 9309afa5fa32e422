"""What a study declares of its analysis, read here and nowhere else: report, pages, preregistration and power ask this.

A study file may hold a section `analysis`; what it leaves out has the defaults given here, so that every study has a
primary contrast and a family before anybody looks at its data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple

import pandas as pd
from pydantic import Field, model_validator

from advisor.bundles.bundle import in_order
from human_study.presentation.labels import with_condition
from human_study.study.study_sections import Section

BASELINE = "none"
PAIR_PATTERN = r"^[a-z_]+ against [a-z_]+$"
PairText = Annotated[str, Field(pattern=PAIR_PATTERN)]
Direction = Literal["two_sided", "better"]
ALPHA = 0.05


class Pair(NamedTuple):
    """A contrast: accuracy in `condition` less that in `against`."""

    condition: str
    against: str

    def __str__(self) -> str:
        return f"{self.condition} against {self.against}"

    @property
    def in_words(self) -> str:
        """As readers call it: "the face against no advice"."""
        return f"{with_condition(self.condition)} against {with_condition(self.against)}"


class ResponseTimePolicy(Section):
    """Which decisions on main trials count for response times; those outside still count for accuracy."""

    at_least_ms: float | None = Field(default=None, gt=0, description="leave out faster ones, milliseconds")
    at_most_ms: float | None = Field(default=None, gt=0, description="leave out slower ones, milliseconds")

    @model_validator(mode="after")
    def _leaves_something(self) -> ResponseTimePolicy:
        if self.at_least_ms and self.at_most_ms and self.at_least_ms >= self.at_most_ms:
            raise ValueError("at_least_ms is not below at_most_ms, so that no response time would count")
        return self

    def counts(self, response_time_ms: pd.Series) -> pd.Series:
        """Which response times count; those that are not known do not."""
        least, most = self.at_least_ms or 0.0, self.at_most_ms or float("inf")
        return (response_time_ms > 0) & response_time_ms.between(least, most)

    def in_words(self) -> str:
        """The policy as one sentence."""
        bounds = [
            *([f"below {self.at_least_ms:g} ms"] if self.at_least_ms else []),
            *([f"above {self.at_most_ms:g} ms"] if self.at_most_ms else []),
        ]
        left_out = f"those {' and '.join(bounds)} are left out" if bounds else "all of them count"
        return f"Response times are compared as logarithms; {left_out}."


class AnalysisPlan(Section):
    """The section `analysis` of a study file. Contrasts are written "face against none"."""

    primary: PairText | None = Field(
        default=None, description="the primary contrast; left out: face against none"
    )
    family: tuple[PairText, ...] | None = Field(
        default=None, description="the other contrasts; left out: the primary's condition against every other"
    )
    direction: Direction = Field(default="two_sided", description="better: one-sided tests")
    equivalence_margin: float = Field(default=0.05, gt=0, lt=1, description="of balanced accuracy, a share")
    looks_at: tuple[int, ...] = Field(
        default=(),
        max_length=10,
        description="how many have completed the round at each look, the last at its end",
    )
    response_times: ResponseTimePolicy = Field(
        default=ResponseTimePolicy(), description="which response times count"
    )

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The contrasts that are written out, the primary first."""
        written = [*([self.primary] if self.primary else []), *(self.family or ())]
        return tuple(_pair(text) for text in written)

    @model_validator(mode="after")
    def _contrasts_differ(self) -> AnalysisPlan:
        for pair in self.pairs:
            if pair.condition == pair.against:
                raise ValueError(f"{pair} compares a condition with itself")
        if len(set(self.pairs)) < len(self.pairs):
            raise ValueError("a contrast is written twice; the primary belongs to the family already")
        return self

    @model_validator(mode="after")
    def _looks_rise(self) -> AnalysisPlan:
        if any(later <= earlier for earlier, later in pairwise((0, *self.looks_at))):
            raise ValueError("looks_at are numbers of participants, each larger than the one before")
        return self


@dataclass(frozen=True)
class DeclaredAnalysis:
    """The analysis of a study, defaults included.

    Attributes:
        was_declared: whether the study file has a section `analysis`.
        family: the contrasts whose p values are corrected together, the primary one first; empty where a study
            has one condition.
        direction: "better" tests whether the first condition is more accurate, one-sided.
        equivalence_margin: in balanced accuracy, as a share.
        looks_at: planned looks, by how many have completed the newest round; () where outcomes are seen at the end.
        response_times: which response times count.
    """

    was_declared: bool
    family: tuple[Pair, ...]
    direction: Direction
    equivalence_margin: float
    looks_at: tuple[int, ...]
    response_times: ResponseTimePolicy

    @property
    def one_sided(self) -> bool:
        """Whether the tests are one-sided."""
        return self.direction == "better"

    def fractions(self, looked_at: Sequence[int]) -> tuple[float, ...]:
        """How much of the planned information (0-1) is there when so many have completed the round."""
        return tuple(min(1.0, n / self.looks_at[-1]) for n in looked_at)

    @property
    def primary(self) -> Pair | None:
        """The contrast that the study is about."""
        return self.family[0] if self.family else None

    @property
    def stopping_rule(self) -> str:
        """When outcomes are looked at, in words."""
        return _stopping_in_words(self.looks_at)

    def sentences(self) -> list[str]:
        """The declaration in words, the same in preregistration, report and power."""
        if self.primary is None:
            return ["No contrast: the study has one condition."]
        origin = (
            "Declared in the study file."
            if self.was_declared
            else "The study file declares no analysis (no section analysis), so these are the defaults."
        )
        others = "; ".join(pair.in_words for pair in self.family[1:]) or "none declared"
        tested = (
            "more accurate, one-sided" if self.direction == "better" else "more or less accurate, two-sided"
        )
        return [
            origin,
            f"Primary contrast: {self.primary.in_words}, in balanced accuracy on test applications ({tested}, "
            f"{ALPHA:.0%}). Other contrasts of the family: {others}.",
            f"p values are corrected by Holm's method over this family of {len(self.family)}, in the newest round with "
            "decisions in both conditions of the primary contrast. Earlier rounds, other comparisons and filtered "
            "views are exploratory and are not corrected.",
            self.stopping_rule,
            f"Equivalence margin: {100 * self.equivalence_margin:g} points of balanced accuracy.",
            self.response_times.in_words(),
        ]


def _stopping_in_words(looks_at: tuple[int, ...]) -> str:
    if not looks_at:
        return "Stopping rule: none; outcomes by condition are withheld until the study is closed."
    return (
        f"Stopping rule: looks when {', '.join(map(str, looks_at))} participants have completed the newest round, the "
        "last being its planned end; outcomes are shown of those participants only. Error is spent after Lan and "
        "DeMets in the manner of O'Brien and Fleming; p values are adjusted for the looks, then corrected over the "
        "family. Intervals are not adjusted."
    )


def declared_analysis(content: Mapping[str, Any], seen: Collection[str] = ()) -> DeclaredAnalysis:
    """The analysis that the content of a study file declares.

    `seen` are conditions that people were in: a simulated or imported study lists none in its file.
    """
    section = content.get("analysis")
    plan = AnalysisPlan.model_validate(section or {})
    present = in_order(content.get("conditions") or seen)
    return DeclaredAnalysis(
        section is not None,
        _family(plan, present),
        plan.direction,
        plan.equivalence_margin,
        plan.looks_at,
        plan.response_times,
    )


def _family(plan: AnalysisPlan, present: list[str]) -> tuple[Pair, ...]:
    primary = _pair(plan.primary) if plan.primary else _default_primary(present)
    if primary is None:
        return ()
    if plan.family is not None:
        return (primary, *map(_pair, plan.family))
    others = [condition for condition in present if condition not in primary]
    return (primary, *(Pair(primary.condition, other) for other in others))


def _default_primary(present: list[str]) -> Pair | None:
    advised = [condition for condition in present if condition != BASELINE]
    first = "face" if "face" in advised else next(iter(advised), None)
    others = [condition for condition in present if condition != first]
    if first is None or not others:
        return None
    return Pair(first, BASELINE if BASELINE in others else others[0])


def _pair(text: str) -> Pair:
    condition, _, against = text.partition(" against ")
    return Pair(condition, against)
