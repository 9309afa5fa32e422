"""What the response model ĥ learned of these people: whether its probabilities come true, and what it goes by.

Read from the tables that `advisor train` leaves in its run, so that nothing here loads a network. Both are on
participants that the member of ĥ that speaks never saw.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import altair as alt
import pandas as pd

from advisor.runs.run_tables import (
    CALIBRATION_FILE,
    IMPORTANCE_FILE,
    READING_COLUMN,
    READINGS_FILE,
    SUMMARY_FILE,
    read_run_table,
)
from data.analysis_records import TrainingRun
from data.errors import TrainingError
from data.store.decision_store import DecisionStore
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import Column, Finding, FindingChart, FindingTable, not_computed
from human_study.presentation import finding_charts, palette
from human_study.presentation.charts import finished
from human_study.presentation.numbers import points, three_decimals

NO_RUN = "no response model was trained on this study's decisions yet"
N_SHOWN = 15


@dataclass(frozen=True)
class LearnedRound:
    """A round whose advisor was trained: the run it came from, or why that cannot be found."""

    round_number: int
    run: TrainingRun | None
    reason: str = ""


def learned_rounds(store: DecisionStore, study_name: str) -> list[LearnedRound]:
    """The rounds of a study with a trained advisor, each with the run that its response model came from."""
    runs = {run.response_sha256: run for run in store.runs(study_name) if run.response_sha256}
    found = []
    for served in store.rounds(study_name):
        bundle = store.bundle(served.bundle_hash)
        if bundle.kind == "learned":
            run = runs.get(bundle.response_sha256 or "")
            reason = "" if run else "its run was not trained from this database, so its tables are elsewhere"
            if run and not Path(run.run_path).is_dir():
                reason = f"the run's folder {run.run_path} is gone"
            found.append(LearnedRound(served.round_number, None if reason else run, reason))
    return found


def faces_read(run_path: Path) -> pd.DataFrame | str:
    """image_sha256 and approve_probability (beside an average application), or why there are none."""
    if not (run_path / READINGS_FILE).is_file():
        return f"the run has no {READINGS_FILE}; it was trained by an older version"
    try:
        return read_run_table(run_path / READINGS_FILE, "image_sha256", READING_COLUMN)
    except TrainingError as error:
        return str(error)


def loss_sentence(run_path: Path) -> str:
    """How well the run's ĥ predicts people it never saw, beside simpler guesses; "" where the run does not say."""
    try:
        losses = json.loads((run_path / SUMMARY_FILE).read_text())["response"]
        own, alone, constant = (
            three_decimals(losses[key])
            for key in ("held_out_log_loss", "application_alone_log_loss", "constant_log_loss")
        )
    except (OSError, ValueError, KeyError):
        return ""
    return (
        f"On participants it never saw its log loss is {own} nats a decision; from the application alone {alone},"
        f" from the share of approvals alone {constant}."
    )


def _newest_table(results: StudyResults, name: str, *columns: str) -> tuple[pd.DataFrame, str]:
    """Columns of a table of the newest run that has it, or an empty frame and why there is none.

    Raises TrainingError where the table is damaged.
    """
    if not results.runs:
        return pd.DataFrame(), NO_RUN
    for run in reversed(results.runs):
        if (Path(run.run_path) / name).is_file():
            return read_run_table(Path(run.run_path) / name, *columns), ""
    return (
        pd.DataFrame(),
        f"no run of this study has {name}; its folder is gone, or an older version trained it",
    )


def calibration_findings(results: StudyResults) -> Finding:
    """ĥ's probability of approval against what people did whom it never saw."""
    name, title = "response_calibration", "Does the response model know people it never saw?"
    table, reason = _newest_table(results, CALIBRATION_FILE, "predicted", "observed", "n_decisions")
    if reason:
        return not_computed(name, title, reason)
    off = (table["predicted"] - table["observed"]).abs()
    error = float((off * table["n_decisions"]).sum() / table["n_decisions"].sum())
    columns = (
        Column("predicted", "Predicted approval", "percent"),
        Column("observed", "Observed approval", "percent"),
        Column("n_decisions", "Decisions", "integer"),
    )
    chart = FindingChart(
        name,
        "Predicted against observed share of approvals, ten groups of decisions of people that ĥ never saw.",
        lambda: finding_charts.calibration_chart(
            table,
            "predicted",
            "observed",
            "Predicted approval",
            "Observed approval",
            simulated=results.simulated,
        ),
        "Observed by predicted approval; the table below holds the numbers",
    )
    sentence = f"For people it never saw, its probabilities are off by {points(error).lstrip('+')} points on average."
    shown = FindingTable(name, "Predicted and observed approval.", table, columns)
    return Finding(name, title, (sentence,), (shown,), (chart,))


def importance_findings(results: StudyResults) -> Finding:
    """What ĥ believes people look at: how much worse it predicts them once a column says nothing."""
    name, title = "response_importance", "What the response model believes people go by"
    table, reason = _newest_table(results, IMPORTANCE_FILE, "name", "kind", "importance", "ci_low", "ci_high")
    if reason:
        return not_computed(name, title, reason)
    table = table.assign(
        label=[
            _in_words(results, str(one), str(kind))
            for one, kind in zip(table["name"], table["kind"], strict=True)
        ],
        importance_low=table["ci_low"],
        importance_high=table["ci_high"],
    )
    columns = (
        Column("label", "Column"),
        Column("kind", "Kind"),
        Column("importance", "Nats a decision", "three_decimals"),
    )
    beyond = table[table["ci_low"] > 0].head(3)
    sentence = (
        f"According to the model, people rely most on: {', '.join(beyond['label'])}."
        if len(beyond)
        else "No column is shown to matter beyond chance."
    )
    chart = FindingChart(
        name,
        "How much worse people are predicted once a column says nothing, with 95% intervals.",
        lambda: importance_chart(table.head(N_SHOWN), simulated=results.simulated),
        "Importance of axes and features; the table below holds the numbers",
    )
    caption = "Permutation importance of axes and features, with 95% intervals clustered by participant."
    return Finding(name, title, (sentence,), (FindingTable(name, caption, table, columns),), (chart,))


def _in_words(results: StudyResults, name: str, kind: str) -> str:
    """An axis, or a column of the table as the task names it, where the task is still there."""
    task = results.applications.task
    if kind == "feature" and task is not None and name in task.columns:
        return task.label(name)
    return name.replace("_", " ")


def importance_chart(table: pd.DataFrame, *, simulated: bool) -> alt.LayerChart:
    """Importances as points with intervals, axes of the face and features of the application told apart."""
    y = alt.Y("label:N", sort=None, title=None, axis=alt.Axis(grid=False, labelLimit=240))
    x = alt.X("importance:Q", title="Nats a decision")
    scale = alt.Scale(domain=["axis", "feature"], range=[palette.ORANGE, palette.BLUE])
    colour = alt.Color("kind:N", scale=scale, title=None, legend=alt.Legend(orient="top"))
    base = alt.Chart(table)
    layers = [
        base.mark_rule(strokeWidth=1.6).encode(x=alt.X("ci_low:Q"), x2="ci_high:Q", y=y, color=colour),
        base.mark_point(filled=True, size=60, opacity=1).encode(x=x, y=y, color=colour),
    ]
    return finished(layers, 420, 22 * len(table), simulated)
