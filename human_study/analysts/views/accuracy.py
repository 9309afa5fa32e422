"""Page: accuracy, gains, sensitivity and response times, as the findings say them."""

from human_study.analysts.views.drawing import finding, left_out_notice
from human_study.analysts.views.selection import Choice


def draw(choice: Choice) -> None:
    """The findings of the sections `results`, `gains`, `robustness`; the first begins with the main result in words."""
    left_out_notice(choice.results())
    for section in ("results", "gains", "robustness"):
        for found in choice.findings(section):
            finding(found)
