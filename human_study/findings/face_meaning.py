"""What the faces of a bundle say: which axis of the expression carries which feature, in words and as a picture.

The strength is Spearman's rank correlation over the applications of the bundle's pools; it says what goes together,
not what the encoder computes. An exploratory bundle's expressions are drawn at random and say nothing.
"""

import altair as alt
import pandas as pd

from advisor.bundles.bundle import EXPRESSION_COLUMN_PREFIX, Bundle
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


def expressions_of(bundle: Bundle, condition: str = "face") -> pd.DataFrame:
    """Expression of each application in a face condition: index application id, a column an axis.

    The expression depends on the application alone, so that the first of its identities speaks for all.
    """
    rows = bundle.images[bundle.images["condition"] == condition].drop_duplicates("application_id")
    columns = [name for name in rows.columns if name.startswith(EXPRESSION_COLUMN_PREFIX)]
    found = rows.set_index("application_id")[columns].astype(float)
    return found.rename(columns=lambda name: name.removeprefix(EXPRESSION_COLUMN_PREFIX))


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


def meaning_sentences(table: pd.DataFrame) -> list[str]:
    """One sentence an axis that moves: what it rises and falls with, the strongest three."""
    sentences = []
    for axis, rows in table.groupby("axis", sort=False):
        known = rows.dropna(subset=["correlation"])
        if known.empty:
            continue
        strong = known[known["correlation"].abs() >= WORTH_SAYING]
        strong = strong.reindex(strong["correlation"].abs().sort_values(ascending=False).index).head(3)
        parts = [
            f"{'rises' if rho > 0 else 'falls'} with {feature} ({two_decimals(rho)})"
            for feature, rho in zip(strong["feature"], strong["correlation"], strict=True)
        ]
        name = str(axis).replace("_", " ")
        sentences.append(f"{name.capitalize()}: {', '.join(parts) or 'moves, but with no single feature'}.")
    still = table.loc[table["correlation"].isna(), "axis"].drop_duplicates().str.replace("_", " ")
    if len(still):
        sentences.append(f"The same on every face: {', '.join(still)}.")
    return sentences


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
        base.mark_text(fontSize=10).encode(
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
    charts = (chart,) if table["correlation"].notna().any() else ()
    caption = f"What goes together at {WORTH_SAYING:.1f} and above, newest faces."
    shown = FindingTable(name, caption, carried, columns)
    return Finding(name, title, tuple(meaning_sentences(table)), (shown,), charts)
