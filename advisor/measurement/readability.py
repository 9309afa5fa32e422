"""What a person can read in an advisor's faces with one look, beyond the advice itself.

A look is what is read in a face, plus normal noise on every axis; figures are those of an average look, so that the
luck of one decides nothing. `doubt_r2` is how well one look tells the machine's log odds, also among the applications
that it believes safe or risky alone: two masks tell these apart and no more.
A *thing beyond the risk* is a column, or what it contributes to the machine's log odds, less its linear relation to
these log odds; people read a thing from one axis, so that no mixture over axes counts. Things are counted one after
another, and what has been counted is taken out of the others, so that one fact under two names counts once.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd

LOOKING_NOISE_SD = (
    0.2  # of one look at one axis, as simulated people have it (advisor/simulation/populations.py)
)
READABLE_R2 = 0.3
OUTER_SHARE = 0.9  # of the way from rest to an axis's end; what lies further is the outer tenth
ROUNDING = 1e-6
LEAST_BEYOND = 0.05  # share of a thing's variance that must be left for it to be a thing of its own
LEAST_FACES = 30
N_FOLDS, RIDGE = 10, 1.0
N_LOOKS = 10  # averaged over where the noise of a look cannot be reckoned with in closed form


@dataclass(frozen=True)
class ReadThing:
    """A thing beyond the risk: its column, the axis that one look reads it from best, how well, and which way.

    `rises`: whether the axis rises with it. `is_shown`: whether people see it among the facts anyway.
    """

    column: str
    axis: str
    r2: float
    rises: bool
    is_shown: bool


@dataclass(frozen=True)
class Readability:
    """What one look tells, over `n_faces` faces; a share of variance that cannot be computed is None.

    Attributes:
        doubt_r2: of the machine's log odds, from all axes: among "all", "safe" and "risky" applications.
        doubt_error: its standard error, from the faces being a sample; not in measurements of earlier versions.
        things: beyond the risk with an R² above `READABLE_R2` from one axis, best first.
        n_things_possible: how many things beyond the risk the machine's columns hold.
        outer_tenth: share of faces in the outer tenth of each axis's range.
        protected_r2: of each protected column beyond the risk, from the expression itself, without noise.
    """

    n_faces: int
    looking_noise_sd: float
    doubt_r2: dict[str, float | None]
    things: tuple[ReadThing, ...]
    n_things_possible: int
    outer_tenth: dict[str, float]
    protected_r2: dict[str, float | None]
    doubt_error: dict[str, float] = field(default_factory=dict)

    @property
    def unseen_things(self) -> tuple[ReadThing, ...]:
        """Those that are not among the facts that people see."""
        return tuple(thing for thing in self.things if not thing.is_shown)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able content."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Readability:
        """The inverse of `to_dict`."""
        return cls(**content | {"things": tuple(ReadThing(**thing) for thing in content["things"])})

    def sentences(self) -> list[str]:
        """What can be read, in words for a terminal."""
        doubt = ", ".join(f"{where} {_two(r2)}" for where, r2 in self.doubt_r2.items())
        read = "; ".join(f"{t.column} from {t.axis} {t.r2:.2f}" for t in self.things) or "none"
        axis, share = max(self.outer_tenth.items(), key=lambda item: item[1])
        told = (
            ", ".join(f"{column} {_two(r2)}" for column, r2 in self.protected_r2.items()) or "none declared"
        )
        return [
            f"R² of the machine's log odds after one look (noise {self.looking_noise_sd:g} an axis): {doubt}",
            f"things beyond the risk that one axis tells (R² above {READABLE_R2:g}): {len(self.things)} of"
            f" {self.n_things_possible}, {len(self.unseen_things)} of them not among the facts shown: {read}",
            f"faces in the outer tenth of an axis's range, worst axis: {share:.0%} ({axis})",
            f"R² of protected columns from the expression beyond the risk: {told}",
        ]


def measure_readability(
    expressions: pd.DataFrame,
    percepts: np.ndarray,
    axis_bounds: np.ndarray,
    log_odds: np.ndarray,
    things: pd.DataFrame,
    shown: Collection[str],
    protected: pd.DataFrame,
    rng: np.random.Generator,
    looking_noise_sd: float = LOOKING_NOISE_SD,
) -> Readability:
    """Measure N faces of an advisor, one an application.

    Args:
        expressions: a column an axis, N rows.
        percepts: what is read in the faces, float [N, K].
        axis_bounds: float [K, 2].
        log_odds: the machine's, float [N].
        things: numeric, a column each (what each contributes to the log odds), N rows.
        shown: the columns that people see among the facts.
        protected: as the table holds them, N rows.
        rng: draws the look's noise and the folds.
    """
    read = pd.DataFrame(percepts, columns=list(expressions.columns))
    found, n_possible = things_beyond_risk(read, log_odds, things, shown, looking_noise_sd)
    doubt = doubt_r2(percepts, log_odds, rng, looking_noise_sd)
    return Readability(
        n_faces=len(read),
        looking_noise_sd=looking_noise_sd,
        doubt_r2=doubt,
        things=found,
        n_things_possible=n_possible,
        outer_tenth=outer_tenth(expressions, axis_bounds),
        protected_r2={
            str(name): protected_r2(expressions.to_numpy(), log_odds, protected[name], rng)
            for name in protected
        },
        doubt_error=_errors(doubt, log_odds),
    )


def doubt_r2(
    percepts: np.ndarray,
    log_odds: np.ndarray,
    rng: np.random.Generator,
    looking_noise_sd: float = LOOKING_NOISE_SD,
) -> dict[str, float | None]:
    """R² of the machine's log odds [N] from one look at percepts [N, K] by ridge regression, cross-validated."""
    looks = [percepts + rng.normal(0, looking_noise_sd, percepts.shape) for _ in range(N_LOOKS)]
    found: dict[str, float | None] = {}
    for name, part in _parts(log_odds).items():
        r2 = [_held_out_r2(look[part], log_odds[part], rng) for look in looks]
        known = [value for value in r2 if value is not None]
        found[name] = float(np.mean(known)) if known else None
    return found


def _parts(log_odds: np.ndarray) -> dict[str, np.ndarray]:
    return {"all": np.ones(len(log_odds), dtype=bool), "safe": log_odds > 0, "risky": log_odds <= 0}


def _errors(doubt: dict[str, float | None], log_odds: np.ndarray) -> dict[str, float]:
    """Standard errors of R² (Olkin & Finn 1995), for how many applications there are in each part."""
    counts = {name: int(part.sum()) for name, part in _parts(log_odds).items()}
    return {
        name: 2 * max(r2, 0.0) ** 0.5 * (1 - max(r2, 0.0)) / counts[name] ** 0.5
        for name, r2 in doubt.items()
        if r2 is not None
    }


def things_beyond_risk(
    percepts: pd.DataFrame,
    log_odds: np.ndarray,
    things: pd.DataFrame,
    shown: Collection[str],
    looking_noise_sd: float = LOOKING_NOISE_SD,
) -> tuple[tuple[ReadThing, ...], int]:
    """Things that one axis tells, best first, and how many there are to tell: see the module's docstring.

    R² is of an average look at percepts, an axis a column: its noise adds to an axis's variance and to nothing else
    (errors in variables; Fuller 1987, section 1.1). It is adjusted for the one regressor, so that chance reaches 0.
    """
    known, left = log_odds[:, None].astype(float), list(things.columns)
    values = {name: things[name].to_numpy(float) for name in left}
    n, counted, n_possible = len(percepts), [], n_beyond_risk(log_odds, things)
    axes = percepts.to_numpy(float) - percepts.to_numpy(float).mean(0)
    lengths = np.sqrt((axes**2).sum(0) + n * looking_noise_sd**2)
    while left and n >= LEAST_FACES:
        best: ReadThing | None = None
        for name in left:
            rest = _beyond(values[name], known)
            if rest.var() <= LEAST_BEYOND * values[name].var():
                continue
            r = rest @ axes / np.maximum(np.linalg.norm(rest) * lengths, 1e-12)
            k = int(np.abs(r).argmax())
            r2 = float(1 - (1 - r[k] ** 2) * (n - 1) / (n - 2))
            if r2 > READABLE_R2 and (best is None or r2 > best.r2):
                best = ReadThing(str(name), str(percepts.columns[k]), r2, bool(r[k] > 0), name in shown)
        if best is None:
            break
        counted.append(best)
        known = np.column_stack([known, values[best.column]])
        left.remove(best.column)
    return tuple(counted), n_possible


def n_beyond_risk(log_odds: np.ndarray, things: pd.DataFrame) -> int:
    """How many things have variance left, once the log odds and the things before them are taken out."""
    known, n_found = log_odds[:, None].astype(float), 0
    for name in things:
        value = things[name].to_numpy(float)
        if _beyond(value, known).var() > LEAST_BEYOND * value.var() > 0:
            n_found, known = n_found + 1, np.column_stack([known, value])
    return n_found


def outer_tenth(expressions: pd.DataFrame, axis_bounds: np.ndarray) -> dict[str, float]:
    """Share of faces beyond nine tenths of the way from rest (0) to either end of each axis."""
    share = {}
    for k, axis in enumerate(expressions):
        low, high = axis_bounds[k]
        value = expressions[axis].to_numpy()
        outer = (value > OUTER_SHARE * high + ROUNDING) | ((low < 0) & (value < OUTER_SHARE * low - ROUNDING))
        share[str(axis)] = float(outer.mean())
    return share


def protected_r2(
    expressions: np.ndarray, log_odds: np.ndarray, column: pd.Series, rng: np.random.Generator
) -> float | None:
    """R² of a protected column beyond the risk from expressions [N, K]; of a category's groups, the best told.

    Ridge regression, cross-validated. Groups of fewer than `LEAST_FACES` are left out.
    """
    found = [
        _held_out_r2(expressions, _beyond(target, log_odds[:, None]), rng) for target in as_numbers(column)
    ]
    return max((r2 for r2 in found if r2 is not None), default=None)


def as_numbers(column: pd.Series) -> list[np.ndarray]:
    """A column as numbers [N] each: itself (the median where missing), or membership of each of its larger groups."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        numbers = column.astype(float)
        return [] if numbers.isna().all() else [numbers.fillna(numbers.median()).to_numpy()]
    counts = column.value_counts()
    return [(column == group).fillna(False).to_numpy(float) for group in counts.index[counts >= LEAST_FACES]]


def _beyond(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    design = np.column_stack([np.ones(len(values)), known])
    rest: np.ndarray = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return rest


def _held_out_r2(inputs: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> float | None:
    """R² of ridge regression on rows that it was not fitted to; None for too few rows or a constant target."""
    if len(target) < LEAST_FACES or target.std() < 1e-9:
        return None
    fold, guess = rng.permutation(len(target)) % N_FOLDS, np.zeros(len(target))
    for k in range(N_FOLDS):
        fitted, held = fold != k, fold == k
        mean, level = inputs[fitted].mean(0), target[fitted].mean()
        scale = np.maximum(inputs[fitted].std(0), 1e-9)
        z = (inputs - mean) / scale
        gram = z[fitted].T @ z[fitted] + RIDGE * np.eye(z.shape[1])
        guess[held] = level + z[held] @ np.linalg.solve(gram, z[fitted].T @ (target[fitted] - level))
    return float(1 - ((target - guess) ** 2).sum() / ((target - target.mean()) ** 2).sum())


def _two(r2: float | None) -> str:
    return "not computed" if r2 is None else f"{r2:.2f}"
