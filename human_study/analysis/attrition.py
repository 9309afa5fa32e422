"""Who left, by condition, and what that can do to the comparison with no advice.

Where more people leave one condition than another, those who stay are no longer alike. Beside an exact test of
that stand the comparison over all decisions that were taken (intention to treat) and bounds that hold whoever left
(Lee 2009, Rev. Econ. Stud. 76: the condition that kept more is trimmed by the surplus, from above and from below).
"""

import numpy as np
import pandas as pd
from scipy import stats

from advisor.measurement.estimate import Estimate
from human_study.analysis.contrasts import BASELINE, contrast, holm

LEFT = ("returned", "timed_out")
COLUMNS = [
    "condition", "began", "left", "began_without", "left_without", "p_value", "p_holm", "completers", "all_taken",
    "all_taken_low", "all_taken_high", "bound_low", "bound_high", "reason",
]  # fmt: skip


def attrition_table(participants: pd.DataFrame, taken: pd.DataFrame) -> pd.DataFrame:
    """Every condition against no advice in one round; columns as COLUMNS, differences as shares.

    Args:
        participants: participant_key, condition and status, everybody who began in the round.
        taken: every main decision on a test application, whoever took it: participant_key, application_id,
            condition, approved and outcome.

    `left` counts who withdrew or ran out of time. `p_value` is Fisher's exact test of equal shares, `p_holm`
    corrected over the conditions. `completers` and the bounds are of those who did not leave.
    """
    left = participants["status"].isin(LEFT)
    stayers = set(participants.loc[~left, "participant_key"])
    stayed = taken[taken["participant_key"].isin(stayers)]
    began = participants.groupby("condition").size()
    gone = left.groupby(participants["condition"]).sum()
    rows = []
    for condition in [c for c in began.index if c != BASELINE and BASELINE in began.index]:
        counts = [[gone[c], began[c] - gone[c]] for c in (condition, BASELINE)]
        everything = _difference(taken, condition)
        low, high, reason = lee_bounds(stayed, condition, 1 - gone / began)
        rows.append(
            {
                "condition": condition,
                "began": began[condition],
                "left": gone[condition],
                "began_without": began[BASELINE],
                "left_without": gone[BASELINE],
                "p_value": float(stats.fisher_exact(counts).pvalue),
                "completers": _difference(stayed, condition).value,
                "all_taken": everything.value,
                "all_taken_low": everything.ci_low,
                "all_taken_high": everything.ci_high,
                "bound_low": low,
                "bound_high": high,
                "reason": reason,
            }
        )
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p_holm"] = holm(table["p_value"].to_numpy(float))
    return table


def _difference(decisions: pd.DataFrame, condition: str) -> Estimate:
    pair = decisions[decisions["condition"].isin([condition, BASELINE])]
    return contrast(pair, (pair["condition"] == condition).to_numpy()).difference


def lee_bounds(
    stayed: pd.DataFrame, condition: str, kept: pd.Series
) -> tuple[float | None, float | None, str]:
    """Bounds of the difference in share correct between those who would have stayed in either condition.

    Args:
        stayed: the decisions of those who stayed.
        condition: which is compared with no advice.
        kept: condition -> the share of those who began that stayed.

    Shares are of each person, so that a person is trimmed whole.
    """
    correct = stayed.assign(correct=stayed["approved"] == stayed["outcome"])
    of_each = correct.groupby(["condition", "participant_key"])["correct"].mean()
    if not {condition, BASELINE} <= set(of_each.index.get_level_values(0)):
        return None, None, "nobody is left in one of the conditions: no bounds"
    shares = {c: np.sort(of_each.loc[c].to_numpy(float)) for c in (condition, BASELINE)}
    more, less = sorted((condition, BASELINE), key=lambda c: -kept[c])
    n_trimmed = round((1 - kept[less] / kept[more]) * len(shares[more]))
    if n_trimmed >= len(shares[more]):
        return None, None, "nobody is left in one of the conditions: no bounds"
    n = len(shares[more])
    trimmed = sorted((shares[more][: n - n_trimmed].mean(), shares[more][n_trimmed:].mean()))
    other = float(shares[less].mean())
    bounds = sorted((float(t) - other) * (1 if more == condition else -1) for t in trimmed)
    return bounds[0], bounds[1], ""
