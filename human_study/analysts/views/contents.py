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

__all__ = ["PAGES", "read_ahead"]


def section_page(section: str) -> Callable[[Choice], None]:
    """The page that shows the findings of one section of `findings.sections.SECTIONS`, and nothing else."""

    def draw(choice: Choice) -> None:
        for found in choice.findings(section):
            finding(found)

    return draw


def _live(choice: Choice) -> None:
    live.draw(choice.store, choice.study_name, choice.kind)


# Title, path, and what draws it. The first is the start page.
PAGES: tuple[tuple[str, str, Callable[[Choice], None]], ...] = (
    ("Overview", "overview", overview.draw),
    ("Live", "live", _live),
    ("Accuracy", "accuracy", accuracy.draw),
    ("Learning", "learning", section_page("learning")),
    ("Reliance", "reliance", section_page("reliance")),
    ("People", "people", people.draw),
    ("Applications", "applications", applications.draw),
    ("Faces", "faces", faces.draw),
    ("Response model ĥ", "response_model", response_model.draw),
    ("Reasons", "reasons", reasons.draw),
    ("Audits", "audits", section_page("audits")),
)
