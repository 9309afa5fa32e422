"""Recruitment links: whose parameters are taken, and what goes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.records import Recruitment
from human_study.study.recruitment import RecruitmentPlan, filled_address, recruited


@pytest.mark.parametrize(
    ("platform", "query", "external_id", "session_id"),
    [
        ("prolific", "PROLIFIC_PID=5f1&STUDY_ID=x&SESSION_ID=77", "5f1", "77"),
        ("mturk", "workerId=A1B2&assignmentId=3X", "A1B2", "3X"),
        ("sona", "id=4711", "4711", None),
        ("link", "PROLIFIC_PID=5f1", "entry", None),
    ],
)
def test_each_platform_names_people_its_own_way(
    platform: str, query: str, external_id: str, session_id: str | None
) -> None:
    found = recruited(RecruitmentPlan(platform=platform), query, "entry")  # type: ignore[arg-type]
    assert found is not None
    assert (found.platform, found.external_id, found.session_id) == (platform, external_id, session_id)


@given(st.text(max_size=250))
def test_an_id_that_a_spreadsheet_could_take_for_a_formula_is_no_id(text: str) -> None:
    query = f"PROLIFIC_PID={text}"
    found = recruited(RecruitmentPlan(platform="prolific"), query, "entry")
    if found is not None:
        assert found.external_id[0].isalnum()
        assert not set(found.external_id) & set("=+,;\"'\n\t ")


@pytest.mark.parametrize("query", ["", "workerId=A1", "PROLIFIC_PID=", "PROLIFIC_PID=%3DSUM(A1)"])
def test_a_link_without_a_usable_id_is_incomplete(query: str) -> None:
    assert recruited(RecruitmentPlan(platform="prolific"), query, "entry") is None


def test_the_way_back_can_carry_the_id() -> None:
    known = Recruitment(platform="sona", external_id="a b", session_id=None)
    address = "https://lab.example/credit?survey_code={external_id}&s={session_id}"
    assert filled_address(address, known) == "https://lab.example/credit?survey_code=a%20b&s="
