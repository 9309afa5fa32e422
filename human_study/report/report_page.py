"""How a report is written down: the same content as one HTML file, or as Markdown.

Text from databases and files is escaped in both, and the HTML page's own policy forbids scripts and requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from human_study.findings.finding import Finding, FindingChart, FindingTable
from human_study.presentation.charts import chart_svg
from human_study.presentation.failures import why_missing
from human_study.presentation.html_templates import render_html
from human_study.presentation.markdown import escaped


@dataclass(frozen=True)
class ReportSection:
    """One part of a report: its anchor, its title, and its findings in order."""

    anchor: str
    title: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Report:
    """Everything that a report says.

    `label` warns of simulated participants and is empty for people. `faces` is the face sheet, or empty with
    `no_faces_reason`. `how_to_go_on` are blocks (is_code, text). `versions`: what → version or hash.
    """

    title: str
    meta: str
    label: str
    of_whom: str
    introduction: str
    sections: tuple[ReportSection, ...]
    faces: Markup
    faces_caption: str
    no_faces_reason: str
    methods: tuple[str, ...]
    limits: tuple[str, ...]
    preregistration: tuple[str, ...]
    how_to_go_on: tuple[tuple[bool, str], ...]
    versions: dict[str, str]


def report_html(report: Report) -> str:
    """The report as one HTML file that asks the network for nothing."""
    return render_html("report/templates/report.html", report=report, svg=_svg, cells=_cells)


def _svg(chart: FindingChart) -> tuple[Markup, str]:
    """A chart as SVG and the empty string; or the empty string and why it cannot be drawn."""
    try:
        return Markup(chart_svg(chart.draw())), ""
    except Exception as error:
        return Markup(""), why_missing(f"the chart {chart.name}", error)


def _cells(table: FindingTable) -> dict[str, Any]:
    """A table's headings and rows, each cell with whether it is text; rows of one round stand together."""
    shown = table.shown()
    is_text = [column.form == "text" for column in table.columns]
    starts = [False] * len(shown)
    if "round_number" in table.frame and len(shown):
        starts = list(table.frame["round_number"].diff().fillna(0) > 0)
    rows = [list(zip(row, is_text, strict=True)) for row in shown.itertuples(index=False, name=None)]
    return {
        "headings": list(zip(shown.columns, is_text, strict=True)),
        "rows": list(zip(starts, rows, strict=True)),
    }


def report_markdown(report: Report) -> str:
    """The report as Markdown: all its words and numbers; pictures stand in the HTML report."""
    return "\n".join(_markdown_lines(report)).rstrip() + "\n"


def _markdown_lines(report: Report) -> Iterator[str]:
    yield from (f"# {escaped(report.title)}", "", escaped(report.meta), "")
    if report.label:
        yield from (f"> **{escaped(report.label)}**", "")
    for place, section in enumerate(report.sections):
        if place == 1:
            yield from (escaped(report.introduction), "")
        yield from (f"## {escaped(section.title)}", "")
        for finding in section.findings:
            yield from _markdown_finding(finding, report.of_whom)
    for title, sentences in (
        ("How it was computed", report.methods),
        ("Limits", report.limits),
        ("Preregistration", report.preregistration),
    ):
        yield from (f"## {title}", "")
        yield from (f"- {escaped(sentence)}" for sentence in sentences)
        yield ""
    yield from ("## How to go on", "")
    for is_code, text in report.how_to_go_on:
        indented = "\n".join(f"    {line}" for line in text.splitlines())
        yield from (indented if is_code else escaped(" ".join(text.split())), "")
    yield from ("## Versions and hashes", "")
    yield from (f"- {escaped(name)}: {escaped(value)}" for name, value in report.versions.items())


def _markdown_finding(finding: Finding, of_whom: str) -> Iterator[str]:
    yield from (f"### {escaped(finding.title)}", "")
    if finding.reason:
        yield from (f"*Not computed: {escaped(finding.reason)}.*", "")
    for warning in finding.warnings:
        yield from (f"> **Warning.** {escaped(warning)}", "")
    for sentence in finding.sentences:
        yield from (escaped(sentence), "")
    for table in finding.tables:
        yield from (f"**{escaped(table.caption.rstrip('.'))}{of_whom}.**", "")
        shown = table.shown()
        yield "| " + " | ".join(map(escaped, shown.columns)) + " |"
        yield "|" + "|".join("---" if column.form == "text" else "---:" for column in table.columns) + "|"
        for row in shown.itertuples(index=False, name=None):
            yield "| " + " | ".join(map(escaped, row)) + " |"
        yield ""
    for note in finding.notes:
        yield from (f"*{escaped(note)}*", "")
