"""How the analyst app shows figures, tables and findings: every one can be downloaded, all text is plain.

Text from databases and files goes through `plain`, so that Markdown in it neither formats nor loads anything.
"""

from collections.abc import Callable, Mapping
from functools import partial

import altair as alt
import pandas as pd
import streamlit as st

from human_study.analysis.study_results import StudyResults
from human_study.findings.answer import nobody_counts
from human_study.findings.finding import Finding, FindingTable
from human_study.presentation import charts
from human_study.presentation.csv_cells import safe_cell
from human_study.presentation.failures import why_missing
from human_study.presentation.html_templates import render_html
from human_study.presentation.markdown import escaped

_AROUND_PLOT_PX = 130
_WIDER = 1.35  # than in the report, where the column is narrower
_METRIC_WIDTH_PX = 160  # four in a row on a desktop, two on a phone
PERCENT = st.column_config.NumberColumn(format="%.1f%%")  # of figures from 0 to 100


def plain(text: str) -> str:
    """Text from a database or file, so that Markdown shows it as it is."""
    return escaped(text, streamlit=True)


def chart(name: str, draw: Callable[[], alt.LayerChart], description: str) -> None:
    """A chart and its downloads, which are made only when they are asked for; or why it cannot be drawn."""
    try:
        drawn = draw()
        # Streamlit fits axes and legend into the height, which means the plot alone in altair.
        height = int(drawn.height) + _AROUND_PLOT_PX
        # As wide as it is good to look at on a large screen, and no wider than a small one.
        with st.container(width=int(_WIDER * drawn.width) + _AROUND_PLOT_PX):
            st.altair_chart(drawn, theme=None, width="stretch", height=height, alt=description)
    except Exception as error:
        st.info(f"Not drawn: {plain(why_missing(f'the chart {name}', error))}.")
        return
    row = st.container(horizontal=True)
    for suffix, write, mime in (
        ("svg", charts.chart_svg, "image/svg+xml"),
        ("png", charts.chart_png, "image/png"),
    ):
        row.download_button(
            suffix.upper(),
            partial(write, drawn),
            f"{name}.{suffix}",
            mime,
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
            key=f"{name}.{suffix}",
        )


def metrics(figures_shown: Mapping[str, str]) -> None:
    """Single figures under their labels, side by side as far as there is room."""
    row = st.container(horizontal=True)
    for label, value in figures_shown.items():
        row.metric(label, value, border=True, width=_METRIC_WIDTH_PX)


def table(name: str, raw: pd.DataFrame, shown: pd.DataFrame) -> None:
    """A table as people read it, and its numbers as CSV."""
    st.table(shown.astype(str).map(plain), border="horizontal", hide_index=True)
    download_csv(name, raw)


def download_csv(name: str, raw: pd.DataFrame) -> None:
    """A button that gives a table's numbers as CSV."""
    download(f"{name}.csv", "CSV", partial(_csv, raw), "text/csv")


def page_style() -> None:
    """What Streamlit's own style lacks: captions dark enough to read, tables without its unguarded CSV button.

    That button would write what a spreadsheet runs as a formula.
    """
    st.html(render_html("analysts/views/templates/page_style.html"))


def download(file_name: str, label: str, content: "partial[bytes] | partial[str]", mime: str) -> None:
    """A button that makes a file only when it is asked for."""
    st.download_button(
        label,
        content,
        file_name,
        mime,
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        key=file_name,
    )


def _csv(raw: pd.DataFrame) -> bytes:
    text = raw.select_dtypes(exclude="number").columns
    safe = raw.copy()
    for column in text:
        safe[column] = [value if pd.isna(value) else safe_cell(str(value)) for value in raw[column]]
    # With "\n" alone, a "\r" in a text would stand unquoted and begin a row of its own.
    return safe.to_csv(index=False, lineterminator="\r\n").encode()


def left_out_notice(results: StudyResults) -> None:
    """Say at the top of a page where nobody of a condition counts: nothing below it is missing by accident."""
    if said := nobody_counts(results):
        st.warning(plain(f"{said[0].upper()}{said[1:]}."))


def answer(found: Finding) -> None:
    """The finding that the study is about: picture, sentences and warnings first, then how to read it."""
    for figure in found.charts:
        chart(figure.name, figure.draw, figure.description)
    for sentence in found.sentences:
        st.markdown(f"**{plain(sentence)}**" if sentence == found.sentences[-1] else plain(sentence))
    if found.reason:
        st.info(f"Not computed: {plain(found.reason)}.")
    for warning in found.warnings:
        st.warning(plain(warning), icon=":material/warning:")
    for note in found.notes:
        st.caption(plain(note))
    for held in found.tables:
        finding_table(held)


def finding(found: Finding) -> None:
    """One finding: what it says, its tables and figures; or why there is none, in place of the number."""
    st.subheader(plain(found.title), anchor=False)
    for warning in found.warnings:
        st.warning(plain(warning), icon=":material/warning:")
    for sentence in found.sentences:
        st.write(plain(sentence))
    if found.reason:
        st.info(f"Not computed: {plain(found.reason)}.")
    for figure in found.charts:
        chart(figure.name, figure.draw, figure.description)
        st.caption(plain(figure.caption))
    for held in found.tables:
        finding_table(held)
    for note in found.notes:
        st.caption(plain(note))


def finding_table(held: FindingTable) -> None:
    """One table of a finding."""
    shown = held.shown()
    if len(shown) > 40:  # too long to read on a page: scrolled in place
        st.dataframe(shown, hide_index=True, height=420)
        download_csv(held.name, held.frame)
    else:
        table(held.name, held.frame, shown)
    st.caption(plain(held.caption))
