"""Cohen's (1960) kappa: agreement of two series of yes-or-no answers beyond what chance makes of their shares."""

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import TOO_FEW_PEOPLE
from advisor.measurement.estimate import Estimate
from advisor.measurement.jackknife import jackknife_figure, participant_sums

ALL_ALIKE = "all answers are alike"


def cohens_kappa(
    units: pd.Series, first: np.ndarray, second: np.ndarray, nothing: str, few: str = TOO_FEW_PEOPLE
) -> Estimate:
    """Kappa of two answers each (both bool [N]), pooled; 1: always agree, 0: as often as by chance.

    The interval leaves out one of `units` ([N], whose answers depend on each other) at a time. `nothing` is the
    reason where there are no answers, `few` where there are fewer than five units.
    """
    sums = participant_sums(
        units, agrees=first == second, first=first, second=second, all=np.ones(len(first))
    )
    return jackknife_figure(sums, _kappa, -1.0, 1.0, nothing if len(first) == 0 else ALL_ALIKE, few)


def _kappa(s: pd.Series | pd.DataFrame) -> pd.Series:
    a, b = s["first"] / s["all"], s["second"] / s["all"]
    by_chance = a * b + (1 - a) * (1 - b)
    return (s["agrees"] / s["all"] - by_chance) / (1 - by_chance)
