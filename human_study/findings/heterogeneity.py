"""Whether advice works alike for everybody: how much people differ, and whether the effect depends on their answers.

Of the primary contrast, in the round where it is tested.
"""

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import crossed_means
from advisor.measurement.estimate import Estimate
from advisor.measurement.jackknife import jackknife_figure
from human_study.analysis.contrasts import contrast, holm, tested_round
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import Column, Finding, FindingTable, estimate_cells, not_computed
from human_study.findings.robustness import NOTHING_TESTED, primary_in_words
from human_study.presentation.labels import condition_label, with_condition
from human_study.presentation.numbers import points, points_apart

MOST_ANSWERS, LEAST_ANSWERS = 6, 2
_INTERACTION = np.array([1, 1, -1, -1, -1, -1, 1, 1]) / 2
_ONE_OUTCOME = "people with this answer have not met both outcomes in both conditions"


def spread_over_people(decisions: pd.DataFrame, right: np.ndarray) -> Estimate:
    """How much people differ in the balanced mean of `right` (float [n_decisions]) beyond luck: a standard deviation.

    The variance of people's own figures less what so few decisions make of it by chance; its interval is a jackknife's
    over people. `decisions` need participant_key and outcome; who met an outcome only once is left out.
    """
    keys = [decisions["participant_key"].to_numpy(), decisions["outcome"].to_numpy()]
    of_each = pd.Series(np.asarray(right, dtype=float)).groupby(keys).agg(["mean", "var", "size"])
    own = of_each["mean"].unstack().reindex(columns=[0, 1]).mean(axis=1, skipna=False)
    luck = (of_each["var"] / of_each["size"]).unstack().reindex(columns=[0, 1]).sum(axis=1, skipna=False) / 4
    known = own.notna() & luck.notna()
    own, luck = own[known], luck[known]
    sums = pd.DataFrame({"one": 1.0, "own": own, "square": own**2, "luck": luck})
    variance = jackknife_figure(sums, _variance_beyond_luck, nothing="nobody met both outcomes twice")
    if variance.value is None:
        return variance
    root = [
        None if one is None else float(np.sqrt(max(0.0, one))) for one in (variance.ci_low, variance.ci_high)
    ]
    return Estimate(float(np.sqrt(max(0.0, variance.value))), root[0], root[1], variance.reason)


def _variance_beyond_luck(s: pd.Series | pd.DataFrame) -> pd.Series:
    n = s["one"]
    return (s["square"] - s["own"] ** 2 / n) / (n - 1) - s["luck"] / n


def spread_table(results: StudyResults) -> pd.DataFrame:
    """How much people differ in accuracy, by condition of the tested round, and in the gain from first to final answer.

    Columns condition, measure, n_participants, spread with its interval (a share).
    """
    number = tested_round(results.test_decisions, results.declared)
    rows = []
    in_round = results.test_decisions[results.test_decisions["round_number"] == number]
    for condition, group in in_round.groupby("condition"):
        right = (group["approved"] == group["outcome"]).to_numpy(float)
        parts = [("accuracy", group, right)]
        two = group["initial_approved"].notna().to_numpy()
        if two.any():
            first = (group["initial_approved"] == group["outcome"]).to_numpy(float)
            parts.append(("gain from first to final answer", group[two], (right - first)[two]))
        for measure, part, value in parts:
            rows.append(
                {
                    "condition": condition,
                    "measure": measure,
                    "n_participants": part["participant_key"].nunique(),
                    **estimate_cells("spread", spread_over_people(part, value)),
                }
            )
    return pd.DataFrame(rows)


def answer_groups(results: StudyResults) -> dict[str, pd.Series]:
    """Question of the questionnaire -> participant key -> the answer, where it divides people into a few groups.

    Whole numbers with many values are cut at their median.
    """
    asked = results.answers[(results.answers["kind"] == "questionnaire") & (results.answers["value"] != "")]
    last = asked.drop_duplicates(["participant_key", "question"], keep="last")
    groups = {}
    for question, given in last.groupby("question"):
        values = given.set_index("participant_key")["value"]
        as_number = pd.to_numeric(values, errors="coerce")
        if as_number.notna().all() and values.nunique() > MOST_ANSWERS:
            middle = as_number.median()
            values = pd.Series(
                np.where(as_number <= middle, f"up to {middle:g}", f"above {middle:g}"), index=values.index
            )
        if LEAST_ANSWERS <= values.nunique() <= MOST_ANSWERS:
            groups[str(question)] = values
    return groups


def moderation_table(results: StudyResults) -> pd.DataFrame:
    """The primary contrast among people with each answer, and against all others who answered: the interaction.

    Columns question, answer, n_participants, difference and interaction with their intervals, p_holm (over all rows; of
    two answers the second only mirrors the first).
    """
    number, primary = tested_round(results.test_decisions, results.declared), results.declared.primary
    if number is None or primary is None:
        return pd.DataFrame()
    needed = ["participant_key", "application_id", "condition", "approved", "outcome"]
    test = results.test_decisions
    pair = test.loc[(test["round_number"] == number) & test["condition"].isin(primary), needed]
    rows = []
    for question, values in answer_groups(results).items():
        answer = pair["participant_key"].map(values)
        known, answer = pair[answer.notna()], answer.dropna()
        if known["condition"].nunique() < 2:
            continue  # asked in one of the conditions alone
        options = sorted(answer.unique())
        for place, option in enumerate(options):
            mirrored = len(options) == 2 and place == 1
            rows.append(
                {"question": question, "answer": option}
                | _moderated(known, (answer == option).to_numpy(), primary.condition, mirrored)
            )
    table = pd.DataFrame(rows)
    return table if table.empty else table.assign(p_holm=holm(table["p_value"].to_numpy(float)))


def _moderated(known: pd.DataFrame, inside: np.ndarray, condition: str, mirrored: bool) -> dict[str, object]:
    first, outcome = (known["condition"] == condition).to_numpy(), known["outcome"].to_numpy(bool)
    result = contrast(known[inside], first[inside])
    moved = crossed_means(
        known["approved"].to_numpy(bool) == outcome,
        4 * ~inside + 2 * ~first + ~outcome,
        _INTERACTION,
        known["participant_key"].to_numpy(),
        known["application_id"].to_numpy(),
        _ONE_OUTCOME,
    )
    return {
        "n_participants": known["participant_key"][inside].nunique(),
        **estimate_cells("difference", result.difference),
        **estimate_cells("interaction", moved.estimate(-2.0, 2.0)),
        "p_value": None if mirrored else moved.p_value,
    }


def heterogeneity_findings(results: StudyResults) -> Finding:
    """How much people differ, and whether the primary contrast differs by what they answered."""
    name, title = "heterogeneity", "Does advice work alike for everybody?"
    spread, moderated = spread_table(results), moderation_table(results)
    if spread.empty:
        return not_computed(name, title, NOTHING_TESTED)
    spread["label"] = spread["condition"].map(condition_label)
    primary = results.declared.primary
    said = [
        f"People with {with_condition(row['condition'])} differ from each other by {points_apart(row['spread'])} "
        "points of balanced accuracy (standard deviation beyond luck)."
        for row in spread.to_dict("records")
        if primary
        and row["condition"] in primary
        and row["measure"] == "accuracy"
        and pd.notna(row["spread"])
    ]
    columns = (
        Column("label", "Condition"),
        Column("measure", "Of"),
        Column("n_participants", "Participants", "integer"),
        Column("spread", "Standard deviation over people, points", "points_apart"),
    )
    caption = "How much people differ beyond luck, in the tested round, with 95% intervals over people only."
    tables = [FindingTable("spread_over_people", caption, spread, columns)]
    if moderated.empty:
        said.append("No question of the questionnaire divides people of both conditions into a few groups.")
    else:
        tables.append(_moderation_shown(moderated, primary_in_words(results)))
        found = moderated[moderated["p_holm"] < 0.05]
        said += [
            f"{row['question']}, {row['answer']}: the difference is {points(row['interaction'])} points compared with "
            "all who answered otherwise, beyond chance."
            for row in found.to_dict("records")
        ] or ["The difference does not depend on any answer beyond chance."]
    notes = ("Exploratory: people were not assigned to their answers, which came after the decisions.",)
    return Finding(name, title, tuple(said), tuple(tables), notes=notes)


def _moderation_shown(table: pd.DataFrame, primary: str) -> FindingTable:
    columns = (
        Column("question", "Question"),
        Column("answer", "Answer"),
        Column("n_participants", "Participants", "integer"),
        Column("difference", "Difference, points", "points"),
        Column("interaction", "Against all other answers", "points"),
        Column("p_holm", "p (Holm)", "p_value"),
    )
    caption = f"{primary} by what people answered, with 95% intervals and p values corrected over all rows."
    return FindingTable("by_answer", caption, table, columns)
