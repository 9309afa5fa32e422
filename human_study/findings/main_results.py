"""The main results as findings: accuracy, gain over no advice, signal detection, response times, rounds, flow."""

import numpy as np
import pandas as pd

from human_study.analysis.contrasts import compared_pairs, mean_difference
from human_study.analysis.decision_statistics import signal_difference
from human_study.analysis.study_results import STATUSES, StudyResults
from human_study.findings import answer
from human_study.findings.confidence import NO_CONFIDENCE, probability_of_being_right
from human_study.findings.finding import (
    ROUND,
    Column,
    Finding,
    FindingChart,
    FindingTable,
    estimate_cells,
    not_computed,
)
from human_study.presentation import charts
from human_study.presentation.labels import (
    ADVISOR_WORDS,
    STATUS_LABELS,
    TRAINED_ON_WORDS,
    condition_label,
)
from human_study.presentation.numbers import how_many

_CONDITION = Column("label", "Condition")
NO_CELLS = "no round has a condition yet that its study file declares or that somebody was in"


NOTHING_COMPARED = "no round has decisions on test applications in two conditions that are compared"
_NO_TIME = "no decision came with a response time that counts"


def _labelled(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(label=[condition_label(condition) for condition in table["condition"]])


def accuracy_findings(results: StudyResults) -> Finding:
    """Accuracy by round and condition, with its figure; one row for each cell of the design."""
    if results.accuracy.empty:
        return not_computed("accuracy", "Accuracy", NO_CELLS)
    table = _labelled(results.accuracy).rename(columns={"ci_low": "accuracy_low", "ci_high": "accuracy_high"})
    table = table.assign(against_machine=table["accuracy"] - table["machine_accuracy"])
    columns = (
        ROUND,
        _CONDITION,
        Column("n_participants", "Participants", "integer"),
        Column("n_decisions", "Decisions", "integer"),
        Column("accuracy", "Balanced accuracy", "percent"),
        Column("plain_accuracy", "Share correct", "percent"),
        Column("against_machine", "Against machine", "points"),
    )
    caption = (
        "Accuracy on test applications. In brackets: 95% intervals. The last column is the difference from the "
        "machine alone on the same trials, in points; Gains has its interval."
    )
    chart = FindingChart(
        "accuracy",
        "Accuracy by round and condition. Balanced accuracy on test applications, which no part of the advisor was "
        "trained on. Bars are 95% intervals over people and applications; each faint dot is a participant.",
        lambda: charts.accuracy_chart(
            results.accuracy,
            results.participant_accuracy,
            results.machine_accuracy,
            simulated=results.simulated,
        ),
        "Balanced accuracy by round and condition; the table below holds the numbers",
    )
    drawn = (chart,) if results.accuracy["accuracy"].notna().any() else ()
    sentences = tuple(answer.advisor_notes(results))
    shown = FindingTable("accuracy", caption, table, columns)
    return Finding("accuracy", "Accuracy", sentences, (shown,), drawn)


def contrast_findings(results: StudyResults) -> Finding:
    """The declared contrasts, and each condition against no advice, in every round."""
    title = "Differences between conditions"
    if results.contrasts.empty:
        return not_computed("contrasts", title, NOTHING_COMPARED)
    table = _labelled(results.contrasts).rename(
        columns={"ci_low": "difference_low", "ci_high": "difference_high"}
    )
    table["against_label"] = table["against"].map(condition_label)
    corrected = () if results.is_filtered else (Column("p_holm", "p (Holm)", "p_value"),)
    columns = (
        ROUND,
        _CONDITION,
        Column("against_label", "Against"),
        Column("n_participants", "Participants", "integer"),
        Column("difference", "Difference", "points"),
        Column("odds_ratio", "Odds ratio", "two_decimals"),
        Column("p_value", "p, uncorrected", "p_value"),
        *corrected,
    )
    caption = (
        "Differences in balanced accuracy, in points, and odds ratios of a correct decision, with 95% intervals. "
        "Uncorrected p values are two-sided. "
        + (
            "This view is filtered: all of it is exploratory."
            if results.is_filtered
            else "Only the declared family is tested and corrected, in one round; rows without a corrected p are "
            "exploratory."
        )
    )
    return Finding("contrasts", title, tables=(FindingTable("contrasts", caption, table, columns),))


def signal_findings(results: StudyResults) -> Finding:
    """d′, criterion and the share approved."""
    if results.accuracy.empty:
        return not_computed("signal_detection", "Sensitivity and inclination", NO_CELLS)
    table = _labelled(results.accuracy).assign(reason=results.accuracy["signal_reason"])
    columns = (
        ROUND,
        _CONDITION,
        Column("d_prime", "d′", "two_decimals"),
        Column("criterion", "c", "two_decimals"),
        Column("approval_rate", "Approved", "percent"),
    )
    caption = (
        "Signal detection on test applications: d′ is how well people tell good from bad ones, c above 0 an "
        "inclination to deny; means of participants with 95% intervals over people and applications."
    )
    shown = FindingTable("signal_detection", caption, table, columns)
    return Finding("signal_detection", "Sensitivity and inclination", tables=(shown,))


def measures_table(results: StudyResults) -> pd.DataFrame:
    """How d′, c, response times and confidence differ between the conditions that are compared: a row a round and pair.

    Columns round_number, condition, against; d_prime and criterion (test applications); time_ratio, of geometric
    means (all main trials whose response time counts by the study's declaration); and confidence, as a probability
    of being right, -0.5 to 0.5; each with its interval columns.
    """
    rows = []
    decisions, timed = results.test_decisions, results.timed_decisions
    stated = decisions.assign(confidence=probability_of_being_right(decisions["confidence"]))
    for number, in_round in stated.groupby("round_number"):
        with_time = timed[timed["round_number"] == number]
        log_time = np.log(with_time["response_time_ms"].to_numpy(float))
        for pair in compared_pairs(in_round, results.declared):
            both = in_round[in_round["condition"].isin(pair)]
            d_prime, criterion = signal_difference(both, (both["condition"] == pair.condition).to_numpy())
            surer = mean_difference(both["confidence"].to_numpy(float), both, pair, NO_CONFIDENCE)
            slower = mean_difference(log_time, with_time, pair, _NO_TIME).estimate()
            rows.append(
                {
                    "round_number": number,
                    "condition": pair.condition,
                    "against": pair.against,
                    **estimate_cells("d_prime", d_prime.estimate()),
                    **estimate_cells("criterion", criterion.estimate()),
                    **estimate_cells("time_ratio", slower.exponential()),
                    **estimate_cells("confidence", surer.estimate()),
                }
            )
    return pd.DataFrame(rows)


def measure_findings(results: StudyResults) -> Finding:
    """What else differs between conditions: sensitivity, inclination, response time and confidence."""
    name, title = "measures", "Other differences between conditions"
    table = measures_table(results)
    if table.empty:
        return not_computed(name, title, NOTHING_COMPARED)
    table = _labelled(table).assign(against_label=table["against"].map(condition_label))
    columns = (
        ROUND,
        _CONDITION,
        Column("against_label", "Against"),
        Column("d_prime", "d′", "two_decimals"),
        Column("criterion", "c", "two_decimals"),
        Column("time_ratio", "Response time, ratio", "two_decimals"),
        Column("confidence", "Confidence, points", "points"),
    )
    caption = (
        "Differences in d′, c and stated confidence on test applications, and ratios of the geometric means of "
        "response times on all main trials, with 95% intervals over people and applications. All are exploratory "
        "and not corrected."
    )
    notes = (results.declared.response_times.in_words(),)
    return Finding(name, title, tables=(FindingTable(name, caption, table, columns),), notes=notes)


def response_time_findings(results: StudyResults) -> Finding:
    """Response times by round and condition, all main trials."""
    title = "Response times"
    if results.response_times.empty:
        return not_computed("response_times", title, "no decision came with a response time")
    table = _labelled(results.response_times)
    quantiles = {
        "p10": "Fastest tenth below",
        "p25": "fastest quarter below",
        "median": "Median",
        "p75": "slowest quarter above",
        "p90": "slowest tenth above",
    }
    columns = (
        ROUND,
        _CONDITION,
        Column("n_decisions", "Decisions", "integer"),
        *(Column(name, heading, "seconds") for name, heading in quantiles.items()),
    )
    chart = FindingChart(
        "response_times",
        "Response times. All main trials, those on training applications too: median, middle half and middle 80% of "
        "decisions.",
        lambda: charts.response_time_chart(results.response_times, simulated=results.simulated),
        "Response times by round and condition; the table below holds the numbers",
    )
    shown = FindingTable("response_times", "Response times, all main trials.", table, columns)
    return Finding("response_times", title, tables=(shown,), charts=(chart,))


def design_findings(results: StudyResults) -> Finding:
    """Participants by status, round and condition, and which advisor each round served."""
    n_analysed = results.decisions["participant_key"].nunique()
    began = how_many(len(results.participants), f"{'simulated ' if results.simulated else ''}participant")
    sentence = (
        f"{began} began, {n_analysed} {'is' if n_analysed == 1 else 'are'} analysed: those with a decision on a main "
        "trial who neither declined consent nor withdrew nor were screened out. They took "
        f"{how_many(len(results.decisions), 'decision')} on main trials, "
        f"{len(results.test_decisions):,} of them on test applications, of which half have each outcome by design."
    )
    statuses = tuple(Column(status, STATUS_LABELS[status], "integer") for status in STATUSES)
    flow = FindingTable(
        "participants",
        "Participants by status. Those who declined consent, withdrew or were screened out count in no analysis.",
        _labelled(results.participant_flow()),
        (ROUND, _CONDITION, *statuses),
    )
    rounds = results.rounds.assign(
        started=[f"{at:%Y-%m-%d %H:%M}" for at in results.rounds["started_at"]],
        advisor=results.rounds["advisor"].map(ADVISOR_WORDS),
        trained_on=results.rounds["trained_on"].map(TRAINED_ON_WORDS),
        bundle=results.rounds["bundle_hash"].str[:12] if len(results.rounds) else [],
    ).drop(columns="bundle_path")
    columns = (
        ROUND,
        Column("started", "Started (UTC)"),
        Column("advisor", "Advisor"),
        Column("trained_on", "Trained on"),
        Column("machine_accuracy", "Machine, all test applications", "percent"),
        Column("bundle", "Bundle"),
    )
    caption = "Rounds. The machine alone: balanced accuracy of its score on the test split, as the bundle states it."
    tables = (flow, FindingTable("rounds", caption, rounds, columns))
    return Finding("design", "Design", (sentence,), tables)
