"""The texts of a study in one place, as for an ethics board."""

from pathlib import Path

import pytest

from data.errors import StudyError
from human_study.participants.materials import write_materials
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study


def test_every_text_of_every_condition_stands_in_one_file(tmp_path: Path) -> None:
    conditions = {"face": 1, "shuffled": 1, "score": 1, "none": 1}
    screening = [{"id": "adult", "question": "Are you 18?", "options": ["Yes", "No"], "accept": ["Yes"]}]
    path = write_study(
        tmp_path,
        conditions=conditions,
        comprehension=None,
        questionnaire=None,
        screening=screening,
        payment={"currency": "EUR", "base": 2, "bonus_per_correct": 0.1},
        recruitment={
            "platform": "prolific",
            "completion_url": "https://app.prolific.com/submissions/complete?cc=C0DE",
        },
        participants="people",
    )
    written = write_materials(load_study_file(path), tmp_path / "board")
    assert [file.name for file in written] == [
        "materials.en.md",
        "materials.en.html",
        "materials.de.md",
        "materials.de.html",
    ]
    text = written[0].read_text()
    assert "Approved by the board of the tiny faculty, 2026-17" in text  # consent
    assert "C0DE" in text  # the code of the address is the one to enter by hand
    assert "Are you 18?" in text and "- Yes ✓\n- No" in text
    for condition in conditions:
        for heading in (
            "What you will do",
            "Is everything clear?",
            "A few last questions",
            "What this study is about",
        ):
            assert f"{heading} ({condition})" in text
    assert (
        "A computer drew it; the person does not exist"
        in text.partition("What you will do (face)")[2].partition("##")[0]
    )
    assert "A computer drew it" not in text.partition("What you will do (none)")[2].partition("##")[0]
    assert "drawn at random" in text  # this bundle explores
    assert "says nothing about" in text  # of real people's faces
    assert "Loan amount" in text
    for read_at_the_end_or_aside in (
        "Thank you",
        "You were right in **… of …** decisions",
        "enter the code there by hand",
        "mean bonus of those who decided without help",
        "made for a *different* application",  # of rounds that explore no more
        "set by a computer for the very application",
        "You do not want to take part?",
        "Yes, I do not want to take part",
        "Yes, stop",
        "Your browser is too old",
        "an earlier version of this study",
        "The platform that sent you here",
    ):
        assert read_at_the_end_or_aside in text, read_at_the_end_or_aside
    assert "{" not in text.replace("{choice}", "").replace("{n}", "").replace("{total}", "").replace(
        "{outcome}", ""
    )
    assert "Ich bin einverstanden" in written[2].read_text() or "teilnehmen" in written[2].read_text()


def test_what_is_asked_about_faces_is_among_the_texts(tmp_path: Path) -> None:
    asked = {"perception_questions": {"trials": 2, "columns": ["debt"]}, "pairs": {"axes": ["smile"]}}
    path = write_study(tmp_path, conditions={"face": 1, "none": 1}, trained_on="simulated", **asked)
    english, _, german, _ = write_materials(load_study_file(path), tmp_path / "board")
    text = english.read_text()
    assert "was “Debt ratio” higher or lower than usual?" in text and "How sure did the face look?" in text
    assert "does the face smile more?" in text and "the eyes opened wider" not in text
    assert "you are asked what you saw" in text.partition("do (face)")[2].partition("##")[0]
    assert "you are asked what you saw" not in text.partition("do (none)")[2].partition("##")[0]
    assert "Wie sicher sah das Gesicht aus?" in german.read_text()


def test_text_of_the_study_file_is_no_markup_on_the_page(tmp_path: Path) -> None:
    path = write_study(tmp_path, texts={"welcome": "<script>alert(1)</script> Welcome"})
    html = (write_materials(load_study_file(path), tmp_path / "board")[1]).read_text()
    assert "&lt;script&gt;alert(1)" in html and "<script>alert" not in html


def test_what_exists_is_left_as_it_is(tmp_path: Path) -> None:
    path = write_study(tmp_path)
    (tmp_path / "board").mkdir()
    with pytest.raises(StudyError, match="choose another name"):
        write_materials(load_study_file(path), tmp_path / "board")
