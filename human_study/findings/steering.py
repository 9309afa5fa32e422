"""Whether advice that was optimised steered people wrongly where the machine behind it was wrong.

Faces are drawn from what the machine knows: where its score errs, a face that people heed can make them err
too. Compared with people without advice, apart for applications that the machine gets right and wrong.
"""

import numpy as np
import pandas as pd

from advisor.measurement.accuracy import approves
from human_study.analysis.contrasts import BASELINE, contrast
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import ROUND, Column, Finding, FindingTable, estimate_cells, not_computed
from human_study.presentation.labels import condition_label
from human_study.presentation.numbers import points


def steering_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """Each condition against no advice in its round, where the machine is right and where it is wrong.

    `decisions` need machine_score (0.5 and above approves). Columns round_number, condition, machine ("right",
    "wrong"), n_decisions, difference (balanced accuracy) with interval, p_value.
    """
    right = approves(decisions["machine_score"]) == decisions["outcome"].to_numpy(bool)
    labelled = decisions.assign(machine=np.where(right, "right", "wrong"))
    rows = []
    for number, in_round in labelled.groupby("round_number"):
        for condition in sorted(set(in_round["condition"]) - {BASELINE}):
            pair = in_round[in_round["condition"].isin([condition, BASELINE])]
            if BASELINE not in set(pair["condition"]):
                continue
            for machine in ("right", "wrong"):
                part = pair[pair["machine"] == machine]
                is_advised = (part["condition"] == condition).to_numpy()
                result = contrast(part, is_advised)
                rows.append(
                    {
                        "round_number": number,
                        "condition": condition,
                        "machine": machine,
                        "n_decisions": int(is_advised.sum()),
                        **estimate_cells("difference", result.difference),
                        "p_value": result.found.p_value,
                    }
                )
    return pd.DataFrame(rows)


def steering_findings(results: StudyResults) -> Finding:
    """Gain or loss against no advice, apart for what the machine gets right and wrong."""
    name, title = "steering", "Steered wrongly where the machine is wrong?"
    table = steering_table(results.test_decisions)
    if table.empty:
        return not_computed(name, title, "no round has test decisions both with no advice and with advice")
    table["label"] = table["condition"].map(condition_label)
    faces = table[(table["condition"] == "face") & (table["machine"] == "wrong")].dropna(
        subset=["difference"]
    )
    sentences = []
    if len(faces):
        newest = faces.iloc[-1]
        word = "lost" if newest["difference"] < 0 else "gained"
        interval = (
            newest["difference_reason"]
            if pd.isna(newest["difference_low"])
            else f"95% interval {points(newest['difference_low'])} to {points(newest['difference_high'])}"
        )
        sentences.append(
            f"Where the machine is wrong, people who saw the face in round {newest['round_number']} {word} "
            f"{points(newest['difference']).lstrip('+−')} points of accuracy against no advice ({interval})."
        )
    columns = (
        ROUND,
        Column("label", "Condition"),
        Column("machine", "The machine is"),
        Column("n_decisions", "Decisions", "integer"),
        Column("difference", "Against no advice, points", "points"),
        Column("p_value", "p", "p_value"),
    )
    caption = "Accuracy with advice against none where the machine is right and wrong, with 95% intervals."
    return Finding(name, title, tuple(sentences), (FindingTable(name, caption, table, columns),))
