"""Whether a condition affected one group of applications differently from the others: the interaction, corrected.

For every condition against no advice and every group with enough decisions, how much more the condition moved the
group than all other groups, in the share correct and in the share approved, with people and applications random
and Holm's correction over all of them: one largest interaction is always there, and what chance makes of it is
what the correction takes away.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import codes, crossed_means
from human_study.analysis.contrasts import BASELINE, holm

MIN_DECISIONS = 20
_INTERACTION = np.array([1.0, -1.0, -1.0, 1.0])
NOT_COMPARED = "not decided on both with and without advice, inside the group and outside"
FEW_DECISIONS = f"fewer than {MIN_DECISIONS} decisions with or without advice"
COLUMNS = [
    "attribute", "group", "condition", "measure", "n_decisions", "with_advice", "without", "moved",
    "moved_low", "moved_high", "p_value", "p_holm", "reason",
]  # fmt: skip


@dataclass(frozen=True)
class UnknownGroups:
    """How many decisions of an attribute were on applications whose group is unknown, of how many."""

    attribute: str
    n_unknown: int
    n_decisions: int


def interaction_table(decisions: pd.DataFrame, groups: dict[str, pd.Series]) -> pd.DataFrame:
    """Every condition x group interaction of one round; columns as COLUMNS, shares from -2 to 2.

    Args:
        decisions: participant_key, application_id, condition, approved and outcome, of one round.
        groups: attribute -> group by application id; missing where it is unknown.

    `measure` is "correct" or "approved"; `with_advice` and `without` are its shares within the group, `moved` is
    the interaction. Groups with too few decisions keep their row, with the reason.
    """
    rows = []
    coded = {name: codes(decisions[name].to_numpy()) for name in ("participant_key", "application_id")}
    decisions = decisions.assign(person=coded["participant_key"], application=coded["application_id"])
    for attribute, of_application in groups.items():
        group = of_application.reindex(decisions["application_id"]).to_numpy(object)
        known = decisions[pd.notna(group)].assign(group=group[pd.notna(group)])
        for condition in [c for c in known["condition"].unique() if c != BASELINE]:
            pair = known[known["condition"].isin([condition, BASELINE])]
            for name in sorted(pair["group"].unique()):
                rows += _rows(attribute, str(name), str(condition), pair)
    table = pd.DataFrame(rows, columns=COLUMNS)
    table["p_holm"] = holm(table["p_value"].to_numpy(float))
    return table


def _rows(attribute: str, group: str, condition: str, pair: pd.DataFrame) -> list[dict[str, object]]:
    inside = (pair["group"].astype(str) == group).to_numpy()
    advised = (pair["condition"] == condition).to_numpy()
    n_with, n_without = int((inside & advised).sum()), int((inside & ~advised).sum())
    head = {
        "attribute": attribute, "group": group, "condition": condition, "n_decisions": n_with + n_without
    }  # fmt: skip
    if min(n_with, n_without) < MIN_DECISIONS:
        return [{**head, "measure": "correct", "reason": FEW_DECISIONS}]
    people, applications = pair["person"].to_numpy(), pair["application"].to_numpy()
    approved = pair["approved"].to_numpy(bool)
    cells = 2 * ~inside + ~advised
    rows: list[dict[str, object]] = []
    for measure, value in (("correct", approved == pair["outcome"].to_numpy(bool)), ("approved", approved)):
        moved = crossed_means(value, cells, _INTERACTION, people, applications, NOT_COMPARED)
        interval = moved.estimate(-2.0, 2.0)
        rows.append(
            head
            | {
                "measure": measure,
                "moved": interval.value,
                "moved_low": interval.ci_low,
                "moved_high": interval.ci_high,
                "with_advice": float(value[inside & advised].mean()),
                "without": float(value[inside & ~advised].mean()),
                "p_value": moved.p_value,
                "reason": moved.reason,
            }
        )
    return rows


def unknown_groups(decisions: pd.DataFrame, groups: dict[str, pd.Series]) -> list[UnknownGroups]:
    """How many decisions each attribute leaves out, because the application's group is unknown."""
    return [
        UnknownGroups(
            name, int(of_application.reindex(decisions["application_id"]).isna().sum()), len(decisions)
        )
        for name, of_application in groups.items()
    ]


def harmed(table: pd.DataFrame) -> pd.DataFrame:
    """The interactions that chance does not explain (corrected p below .05): harm in accuracy, and any shift of
    approval; the strongest first."""
    found = table[(table["p_holm"] < 0.05) & ((table["measure"] == "approved") | (table["moved"] < 0))]
    return found.sort_values("p_holm", kind="stable")
