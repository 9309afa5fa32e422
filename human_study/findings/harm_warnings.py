"""What a reader must be warned of before believing the headline: harm to a group, over-reliance, and who left."""

from typing import Any

import pandas as pd

from advisor.measurement.counted_decisions import statuses_apart
from human_study.analysis.application_groups import groups_or_reason
from human_study.analysis.attrition import attrition_table
from human_study.analysis.contrasts import BASELINE, holm
from human_study.analysis.group_harm import harmed, interaction_table, unknown_groups
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import Column, Finding, FindingTable, not_computed
from human_study.findings.reliance import steering_table
from human_study.presentation.labels import condition_label, with_condition
from human_study.presentation.numbers import is_missing, p_value_equals, percent, points

NOTHING_COMPARED = "no group could be compared with the others"
NO_GROUP = "No group of applications is affected differently from the others beyond chance"
_MEASURES = {"correct": "share correct", "approved": "share approved"}


Interactions = tuple[pd.DataFrame, list[str], str]


def warning_sentences(results: StudyResults, known: Interactions | None = None) -> list[str]:
    """One sentence for each thing that was found; none where nothing was. `known` is from `interactions`."""
    return [
        *_harm_sentences((known or interactions(results))[0]),
        *_over_reliance_sentences(over_reliance(results.test_decisions)),
        *_attrition_sentences(_attrition(results)),
    ]


def over_reliance(decisions: pd.DataFrame) -> pd.DataFrame:
    """Conditions in which people decided worse than without advice where the machine behind the advice is wrong.

    And not just as much worse where it is right, which would be no reliance: p_value is the larger of both (an
    intersection-union test). Rows of `steering_table` of the newest round, with p_holm corrected over its conditions;
    those below .05 alone.
    """
    number = newest_compared_round(decisions)
    if number is None:
        return pd.DataFrame()
    table = steering_table(decisions[decisions["round_number"] == number])
    wrong = table[table["machine"] == "wrong"].reset_index(drop=True)
    wrong["p_value"] = wrong[["p_value", "p_elsewhere"]].astype(float).max(axis=1, skipna=False)
    wrong["p_holm"] = holm(wrong["p_value"].to_numpy(float))
    return wrong[(wrong["p_holm"] < 0.05) & (wrong["difference"] < 0) & (wrong["elsewhere"] > 0)]


def _over_reliance_sentences(table: pd.DataFrame) -> list[str]:
    return [
        f"Over-reliance: where the machine is wrong, people with {with_condition(row['condition'])} were "
        f"{points(abs(row['difference'])).lstrip('+')} points less accurate than people without advice "
        f"(difference, 95% interval {points(row['difference_low'])} to {points(row['difference_high'])}; "
        f"{p_value_equals(row['p_holm'])}, corrected over all conditions)."
        for row in table.to_dict("records")
    ]


def newest_compared_round(decisions: pd.DataFrame) -> int | None:
    """The newest round with decisions both with and without advice."""
    compared = [
        int(str(number))
        for number, conditions in decisions.groupby("round_number")["condition"]
        if BASELINE in set(conditions) and conditions.nunique() > 1
    ]
    return max(compared, default=None)


def for_whom(known: Interactions) -> str:
    """Whether advice did the same to all groups of applications, in one sentence; "" where warnings say it."""
    table, _, reason = known
    if not reason and table["p_value"].isna().all():
        reason = NOTHING_COMPARED
    if reason:
        return f"Whether advice affected groups of applications differently cannot be said: {reason}."
    return "" if len(harmed(table)) else f"{NO_GROUP}."


def interactions(results: StudyResults) -> Interactions:
    """The interactions of the newest round, notes of what is unknown, and why there are none."""
    number = newest_compared_round(results.test_decisions)
    if number is None:
        return pd.DataFrame(), [], "no round has test decisions both with and without advice"
    groups = groups_or_reason(results.applications, results.study.task_name)
    if isinstance(groups, str):
        return pd.DataFrame(), [], groups
    decisions = results.test_decisions[results.test_decisions["round_number"] == number]
    notes = [
        f"{one.attribute}: {one.n_unknown:,} of {one.n_decisions:,} decisions were on applications whose group is "
        "unknown; they are in no comparison."
        for one in unknown_groups(decisions, groups)
        if one.n_unknown
    ]
    return interaction_table(decisions, groups), notes, ""


def _harm_sentences(table: pd.DataFrame) -> list[str]:
    if table.empty:
        return []
    sentences = []
    for row in harmed(table).to_dict("records"):
        what = "right" if row["measure"] == "correct" else "approved"
        harm = "harmed one group" if row["measure"] == "correct" else "shifted approvals in one group"
        sentences.append(
            f"{condition_label(row['condition'])} {harm}. {row['attribute']}, {row['group']}: "
            f"{percent(row['with_advice'])} {what} with it and {percent(row['without'])} without, "
            f"{points(row['moved'])} points compared with its effect on all other groups (95% interval "
            f"{points(row['moved_low'])} to {points(row['moved_high'])}; {p_value_equals(row['p_holm'])}, corrected "
            "over all groups and conditions)."
        )
    return sentences


def harm_findings(results: StudyResults) -> Finding:
    """Whether advice harmed a group: every condition x group interaction of the newest round, corrected."""
    name, title = "group_harm", "Did advice harm a group?"
    table, notes, reason = interactions(results)
    if reason or table.empty:
        return not_computed(name, title, reason or "no decision on an application of a known group")
    sentences = _harm_sentences(table) or [f"{NO_GROUP}, corrected over all groups and conditions."]
    if table["p_value"].isna().all():
        sentences = [f"{NOTHING_COMPARED.capitalize()}."]
    n_few = int(table["p_value"].isna().sum())
    if n_few:
        notes = [*notes, f"{n_few} comparisons could not be made; their rows say why."]
    shown = table.assign(
        label=table["condition"].map(condition_label), measured=table["measure"].map(_MEASURES)
    )
    columns = (
        Column("attribute", "Attribute"),
        Column("group", "Group"),
        Column("label", "Condition"),
        Column("measured", "Of"),
        Column("n_decisions", "Decisions", "integer"),
        Column("with_advice", "With it", "percent"),
        Column("without", "Without", "percent"),
        Column("moved", "Against all other groups", "points"),
        Column("p_holm", "p (Holm)", "p_value"),
    )
    caption = (
        "How much more a condition moved a group than all other groups, in points, against no advice in the newest "
        "round, with 95% intervals (people and applications random, not corrected) and corrected p values."
    )
    return Finding(
        name, title, tuple(sentences), (FindingTable(name, caption, shown, columns),), notes=tuple(notes)
    )


def _attrition(results: StudyResults) -> pd.DataFrame:
    """Attrition in the newest round that has somebody without advice; empty where none has."""
    people = results.participants
    # Who declined knew of no condition yet.
    people = people[~statuses_apart(people).isin(["declined", "screened_out"])]
    with_baseline = people.loc[people["condition"] == BASELINE, "round_number"]
    if with_baseline.empty:
        return pd.DataFrame()
    number = with_baseline.max()
    everything = results.all_decisions
    taken = everything[
        (everything["round_number"] == number)
        & (everything["trial_kind"] == "main")
        & (everything["split"] == "test")
    ]
    return attrition_table(people[people["round_number"] == number], taken)


def _attrition_sentences(table: pd.DataFrame) -> list[str]:
    if table.empty:
        return []
    sentences = []
    for row in table[table["p_holm"] < 0.05].to_dict("records"):
        bounds = (
            row["reason"]
            if is_missing(row["bound_low"])
            else f"bounds that hold whoever left {points(row['bound_low'])} to {points(row['bound_high'])}"
        )
        sentences.append(
            f"More people left one condition: {row['left']} of {row['began']} left {condition_label(row['condition'])} "
            f"and {row['left_without']} of {row['began_without']} no advice (exact test, "
            f"{p_value_equals(row['p_holm'])}). {_among_those_who_stayed(row)}; {bounds}."
        )
    return sentences


def _among_those_who_stayed(row: dict[Any, Any]) -> str:
    over_all = "the difference over all decisions taken cannot be computed"
    if not is_missing(row["all_taken"]):
        over_all = f"the difference over all decisions taken is {points(row['all_taken'])} points"
    if is_missing(row["completers"]):
        return over_all[0].upper() + over_all[1:]
    return (
        f"Those who stayed are no longer alike: among them the difference is {points(row['completers'])} points; "
        f"{over_all}"
    )


def attrition_findings(results: StudyResults) -> Finding:
    """Who left, by condition, with an exact test, and what that can do to the comparison with no advice."""
    name, title = "attrition", "Did more people leave one condition?"
    table = _attrition(results)
    if table.empty:
        return not_computed(name, title, "no round has people both with and without advice")
    table["label"] = table["condition"].map(condition_label)
    columns = (
        Column("label", "Condition"),
        Column("began", "Began", "integer"),
        Column("left", "Left", "integer"),
        Column("left_without", "Left no advice", "integer"),
        Column("p_value", "p (exact)", "p_value"),
        Column("p_holm", "p (Holm)", "p_value"),
        Column("completers", "Difference, those who stayed", "points"),
        Column("all_taken", "All decisions taken", "points"),
        Column("bound_low", "Lowest bound", "points"),
        Column("bound_high", "Highest bound", "points"),
    )
    sentences = _attrition_sentences(table) or [
        "No condition lost more people than no advice, beyond chance."
    ]
    caption = (
        "Who left (withdrew or ran out of time) in the newest round, and differences in accuracy from no advice, "
        "in points."
    )
    notes = (
        "All decisions taken: those of people who left, too, in balanced accuracy (intention to treat). Bounds: of the "
        "share correct, after Lee (2009), trimming the condition that kept more.",
    )
    return Finding(name, title, tuple(sentences), (FindingTable(name, caption, table, columns),), notes=notes)
