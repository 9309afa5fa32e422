"""Recruitment links: whose parameters are taken, and what goes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.records import Recruitment
from human_study.study.recruitment import (
    Platform,
    RecruitmentPlan,
    filled_address,
    lacking_parameter,
    recruited,
)


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


@pytest.mark.parametrize("platform", ["prolific", "mturk", "sona"])
@pytest.mark.parametrize(
    "text",
    [
        *("PROLIFIC_PID", "prolific_pid", "workerId", "WORKER_ID", "id", "participant-id", "SURVEY_CODE"),
        *("null", "undefined", "None", "NaN", "NULL", "nil", "n.a", "false"),
        *(
            "{{%25PROLIFIC_PID%25}}",
            "${workerId}",
            "%25SURVEY_CODE%25",
            "[ID]",
            "WORKER_ID_NOT_AVAILABLE",
            "%20",
        ),
    ],
)
def test_what_stands_there_instead_of_an_id_is_nobody(platform: Platform, text: str) -> None:
    parameter = {"prolific": "PROLIFIC_PID", "mturk": "workerId", "sona": "id"}[platform]
    plan, query = RecruitmentPlan(platform=platform), f"{parameter}={text}&SESSION_ID=s&assignmentId=a"
    assert recruited(plan, query, "entry") is None
    assert lacking_parameter(plan, query) == parameter


@pytest.mark.parametrize(
    ("platform", "external_id"),
    [
        ("prolific", "5f3c8d1e9a7b4c2d1e0f9a8b"),
        ("prolific", "p1"),  # a lab that tries its own link
        ("prolific", "test"),
        ("mturk", "A2QXK4S7HJ8LM9"),
        ("mturk", "9C1E5A7B3D2F4E6A8B0C1D2E3F4A5B6C"),  # as CloudResearch spells workers
        ("sona", "48213"),
        ("sona", "1"),
    ],
)
def test_ids_of_every_form_that_platforms_and_labs_use_are_taken(
    platform: Platform, external_id: str
) -> None:
    parameter = {"prolific": "PROLIFIC_PID", "mturk": "workerId", "sona": "id"}[platform]
    found = recruited(RecruitmentPlan(platform=platform), f"{parameter}={external_id}", "entry")
    assert found is not None and found.external_id == external_id


def test_a_sitting_without_an_id_is_none() -> None:
    plan = RecruitmentPlan(platform="mturk")
    for sent in ("undefined", "assignmentId", "null"):
        found = recruited(plan, f"workerId=A1&assignmentId={sent}", "entry")
        assert found is not None and found.session_id is None


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("https://app.prolific.com/submissions/complete?cc=CABC123", "CABC123"),
        ("https://app.prolific.com/submissions/CABC123/complete", "CABC123"),
        ("https://lab.example/thanks", None),
        ("https://lab.example/credit?survey_code={external_id}", None),
        ("https://lab.example/credit?code=x{external_id}", None),
    ],
)
def test_the_code_of_an_ending_is_the_one_its_address_carries(address: str, code: str | None) -> None:
    plan = RecruitmentPlan(
        platform="sona", completion_url=address, returned_url=address.replace("CABC", "RABC")
    )
    assert plan.way_back("completion") == (code, address)
    assert plan.code("returned") == (code and code.replace("CABC", "RABC"))


def test_the_way_back_can_carry_the_id() -> None:
    known = Recruitment(platform="sona", external_id="a b", session_id=None)
    address = "https://lab.example/credit?survey_code={external_id}&s={session_id}"
    assert filled_address(address, known) == "https://lab.example/credit?survey_code=a%20b&s="
