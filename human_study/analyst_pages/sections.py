"""Pages that show one section's findings and nothing else: learning, reliance, audits."""

from collections.abc import Callable

from human_study.analyst_pages.choice import Choice
from human_study.analyst_pages.drawing import finding


def section_page(section: str) -> Callable[[Choice], None]:
    """The page of one section of `study_findings.SECTIONS`."""

    def draw(choice: Choice) -> None:
        for found in choice.findings(section):
            finding(found)

    return draw
