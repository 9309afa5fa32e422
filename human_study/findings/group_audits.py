"""Whether decisions treat protected groups alike, and whether advice moved groups differently.

Protected attributes reach neither machine nor participants; they are joined here, by application. Figures by
group are named as in fairlearn (Weerts et al. 2023); their intervals are over participants.
"""

import numpy as np
import pandas as pd

from advisor.measurement.estimate import Estimate
from advisor.measurement.jackknife import jackknife_figure, participant_sums
from human_study.analysis.application_groups import groups_or_reason
from human_study.analysis.contrasts import BASELINE
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import Column, Finding, FindingTable, estimate_cells, not_computed
from human_study.presentation.labels import condition_label
from human_study.presentation.numbers import points

# Below this a group's figures are chance, and its rows say so.
MIN_DECISIONS = 20
METRICS = ("accuracy", "approval_rate", "bad_approved", "good_denied")


def group_estimates(decisions: pd.DataFrame) -> dict[str, Estimate]:
    """The METRICS of one group's decisions, with intervals over participants.

    `accuracy` is balanced; `bad_approved` and `good_denied` are the error rates on either outcome.
    """
    outcome, approved = decisions["outcome"].to_numpy(bool), decisions["approved"].to_numpy(bool)
    sums = participant_sums(
        decisions["participant_key"],
        good=outcome,
        bad=~outcome,
        hits=approved & outcome,
        false_alarms=approved & ~outcome,
    )
    return {
        "accuracy": jackknife_figure(
            sums, lambda s: (s["hits"] / s["good"] + 1 - s["false_alarms"] / s["bad"]) / 2, 0.0, 1.0
        ),
        "approval_rate": jackknife_figure(
            sums, lambda s: (s["hits"] + s["false_alarms"]) / (s["good"] + s["bad"]), 0.0, 1.0
        ),
        "bad_approved": jackknife_figure(sums, lambda s: s["false_alarms"] / s["bad"], 0.0, 1.0),
        "good_denied": jackknife_figure(sums, lambda s: 1 - s["hits"] / s["good"], 0.0, 1.0),
    }


def group_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """METRICS by condition and `group` (a column of `decisions`), a row each, with intervals.

    Also n_decisions, and `reason` where a group has too few decisions or has not met both outcomes.
    """
    rows = []
    for (condition, group), part in decisions.groupby(["condition", "group"]):
        row: dict[str, object] = {"condition": str(condition), "group": str(group), "n_decisions": len(part)}
        reason = _too_little(part)
        row["reason"] = reason
        estimates = {name: Estimate(None, None, None, reason) for name in METRICS}
        for name, estimate in (estimates if reason else group_estimates(part)).items():
            row |= estimate_cells(name, estimate)
        rows.append(row)
    return pd.DataFrame(rows)


def _too_little(part: pd.DataFrame) -> str:
    if len(part) < MIN_DECISIONS:
        return f"fewer than {MIN_DECISIONS} decisions"
    return "" if part["outcome"].nunique() == 2 else "only one outcome was decided on"


def disparity_table(by_group: pd.DataFrame) -> pd.DataFrame:
    """Disparities by condition, from `group_table`: the largest difference between any two groups, a share.

    Columns condition, n_groups, accuracy_difference, demographic_parity (of approval rates), equalized_odds (the
    larger of the differences of both error rates), reason. Groups with too few decisions are left out. Differences
    between the largest and the smallest are above 0 by chance alone.
    """
    rows = []
    for condition, part in by_group.groupby("condition"):
        kept = part[part["reason"] == ""]
        gaps = kept[list(METRICS)].max() - kept[list(METRICS)].min()
        found = {
            "accuracy_difference": gaps["accuracy"],
            "demographic_parity": gaps["approval_rate"],
            "equalized_odds": gaps[["bad_approved", "good_denied"]].max(),
        }
        too_few = len(kept) < 2
        reason = "fewer than two groups with enough decisions" if too_few else ""
        cells = dict.fromkeys(found, np.nan) if too_few else found
        rows.append({"condition": str(condition), "n_groups": len(kept), **cells, "reason": reason})
    return pd.DataFrame(rows)


def moved_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """Whether advice moved a group otherwise than all others, by condition and group.

    `approval_moved` is (with advice - without) in the group, less the same in the others, in shares approved;
    `accuracy_moved` likewise in the share correct. Jackknife intervals over participants of both conditions.
    """
    rows = []
    for condition in sorted(set(decisions["condition"]) - {BASELINE}):
        pair = decisions[decisions["condition"].isin([condition, BASELINE])]
        for group in sorted(pair["group"].unique()):
            advised = (pair["condition"] == condition).to_numpy()
            inside = (pair["group"] == group).to_numpy()
            correct = (pair["approved"] == pair["outcome"]).to_numpy(float)
            approved = pair["approved"].to_numpy(float)
            people = pair["participant_key"]
            cells = {
                "approval_moved": _difference_in_differences(people, approved, advised, inside),
                "accuracy_moved": _difference_in_differences(people, correct, advised, inside),
            }
            row: dict[str, object] = {"condition": condition, "group": group}
            for name, estimate in cells.items():
                row |= estimate_cells(name, estimate)
            rows.append(row)
    return pd.DataFrame(rows)


def _difference_in_differences(
    people: pd.Series, value: np.ndarray, advised: np.ndarray, inside: np.ndarray
) -> Estimate:
    cells = {
        "ai": advised & inside,
        "ao": advised & ~inside,
        "ni": ~advised & inside,
        "no": ~advised & ~inside,
    }
    sums = participant_sums(
        people,
        **{f"n_{name}": cell for name, cell in cells.items()},
        **{f"v_{name}": value * cell for name, cell in cells.items()},
    )

    def figure(s: pd.Series | pd.DataFrame) -> pd.Series:
        mean = {name: s[f"v_{name}"] / s[f"n_{name}"] for name in cells}
        return (mean["ai"] - mean["ni"]) - (mean["ao"] - mean["no"])

    return jackknife_figure(
        sums, figure, -2.0, 2.0, "not decided on both with and without advice, in and out"
    )


def group_findings(results: StudyResults) -> Finding:
    """Accuracy, approval and error rates by protected group, their disparities, and whether advice moved them."""
    name, title = "groups", "Protected groups"
    groups = groups_or_reason(results.applications, results.study.task_name)
    if isinstance(groups, str):
        return not_computed(name, title, groups)
    decisions = results.test_decisions
    tables: list[FindingTable] = []
    sentences = []
    for label, group in groups.items():
        known = decisions.assign(group=group.reindex(decisions["application_id"]).to_numpy()).dropna(
            subset=["group"]
        )
        if known.empty:
            sentences.append(f"{label}: no decision on an application whose group is known.")
            continue
        by_group, disparity, *moved = _tables_of(label, known)
        tables += [by_group, disparity, *moved]
        sentences.append(_largest_gap(label, disparity.frame))
    if not tables:
        return Finding(name, title, tuple(sentences), reason="no decision on an application of a known group")
    notes = (
        "Test applications, all rounds together. Neither the machine nor anybody who decided knew the group. "
        "Many comparisons are made here: single intervals that leave out 0 are to be expected.",
    )
    return Finding(name, title, tuple(sentences), tuple(tables), notes=notes)


def _tables_of(label: str, known: pd.DataFrame) -> list[FindingTable]:
    slug = "".join(letter if letter.isalnum() else "_" for letter in label.lower())
    by_group, moved = group_table(known), moved_table(known)
    disparity = disparity_table(by_group)
    condition = Column("label", "Condition")
    for table in (by_group, disparity, moved):
        table["label"] = table["condition"].map(condition_label) if len(table) else []
    headings = {
        "accuracy": "Balanced accuracy",
        "approval_rate": "Approved",
        "bad_approved": "Bad ones approved",
        "good_denied": "Good ones denied",
    }
    columns = (
        condition,
        Column("group", label),
        Column("n_decisions", "Decisions", "integer"),
        *(Column(key, heading, "percent") for key, heading in headings.items()),
    )
    differences = (
        condition,
        Column("n_groups", "Groups", "integer"),
        Column("accuracy_difference", "Accuracy", "percent"),
        Column("demographic_parity", "Approval rate (demographic parity)", "percent"),
        Column("equalized_odds", "Error rates (equalised odds)", "percent"),
    )
    tables = [
        FindingTable(f"groups_{slug}", f"{label}: by group, with 95% intervals.", by_group, columns),
        FindingTable(
            f"disparity_{slug}", f"{label}: largest difference between groups.", disparity, differences
        ),
    ]
    if len(moved):
        moving = (
            condition,
            Column("group", label),
            Column("approval_moved", "Approval, points", "points"),
            Column("accuracy_moved", "Share correct, points", "points"),
        )
        caption = f"{label}: how much more advice moved the group than all others, with 95% intervals."
        tables.append(FindingTable(f"moved_{slug}", caption, moved, moving))
    return tables


def _largest_gap(label: str, disparity: pd.DataFrame) -> str:
    known = disparity.dropna(subset=["demographic_parity"])
    if known.empty:
        return f"{label}: no disparity can be computed ({disparity['reason'].iloc[0]})."
    worst = known.sort_values("demographic_parity").iloc[-1]
    gap = points(worst["demographic_parity"]).lstrip("+")
    where = condition_label(worst["condition"]).lower()
    return f"{label}: approval rates differ by up to {gap} points between groups ({where})."
