"""All findings of a study, in the sections in which the report and the analyst app show them.

The one list of what is computed; how each is computed stands in its own file. A finding that stumbles, over data
it does not know or over a mistake of its own, says so in its place and costs nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from human_study.analysis.study_results import StudyResults
from human_study.findings.answer import QUESTION, answer_findings, nobody_counts
from human_study.findings.confidence import confidence_findings
from human_study.findings.consistency import consistency_findings
from human_study.findings.face_leaks import leak_findings
from human_study.findings.face_meaning import meaning_findings
from human_study.findings.finding import Finding, not_computed
from human_study.findings.gains import equivalence_findings, gain_findings
from human_study.findings.group_audits import group_findings
from human_study.findings.harm_warnings import attrition_findings, harm_findings
from human_study.findings.heterogeneity import heterogeneity_findings
from human_study.findings.main_results import (
    accuracy_findings,
    contrast_findings,
    design_findings,
    measure_findings,
    response_time_findings,
    signal_findings,
)
from human_study.findings.participant_flow import check_findings, exclusion_findings
from human_study.findings.reason_codes import reason_findings
from human_study.findings.reliance import reliance_findings, steering_findings
from human_study.findings.response_model import calibration_findings, importance_findings
from human_study.findings.robustness import model_findings, robustness_findings
from human_study.findings.similar_faces import learned_likeness_findings, likeness_findings
from human_study.findings.trends import learning_findings, practice_findings, round_findings
from human_study.findings.what_people_saw import pair_findings, perception_findings
from human_study.presentation.failures import why_missing

FindingFunction = Callable[[StudyResults], Finding]
# What is shown of an open study: none of it tells how well people decide in which condition.
_WITHOUT_OUTCOMES: tuple[FindingFunction, ...] = (
    answer_findings,
    design_findings,
    exclusion_findings,
    meaning_findings,
    pair_findings,
    leak_findings,
)
_OF_RUNS: tuple[FindingFunction, ...] = (calibration_findings, importance_findings)


@dataclass(frozen=True)
class Section:
    """One part of the report, one page of the app. `name` is its anchor and its address."""

    name: str
    title: str
    functions: tuple[FindingFunction, ...]

    def findings(self, results: StudyResults) -> list[Finding]:
        """Compute this section's findings; what stands in the way of one costs no other, and is said in its place.

        Only those that tell nothing of outcomes by condition, while these are withheld; maybe none.
        """
        shown = [one for one in self.functions if one in _WITHOUT_OUTCOMES or not results.is_withheld]
        return [_computed(function, results) for function in shown]


def _computed(function: FindingFunction, results: StudyResults) -> Finding:
    try:
        found = function(results)
        left_out = nobody_counts(results) if found.reason and function not in _OF_RUNS else ""
        return replace(found, reason=f"{found.reason}; {left_out}") if left_out else found
    except Exception as error:
        reason = why_missing(function.__name__, error)
    name = function.__name__.removesuffix("_findings")
    return not_computed(name, name.replace("_", " ").capitalize(), reason)


SECTIONS: tuple[Section, ...] = (
    Section("answer", QUESTION, (answer_findings,)),
    Section(
        "results",
        "Results",
        (accuracy_findings, contrast_findings, signal_findings, response_time_findings, measure_findings),
    ),
    Section("gains", "Gains", (gain_findings, equivalence_findings)),
    Section(
        "robustness",
        "Does the answer hold, and for whom?",
        (robustness_findings, model_findings, heterogeneity_findings),
    ),
    Section("reliance", "Reliance and confidence", (reliance_findings, confidence_findings)),
    Section("learning", "Learning", (learning_findings, round_findings, practice_findings)),
    Section(
        "meaning",
        "What faces say",
        (meaning_findings, perception_findings, pair_findings, likeness_findings, learned_likeness_findings),
    ),
    Section("response", "The response model", (calibration_findings, importance_findings)),
    Section("reasons", "Reasons", (reason_findings,)),
    Section("audits", "Audits", (harm_findings, group_findings, steering_findings, leak_findings)),
    Section("design", "Design", (design_findings,)),
    Section(
        "people", "People", (exclusion_findings, attrition_findings, check_findings, consistency_findings)
    ),
)
