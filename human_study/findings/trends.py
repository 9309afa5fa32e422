"""Whether people get better with practice or worse with fatigue, and how rounds build upon each other."""

import numpy as np
import pandas as pd

from advisor.measurement.accuracy import balanced_accuracy
from advisor.measurement.estimate import NO_SPREAD, Estimate
from human_study.analysis.clustered_regression import fit_clustered
from human_study.analysis.contrasts import ONE_CARRIES, contrast
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import (
    ROUND,
    Column,
    Finding,
    FindingChart,
    FindingTable,
    estimate_cells,
    estimate_words,
    not_computed,
)
from human_study.presentation import finding_charts
from human_study.presentation.labels import condition_label
from human_study.study.analysis_plan import ResponseTimePolicy

PER_TRIALS = 10
N_BLOCKS = 8
N_LEARNING_BLOCKS = 4


def trend_over_trials(decisions: pd.DataFrame, outcome: np.ndarray) -> Estimate:
    """How `outcome` (float [n_decisions]) changes over PER_TRIALS trials within a participation.

    Linear GEE on position, with an intercept for each of the application's outcomes, bias-reduced, t with
    n_participants - 2 degrees of freedom. `decisions` need participant_key, position and outcome.
    """
    n_participants = decisions["participant_key"].nunique()
    if n_participants < 3:
        return Estimate(None, None, None, "fewer than three participants: no trend")
    position = decisions["position"].to_numpy(float)
    if np.ptp(position) == 0:
        return Estimate(None, None, None, "all trials stand at the same place: no trend")
    good = decisions["outcome"].to_numpy(bool)
    intercepts = [column for column in (good, ~good) if column.any()]
    design = np.column_stack([*intercepts, position / PER_TRIALS]).astype(float)
    try:
        fit = fit_clustered(outcome, design, decisions["participant_key"].to_numpy())
    except np.linalg.LinAlgError:
        return Estimate(None, None, None, "place and outcome go together: no trend")
    weights = np.eye(design.shape[1])[-1]
    if not np.isfinite(fit.covariance).all():
        return Estimate(float(fit.parameters[-1]), None, None, ONE_CARRIES)
    if weights @ fit.covariance @ weights < 1e-18:
        return Estimate(float(fit.parameters[-1]), None, None, NO_SPREAD)
    return fit.estimate(weights, n_participants - 2)


def practice_table(decisions: pd.DataFrame, policy: ResponseTimePolicy) -> pd.DataFrame:
    """Change over ten trials, a row a round and condition: accuracy_change and time_change (of log seconds).

    `policy` says which response times count.
    """
    rows = []
    for (number, condition), group in decisions.groupby(["round_number", "condition"]):
        timed = group[policy.counts(group["response_time_ms"])]
        time_change = (
            trend_over_trials(timed, np.log(timed["response_time_ms"].to_numpy(float)))
            if len(timed)
            else Estimate(None, None, None, "no decision came with a response time")
        )
        rows.append(
            {
                "round_number": number,
                "condition": str(condition),
                **estimate_cells("accuracy_change", trend_over_trials(group, _correct(group))),
                **estimate_cells("time_change", time_change),
            }
        )
    return pd.DataFrame(rows)


def block_table(decisions: pd.DataFrame, n_blocks: int = N_BLOCKS) -> pd.DataFrame:
    """Balanced accuracy over the course of a participation: by condition and block of trials, all rounds.

    `position` of each decision counts from 0.

    Columns condition, block (from 1), first_trial, last_trial, n_decisions, accuracy with interval columns.
    """
    if decisions.empty:
        return pd.DataFrame()
    n_trials = int(decisions["position"].max()) + 1
    size = max(1, -(-n_trials // n_blocks))
    block = decisions["position"].to_numpy(int) // size
    rows = []
    for key, group in decisions.groupby(["condition", block]):
        condition, number = str(key[0]), int(key[1])  # type: ignore[call-overload]
        rows.append(
            {
                "condition": condition,
                "block": number + 1,
                "first_trial": number * size + 1,
                "last_trial": min((number + 1) * size, n_trials),
                "n_decisions": len(group),
                **estimate_cells("accuracy", balanced_accuracy(group)),
            }
        )
    return pd.DataFrame(rows)


def rounds_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """Each condition's latest round against its first: first, latest, change (balanced accuracy), p_value."""
    rows = []
    for condition, group in decisions.groupby("condition"):
        numbers = sorted(group["round_number"].unique())
        if len(numbers) < 2:
            continue
        pair = group[group["round_number"].isin([numbers[0], numbers[-1]])]
        result = contrast(pair, (pair["round_number"] == numbers[-1]).to_numpy())
        cells = estimate_cells("change", result.difference)
        rows.append(
            {
                "condition": str(condition),
                "first": numbers[0],
                "latest": numbers[-1],
                **cells,
                "p_value": result.found.p_value,
            }
        )
    return pd.DataFrame(rows)


def learning_decisions(results: StudyResults) -> pd.DataFrame:
    """Decisions on learning trials by those who count; `position` is the place among a person's, from 0."""
    people = results.counted_people
    learned = people[people["trial_kind"] == "learning"].astype({"outcome": "int8"})
    by_person = learned.groupby("participant_key")["position"]
    return learned.assign(position=by_person.rank().astype(int) - 1).reset_index(drop=True)


def learning_findings(results: StudyResults) -> Finding:
    """The learning curve: how right people were while they were told after each decision what became of it."""
    name, title = "learning_trials", "The learning trials"
    decisions = learning_decisions(results)
    if decisions.empty:
        return not_computed(name, title, "the study has no learning trials, or nobody has decided on one yet")
    rows = [
        {
            "condition": str(condition),
            "n_decisions": len(group),
            **estimate_cells("change", trend_over_trials(group, _correct(group))),
        }
        for condition, group in decisions.groupby("condition")
    ]
    changes, blocks = pd.DataFrame(rows), block_table(decisions, N_LEARNING_BLOCKS)
    for table in (changes, blocks):
        table["label"] = table["condition"].map(condition_label)
    chart = FindingChart(
        "learning_trials_curve",
        "Balanced accuracy over the learning trials, with 95% intervals.",
        lambda: finding_charts.course_chart(
            blocks, "last_trial", "Learning trial", simulated=results.simulated
        ),
        "Balanced accuracy by block of learning trials and condition; the table below holds the numbers",
    )
    change_columns = (
        Column("label", "Condition"),
        Column("n_decisions", "Decisions", "integer"),
        Column("change", f"Accuracy, points in {PER_TRIALS} trials", "points"),
    )
    tables = (
        FindingTable(
            name, "Change over learning trials, with 95% intervals over people only.", changes, change_columns
        ),
        FindingTable(
            "learning_trials_accuracy",
            "Accuracy by block of learning trials, all rounds.",
            blocks,
            _BLOCK_COLUMNS,
        ),
    )
    notes = (
        "Learning trials are unpaid, and neither scored nor trained on; what was learned shows on main trials.",
    )
    charts = (chart,) if blocks["accuracy"].notna().any() else ()
    return Finding(name, title, (), tables, charts, notes)


def _correct(decisions: pd.DataFrame) -> np.ndarray:
    return (decisions["approved"] == decisions["outcome"]).to_numpy(float)


_BLOCK_COLUMNS = (
    Column("label", "Condition"),
    Column("first_trial", "From trial", "integer"),
    Column("last_trial", "to", "integer"),
    Column("n_decisions", "Decisions", "integer"),
    Column("accuracy", "Balanced accuracy", "percent"),
)


def practice_findings(results: StudyResults) -> Finding:
    """Learning and fatigue within a participation."""
    name, title = "practice", "Learning and fatigue over trials"
    decisions = results.test_decisions
    table = practice_table(decisions, results.declared.response_times)
    if table.empty:
        return not_computed(name, title, "no decision on a test application yet")
    table["label"] = table["condition"].map(condition_label)
    columns = (
        ROUND,
        Column("label", "Condition"),
        Column("accuracy_change", f"Accuracy, points in {PER_TRIALS} trials", "points"),
        Column("time_change", f"Log response time in {PER_TRIALS} trials", "three_decimals"),
    )
    blocks = block_table(decisions)
    blocks["label"] = blocks["condition"].map(condition_label)
    overall = trend_over_trials(decisions, _correct(decisions))
    sentence = f"Change of the share correct over {PER_TRIALS} trials, in points, all conditions together: "
    sentence += f"{estimate_words(overall, 'points')}."
    chart = FindingChart(
        "accuracy_over_trials",
        "Balanced accuracy on test applications over the course of a participation, with 95% intervals.",
        lambda: finding_charts.course_chart(blocks, "last_trial", "Trial", simulated=results.simulated),
        "Balanced accuracy by block of trials and condition; the table below holds the numbers",
    )
    tables = (
        FindingTable("practice", "Change over trials, with 95% intervals over people only.", table, columns),
        FindingTable(
            "accuracy_over_trials", "Accuracy by block of trials, all rounds.", blocks, _BLOCK_COLUMNS
        ),
    )
    charts = (chart,) if blocks["accuracy"].notna().any() else ()
    return Finding(name, title, (sentence,), tables, charts)


def round_findings(results: StudyResults) -> Finding:
    """Learning curves: how accuracy went from round to round in each condition."""
    name, title = "rounds", "Learning over rounds"
    table = rounds_table(results.test_decisions)
    if table.empty:
        return not_computed(name, title, "no condition has test decisions in two rounds yet")
    table["label"] = table["condition"].map(condition_label)
    columns = (
        Column("label", "Condition"),
        Column("first", "From round", "integer"),
        Column("latest", "to", "integer"),
        Column("change", "Points", "points"),
        Column("p_value", "p", "p_value"),
    )
    curve = results.accuracy.rename(columns={"ci_low": "accuracy_low", "ci_high": "accuracy_high"})
    curve = curve.assign(label=curve["condition"].map(condition_label))
    chart = FindingChart(
        "learning_curve",
        "Balanced accuracy on test applications from round to round, with 95% intervals.",
        lambda: finding_charts.course_chart(curve, "round_number", "Round", simulated=results.simulated),
        "Balanced accuracy by round and condition; the accuracy table holds the numbers",
    )
    notes = ("Rounds were not randomised: other people took part at another time.",)
    shown = FindingTable(
        name, "Latest against first round, with 95% intervals (not corrected).", table, columns
    )
    return Finding(name, title, (), (shown,), (chart,), notes)
