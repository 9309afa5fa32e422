"""The report of a study: one self-contained HTML file that asks the network for nothing, or Markdown.

What it says. How that is written down is in report_page.py and templates/report.html; figures and tables are findings.
"""

import json
import platform
import textwrap
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from markupsafe import Markup

from advisor.bundles.bundle import registered_bundle
from data.default_database import DEFAULT_DATABASE_URL
from data.errors import BundleError, StoreError, StudyError
from data.records import ParticipantKind
from data.store.decision_store import DecisionStore
from human_study.analysis.contrasts import ESTIMATOR_IN_WORDS
from human_study.analysis.study_results import StudyResults, collect_results
from human_study.findings import answer
from human_study.findings.answer import QUESTION
from human_study.findings.sections import SECTIONS
from human_study.planning import preregistration
from human_study.presentation.face_sheet import face_sheet, face_sheet_html
from human_study.report.report_page import Report, ReportSection, report_html, report_markdown
from human_study.study.study_file import load_study_file

HOW_TO_GO_ON = """\
Publish an exploratory advisor for your task: its faces wear random expressions, from which a model of how \
people respond to them can be learned. Then write a study file that names it, and invite participants:

    advisor publish --explore --task TASK --out var/round_0/bundle
    human-study init study.yaml
    human-study serve study.yaml

When enough people have decided, train on their decisions and publish the next round into the same study; it \
goes live while the study runs:

    advisor train --task TASK --study NAME --out var/round_1/run
    advisor publish var/round_1/run --out var/round_1/bundle --study NAME

Any other platform can collect the decisions: export-trials writes trials and pictures, import-decisions \
reads back what people chose.

    advisor export-trials var/round_1/bundle --participants 40 --trials 40 --conditions face,none --seed 0 --out trials
    advisor import-decisions decisions.csv --trials trials --study NAME
"""
_INTRODUCTION = (
    "Each participant decided whether to approve or deny one application after another, with what their "
    "condition showed: nothing, a machine's score, or a face that a computer drew. A machine advises through the face; "
    "the person decides. In the condition face the expression is trained, round by round, so that people "
    "who look at it "
    "decide well (Hilgard et al., 2021)."
)
_SIMULATED_LABEL = (
    "No person took any decision in this report. It shows that the method works from end to end; it is no evidence "
    "about people."
)
_METHODS = (
    "Accuracy is balanced: the mean of the share of applications with the good outcome that were approved "
    "and the share "
    "of those with the bad outcome that were denied, so that approving everything scores 50%. It is taken on test "
    "applications only.",
    ESTIMATOR_IN_WORDS,
    "d′ and c use the log-linear correction (Hautus, 1995) for each participant; their intervals, and that of how well "
    "confidence tells right from wrong, are those of a two-way jackknife, over people and applications. Trends over "
    "trials and κ are over people only, and say so.",
    "If a number cannot be computed, the reason is given in its place.",
)
_LIMITS = (
    "Participants of different rounds were recruited at different times: differences between rounds are not "
    "randomised, differences between conditions within a round are.",
    "Half of the applications shown have each outcome, which is not so in practice: accuracy and approval "
    "rates do not carry over to a lender's books as they stand.",
    "Outcomes are known only for applications that were once accepted.",
)
_SIMULATED_LIMIT = (
    "Participants were simulated: accuracies here say how well the method learns the simulation's assumptions"
    " about people, and nothing about people."
)
NOT_REGISTERED = "No preregistration was given to this report (human-study report --preregister writes one)."


def write_report(
    store: DecisionStore,
    study_name: str,
    *,
    kind: ParticipantKind,
    out: Path,
    registered: Path | None = None,
) -> Path:
    """Write the report of one study and one kind of participant; returns `out`.

    Args:
        store: where the study is.
        study_name: the study.
        kind: whose decisions; the title names simulated ones as such.
        out: the file to write, Markdown where its name ends in .md, else HTML; its folder is made.
        registered: the JSON record of a preregistration that the report is held against.

    Raises StudyError where there is no such study or registration, BundleError where a bundle's tables are gone or
    altered.
    """
    results = collect_results(store, study_name, kind).at_planned_look()
    report = compose_report(results, registered)
    content = report_markdown(report) if out.suffix == ".md" else report_html(report)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(content, encoding="utf-8")
    return out


def write_preregistration(study: str, database_url: str | None, out: Path) -> Path:
    """Write the preregistration of a study file, or of a study by its name; see `preregistration.preregister`.

    A study file need not have begun: what counts as existing data is what its database holds, if there is one.
    """
    if study.endswith((".yaml", ".yml")) or Path(study).is_file():
        study_file = load_study_file(study)
        content, study_hash = study_file.model_dump(mode="json"), study_file.study_hash
    else:
        with DecisionStore.open(database_url or DEFAULT_DATABASE_URL, create=False) as store:
            record = store.study(study)
        # What a study is called is kept beside its file, which need not repeat it.
        content, study_hash = {**record.declared, "name": record.name}, record.study_hash
        if not isinstance(content.get("conditions"), dict):
            raise StudyError(
                f'study "{study}" was simulated or imported, so it has no study file to preregister; '
                "name a study file"
            )
    n_decisions = _decisions_already(content, database_url)
    return preregistration.preregister(content, study_hash, n_decisions, out)


def _decisions_already(content: dict[str, Any], database_url: str | None) -> int:
    """Decisions of the kind that the study recruits; 0 where the database or the study is not there yet."""
    try:
        with DecisionStore.open(
            database_url or content.get("database", DEFAULT_DATABASE_URL), create=False
        ) as store:
            return len(store.decisions_frame(content["name"], kind=store.study(content["name"]).participants))
    except (StoreError, StudyError):
        return 0


def compose_report(results: StudyResults, registered: Path | None = None) -> Report:
    """Compute everything that a report says. Raises StudyError where `registered` is no record."""
    faces, caption, no_faces_reason = _faces(results)
    title = f"{QUESTION} Study {results.study.name}"
    study, written_at = results.study, datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return Report(
        title=f"{title} (SIMULATED participants)" if results.simulated else title,
        meta=f"Study {study.name} · decision task {study.task_name} · written {written_at} with Countenance "
        f"{version('countenance')}",
        label=_SIMULATED_LABEL if results.simulated else "",
        of_whom=", SIMULATED participants" if results.simulated else "",
        introduction=_INTRODUCTION,
        sections=tuple(
            ReportSection(section.name, section.title, findings)
            for section in SECTIONS
            if (findings := tuple(section.findings(results)))
        ),
        faces=faces,
        faces_caption=caption,
        no_faces_reason=no_faces_reason,
        methods=(*_METHODS, " ".join(results.declared.sentences())),
        limits=(*([_SIMULATED_LIMIT] if results.simulated else []), *_LIMITS),
        preregistration=tuple(_registration(results, registered)),
        how_to_go_on=_blocks(HOW_TO_GO_ON),
        versions=_versions(results),
    )


def _registration(results: StudyResults, registered: Path | None) -> list[str]:
    if registered is None:
        return [NOT_REGISTERED]
    record = preregistration.read_registered(registered)
    return preregistration.still_matches(
        record, results.study.name, results.study.study_hash, results.declared.sentences()
    )


def _versions(results: StudyResults) -> dict[str, str]:
    """What → version or hash, of everything that the report rests on."""
    return {
        "Study file": results.study.study_hash,
        **_changes(results),
        f"Task {results.study.task_name}": results.study.task_hash,
        **{
            f"Bundle of round {row['round_number']}": row["bundle_hash"]
            for row in results.rounds.to_dict("records")
        },
        "Analysis code": preregistration.analysis_hash(),
        "Countenance": version("countenance"),
        "Python": platform.python_version(),
        **{name: version(name) for name in (*preregistration.ANALYSIS_PACKAGES, "altair")},
    }


def _changes(results: StudyResults) -> dict[str, str]:
    """When the running study was changed, closed or opened again → what of it, and after how many had begun."""
    what = {"closed": "closed", "opened": "opened again", "changed": "Study file changed"}
    return {
        f"{what[event.kind].capitalize()}, {event.happened_at:%Y-%m-%d %H:%M:%S}": "; ".join(
            [*json.loads(event.detail).get("keys", ()), f"after {event.n_began} had begun"]
        )
        for event in results.events
        if event.kind in what
    }


def _faces(results: StudyResults) -> tuple[Markup, str, str]:
    """The face sheet and its caption, or the reason why there is none."""
    if results.rounds.empty:
        return Markup(""), "", "the study has no round yet"
    newest = results.rounds.iloc[-1].to_dict()
    try:
        columns = face_sheet(registered_bundle(newest["bundle_path"], newest["bundle_hash"]))
    except BundleError as error:
        return Markup(""), "", str(error).rstrip(".")
    if not columns:
        return Markup(""), "", "the newest bundle has no faces"
    caption = f"Round {newest['round_number']}. {answer.sheet_caption(newest['advisor'])}"
    return face_sheet_html(columns), caption, ""


def _blocks(text: str) -> tuple[tuple[bool, str], ...]:
    """Paragraphs and, where every line is indented by four spaces, blocks of commands: (is_code, text)."""
    blocks = [block for block in text.split("\n\n") if block.strip()]
    return tuple(
        (all(line.startswith("    ") for line in block.splitlines()), textwrap.dedent(block))
        for block in blocks
    )
