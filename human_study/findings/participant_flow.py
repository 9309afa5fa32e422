"""Who took part, who is analysed, and why the others are not: a flow as CONSORT 2010 draws it.

Attention checks and speed are reported of everybody, and exclude nobody unless the study file had said so before.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from advisor.measurement.counted_decisions import REASONS, failed_checks
from advisor.measurement.crossed_means import MIN_PEOPLE, TOO_FEW_PEOPLE
from advisor.measurement.estimate import Estimate
from data.errors import StudyError
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import (
    ROUND,
    Column,
    Finding,
    FindingChart,
    FindingTable,
    estimate_cells,
    not_computed,
)
from human_study.presentation import finding_charts
from human_study.presentation.labels import condition_label
from human_study.presentation.numbers import how_many
from human_study.study.messages import Language

FAST_MS = 300.0
NOTHING_DECIDED = "decided nothing"
INFLUENCE_QUESTION = "advice_use"  # of the shipped questionnaire
NOBODY_ASKED = "nobody was asked"


def flow_table(results: StudyResults) -> pd.DataFrame:
    """The flow, a row a condition (all rounds) and one for all: counts of participants.

    Columns condition, began, one a reason of REASONS, "decided nothing" (of the rest), analysed, and of
    those analysed completed, timed_out, active.
    """
    people = results.participants
    because = people["participant_key"].map(results.excluded)
    analysed = because.isna() & people["participant_key"].isin(set(results.decisions["participant_key"]))
    ended = {
        status: analysed & (people["status"] == status) for status in ("completed", "timed_out", "active")
    }
    flags = pd.DataFrame(
        {
            "condition": people["condition"],
            "began": True,
            **{reason: because == reason for reason in REASONS},
            NOTHING_DECIDED: because.isna() & ~analysed,
            "analysed": analysed,
            **ended,
        }
    )
    by_condition = flags.groupby("condition").sum()
    order = [c for c in results.accuracy["condition"].drop_duplicates() if c in by_condition.index]
    together = by_condition.sum().to_frame("all").T
    return pd.concat([together, by_condition.loc[order]]).astype(int).rename_axis("condition").reset_index()


def people_table(results: StudyResults) -> pd.DataFrame:
    """One row a participant: how far, how fast, how attentive, and whether and why not analysed.

    Columns participant_key, round_number, condition, status, n_decisions, median_time_ms, share_fast (of decisions
    under 300 ms), share_approved, accuracy (balanced, on test applications), longest_run (of equal answers in a row),
    attention_failed and attention_shown, time_drift (log response time of the last third less the first third),
    analysed, excluded_because.
    """
    decisions = results.all_decisions
    main = decisions[decisions["trial_kind"] == "main"]
    grouped = main.groupby("participant_key")
    table = results.participants[["participant_key", "round_number", "condition", "status"]].set_index(
        "participant_key"
    )
    table["n_decisions"] = grouped.size().reindex(table.index, fill_value=0)
    table["median_time_ms"] = grouped["response_time_ms"].median()
    fast = (main["response_time_ms"] < FAST_MS).where(main["response_time_ms"].notna()).astype(float)
    table["share_fast"] = fast.groupby(main["participant_key"]).mean()
    if not results.is_withheld:
        table["share_approved"] = grouped["approved"].mean()
        table["accuracy"] = results.participant_accuracy.set_index("participant_key")["accuracy"]
    table["longest_run"] = _longest_run(main)
    checks = decisions[(decisions["trial_kind"] == "attention") & decisions["asked_choice"].notna()]
    table["attention_shown"] = checks.groupby("participant_key").size().reindex(table.index, fill_value=0)
    table["attention_failed"] = failed_checks(decisions).reindex(table.index, fill_value=0)
    table["time_drift"] = _time_drift(main)
    decided = table["n_decisions"] > 0
    because = table.index.to_series().map(results.excluded).astype(object).fillna("")
    table["excluded_because"] = because.where((because != "") | decided, NOTHING_DECIDED)
    table["analysed"] = table["excluded_because"] == ""
    return table.reset_index()


def _longest_run(main: pd.DataFrame) -> pd.Series:
    ordered = main.sort_values(["participant_key", "position"], kind="stable")
    starts = (ordered["approved"] != ordered["approved"].shift()) | (
        ordered["participant_key"] != ordered["participant_key"].shift()
    )
    lengths = ordered.groupby([ordered["participant_key"], starts.cumsum()]).size()
    return lengths.groupby(level=0).max()


def _time_drift(main: pd.DataFrame) -> pd.Series:
    """Mean log response time in the last third of the trials less that in the first, by participant."""
    timed = main[main["response_time_ms"] > 0].sort_values(["participant_key", "position"], kind="stable")
    place = timed.groupby("participant_key").cumcount()
    third = (3 * place / timed.groupby("participant_key")["position"].transform("size")).astype(int)
    logs = np.log(timed["response_time_ms"])
    means = {k: logs[third == k].groupby(timed["participant_key"][third == k]).mean() for k in (0, 2)}
    return means[2] - means[0]


def exclusion_findings(results: StudyResults) -> Finding:
    """The flow of participants, as a picture and in numbers, and the attention checks."""
    name, title = "exclusions", "Participants, and who is analysed"
    if results.participants.empty:
        return not_computed(name, title, "nobody has begun yet")
    flow = flow_table(results)
    flow["label"] = ["All", *map(condition_label, flow["condition"].iloc[1:])]
    columns = tuple(
        Column(key, heading, "text" if key == "label" else "integer")
        for key, heading in {
            "label": "Condition",
            "began": "Began",
            **{reason: reason.capitalize() for reason in (*REASONS, NOTHING_DECIDED) if flow[reason].any()},
            "analysed": "Analysed",
            "completed": "Analysed: completed",
            "timed_out": "Analysed: timed out",
            "active": "Analysed: under way",
        }.items()
    )
    people = people_table(results)
    shown, failed = int(people["attention_shown"].sum()), int(people["attention_failed"].sum())
    attention = (
        f"{failed} of {shown} attention checks were failed, by "
        f"{how_many(int((people['attention_failed'] > 0).sum()), 'participant')}."
        if shown
        else "This study has shown no attention checks."
    )
    if shown and failed == shown:
        attention += (
            " Every check was failed by everybody: what these people decided says little about the advice."
        )
    total = flow.iloc[0]
    sentence = f"{total['began']} began, {total['analysed']} are analysed."
    chart = FindingChart(
        "participant_flow",
        "Flow of participants (CONSORT).",
        lambda: finding_charts.flow_chart(flow, simulated=results.simulated),
        "Boxes from began to analysed, with the exclusions beside; the table below holds the numbers",
    )
    table = FindingTable("participant_flow", "Participants by condition, all rounds.", flow, columns)
    return Finding(name, title, (sentence, attention), (table,), (chart,))


def checks_table(results: StudyResults) -> pd.DataFrame:
    """Whether each condition was understood, and how long its advice was looked at: a row a round and condition.

    Of the people who count: n_asked, understood (share who answered every comprehension question rightly at once, with
    an exact binomial interval) and median_time_ms (of a decision on a main trial with the condition's advice in view).
    """
    people = _who_count(results)
    asked = results.answers[results.answers["kind"] == "comprehension"]
    first = asked.drop_duplicates(["participant_key", "question"])
    at_once = first["is_correct"].eq(True).groupby(first["participant_key"]).all()
    times = results.decisions.groupby(["round_number", "condition"])["response_time_ms"].median()
    rows = []
    for (number, condition), group in people.groupby(["round_number", "condition"]):
        right = at_once.reindex(group["participant_key"]).dropna()
        rows.append(
            {
                "round_number": number,
                "condition": condition,
                "n_asked": len(right),
                **estimate_cells("understood", _exact_share(int(right.sum()), len(right))),
                "median_time_ms": times.get((number, condition), np.nan),
            }
        )
    return pd.DataFrame(rows)


def influence_table(results: StudyResults) -> pd.DataFrame:
    """How much people say that the advice influenced them: condition, answer, n_answered, share with its interval.

    Answers from "not at all" on, as they were offered.
    """
    asked = results.answers[
        (results.answers["kind"] == "questionnaire") & (results.answers["question"] == INFLUENCE_QUESTION)
    ]
    last = asked[asked["value"] != ""].drop_duplicates("participant_key", keep="last")
    given = last.merge(_who_count(results)[["participant_key", "condition"]], on="participant_key")
    place = {answer: n for n, answer in enumerate(_influence_answers(results))}
    rows = []
    for condition, group in given.groupby("condition"):
        counts = group["value"].value_counts()
        for answer in sorted(counts.index, key=lambda text: place.get(text, len(place))):
            n, row = counts[answer], {"condition": condition, "answer": answer, "n_answered": len(group)}
            rows.append(row | estimate_cells("share", _exact_share(int(n), len(group))))
    return pd.DataFrame(rows)


def _influence_answers(results: StudyResults) -> list[str]:
    """What could be answered to how much the advice influenced somebody, from least to most."""
    declared = results.study.declared
    for question in declared.get("questionnaire") or ():
        if question["id"] == INFLUENCE_QUESTION:
            return list(question.get("options", ()))
    folder = declared.get("language_folder")
    try:
        texts = Language(declared.get("language", "en"), Path(folder) if folder else None).texts
    except (
        StudyError,
        OSError,
    ):  # the folder of translated texts is gone: answers in the order of their number
        return []
    return list(texts[f"questionnaire.{INFLUENCE_QUESTION}.options"])


def _who_count(results: StudyResults) -> pd.DataFrame:
    people = results.participants
    return people[~people["participant_key"].isin(results.excluded.index)]


def _exact_share(n: int, n_people: int) -> Estimate:
    """A share of people with the exact interval (Clopper and Pearson 1934)."""
    if n_people == 0:
        return Estimate(None, None, None, NOBODY_ASKED)
    if n_people < MIN_PEOPLE:
        return Estimate(n / n_people, None, None, TOO_FEW_PEOPLE)
    interval = stats.binomtest(n, n_people).proportion_ci()
    return Estimate(n / n_people, float(interval.low), float(interval.high))


def check_findings(results: StudyResults) -> Finding:
    """Manipulation checks: whether people understood their condition, felt its advice, and looked at it."""
    name, title = "manipulation", "Was the advice understood, felt and looked at?"
    checks = checks_table(results)
    if checks.empty:
        return not_computed(name, title, "nobody counts yet")
    checks["label"] = checks["condition"].map(condition_label)
    columns = (
        ROUND,
        Column("label", "Condition"),
        Column("n_asked", "Asked", "integer"),
        Column("understood", "Understood at once", "percent"),
        Column("median_time_ms", "Median time a decision", "seconds"),
    )
    caption = (
        "Those who answered every comprehension question rightly at once, with exact 95% intervals over people, and "
        "the time from seeing the application, and the condition's advice if there is one, to the decision."
    )
    tables = [FindingTable(name, caption, checks, columns)]
    influence = influence_table(results)
    sentences: tuple[str, ...] = ()
    if influence.empty:
        sentences = ("Nobody was asked, or answered, how much the advice influenced them.",)
    else:
        influence["label"] = influence["condition"].map(condition_label)
        of_influence = (
            Column("label", "Condition"),
            Column("answer", "Answer"),
            Column("n_answered", "Answered", "integer"),
            Column("share", "Share", "percent"),
        )
        said = "How much people say that the advice influenced them, all rounds, with exact 95% intervals."
        tables.append(FindingTable("felt_influence", said, influence, of_influence))
    return Finding(name, title, sentences, tuple(tables))
