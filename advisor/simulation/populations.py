"""Populations of simulated people. What is assumed, and from which finding, is said at each parameter."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from data.errors import TrainingError

SCORE_GAIN = 1.2  # people take a score of 80 % for nearly certain


def _valence(**changes: float) -> dict[str, float]:
    """Mean friendliness of each axis: looks happy ~ looks trustworthy r = .70, looks dominant r = -.81."""
    usual = {
        "smile": 1.0,
        "inner_brow_raise": -0.35,
        "outer_brow_raise": 0.0,
        "brow_lower": -0.8,
        "lid_raise": -0.1,
        "lid_tighten": -0.3,
        "lip_corner_depress": -0.6,
        "jaw_drop": -0.1,
        "head_tilt": 0.0,
    }
    return usual | changes


@dataclass(frozen=True)
class Population:
    """People like those that studies found (`realistic`); other populations change some of its parameters.

    Attributes:
        name: id on the command line.
        unaided_accuracy: balanced accuracy without advice that their valid evidence is calibrated to, where
            the table allows it (people: .58-.63).
        evidence_slope: log odds of approval that a standard deviation of own evidence moves.
        idiosyncrasy: share of the misjudgement that differs from person to person.
        bias_sd: spread over people of their readiness to approve, log odds.
        heed_mean, heed_shape: gamma distribution over people of the log odds that advice of one unit moves: a
            face one unit friendly, or a score near certainty. Many heed little and a few much (a person's
            rate of switching to disagreeing advice: mean .23-.38, SD .26-.30).
        valence: mean friendliness of each axis; `valence_sd` its spread over people, some of whom read an
            expression as its opposite.
        reading_noise_sd: noise of one look at one axis.
        lapse_mean: mean share of trials answered without looking.
        anchor_share: share of own evidence that is income alone, whatever else the application says.
        by_likeness: whether faces are read by their likeness to cases seen with outcomes (likeness.py), and heed is
            the exponent of that (response scaling γ; Ashby & Maddox 1993); valence plays no part then.
        knows_columns: whether the person knows by heart what the columns say that the machine lacks (`human_only`),
            and adds their log odds of repayment to all else.
    """

    name: str = "realistic"
    unaided_accuracy: float = 0.60
    evidence_slope: float = 2.0
    idiosyncrasy: float = 0.5
    bias_sd: float = 0.5
    heed_mean: float = 2.5
    heed_shape: float = 0.5
    valence: dict[str, float] = field(default_factory=_valence)
    valence_sd: float = 0.4
    reading_noise_sd: float = 0.2
    lapse_mean: float = 0.04
    anchor_share: float = 0.0
    by_likeness: bool = False
    knows_columns: bool = False

    def member(self, rng: np.random.Generator) -> Population:  # noqa: ARG002
        """The population that one person is drawn from: this one."""
        return self


@dataclass(frozen=True)
class DistrustsSmiles(Population):
    """People to whom a smile is a salesman's: the friendlier it looks, the less they believe it."""

    name: str = "distrusts_smiles"
    valence: dict[str, float] = field(default_factory=lambda: _valence(smile=-1.0))


@dataclass(frozen=True)
class IncomeAnchored(Population):
    """People who look at the income and little else, so that good advice must pull against it."""

    name: str = "income_anchored"
    anchor_share: float = 0.7


@dataclass(frozen=True)
class Inattentive(Population):
    """People who answer a third of the trials without looking, and heed advice less."""

    name: str = "inattentive"
    lapse_mean: float = 0.35
    heed_mean: float = 1.2


@dataclass(frozen=True)
class Mixed(Population):
    """Half realistic people; the rest distrust smiles, fixate on income, or do not look."""

    name: str = "mixed"

    def member(self, rng: np.random.Generator) -> Population:
        """One of the other populations."""
        kinds = (Population(), DistrustsSmiles(), IncomeAnchored(), Inattentive())
        return kinds[int(rng.choice(4, p=[0.5, 0.2, 0.2, 0.1]))]


@dataclass(frozen=True)
class ByExample(Population):
    """People to whom faces mean nothing, until they have seen what became of some (GCM; Nosofsky 1986)."""

    name: str = "by_example"
    by_likeness: bool = True


@dataclass(frozen=True)
class KnowsMore(Population):
    """People who know a column that the machine does not, and trust advice no more where it looks doubtful.

    It takes a task with `human_only` columns; `HIDDEN_COLUMNS` says what benchmarks hide in the shipped tables.
    """

    name: str = "knows_more"
    knows_columns: bool = True


HIDDEN_COLUMNS = {"consumer_credit": "records", "lending_club": "inq_last_6mths"}

POPULATIONS: dict[str, Population] = {
    kind.name: kind
    for kind in (
        Population(),
        DistrustsSmiles(),
        IncomeAnchored(),
        Mixed(),
        Inattentive(),
        ByExample(),
        KnowsMore(),
    )
}


def population(name: str) -> Population:
    """The population of that name; TrainingError lists the ones there are."""
    try:
        return POPULATIONS[name]
    except KeyError:
        raise TrainingError(
            f"There is no simulated population {name!r}; choose one of {', '.join(POPULATIONS)}."
        ) from None
