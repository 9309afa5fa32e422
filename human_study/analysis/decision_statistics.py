"""How well people decided: estimates with 95 % intervals, from frames of decisions.

Every function takes one row a decision, with `participant_key`, `round_number`, `condition`,
`approved` (0 or 1) and `outcome` (1 = the good outcome, 0 = the bad one); response times need
`response_time_ms` too. Which decisions belong into a frame (test applications, main trials, one kind of
participants) is for the caller to say, see study_results.py.

Intervals are over people and applications (advisor/measurement/crossed_means.py; those of d′ and c by a two-way
jackknife, advisor/measurement/jackknife.py). Where a figure cannot be computed, the result holds None and a
sentence that says why. Balanced accuracy itself is the advisor's measure too and stands in
advisor/measurement/accuracy.py; how conditions compare in accuracy, in contrasts.py.
"""

import numpy as np
import pandas as pd
from scipy import stats

from advisor.measurement.accuracy import (
    COUNTS,
    NO_DECISIONS,
    approves,
    balanced_accuracy,
    balanced_share,
    decision_counts,
)
from advisor.measurement.crossed_means import CrossedMeans, codes, crossed_means
from advisor.measurement.estimate import Estimate
from advisor.measurement.jackknife import mean_of_people

_FIGURES = [
    "accuracy", "ci_low", "ci_high", "plain_accuracy", "plain_accuracy_low", "plain_accuracy_high", "d_prime",
    "d_prime_low", "d_prime_high", "criterion", "criterion_low", "criterion_high", "approval_rate",
]  # fmt: skip
_ACCURACY_COLUMNS = [
    "round_number", "condition", "n_participants", "n_decisions", *_FIGURES, "reason", "signal_reason"
]  # fmt: skip


def plain_accuracy(decisions: pd.DataFrame) -> Estimate:
    """The share of correct decisions, whatever the outcomes; interval as for `balanced_accuracy`."""
    return crossed_means(
        (decisions["approved"] == decisions["outcome"]).to_numpy(),
        np.zeros(len(decisions), dtype=int),
        np.ones(1),
        decisions["participant_key"].to_numpy(),
        decisions["application_id"].to_numpy(),
        nothing=NO_DECISIONS,
    ).estimate(0.0, 1.0)


def sensitivity_and_criterion(decisions: pd.DataFrame) -> tuple[Estimate, Estimate]:
    """Signal detection's d′ (telling good from bad) and c (above 0: inclined to deny), means over people.

    See `signal_difference`; here all are in one group.
    """
    d_prime, criterion = signal_difference(decisions, np.ones(len(decisions), dtype=bool))
    return d_prime.estimate(), criterion.estimate()


def signal_difference(decisions: pd.DataFrame, is_first: np.ndarray) -> tuple[CrossedMeans, CrossedMeans]:
    """How d′ and c of those where `is_first` (bool [n_decisions]) differ from those of the others, if there are any.

    Each is computed for each participant with the log-linear correction (Hautus 1995), which adds 0.5 to the
    counts and 1 to the totals, and averaged over those who met both outcomes; the interval is a two-way jackknife's.
    """
    nobody = "no participant has met both outcomes yet"
    outcome, approved = decisions["outcome"].to_numpy(bool), decisions["approved"].to_numpy(bool)
    person = codes(decisions["participant_key"].to_numpy())
    n_good, n_bad = np.bincount(person, outcome), np.bincount(person, ~outcome)
    met_both = (n_good > 0) & (n_bad > 0)
    kept = met_both[person]
    place = np.cumsum(met_both) - 1
    person, outcome, approved, first = place[person][kept], outcome[kept], approved[kept], is_first[kept]
    n_good, n_bad = n_good[met_both], n_bad[met_both]
    hits, alarms = np.bincount(person, outcome & approved), np.bincount(person, ~outcome & approved)
    n_of_first = np.bincount(person, first, len(n_good)) > 0
    weights = np.where(n_of_first, 1 / max(1, n_of_first.sum()), -1 / max(1, (~n_of_first).sum()))
    z = _z(hits, n_good), _z(alarms, n_bad)
    z_without = (
        _z(hits[person] - (outcome & approved), n_good[person] - outcome),
        _z(alarms[person] - (~outcome & approved), n_bad[person] - ~outcome),
    )
    applications = decisions["application_id"].to_numpy()[kept]
    d_prime, criterion = (
        mean_of_people(figure(*z), weights, figure(*z_without), person, applications, nobody)
        for figure in (np.subtract, lambda of_good, of_bad: -(of_good + of_bad) / 2)
    )
    return d_prime, criterion


def _z(n_approved: np.ndarray, n: np.ndarray) -> np.ndarray:
    return stats.norm.ppf((n_approved + 0.5) / (n + 1.0))


def accuracy_table(decisions: pd.DataFrame, cells: list[tuple[int, str]]) -> pd.DataFrame:
    """Accuracy by round and condition: one row a cell, in the order given, those without decisions too.

    Columns: round_number, condition, n_participants, n_decisions; shares from 0 to 1: accuracy, ci_low, ci_high
    (balanced), plain_accuracy with `_low` and `_high`, approval_rate; in standard deviations of the evidence:
    d_prime and criterion with `_low` and `_high`; and why a figure is missing: reason (of accuracy), signal_reason
    (of d_prime and criterion).
    """
    columns = ["round_number", "condition", "participant_key", "application_id", "approved", "outcome"]
    needed = decisions[columns]
    groups = dict(list(needed.groupby(["round_number", "condition"])))
    rows = []
    for round_number, condition in cells:
        group = groups.get((round_number, condition), needed.iloc[:0])
        balanced, plain = balanced_accuracy(group), plain_accuracy(group)
        d_prime, criterion = sensitivity_and_criterion(group)
        row: dict[str, object] = {
            "round_number": round_number,
            "condition": condition,
            "n_participants": group["participant_key"].nunique(),
            "n_decisions": len(group),
            "accuracy": balanced.value,
            "ci_low": balanced.ci_low,
            "ci_high": balanced.ci_high,
        }
        for name, estimate in (("plain_accuracy", plain), ("d_prime", d_prime), ("criterion", criterion)):
            row |= {name: estimate.value, f"{name}_low": estimate.ci_low, f"{name}_high": estimate.ci_high}
        row["approval_rate"] = float(group["approved"].mean()) if len(group) else np.nan
        rows.append(row | {"reason": balanced.reason, "signal_reason": d_prime.reason or criterion.reason})
    return pd.DataFrame(rows, columns=_ACCURACY_COLUMNS).astype(dict.fromkeys(_FIGURES, float))


def machine_accuracy(decisions: pd.DataFrame, by: list[str]) -> pd.Series:
    """Balanced accuracy of the machine's score (`machine_score`, 0.5 and above approves) on the trials of each group.

    Indexed by the columns `by`; missing where a group has not met both outcomes.
    """
    right = approves(decisions["machine_score"]) == decisions["outcome"].to_numpy(bool)
    share = decisions[[*by, "outcome"]].assign(right=right).groupby([*by, "outcome"])["right"].mean()
    return share.unstack("outcome").reindex(columns=[0, 1]).mean(axis=1, skipna=False)


def participant_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """One row a participant and condition: participant_key, round_number, condition, n_decisions, accuracy.

    `accuracy` is balanced, and missing for those who met only one outcome.
    """
    keys = ["participant_key", "round_number", "condition"]
    frames = []
    for _, group in decisions[[*keys, "approved", "outcome"]].groupby(keys[1:]):
        counts = decision_counts(group).rename_axis("participant_key").reset_index()
        frames.append(counts.assign(**group.iloc[0][keys[1:]]))
    if not frames:
        return pd.DataFrame(columns=[*keys, "n_decisions", "accuracy"])
    table = pd.concat(frames, ignore_index=True)
    table["n_decisions"] = table["n_positive"] + table["n_negative"]
    table["accuracy"] = balanced_share(table[COUNTS].to_numpy())
    return table[[*keys, "n_decisions", "accuracy"]]


def response_time_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """Response times by round and condition, in ms: n_decisions, p10, p25, median, p75, p90."""
    timed = decisions.dropna(subset=["response_time_ms"])
    quantiles = {"p10": 0.1, "p25": 0.25, "median": 0.5, "p75": 0.75, "p90": 0.9}
    grouped = timed.groupby(["round_number", "condition"])["response_time_ms"]
    columns = {name: grouped.quantile(share) for name, share in quantiles.items()}
    return pd.DataFrame({"n_decisions": grouped.size(), **columns}).reset_index()
