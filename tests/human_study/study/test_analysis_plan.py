"""What a study file declares of its analysis, and what holds where it declares no analysis."""

import pytest
from pydantic import ValidationError

from human_study.study.analysis_plan import AnalysisPlan, Pair, declared_analysis

ALL = dict.fromkeys(("face", "none", "shuffled", "score", "risk_to_smile"), 1)


@pytest.mark.parametrize(
    ("conditions", "analysis", "family"),
    [
        (ALL, None, ["face none", "face score", "face shuffled", "face risk_to_smile"]),
        (ALL, {"family": []}, ["face none"]),
        (
            ALL,
            {"primary": "score against none", "family": ["face against score"]},
            ["score none", "face score"],
        ),
        ({"face": 1, "score": 1}, None, ["face score"]),
        ({"score": 1, "none": 1}, None, ["score none"]),
        ({"none": 1, "face": 1, "examples": 1}, None, ["face none", "face examples"]),
        ({"face": 1}, None, []),
    ],
)
def test_the_family_is_what_was_written_or_the_face_against_every_other_condition(
    conditions: dict, analysis: dict | None, family: list[str]
) -> None:
    declared = declared_analysis({"conditions": conditions, "analysis": analysis})
    assert [f"{pair.condition} {pair.against}" for pair in declared.family] == family
    assert declared.was_declared is (analysis is not None)


def test_a_study_without_a_file_is_analysed_by_the_conditions_that_people_were_in() -> None:
    assert declared_analysis({"name": "simulated"}, {"none", "face"}).primary == Pair("face", "none")


def test_the_sentences_say_whether_anything_was_declared_and_what() -> None:
    nothing = " ".join(declared_analysis({"conditions": ALL}).sentences())
    assert "declares no analysis" in nothing and "two-sided" in nothing and "this family of 4" in nothing
    assert "all of them count" in nothing
    said = {
        "direction": "better",
        "equivalence_margin": 0.03,
        "response_times": {"at_least_ms": 200, "at_most_ms": 60000},
    }
    declared = " ".join(declared_analysis({"conditions": ALL, "analysis": said}).sentences())
    assert "Declared in the study file." in declared and "one-sided" in declared
    assert "3 points" in declared and "below 200 ms and above 60000 ms are left out" in declared


@pytest.mark.parametrize(
    "wrong",
    [
        {"primary": "face against face"},
        {"primary": "face against none", "family": ["face against none"]},
        {"primary": "face - none"},
        {"response_times": {"at_least_ms": 500, "at_most_ms": 400}},
        {"equivalence_margin": 0},
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        AnalysisPlan.model_validate(wrong)
