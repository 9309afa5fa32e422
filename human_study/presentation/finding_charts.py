"""Figures of single findings: curves over rounds and trials, calibration, the flow of participants, power."""

from itertools import pairwise
from textwrap import wrap

import altair as alt
import numpy as np
import pandas as pd

from advisor.bundles.bundle import CONDITIONS, Condition
from human_study.presentation import palette
from human_study.presentation.charts import condition_encodings, finished

_WIDTH, _HEIGHT = 600, 300
_COMPARISON_WIDTH = 420


def comparison_chart(table: pd.DataFrame, *, simulated: bool) -> alt.LayerChart:
    """Differences with 95 % intervals, a line a comparison: the newest round large, earlier ones faint above it.

    `table` has label, round_number, difference, difference_low and difference_high (shares), is_newest.
    """
    shown = table.dropna(subset=["difference"]).copy()
    names = ["difference", "difference_low", "difference_high"]
    shown[names] = 100 * shown[names]
    # Earlier rounds lie above the newest, in lanes of their own.
    age = shown["round_number"].max() - shown["round_number"]
    shown["lane"] = -14.0 * age.clip(upper=2)
    labels = list(dict.fromkeys(shown["label"]))
    edge = float(np.nanmax(np.abs(shown[names].to_numpy()), initial=5.0)) * 1.1
    scale = alt.Scale(domain=[-edge, edge], nice=False)
    x = alt.X(
        "difference:Q",
        title="Percentage points of accuracy",
        scale=scale,
        axis=alt.Axis(format="+d", tickCount=9),
    )
    # On two lines, so that the picture stays narrow enough for a phone.
    two_lines = "[split(datum.label, ' than ')[0], 'than ' + split(datum.label, ' than ')[1]]"
    axis = alt.Axis(grid=False, ticks=False, labelExpr=two_lines, labelFontSize=13, titleAngle=0, titleY=-14)
    y = alt.Y("label:N", sort=labels, title="More accurate…", axis=axis)
    lane = alt.YOffset("lane:Q", scale=alt.Scale(domain=[-32, 32], nice=False, zero=False))
    colour = palette.CONDITION_COLOURS[CONDITIONS.index("face")]
    faint, newest = shown[~shown["is_newest"]], shown[shown["is_newest"]]
    layers = [
        alt.Chart(pd.DataFrame({"zero": [0]}))
        .mark_rule(color=palette.MUTED)
        .encode(x=alt.X("zero:Q", scale=scale))
    ]
    for rows, opacity, width, size in ((faint, 0.35, 1.4, 50), (newest, 1.0, 3.0, 200)):
        base = alt.Chart(rows).encode(y=y, yOffset=lane)
        layers += [
            base.mark_rule(color=colour, strokeWidth=width, opacity=opacity).encode(
                x=alt.X("difference_low:Q", scale=scale), x2="difference_high:Q"
            ),
            base.mark_point(
                shape="diamond",
                filled=True,
                color=colour,
                size=size,
                opacity=opacity,
                stroke="white",
                strokeWidth=1,
            ).encode(x=x, tooltip=_COMPARISON_TOOLTIP),
        ]
    return finished(layers, _COMPARISON_WIDTH, 60 * len(labels), simulated)


_COMPARISON_TOOLTIP = [
    alt.Tooltip("round_number:O", title="Round"),
    alt.Tooltip("label:N", title="More accurate"),
    alt.Tooltip("difference:Q", title="Points", format="+.1f"),
    alt.Tooltip("difference_low:Q", title="95% interval from", format="+.1f"),
    alt.Tooltip("difference_high:Q", title="to", format="+.1f"),
]


def course_chart(table: pd.DataFrame, x: str, title: str, *, simulated: bool) -> alt.LayerChart:
    """Balanced accuracy over something, a line a condition with 95 % intervals.

    `table` has `x`, condition, label, accuracy, accuracy_low and accuracy_high; rows without accuracy are left
    out of the picture.
    """
    shown = table.dropna(subset=["accuracy"])
    conditions: list[Condition] = [c for c in CONDITIONS if c in set(shown["condition"])]
    values = sorted(int(value) for value in shown[x].unique())
    # Side by side, so that no condition's interval lies under another's.
    step = min((b - a for a, b in pairwise(values)), default=1) * min(0.07, 0.4 / len(conditions))
    places = {c: (k - (len(conditions) - 1) / 2) * step for k, c in enumerate(conditions)}
    shown = shown.assign(beside=shown[x] + shown["condition"].map(places).astype(float))
    colour, shape = condition_encodings(conditions)
    axis = alt.Axis(values=values, format="d", grid=False)
    across = alt.X("beside:Q", title=title, axis=axis, scale=alt.Scale(padding=20, nice=False, zero=False))
    scale = alt.Scale(zero=False, nice=True, padding=8)
    up = alt.Y("accuracy:Q", title="Balanced accuracy", scale=scale, axis=alt.Axis(format=".0%", tickCount=6))
    base = alt.Chart(shown)
    chance = alt.Chart(pd.DataFrame({"level": [0.5]}))
    layers = [
        chance.mark_rule(strokeDash=[2, 3], color=palette.MUTED).encode(y=alt.Y("level:Q", scale=scale)),
        base.mark_line(strokeWidth=2).encode(x=across, y=up, color=colour),
        base.mark_rule(strokeWidth=1.4, opacity=0.7).encode(
            x=across, y=alt.Y("accuracy_low:Q", scale=scale), y2="accuracy_high:Q", color=colour
        ),
        base.mark_point(size=70, filled=True, opacity=1).encode(x=across, y=up, color=colour, shape=shape),
    ]
    return finished(layers, _WIDTH, _HEIGHT, simulated)


def calibration_chart(
    table: pd.DataFrame, stated: str, observed: str, x_title: str, y_title: str, *, simulated: bool
) -> alt.LayerChart:
    """What was said against what came true, both 0 to 1; `observed` may have `_low` and `_high` columns."""
    scale = alt.Scale(domain=[0, 1], nice=False)
    axis = alt.Axis(format=".0%", tickCount=6)
    x = alt.X(f"{stated}:Q", title=x_title, scale=scale, axis=axis)
    y = alt.Y(f"{observed}:Q", title=y_title, scale=scale, axis=axis)
    diagonal = pd.DataFrame({stated: [0.0, 1.0], observed: [0.0, 1.0]})
    base = alt.Chart(table)
    layers = [
        alt.Chart(diagonal)
        .mark_line(strokeDash=[4, 4], color=palette.MUTED, strokeWidth=1.2)
        .encode(x=x, y=y)
    ]
    if f"{observed}_low" in table:
        low = alt.Y(f"{observed}_low:Q", scale=scale)
        layers.append(base.mark_rule(color=palette.BLUE).encode(x=x, y=low, y2=f"{observed}_high:Q"))
    layers += [
        base.mark_line(color=palette.BLUE, strokeWidth=1.2, opacity=0.5).encode(x=x, y=y),
        base.mark_circle(color=palette.BLUE, opacity=1).encode(
            x=x,
            y=y,
            size=alt.Size("n_decisions:Q", title="Decisions", legend=None, scale=alt.Scale(range=[30, 260])),
        ),
    ]
    return finished(layers, 380, 340, simulated)


def noise_chart(table: pd.DataFrame, assumed: float, *, simulated: bool) -> alt.LayerChart:
    """The noise of one look at each axis (axis, noise, noise_low, noise_high), and a line at what is `assumed`."""
    shown = table.dropna(subset=["noise"])
    y = alt.Y("axis:N", title=None, sort=None, axis=alt.Axis(grid=False))
    x = alt.X("noise:Q", title="Noise of one look", scale=alt.Scale(zero=True))
    base = alt.Chart(shown)
    layers = [
        alt.Chart(pd.DataFrame({"noise": [assumed]}))
        .mark_rule(strokeDash=[7, 3], color=palette.MUTED)
        .encode(x="noise:Q"),
        base.mark_rule(strokeWidth=2.4, color=palette.BLUE).encode(x="noise_low:Q", x2="noise_high:Q", y=y),
        base.mark_point(size=80, filled=True, opacity=1, color=palette.BLUE).encode(x=x, y=y),
    ]
    return finished(layers, 420, 26 * len(shown), simulated)


def flow_chart(flow: pd.DataFrame, *, simulated: bool) -> alt.LayerChart:
    """The flow of participants as CONSORT 2010 draws it: began, conditions, left out of each and why, analysed.

    `flow` is as from `participant_flow.flow_table` with `label`: its first row counts all, and the columns between
    `began` and `analysed` are the reasons to be left out.
    """
    total, arms = flow.iloc[0], flow.iloc[1:].reset_index(drop=True)
    width = 1 / max(1, len(arms))
    columns = list(flow.columns)
    reasons = columns[columns.index("began") + 1 : columns.index("analysed")]
    n_letters = int(95 * width)  # that a box is wide, so that reasons wrap in it
    boxes = [(0.5, 0.0, 0.36, [f"Began: {total['began']}"])]
    lines = [(0.5, 0.0, 0.5, 0.6)]
    for number, arm in arms.iterrows():
        x = (float(number) + 0.5) * width  # type: ignore[arg-type]
        left_out = [f"Left out: {arm['began'] - arm['analysed']}"]
        for reason in reasons:
            left_out += wrap(f"{arm[reason]} {reason}", n_letters) if arm[reason] else []
        ended = [
            f"{arm['completed']} completed",
            f"{arm['timed_out']} timed out",
            f"{arm['active']} under way",
        ]
        boxes.append((x, 1.2, width * 0.92, [str(arm["label"]), f"began: {arm['began']}"]))
        boxes.append((x, 2.6, width * 0.92, left_out))
        boxes.append((x, 4.1, width * 0.92, [f"Analysed: {arm['analysed']}", *ended]))
        lines += [(0.5, 0.6, x, 0.6), (x, 0.6, x, 4.1)]
    return finished([*_lines(lines), *_boxes(boxes)], 640, 400, simulated)


def _boxes(boxes: list[tuple[float, float, float, list[str]]]) -> list[alt.Chart]:
    rows = pd.DataFrame(
        [
            {
                "x": x - w / 2,
                "x2": x + w / 2,
                "middle": x,
                "y": y - 0.13 * len(t) - 0.15,
                "y2": y + 0.13 * len(t) + 0.15,
            }
            for x, y, w, t in boxes
        ]
    )
    words = pd.DataFrame(
        [
            {"x": x, "y": y + (k - (len(t) - 1) / 2) * 0.26, "text": line, "first": k == 0}
            for x, y, _, t in boxes
            for k, line in enumerate(t)
        ]
    )
    x_scale, y_scale = (
        alt.Scale(domain=[0, 1], nice=False),
        alt.Scale(domain=[-0.5, 5.0], reverse=True, nice=False),
    )
    return [
        alt.Chart(rows)
        .mark_rect(fill=palette.SOFT, stroke=palette.MUTED, cornerRadius=3)
        .encode(
            x=alt.X("x:Q", scale=x_scale, axis=None),
            x2="x2",
            y=alt.Y("y:Q", scale=y_scale, axis=None),
            y2="y2",
        ),
        alt.Chart(words)
        .mark_text(fontSize=12, color=palette.INK)
        .encode(x=alt.X("x:Q", scale=x_scale), y=alt.Y("y:Q", scale=y_scale), text="text:N"),
    ]


def _lines(lines: list[tuple[float, float, float, float]]) -> list[alt.Chart]:
    rows = pd.DataFrame(lines, columns=["x", "y", "x2", "y2"])
    return [
        alt.Chart(rows)
        .mark_rule(color=palette.MUTED, strokeWidth=1.2)
        .encode(x=alt.X("x:Q", axis=None), x2="x2", y=alt.Y("y:Q", axis=None), y2="y2")
    ]


def power_chart(table: pd.DataFrame, target: float) -> alt.LayerChart:
    """Power by participants a condition, with 95 % Monte Carlo intervals. Always simulated, and says so.

    `table` is as from `planning.power.power_table`; `target` is the power that is wanted.
    """
    half_width = 1.96 * table["monte_carlo_error"]
    table = table.assign(
        low=(table["power"] - half_width).clip(0), high=(table["power"] + half_width).clip(upper=1)
    )
    x = alt.X(
        "n_each:Q", title="Participants a condition", scale=alt.Scale(zero=False, nice=False, padding=20)
    )
    scale = alt.Scale(domain=[0, 1], nice=False)
    y = alt.Y("power:Q", title="Power", scale=scale, axis=alt.Axis(format=".0%", tickCount=6))
    base, level = alt.Chart(table), alt.Chart(pd.DataFrame({"target": [target]}))
    layers = [
        level.mark_rule(strokeDash=[6, 3], color=palette.MUTED).encode(y=alt.Y("target:Q", scale=scale)),
        base.mark_line(color=palette.BLUE, strokeWidth=2).encode(x=x, y=y),
        base.mark_rule(color=palette.BLUE).encode(x=x, y=alt.Y("low:Q", scale=scale), y2="high:Q"),
        base.mark_circle(color=palette.BLUE, size=60, opacity=1).encode(x=x, y=y),
    ]
    return finished(layers, 520, 300, True)
