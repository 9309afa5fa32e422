"""The report of a study: one self-contained HTML file that asks the network for nothing.

Figures and tables come from study_results.py; the words around them stand in report.html. Text from
databases and files is escaped by the template, and the page's own policy forbids scripts and requests.
"""

import platform
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from data.errors import BundleError
from data.records import ParticipantKind
from data.store import DecisionStore
from human_study import figures, number_words, result_words
from human_study.face_sheet import face_sheet, face_sheet_html
from human_study.study_results import (
    STATUSES,
    StudyResults,
    collect_results,
    participant_flow,
    registered_bundle,
)

HOW_TO_GO_ON = """\
Publish an exploratory advisor for your task: its faces wear random expressions, from which a model of how \
people respond to them can be learned. Then write a study file that names it, and invite participants:

    advisor publish --explore --task TASK --out var/round_0/bundle
    human-study init study.yaml
    human-study serve study.yaml

When enough people have decided, train on their decisions and publish the next round into the same study; it \
goes live while the study runs:

    advisor train --task TASK --decisions sqlite:///var/countenance.db --study NAME --out var/round_1/run
    advisor publish var/round_1/run --out var/round_1/bundle --study NAME

Any other platform can collect the decisions: export-trials writes trials and pictures, import-decisions \
reads back what people chose.

    advisor export-trials var/round_1/bundle --participants 40 --trials 40 --conditions face,none --seed 0 --out trials
    advisor import-decisions decisions.csv --trials trials --study NAME
"""

_LIMITS = (
    "Participants of different rounds were recruited at different times: differences between rounds are not "
    "randomised, differences between conditions within a round are.",
    "Half of the applications shown have each outcome, which is not so in practice: accuracy and approval "
    "rates do not carry over to a lender's books as they stand.",
    "Outcomes are known only for applications that were once accepted.",
    "The machine alone is measured on the whole test split, participants on what they were shown.",
)
_SIMULATED_LIMIT = (
    "Participants were simulated: accuracies here say how well the method learns the simulation's assumptions"
    " about people, and nothing about people."
)


def write_report(
    store: DecisionStore,
    study_name: str,
    *,
    kind: ParticipantKind,
    out: Path,
    machine_accuracy: float | None = None,
    title: str | None = None,
    how_to_go_on: str = HOW_TO_GO_ON,
) -> Path:
    """Write the report of one study and one kind of participant; returns `out`.

    Args:
        store: where the study is.
        study_name: the study.
        kind: whose decisions; the title names simulated ones as such, whatever `title` says.
        out: the HTML file to write; its folder is made.
        machine_accuracy: balanced accuracy of the machine alone, in place of what the bundles state.
        title: in place of the study's name.
        how_to_go_on: paragraphs parted by empty lines; those indented by four spaces are commands.

    Raises StudyError where there is no such study, BundleError where a bundle's tables are gone or altered.
    """
    results = collect_results(store, study_name, kind)
    if machine_accuracy is not None:
        results.rounds["machine_accuracy"] = machine_accuracy
    heading = title or f"Study {study_name}: do people decide better?"
    if results.simulated:
        heading = f"{heading} (SIMULATED participants)"
    content = _template().render(
        title=heading,
        how_to_go_on=_blocks(how_to_go_on),
        **_report_context(results),
        **_faces_context(results),
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(content, encoding="utf-8")
    return out


def _report_context(results: StudyResults) -> dict[str, Any]:
    """Everything in the template but title, faces and how to go on."""
    accuracy = results.accuracy.assign(
        against_machine=results.accuracy["accuracy"]
        - results.accuracy["round_number"].map(results.machine_accuracy),
        starts_round=results.accuracy["round_number"].diff().fillna(0) > 0,
    )
    return {
        "results": results,
        "words": result_words,
        "of_whom": ", SIMULATED participants" if results.simulated else "",
        "headline": [*result_words.headline(results), *result_words.advisor_notes(results)],
        "accuracy_svg": _accuracy_svg(results),
        "accuracy": accuracy.to_dict("records"),
        "contrasts": results.contrasts.to_dict("records"),
        "response_time_svg": _response_time_svg(results),
        "n_analysed": results.decisions["participant_key"].nunique(),
        "n_test_decisions": int((results.decisions["split"] == "test").sum()),
        "statuses": STATUSES,
        "flow": participant_flow(results).to_dict("records"),
        "rounds": results.rounds.to_dict("records"),
        "limits": [*([_SIMULATED_LIMIT] if results.simulated else []), *_LIMITS],
        "written_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": {
            "Countenance": version("countenance"),
            "Python": platform.python_version(),
            **{package: version(package) for package in ("statsmodels", "scipy", "pandas", "altair")},
        },
    }


def _accuracy_svg(results: StudyResults) -> str:
    """Figure 1, or nothing where there is no figure to draw."""
    if results.accuracy["accuracy"].isna().all():
        return ""
    chart = figures.accuracy_chart(
        results.accuracy,
        results.participant_accuracy,
        results.machine_accuracy,
        simulated=results.simulated,
    )
    return figures.chart_svg(chart)


def _response_time_svg(results: StudyResults) -> str:
    """Figure 2, or nothing where no decision has a response time."""
    if results.response_times.empty:
        return ""
    return figures.chart_svg(figures.response_time_chart(results.response_times, simulated=results.simulated))


def _faces_context(results: StudyResults) -> dict[str, Any]:
    """The face sheet, or the reason why there is none."""
    if results.rounds.empty:
        return {"faces": "", "no_faces_reason": "the study has no round yet", "newest_round": None}
    newest = results.rounds.iloc[-1].to_dict()
    context = {"faces": "", "no_faces_reason": "", "newest_round": newest}
    try:
        columns = face_sheet(registered_bundle(newest["bundle_path"], newest["bundle_hash"]))
    except BundleError as error:
        return context | {"no_faces_reason": str(error).rstrip(".")}
    if not columns:
        return context | {"no_faces_reason": "the newest bundle has no faces"}
    return context | {"faces": face_sheet_html(columns)}


def _blocks(text: str) -> list[dict[str, Any]]:
    """Paragraphs and, where every line is indented by four spaces, blocks of commands."""
    blocks = [block for block in text.split("\n\n") if block.strip()]
    return [
        {
            "is_code": all(line.startswith("    ") for line in block.splitlines()),
            "text": textwrap.dedent(block),
        }
        for block in blocks
    ]


def _template() -> Template:
    """The page, with everything escaped that is put into it, and the ways to write numbers."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words: dict[str, Callable[..., str]] = {
        "percent": number_words.percent,
        "points": number_words.points,
        "two_decimals": number_words.two_decimals,
        "p_value": number_words.p_value,
        "condition": result_words.condition_label,
    }
    environment.filters.update(words)
    environment.tests["missing"] = number_words.is_missing

    def interval(low: float, high: float, reason: str, form: str) -> Markup:
        if number_words.is_missing(low):
            return Markup(' <span class="why">({})</span>').format(reason)
        return Markup(' <span class="interval">[{}, {}]</span>').format(words[form](low), words[form](high))

    return environment.get_template("report.html", globals={"interval": interval})
