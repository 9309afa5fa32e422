"""Pages that show one section's findings and nothing else: learning, reliance, audits."""

from collections.abc import Callable

from human_study.analysts.views.drawing import finding
from human_study.analysts.views.selection import Choice


def section_page(section: str) -> Callable[[Choice], None]:
    """The page of one section of `study_findings.SECTIONS`."""

    def draw(choice: Choice) -> None:
        for found in choice.findings(section):
            finding(found)

    return draw
