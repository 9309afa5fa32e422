"""The pages of the analyst app, in the order in which its sidebar names them.

Whoever imports this has imported all that pages compute with: the server does, before it lets anybody in.
"""

from collections.abc import Callable

from human_study import live_view
from human_study.analyst_pages import (
    accuracy,
    applications,
    faces,
    overview,
    people,
    reasons,
    response_model,
)
from human_study.analyst_pages.choice import Choice, read_ahead
from human_study.analyst_pages.sections import section_page

__all__ = ["PAGES", "read_ahead"]


def _live(choice: Choice) -> None:
    live_view.draw(choice.store, choice.study_name, choice.kind)


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
