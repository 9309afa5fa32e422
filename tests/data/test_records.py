"""Stored records: each field declared once, and nothing that a database cannot hold."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data.codebook import codebook, record_name, stored_fields
from data.errors import StudyError
from data.records import STORED_RECORDS, Decision, Study, Trial


def decision(**changes: object) -> Decision:
    fields = {
        "trial_key": "t",
        "participant_key": "p",
        "choice": "deny",
        "study_hash": "s",
        "bundle_hash": "b",
    }
    return Decision.model_validate({**fields, **changes})


def test_the_codebook_describes_every_field_of_every_record() -> None:
    table = codebook()
    assert list(table.columns) == ["record", "field", "type", "unit", "meaning"]
    for record in STORED_RECORDS:
        described = table[table["record"] == record_name(record)]
        assert list(described["field"]) == list(record.model_fields)
    assert (table["meaning"].str.len() > 5).all()
    row = table[(table["record"] == "decision") & (table["field"] == "response_time_ms")].iloc[0]
    assert (row["type"], row["unit"]) == ("number", "ms")
    assert set(table["type"]) >= {"text", "integer", "number", "yes | no", "time", "approve | deny"}


def test_only_one_record_knows_ids_from_elsewhere() -> None:
    holders = {
        record_name(r) for r in STORED_RECORDS for field in stored_fields(r) if "external" in field.name
    }
    assert holders == {"recruitment"}


@pytest.mark.parametrize(
    "changes",
    [
        {"choice": "maybe"},
        {"confidence": 1.5},
        {"confidence": float("nan")},
        {"response_time_ms": -1},
        {"n_blur": -1},
        {"decided_at": datetime(2026, 1, 1)},
        {"surprise": 1},
    ],
)
def test_a_decision_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        decision(**changes)


@given(st.text(st.characters(codec=None)))
def test_any_text_of_a_browser_can_be_stored(reason: str) -> None:
    stored = decision(reason=reason).reason
    assert stored is not None
    assert "\x00" not in stored
    assert stored.encode("utf-8").decode("utf-8") == stored


def test_keys_are_random_and_records_immutable() -> None:
    fields = {"application_id": "A", "split": "test", "condition": "face", "bundle_hash": "b"}
    one, other = Trial.model_validate(fields), Trial.model_validate(fields)
    assert one.trial_key != other.trial_key
    assert decision().decided_at.tzinfo is UTC
    with pytest.raises(ValidationError):
        one.position = 3  # type: ignore[misc]


def study_of(study_file: str) -> Study:
    return Study(
        name="s", task_name="t", task_hash="h", study_file=study_file, study_hash="h", participants="people"
    )


@pytest.mark.parametrize(
    ("study_file", "declared"),
    [
        ("", {}),
        ("{}", {}),
        ('{"exclusions": null, "conditions": {"face": 1}}', {"conditions": {"face": 1}}),
        ('{"database": "postgresql://me:hush@host/db", "language": "de"}', {"language": "de"}),
    ],
)
def test_any_stored_study_file_says_what_it_declares(study_file: str, declared: dict) -> None:
    study = study_of(study_file)
    assert study.declared == declared
    assert "hush" not in study.study_file


@pytest.mark.parametrize("study_file", ['{"conditions": {', "[]", '"database"'])
def test_a_damaged_study_file_is_told_where_it_is_asked_for(study_file: str) -> None:
    study = study_of(study_file)
    with pytest.raises(StudyError, match="is damaged; restore"):
        _ = study.declared
