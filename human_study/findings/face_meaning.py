"""What the faces of a bundle say, in words and as a picture: which axis tells which feature beyond the machine's score.

That is measured as `advisor train` does, by one look with noise at one axis. Beside it a table shows which axis goes
with which feature, the score's part included. Its strength is Spearman's rank correlation over the applications of the
bundle's pools; it says what goes together, not what the encoder computes. An exploratory bundle's expressions are drawn
at random and say nothing.
"""

from typing import Any

import altair as alt
import pandas as pd

from advisor.measurement.readability import LOOKING_NOISE_SD, ReadThing
from advisor.measurement.told_by_faces import Read, expressions_of, read_faces
from human_study.analysis.application_groups import features_of
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import Column, Finding, FindingChart, FindingTable, not_computed
from human_study.presentation import palette
from human_study.presentation.charts import finished
from human_study.presentation.numbers import two_decimals

WORTH_SAYING = 0.2
MIN_SPREAD = 1e-3
SCORE_LABEL = "The machine's score"
N_PICTURED = 14
AXES_IN_WORDS = {
    "smile": "A broader smile",
    "inner_brow_raise": "Raised inner brows",
    "outer_brow_raise": "Raised outer brows",
    "brow_lower": "Lowered brows",
    "lid_raise": "Wide open eyes",
    "lid_tighten": "Tightened lids",
    "lip_corner_depress": "Lip corners pulled down",
    "jaw_drop": "An open mouth",
    "head_tilt": "A head tilted to the right, as seen",
}


def meaning_table(expressions: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Rank correlation of every axis with every feature: columns axis, feature, correlation, spread.

    `spread` is the axis's standard deviation over applications; an axis that does not move says nothing and its
    correlations are missing. Both frames are indexed by application id.
    """
    known = features.loc[expressions.index]
    moving = [axis for axis in expressions if expressions[axis].std() > MIN_SPREAD]
    both = pd.concat([expressions[moving], known.set_axis(range(known.shape[1]), axis=1)], axis=1)
    ranked = both.corr("spearman").loc[moving, list(range(known.shape[1]))]
    correlation = ranked.set_axis(known.columns, axis=1).reindex(expressions.columns)
    long = (
        correlation.rename_axis("axis")
        .reset_index()
        .melt("axis", var_name="feature", value_name="correlation")
    )
    return long.assign(spread=long["axis"].map(expressions.std()))


def reading_sentences(read: Read) -> list[str]:
    """What faces say, in words: why, and how sure."""
    sentences = [
        f"{_in_words(thing)}{'' if thing.is_shown else ' (not among the facts shown)'}, R² {two_decimals(thing.r2)}."
        for thing in read.things
    ]
    if not sentences:
        sentences = [
            "No axis tells anything beyond the machine's score: these faces say how safe an application looks, not why."
        ]
    halves = [
        f"{two_decimals(r2)} among {half} ones"
        for half, r2 in read.doubt_r2.items()
        if half != "all" and r2 is not None
    ]
    if halves:
        sentences.append(f"How sure the machine is can be seen with R² {' and '.join(halves)}.")
    return sentences


def _in_words(thing: ReadThing) -> str:
    """Such as "Raised inner brows: Debt higher than usual"."""
    return f"{_axis_words(thing)}: {_told_words(thing)}"


def _axis_words(thing: ReadThing) -> str:
    return AXES_IN_WORDS.get(thing.axis, thing.axis.replace("_", " "))


def _told_words(thing: ReadThing) -> str:
    label, _, category = thing.column.partition(": ")
    if category:
        return f"{label} {'more' if thing.rises else 'less'} often {category} than usual"
    return f"{label} {'higher' if thing.rises else 'lower'} than usual"


def still_sentences(table: pd.DataFrame) -> list[str]:
    """Which axes are the same on every face."""
    still = table.loc[table["correlation"].isna(), "axis"].drop_duplicates().str.replace("_", " ")
    return [f"The same on every face: {', '.join(still)}."] if len(still) else []


def reading_chart(read: Read, *, simulated: bool) -> alt.LayerChart:
    """A bar for each thing beyond the risk: how well one look at its axis tells it.

    What it says stands above its bar, not beside it: on a phone there would be no room for the bar.
    """
    rows = pd.DataFrame(
        {
            "place": [f"{place:02d}" for place in range(len(read.things))],
            "axis": [_axis_words(thing) for thing in read.things],
            "told": [_told_words(thing) for thing in read.things],
            "r2": [thing.r2 for thing in read.things],
            "text": [two_decimals(thing.r2) for thing in read.things],
        }
    )
    y = alt.Y("place:N", title=None, axis=None, scale=alt.Scale(padding=0))
    x = alt.X("r2:Q", title="R² of one look", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(tickCount=5))
    base, start = alt.Chart(rows), alt.XValue(0)
    words: dict[str, Any] = {"align": "left", "fontSize": 12, "color": palette.INK}
    layers = [
        base.mark_bar(color=palette.BLUE, size=12, yOffset=20).encode(x=x, y=y),
        base.mark_text(**words, dy=-16, fontWeight="bold").encode(x=start, y=y, text="axis:N"),
        base.mark_text(**words, dy=1).encode(x=start, y=y, text="told:N"),
        base.mark_text(align="left", dx=4, dy=20, fontSize=11, color=palette.INK).encode(
            x=x, y=y, text="text:N"
        ),
    ]
    return finished(layers, 400, 66 * len(rows), simulated)


def meaning_chart(table: pd.DataFrame, *, simulated: bool) -> alt.LayerChart:
    """Axes by features, coloured by rank correlation; the features that any axis carries most."""
    strength = table.groupby("feature")["correlation"].agg(lambda values: values.abs().max())
    pictured = strength.sort_values(ascending=False).dropna().index[:N_PICTURED]
    shown = table[table["feature"].isin(pictured)].dropna(subset=["correlation"])
    shown = shown.assign(
        axis=shown["axis"].str.replace("_", " "), text=shown["correlation"].map(two_decimals)
    )
    x = alt.X("axis:N", title=None, sort=None, axis=alt.Axis(labelAngle=-40, grid=False, orient="top"))
    y = alt.Y("feature:N", title=None, sort=list(pictured), axis=alt.Axis(grid=False, labelLimit=260))
    scale = alt.Scale(
        domain=[-1, 0, 1], range=[palette.BLUE, palette.WHITE, palette.ORANGE], interpolate="rgb"
    )
    base = alt.Chart(shown)
    layers = [
        base.mark_rect(stroke="white").encode(
            x=x, y=y, color=alt.Color("correlation:Q", scale=scale, title="Rank correlation", legend=None)
        ),
        # Where the window is too narrow for numbers, colours alone.
        base.mark_text(fontSize=alt.expr("width < 300 ? 0 : 10")).encode(
            x=x,
            y=y,
            text="text:N",
            color=alt.condition("abs(datum.correlation) > 0.75", alt.value("white"), alt.value(palette.INK)),
        ),
    ]
    return finished(layers, 52 * shown["axis"].nunique(), 24 * shown["feature"].nunique(), simulated)


def meaning_findings(results: StudyResults) -> Finding:
    """What the axes of the newest bundle's faces carry."""
    name, title = "meaning", "What the newest faces say"
    if results.rounds.empty:
        return not_computed(name, title, "the study has no round yet")
    newest = results.rounds.iloc[-1]
    bundle = results.bundles[str(newest["bundle_hash"])]
    expressions = expressions_of(bundle)
    if newest["advisor"] == "explore":
        return not_computed(name, title, "the newest faces are exploratory: expressions were drawn at random")
    if expressions.empty:
        return not_computed(name, title, "the newest bundle has no faces")
    if results.applications.task is None:
        return not_computed(name, title, results.applications.reason)
    features = features_of(results.applications).reindex(expressions.index)
    if features.isna().all(axis=None):
        return not_computed(name, title, "the task's table holds none of the bundle's applications")
    shown_labels = {results.applications.task.label(c) for c in results.applications.task.shown_columns}
    shown = {str(name) for name in features if str(name).partition(": ")[0] in shown_labels}
    read = read_faces(bundle, expressions, features, shown)
    features.insert(0, SCORE_LABEL, bundle.applications["score"].reindex(expressions.index))
    table = meaning_table(expressions, features)
    columns = (
        Column("axis", "Axis"),
        Column("feature", "Feature"),
        Column("correlation", "Rank correlation", "two_decimals"),
    )
    carried = table[table["correlation"].abs() >= WORTH_SAYING]
    carried = carried.reindex(carried["correlation"].abs().sort_values(ascending=False).index)
    simulated = newest["trained_on"] == "simulated"
    chart = FindingChart(
        "face_meaning",
        f"Rank correlation of axes and features over the {len(expressions):,} applications of the pools.",
        lambda: meaning_chart(table, simulated=simulated or results.simulated),
        "Axes of the expression by features, coloured by correlation; the table holds the numbers",
    )
    said = FindingChart(
        "face_reading",
        f"What one look at one axis tells beyond the machine's score (looking noise {LOOKING_NOISE_SD:g}); each is"
        " counted after those above it are taken out.",
        lambda: reading_chart(read, simulated=simulated or results.simulated),
        "A bar for each thing that faces say; the sentences above hold the numbers",
    )
    charts = (chart,) if table["correlation"].notna().any() else ()
    charts = (said, *charts) if read.things else charts
    caption = f"What goes together at {WORTH_SAYING:.1f} and above, newest faces."
    listed = FindingTable(name, caption, carried, columns)
    return Finding(name, title, (*reading_sentences(read), *still_sentences(table)), (listed,), charts)
