"""Whether decisions treat protected groups alike.

Protected attributes reach neither machine nor participants; they are joined here, by application. Figures by
group are named as in fairlearn (Weerts et al. 2023); their intervals are over people and applications. Whether advice
affected one group differently from the others is tested in harm_warnings.py.
"""

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import crossed_means
from advisor.measurement.estimate import Estimate
from human_study.analysis.application_groups import groups_or_reason
from human_study.analysis.group_harm import MIN_DECISIONS
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import Column, Finding, FindingTable, estimate_cells, not_computed
from human_study.presentation.labels import condition_label

ONE_OUTCOME = "only one outcome was decided on"
METRICS = ("accuracy", "approval_rate", "bad_approved", "good_denied")


def group_estimates(decisions: pd.DataFrame) -> dict[str, Estimate]:
    """The METRICS of one group's decisions, with intervals over people and applications.

    `accuracy` is balanced; `bad_approved` and `good_denied` are the error rates on either outcome. Where only one
    outcome was decided on, what needs the other has that as its reason.
    """
    outcome, approved = decisions["outcome"].to_numpy(bool), decisions["approved"].to_numpy(bool)
    people, applications = decisions["participant_key"].to_numpy(), decisions["application_id"].to_numpy()

    def share(is_so: np.ndarray, cells: np.ndarray, weights: tuple[float, ...] = (1.0,)) -> Estimate:
        found = crossed_means(is_so, cells, np.array(weights), people, applications, ONE_OUTCOME)
        return found.estimate(0.0, 1.0)

    return {
        "accuracy": share(approved == outcome, (~outcome).astype(int), (0.5, 0.5)),
        "approval_rate": share(approved, np.zeros(len(outcome), dtype=int)),
        "bad_approved": share(approved, np.where(outcome, -1, 0)),
        "good_denied": share(~approved, np.where(outcome, 0, -1)),
    }


def group_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """METRICS by condition and `group` (a column of `decisions`), a row each, with intervals.

    Also n_decisions, and `reason` where a group has too few decisions for any figure.
    """
    rows = []
    for (condition, group), part in decisions.groupby(["condition", "group"]):
        row: dict[str, object] = {"condition": str(condition), "group": str(group), "n_decisions": len(part)}
        reason = f"fewer than {MIN_DECISIONS} decisions" if len(part) < MIN_DECISIONS else ""
        row["reason"] = reason
        estimates = {name: Estimate(None, None, None, reason) for name in METRICS}
        for name, estimate in (estimates if reason else group_estimates(part)).items():
            row |= estimate_cells(name, estimate)
        rows.append(row)
    return pd.DataFrame(rows)


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


def group_findings(results: StudyResults) -> Finding:
    """Accuracy, approval and error rates by protected group, and their disparities."""
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
        tables += _tables_of(label, known)
        n_unknown = len(decisions) - len(known)
        if n_unknown:
            sentences.append(
                f"{label}: {n_unknown:,} of {len(decisions):,} decisions were on applications whose group is unknown; "
                "they are in no row."
            )
    if not tables:
        return Finding(name, title, tuple(sentences), reason="no decision on an application of a known group")
    notes = (
        "Test applications, all rounds together. Neither the machine nor anybody who decided knew the group. "
        "The largest of several differences is above 0 by chance alone: whether a group was moved beyond chance is "
        "tested in the finding on harm to a group.",
    )
    return Finding(name, title, tuple(sentences), tuple(tables), notes=notes)


def _tables_of(label: str, known: pd.DataFrame) -> list[FindingTable]:
    slug = "".join(letter if letter.isalnum() else "_" for letter in label.lower())
    by_group = group_table(known)
    disparity = disparity_table(by_group)
    condition = Column("label", "Condition")
    for table in (by_group, disparity):
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
        Column("accuracy_difference", "Accuracy, points", "points_apart"),
        Column("demographic_parity", "Approval rate, points (demographic parity)", "points_apart"),
        Column("equalized_odds", "Error rates, points (equalised odds)", "points_apart"),
    )
    return [
        FindingTable(f"groups_{slug}", f"{label}: by group, with 95% intervals.", by_group, columns),
        FindingTable(
            f"disparity_{slug}", f"{label}: largest difference between groups.", disparity, differences
        ),
    ]
