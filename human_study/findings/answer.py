"""The study's one question: did the faces help people decide better, than what, for whom, and can it be trusted?

One picture of the face against every other condition, one or two sentences, and the warnings that a reader needs
before any other figure.
"""

import numpy as np
import pandas as pd

from human_study.analysis.contrasts import contrast
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import Column, Finding, FindingChart, FindingTable, estimate_cells
from human_study.findings.harm_warnings import warning_sentences
from human_study.findings.headline import headline, nobody_counts
from human_study.presentation import finding_charts
from human_study.presentation.labels import condition_label

QUESTION = "Did the faces help people decide better?"
# What is compared in the picture: the first is the question, the others say what the gain is made of.
CONTRASTS = (("face", "none"), ("face", "score"), ("face", "shuffled"), ("face", "risk_to_smile"))
_THAN = {
    "none": "than with no advice",
    "score": "than with a score",
    "shuffled": "than with a shuffled face",
    "risk_to_smile": "than with risk as smile",
}
FEW_PEOPLE = 20
_NOTES = (
    "How to read it: each point is how many percentage points more accurate people with the face were than people in "
    "the condition named, in the same round. The bar is its 95% interval: where it leaves out 0, chance alone does "
    "not explain the difference. Earlier rounds are faint.",
    "A gain over no advice alone may be what any advice gives; a gain over the shuffled face is what the face says "
    "about this application. p values here are uncorrected; the sentence above gives the corrected one.",
)


def comparison_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """CONTRASTS in balanced accuracy, a row a round and pair of conditions that both decided on test applications.

    Columns round_number, condition, against, n_participants (of both), difference (a share from -1 to 1) with its
    interval columns, p_value (two-sided, uncorrected), is_newest.
    """
    rows = []
    for number, in_round in decisions.groupby("round_number"):
        present = set(in_round["condition"])
        for condition, against in CONTRASTS:
            if not {condition, against} <= present:
                continue
            pair = in_round[in_round["condition"].isin([condition, against])]
            found = contrast(pair, (pair["condition"] == condition).to_numpy())
            row = {
                "round_number": number,
                "condition": condition,
                "against": against,
                "n_participants": pair["participant_key"].nunique(),
                "p_value": np.nan if found.p_value is None else found.p_value,
            }
            rows.append(row | estimate_cells("difference", found.difference))
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    return table.assign(is_newest=table["round_number"] == table["round_number"].max())


def answer_findings(results: StudyResults) -> Finding:
    """The face against every other condition, in a picture and in words, and what stands in the way of trusting it."""
    sentences, warnings = tuple(headline(results)), tuple(warnings_of(results))
    table = comparison_table(results.test_decisions)
    if table.empty:
        reason = "no round has decisions on test applications both with the face and in another condition"
        return Finding("answer", QUESTION, sentences, reason=reason, warnings=warnings)
    table["label"] = table["against"].map(_THAN)
    chart = FindingChart(
        "answer",
        "Accuracy with the face less accuracy in the other condition of the same round, in percentage points, with "
        "95% intervals.",
        lambda: finding_charts.comparison_chart(table, simulated=results.simulated),
        "Differences between the face and each other condition; the table below holds the numbers",
    )
    columns = (
        Column("round_number", "Round", "integer"),
        Column("label", "More accurate with the face"),
        Column("n_participants", "Participants", "integer"),
        Column("difference", "Difference, points", "points"),
        Column("p_value", "p, uncorrected", "p_value"),
    )
    newest_first = table.sort_values("round_number", ascending=False, kind="stable")
    shown = FindingTable(
        "answer", "The differences in the picture, with 95% intervals.", newest_first, columns
    )
    charts = (chart,) if table["difference"].notna().any() else ()
    return Finding("answer", QUESTION, sentences, (shown,), charts, _NOTES, warnings=warnings)


def warnings_of(results: StudyResults) -> list[str]:
    """What makes the answer less certain than its interval: each one a sentence, the gravest first."""
    said = nobody_counts(results)
    warnings = [f"{said[0].upper()}{said[1:]}."] if said else []
    warnings += warning_sentences(results)
    if results.test_decisions.empty:
        return warnings
    number = results.test_decisions["round_number"].max()
    newest = results.test_decisions[results.test_decisions["round_number"] == number]
    few = newest.groupby("condition")["participant_key"].nunique()
    few = few[few < FEW_PEOPLE]
    if len(few):
        counted = ", ".join(f"{condition_label(str(name)).lower()} {n}" for name, n in few.items())
        warnings.append(f"Few people in round {number} ({counted}): one more person could change the answer.")
    if results.study.status == "open" and not results.simulated:
        warnings.append(
            "The study is still open: who stops as soon as a difference appears finds effects that do not exist."
        )
    return warnings
