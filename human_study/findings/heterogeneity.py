"""Whether advice works alike for everybody: how much people differ, and whether the effect depends on their answers.

Of the primary contrast, in the round where it is tested.
"""

import numpy as np
import pandas as pd
from scipy import stats

from advisor.measurement.crossed_means import MIN_PEOPLE, TOO_FEW_PEOPLE, crossed_means
from advisor.measurement.estimate import NO_SPREAD, Estimate
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

    The variance of people's own figures less what so few decisions make of it by chance (which applications somebody
    met is chance, too, but for those that others met as well). Its interval takes the variance of people's figures for
    a multiple of χ², with n - 1 degrees of freedom, or as few as a jackknife over people gives it. `decisions` need
    participant_key, application_id and outcome; who met an outcome only once is left out.
    """
    frame = decisions[["participant_key", "application_id", "outcome"]].assign(right=right)
    of_each = frame.groupby(["participant_key", "outcome"])["right"].agg(["mean", "var", "size"])
    mean_of_both = of_each["mean"].unstack().reindex(columns=[0, 1]).mean(axis=1, skipna=False)
    luck_of_both = (
        (of_each["var"] / of_each["size"]).unstack().reindex(columns=[0, 1]).sum(axis=1, skipna=False)
    )
    known = mean_of_both.notna() & luck_of_both.notna()
    own, luck = mean_of_both[known].to_numpy(float), luck_of_both[known].to_numpy(float) / 4
    n = len(own)
    if n == 0:
        return Estimate(None, None, None, "nobody met both outcomes twice")
    if n < MIN_PEOPLE:
        return Estimate(None, None, None, TOO_FEW_PEOPLE)
    shared = sum(_shared_luck(part) for _, part in frame.groupby("outcome")) / 4
    of_all, by_luck = float(own.var(ddof=1)), float(luck.mean()) - shared
    value = float(np.sqrt(max(0.0, of_all - by_luck)))
    left_out = ((n - 1) * of_all - n / (n - 1) * (own - own.mean()) ** 2) / (n - 2) - (
        n * luck.mean() - luck
    ) / (n - 1)
    noise = (n - 1) * float(left_out.var())
    if noise < 1e-18:
        return Estimate(value, None, None, NO_SPREAD)
    degrees = min(n - 1, 2 * of_all**2 / noise)
    bounds = degrees * of_all / stats.chi2.ppf([0.975, 0.025], degrees) - by_luck
    low, high = np.sqrt(np.maximum(0.0, bounds))
    return Estimate(value, float(low), float(high))


def _shared_luck(part: pd.DataFrame) -> float:
    """What people's means on one outcome have in common because they met the same applications: a variance.

    The variance between applications, times how far two people's draws overlap.
    """
    of_application = part.groupby("application_id")["right"].agg(["mean", "var", "size"])
    met = of_application[of_application["size"] > 1]
    if len(met) < 2:
        return 0.0
    between = max(0.0, float(met["mean"].var() - (met["var"] / met["size"]).mean()))
    share = 1 / part.groupby("participant_key")["right"].transform("size")
    n_people = part["participant_key"].nunique()
    in_common = (share.groupby(part["application_id"]).sum() ** 2).sum() - (share**2).sum()
    return between * float(in_common) / (n_people * max(1, n_people - 1))


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
                | moderated_effect(known, (answer == option).to_numpy(), primary.condition, mirrored)
            )
    table = pd.DataFrame(rows)
    return table if table.empty else table.assign(p_holm=holm(table["p_value"].to_numpy(float)))


def moderated_effect(
    known: pd.DataFrame, inside: np.ndarray, condition: str, mirrored: bool = False
) -> dict[str, object]:
    """The effect of `condition` among the decisions `inside` (bool), and how it differs from that among the others."""
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
