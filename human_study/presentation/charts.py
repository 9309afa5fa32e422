"""Figures of a study as altair charts: the same in the analyst app, in the report and as files.

Every chart of simulated decisions says so in the picture itself, so that a figure cannot lose that when it
is cut out of its page. A chart holds only the rows it draws, and becomes SVG or PNG without a browser or a
network (vl-convert).
"""

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import vl_convert

from advisor.bundles.bundle import CONDITIONS, Condition
from human_study.presentation import palette
from human_study.presentation.labels import CONDITION_LABELS

_MAX_PARTICIPANT_DOTS = 1000
_WIDTH = 600
_VEGA_LITE = "_".join(alt.SCHEMA_VERSION.split(".")[:2])  # what altair speaks, as vl-convert calls it


def accuracy_chart(
    accuracy: pd.DataFrame, participants: pd.DataFrame, machine_accuracy: dict[int, float], *, simulated: bool
) -> alt.LayerChart:
    """Balanced accuracy by round and condition with 95 % intervals, chance, and the machine alone.

    Args:
        accuracy: as from `decision_statistics.accuracy_table`, at least a row with a figure; those without
            one are left out of the picture.
        participants: as from `participant_table`; each is a faint dot where there are at most 1,000.
        machine_accuracy: round → balanced accuracy of the machine alone on the same trials; may be empty.
        simulated: whether the decisions are simulated; the picture then says so.
    """
    rounds = sorted({int(number) for number in accuracy["round_number"]})
    conditions = [condition for condition in CONDITIONS if condition in set(accuracy["condition"])]
    shown = _placed(accuracy.dropna(subset=["accuracy"]), conditions)
    dots = _placed(participants.dropna(subset=["accuracy"]), conditions, beside=True)
    dots = dots if len(dots) <= _MAX_PARTICIPANT_DOTS else dots.iloc[:0]
    machine = {number: machine_accuracy[number] for number in rounds if number in machine_accuracy}
    axis = alt.Axis(
        values=rounds, labelExpr="'Round ' + format(datum.value, 'd')", grid=False, ticks=False, title=None
    )
    x = alt.X("x:Q", scale=alt.Scale(domain=[rounds[0] - 0.5, rounds[-1] + 0.5], nice=False), axis=axis)
    values = [*shown["accuracy"], *shown["ci_low"], *shown["ci_high"], *dots["accuracy"], *machine.values()]
    y = _accuracy_axis(values)
    colour, shape = condition_encodings(conditions)
    means = alt.Chart(shown)
    layers = [
        *_reference_line(dict.fromkeys(rounds, 0.5), "chance", [2, 3], x, y),
        *_reference_line(machine, "machine alone", [7, 3], x, y),
        alt.Chart(dots).mark_circle(size=16, opacity=0.28).encode(x=x, y=y("accuracy"), color=colour),
        means.mark_rule(strokeWidth=2.4).encode(x=x, y=y("ci_low"), y2="ci_high:Q", color=colour),
        means.mark_point(size=90, filled=True, opacity=1, stroke="white", strokeWidth=1).encode(
            x=x, y=y("accuracy"), color=colour, shape=shape, tooltip=_ACCURACY_TOOLTIP
        ),
    ]
    return finished(layers, _WIDTH, 340, simulated)


_ACCURACY_TOOLTIP = [
    alt.Tooltip("label:N", title="Condition"),
    alt.Tooltip("round_number:O", title="Round"),
    alt.Tooltip("accuracy:Q", title="Balanced accuracy", format=".1%"),
    alt.Tooltip("ci_low:Q", title="95% interval from", format=".1%"),
    alt.Tooltip("ci_high:Q", title="to", format=".1%"),
    alt.Tooltip("n_participants:Q", title="Participants"),
    alt.Tooltip("n_decisions:Q", title="Decisions"),
]


def response_time_chart(response_times: pd.DataFrame, *, simulated: bool) -> alt.LayerChart:
    """Response times: median, the middle half and the middle 80 % of decisions, a line a round and condition.

    `response_times` is as from `decision_statistics.response_time_table` and has at least a row.
    """
    conditions = [condition for condition in CONDITIONS if condition in set(response_times["condition"])]
    order = {condition: index for index, condition in enumerate(conditions)}
    ordered = response_times.sort_values("condition", key=lambda column: column.map(order), kind="stable")
    ordered = ordered.sort_values("round_number", kind="stable")
    shown = _placed(ordered, conditions)
    shown["line"] = "Round " + shown["round_number"].astype(str) + " · " + shown["label"]
    for name in ("p10", "p25", "median", "p75", "p90"):
        shown[name] = shown[name] / 1000
    x = alt.X(
        "p10:Q",
        title=["Response time in seconds, logarithmic:", "median, middle half, middle 80%"],
        scale=alt.Scale(type="log", nice=False, domain=[shown["p10"].min() * 0.9, shown["p90"].max() * 1.1]),
        axis=alt.Axis(format="~g", tickCount=6, grid=True),
    )
    y = alt.Y("line:N", sort=None, title=None, axis=alt.Axis(grid=False, ticks=False, labelLimit=240))
    colour, _ = condition_encodings(conditions)
    colour = colour.legend(None)
    base = alt.Chart(shown)
    layers = [
        base.mark_rule(strokeWidth=1.4).encode(x=x, x2="p90:Q", y=y, color=colour),
        base.mark_bar(height=9, cornerRadius=2).encode(x="p25:Q", x2="p75:Q", y=y, color=colour),
        base.mark_tick(thickness=3, height=9, color="white").encode(x="median:Q", y=y),
    ]
    return finished(layers, _WIDTH, 26 * len(shown), simulated)


def _placed(rows: pd.DataFrame, conditions: Sequence[Condition], beside: bool = False) -> pd.DataFrame:
    """Add `label` and `x`: the round, moved aside by condition; `beside` scatters it to the right."""
    width = min(0.16, 0.84 / max(1, len(conditions)))
    places = {condition: number for number, condition in enumerate(conditions)}
    index = rows["condition"].map(places).astype(float)
    x = rows["round_number"] + (index - (len(conditions) - 1) / 2) * width
    if beside:
        # The golden ratio's multiples scatter evenly, and the same picture comes out every time.
        x = x + width * (0.22 + 0.42 * (np.arange(len(rows)) * 0.618034 % 1))
    return rows.assign(x=x.astype(float), label=rows["condition"].map(CONDITION_LABELS))


def _accuracy_axis(values: list[float]) -> Callable[[str], alt.Y]:
    """The vertical axis, from the tenth below the lowest value to the tenth above the highest."""
    known = [value for value in values if np.isfinite(value)] + [0.45, 0.75]
    low, high = np.floor(min(known) * 10 - 0.2) / 10, np.ceil(max(known) * 10 + 0.2) / 10
    scale = alt.Scale(domain=[max(0.0, low), min(1.0, high)], nice=False, zero=False)
    axis = alt.Axis(format=".0%", tickCount=6)
    return lambda column: alt.Y(
        f"{column}:Q", scale=scale, axis=axis, title="Balanced accuracy, test applications"
    )


def condition_encodings(conditions: Sequence[Condition]) -> tuple[alt.Color, alt.Shape]:
    """Colour and shape of each condition: its own in every figure, whichever others are shown."""
    places = [CONDITIONS.index(condition) for condition in conditions]
    labels = [CONDITION_LABELS[condition] for condition in conditions]
    legend = alt.Legend(title=None, orient="top", columns=3, symbolOpacity=1, symbolSize=90)
    colours, shapes = (
        [palette.CONDITION_COLOURS[place] for place in places],
        [palette.CONDITION_SHAPES[place] for place in places],
    )
    return (
        alt.Color("label:N", scale=alt.Scale(domain=labels, range=colours), legend=legend),
        alt.Shape("label:N", scale=alt.Scale(domain=labels, range=shapes), legend=legend),
    )


def _reference_line(
    levels: dict[int, float], name: str, dash: list[int], x: alt.X, y: Callable[[str], alt.Y]
) -> list[alt.Chart]:
    """A dashed level a round, and its name to the right of the last."""
    if not levels:
        return []
    rows = pd.DataFrame(
        [{"x": number - 0.5, "x_end": number + 0.5, "level": level} for number, level in levels.items()]
    )
    last = rows.iloc[[-1]].assign(text=f"{name} {rows['level'].iloc[-1]:.0%}")
    return [
        alt.Chart(rows)
        .mark_rule(strokeDash=dash, color=palette.MUTED, strokeWidth=1.3)
        .encode(x=x, x2="x_end:Q", y=y("level")),
        alt.Chart(last)
        .mark_text(dx=6, align="left", fontSize=12, color=palette.MUTED)
        .encode(x=alt.X("x_end:Q"), y=y("level"), text="text:N"),
    ]


def finished(layers: list[alt.Chart], width: int, height: int, simulated: bool) -> alt.LayerChart:
    """House typography, and the label of simulated decisions. Pictures are `width` x `height` px inside."""
    chart = alt.LayerChart(layer=layers, width=width, height=height)
    if simulated:
        chart.title = alt.TitleParams(
            "SIMULATED participants",
            subtitle="No person took these decisions.",
            color=palette.WARNING,
            subtitleColor=palette.WARNING,
            fontSize=13,
            subtitleFontSize=12,
            anchor="start",
            offset=10,
        )
    # In one piece: each of altair's own `configure_…` copies the chart with its data.
    chart.config = alt.Config(
        font=palette.SANS,
        background="white",
        padding=6,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor=palette.INK,
            titleColor=palette.INK,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=12,
            labelPadding=6,
            gridColor=palette.GRID,
            domainColor=palette.MUTED,
            tickColor=palette.MUTED,
        ),
        legend=alt.LegendConfig(
            labelFontSize=12, labelColor=palette.INK, labelLimit=200, columnPadding=18, offset=8
        ),
    )
    return chart


def chart_svg(chart: alt.LayerChart) -> str:
    """The chart as the text of one SVG element."""
    return str(vl_convert.vegalite_to_svg(_specification(chart), _VEGA_LITE))


def chart_png(chart: alt.LayerChart) -> bytes:
    """The chart as a PNG at three times its size, enough for a printed page."""
    return bytes(vl_convert.vegalite_to_png(_specification(chart), _VEGA_LITE, scale=3))


def _specification(chart: alt.LayerChart) -> dict[str, Any]:
    """The chart as Vega-Lite with all its rows; not held against its schema, which takes longer than drawing."""
    with alt.data_transformers.enable("default", max_rows=None):
        return chart.to_dict(validate=False)
