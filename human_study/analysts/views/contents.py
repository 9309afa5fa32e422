"""The pages of the analyst app, in the order in which its sidebar names them.

Whoever imports this has imported all that pages compute with: the server does, before it lets anybody in.
"""

from collections.abc import Callable

from human_study.analysts.views import (
    accuracy,
    applications,
    faces,
    live,
    overview,
    people,
    reasons,
    response_model,
)
from human_study.analysts.views.drawing import finding
from human_study.analysts.views.selection import Choice, read_ahead
from human_study.findings.answer import QUESTION

__all__ = ["PAGES", "read_ahead"]


def section_page(section: str) -> Callable[[Choice], None]:
    """The page that shows the findings of one section of `findings.sections.SECTIONS`, and nothing else."""

    def draw(choice: Choice) -> None:
        choice.results()
        for found in choice.findings(section):
            finding(found)

    return draw


def _live(choice: Choice) -> None:
    live.draw(choice.store, choice.study_name, choice.kind)


# Title, path, the question that it answers, and what draws it. The first is the start page.
PAGES: tuple[tuple[str, str, str, Callable[[Choice], None]], ...] = (
    ("Overview", "overview", QUESTION, overview.draw),
    ("Live", "live", "How is the study going right now?", _live),
    ("Accuracy", "accuracy", "How accurate were people's decisions?", accuracy.draw),
    ("Learning", "learning", "Did people get better over rounds and trials?", section_page("learning")),
    ("Reliance", "reliance", "Did people rely on advice where it was right?", section_page("reliance")),
    ("People", "people", "Who took part, and who is analysed?", people.draw),
    ("Applications", "applications", "Which applications are decided wrongly most often?", applications.draw),
    ("Faces", "faces", "What do the faces say?", faces.draw),
    (
        "Response model ĥ",
        "response_model",
        "What does the response model know about people?",
        response_model.draw,
    ),
    ("Reasons", "reasons", "What reasons do people give?", reasons.draw),
    ("Audits", "audits", "Are groups treated alike?", section_page("audits")),
)
