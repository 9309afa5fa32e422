"""p values that stay valid when outcomes are looked at several times before a study ends.

Error is spent as Lan and DeMets (1983, Biometrika 70) do in the manner of O'Brien and Fleming: hardly any early on,
almost all of it at the end. Boundaries follow from the joint distribution of the statistics at all looks, by numerical
integration (Armitage, McPherson and Rowe 1969, J. R. Stat. Soc. A 132). The p value of a look is the smallest error
rate at which its boundary would be crossed, and that of the study the smallest over its looks (Liu and Anderson 2008,
J. Am. Stat. Assoc. 103): it may be corrected for several contrasts like any other p value.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.integrate import trapezoid
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

_N_POINTS = 301
_FAR = 8.0  # standard deviations beyond which nothing happens
_LEAST_ERROR = 1e-12
_ERROR_RATES = np.geomspace(1e-7, 0.5, 80)


def spent_error(fraction: float, error_rate: float) -> float:
    """How much of a one-sided error rate is spent when this fraction (0-1) of the information is there."""
    return float(2 * ndtr(ndtri(error_rate / 2) / np.sqrt(fraction)))


def nominal_levels(fractions: Sequence[float], error_rate: float) -> np.ndarray:
    """The one-sided level of each look's own test that spends `error_rate` over all looks; float [looks].

    `fractions` of the planned information at each look, rising, the last at most 1.
    """
    levels, before, spent = [], 0.0, 0.0
    places, density = np.zeros(1), np.ones(1)
    for fraction in fractions:
        step, scale = np.sqrt(fraction - before), np.sqrt(fraction)
        to_spend = spent_error(fraction, error_rate) - spent

        bound = _FAR * scale
        if to_spend > _LEAST_ERROR:
            bound = brentq(_too_much_crosses, -bound, bound, args=(places, density, step, to_spend))
        levels.append(float(ndtr(-bound / scale)))
        reached = np.linspace(-_FAR * scale, bound, _N_POINTS)
        moved = (reached[:, None] - places) / step
        density = _integral(density * np.exp(-(moved**2) / 2) / (step * np.sqrt(2 * np.pi)), places)
        places, before, spent = reached, fraction, spent + max(to_spend, 0.0)
    return np.array(levels)


def _too_much_crosses(
    bound: float, places: np.ndarray, density: np.ndarray, step: float, to_spend: float
) -> float:
    return float(_integral(density * ndtr((places - bound) / step), places)) - to_spend


def _integral(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    # Before the first look everything is at 0.
    return values[..., 0] if len(places) == 1 else trapezoid(values, places, axis=-1)


@lru_cache(maxsize=32)
def _levels_by_error_rate(fractions: tuple[float, ...]) -> np.ndarray:
    return np.maximum.accumulate([nominal_levels(fractions, rate) for rate in _ERROR_RATES], axis=0)


def sequential_p(
    p_values: Sequence[float | None], fractions: Sequence[float], *, one_sided: bool
) -> float | None:
    """The p value of a study that was looked at at `fractions` of its planned information.

    `p_values` are those of each look's own test; None where a look had none. None where no look had any.
    """
    found = []
    levels = _levels_by_error_rate(tuple(fractions))
    for p_value, level in zip(p_values, levels.T, strict=True):
        if p_value is None:
            continue
        one_side = max(p_value if one_sided else p_value / 2, 1e-300)
        rate = float(np.exp(np.interp(np.log(one_side), np.log(level), np.log(_ERROR_RATES), right=0.0)))
        found.append(min(1.0, rate if one_sided else 2 * rate))
    return min(found, default=None)
