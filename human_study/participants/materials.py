"""Every text that participants of a study may read, by condition, for the board that reviews it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from markupsafe import Markup

from advisor.bundles.bundle import Manifest, load_bundle
from advisor.bundles.face_questions import COLUMN_ANSWERS
from data.errors import StudyError
from data.formats.files import replaced_whole
from data.tasks.decision_task import DecisionTask, load_task
from human_study.participants.consent import consent_text
from human_study.participants.ending_screens import about_text
from human_study.participants.endings import closing_words
from human_study.participants.screens import instruction_text
from human_study.participants.welcome import introduction, link_again
from human_study.participation.running_study import study_messages
from human_study.participation.trial_delivery import condition_text
from human_study.presentation.html_templates import render_html
from human_study.study.messages import Language, Messages, shipped_languages
from human_study.study.questions import (
    ComprehensionQuestion,
    QuestionnaireQuestion,
    ScreeningQuestion,
    comprehension_questions,
    questionnaire_questions,
)
from human_study.study.study_file import StudyFile

# How taking part can end otherwise than by completion → the text that says so.
_ENDINGS = {
    **{
        ending: f"ended.{ending}"
        for ending in ("declined", "lapsed", "screened_out", "returned", "timed_out")
    },
    "full": "welcome.full",
    "not_again": "welcome.not_again",
    "incomplete": "welcome.incomplete_link",
}
_WITHOUT_A_KEY = ("full", "not_again", "incomplete")
# Read beside all this, where something goes otherwise than it should.
_ASIDE = (
    *(f"welcome.lacks_{what}" for what in ("script", "frame", "cookie", "browser", "websocket", "again")),
    "welcome.preview",
    "page.offline",
    "page.unreachable",
    "page.unsent",
    "consent.sending",
    "page.nowhere",
    "page.refused",
)
_KEY = "(the participant's own key)"

Section = tuple[int, str, str]  # level of the heading, heading, Markdown


def write_materials(study: StudyFile, out: Path) -> list[Path]:
    """Write `materials.LANGUAGE.md` and `.html` for every language that the task speaks; returns the files.

    These are the study's own and the shipped ones.

    Texts of the study file's own are shown as they are written, in every language.
    Raises StudyError where `out` exists; BundleError or TaskError where bundle or task are gone or wrong.
    """
    if out.exists():
        raise StudyError(f"{out} exists and is left as it is; choose another name.")
    task, manifest = load_task(study.task), load_bundle(study.bundle).manifest
    pages: dict[str, str] = {}
    shipped = [Language(code) for code in shipped_languages() if code != study.language]
    for language in (study.spoken, *shipped):
        words = language.task_words(task.name)
        if not (words or task.speaks(language.code)):
            continue
        spoken = study.model_copy(update={"language": language.code, "language_folder": language.folder})
        sections = list(_sections(spoken, task.in_language(language.code, words), manifest))
        text = "\n\n".join(f"{'#' * level} {title}\n\n{body}".strip() for level, title, body in sections)
        page = render_html(
            "participants/templates/materials.html",
            language=language,
            title=study.title,
            texts=Markup(MarkdownIt("commonmark", {"html": False}).render(text)),
        )
        pages |= {f"materials.{language.code}.md": f"{text}\n", f"materials.{language.code}.html": page}
    with replaced_whole(out) as partial:
        partial.mkdir()
        for name, content in pages.items():
            (partial / name).write_text(content, encoding="utf-8")
    return [out / name for name in pages]


def _sections(study: StudyFile, task: DecisionTask, manifest: Manifest) -> Iterator[Section]:
    messages = study_messages(study, task)
    yield from _before_the_trials(study, task, manifest, messages)
    yield from _the_trials(study, task, manifest, messages)
    yield from _at_the_end(study, manifest, messages)
    yield from _aside(study, messages)


def _before_the_trials(
    study: StudyFile, task: DecisionTask, manifest: Manifest, messages: Messages
) -> Iterator[Section]:
    text = messages.text
    yield 2, study.title, introduction(study, messages)
    is_simulated = manifest.trained_on == "simulated"
    consent = consent_text(study, messages, _KEY, trained_on_simulated=is_simulated)
    buttons = _listed(text(f"consent.{key}") for key in ("agree", "refuse"))
    yield 2, text("consent.title"), f"{consent}\n\n{buttons}"
    if study.screening:
        yield 2, text("screening.title"), f"{text('screening.text')}\n\n{_asked(study.screening)}"
    for condition in study.conditions:
        yield (
            2,
            f"{text('instructions.title')} ({condition})",
            instruction_text(study, messages, task, condition),
        )
        questions = comprehension_questions(messages, condition, study.trials)
        asked = questions if study.comprehension is None else study.comprehension
        if asked:
            yield (
                3,
                f"{text('comprehension.title')} ({condition})",
                f"{text('comprehension.text')}\n\n{_asked(asked)}",
            )


def _the_trials(
    study: StudyFile, task: DecisionTask, manifest: Manifest, messages: Messages
) -> Iterator[Section]:
    text = messages.text
    yield 2, text("player.region"), _listed(messages.section("player").values())
    yield 3, text("player.facts"), _listed(_facts(task))
    if perception := study.perception_questions:
        asks = [text("perception.column", column=task.label(column)) for column in perception.columns]
        answers = COLUMN_ANSWERS if perception.columns else ()
        sureness = ("sureness", "sureness_low", "sureness_high") if perception.sureness else ()
        asks += [text(f"perception.{key}") for key in (*answers, *sureness)]
        yield 3, text("perception.title"), _listed(asks)
    if study.pairs:
        of_axes = [text(f"pairs.question.{axis}") for axis in study.pairs.axes or manifest.axes]
        frame = {key: one for key, one in messages.section("pairs").items() if key != "title"}
        yield 2, text("pairs.title"), _listed([*frame.values(), *of_axes])


def _at_the_end(study: StudyFile, manifest: Manifest, messages: Messages) -> Iterator[Section]:
    text = messages.text
    for condition in study.conditions:
        shipped = questionnaire_questions(messages, condition)
        at_end = shipped if study.questionnaire is None else study.questionnaire
        if at_end:
            title = f"{text('questionnaire.title')} ({condition})"
            yield 2, title, f"{text('questionnaire.text')}\n\n{_asked(at_end)}"
    for condition in study.conditions:
        # A later round's bundle may no longer explore, and says so in other words.
        for told in dict.fromkeys((condition_text(condition, manifest.kind), condition)):
            what = condition if told == condition else f"{condition}, {manifest.kind}"
            yield 2, f"{text('debrief.about_title')} ({what})", about_text(study, messages, condition, told)
    yield 2, text("debrief.title"), "\n\n".join(_last_page(study, messages))
    yield 2, text("ended.title"), ""
    for ending, said in _ENDINGS.items():
        way_back = "full" if ending == "not_again" else ending
        key = "" if ending in _WITHOUT_A_KEY else _KEY
        yield 3, ending, f"{text(said)}\n\n{closing_words(study, messages, way_back, key=key)}"


def _aside(study: StudyFile, messages: Messages) -> Iterator[Section]:
    """What is read by those who stop, refuse or cannot begin."""
    text = messages.text
    terms = study.ethics.withdrawal or text("page.stop_terms")
    stopping = [
        text("page.stop_text", terms=terms),
        _listed(text(f"page.{key}") for key in ("stop_yes", "stop_no")),
    ]
    yield 2, text("page.stop_title"), "\n\n".join(stopping)
    refusing = _listed(text(f"consent.{key}") for key in ("refuse_yes", "refuse_no"))
    yield 2, text("consent.refuse_title"), f"{text('consent.refuse_text')}\n\n{refusing}"
    yield (
        2,
        text("page.unknown_title"),
        f"{text('page.unknown_text')}\n\n{_listed(text(key) for key in _ASIDE)}",
    )
    if study.recruitment.platform != "link":
        yield 3, "link_again", link_again(study, messages)


def _last_page(study: StudyFile, messages: Messages) -> Iterator[str]:
    """What is read after the last question; what only the participant's decisions tell stands as an ellipsis."""
    text, recruitment, payment = messages.text, study.recruitment, study.payment
    yield f"{text('debrief.saved', n_decisions='…')} {recruitment.code('completion') or '…'}"
    if recruitment.platform == "mturk":
        yield text("debrief.paste_code")
    if recruitment.completion_url:
        yield f"{text('debrief.go_back')}. {text('debrief.redirect_note')}"
    yield f"**{text('debrief.result_title')}.** {text('debrief.result', n_correct='…', n_counted='…')}"
    if payment.bonus_per_correct:
        yield text("debrief.bonus", bonus=f"… {payment.currency}")
        if len(study.conditions) > 1:
            yield text("debrief.floor")
    yield text("debrief.key", key=_KEY)
    yield text("debrief.close")


def _asked(
    questions: Sequence[ScreeningQuestion | ComprehensionQuestion | QuestionnaireQuestion],
) -> str:
    """Questions with their options; behind what is right or lets somebody in stands a tick."""
    blocks = []
    for question in questions:
        right: Sequence[str] = getattr(question, "accept", None) or [getattr(question, "right", "")]
        options = [f"- {option}{' ✓' if option in right else ''}" for option in question.options]
        explanation = getattr(question, "explanation", "")
        blocks.append("\n".join([f"**{question.question}**", "", *options, "", explanation]).strip())
    return "\n\n".join(blocks)


def _facts(task: DecisionTask) -> Iterator[str]:
    for column in task.shown_columns:
        explained = task.columns[column].help
        yield f"{task.label(column)}: {explained}" if explained else task.label(column)


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
