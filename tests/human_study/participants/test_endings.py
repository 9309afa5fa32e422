"""Endings other than completion: what is owed, how one gets it, and in which order it is said."""

from pathlib import Path

import pytest

from data.tasks.decision_task import load_task
from human_study.participants.endings import closing_words
from human_study.participation.running_study import study_messages
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study

PAYMENT = {"currency": "EUR", "base": 3, "timed_out": 0.3, "returned": 0.2}


def told(folder: Path, ending: str, **changes: object) -> str:
    """What an ending says, of a study of people in which a part is paid."""
    study = load_study_file(write_study(folder, participants="people", payment=PAYMENT, **changes))
    return closing_words(study, study_messages(study, load_task(study.task)), ending, key="the-key")


@pytest.mark.parametrize(
    ("language", "pay", "how", "close"),
    [
        ("en", "You are paid", "write to the address below and name the key", "You can close this page now."),
        (
            "de",
            "bekommen Sie",
            "schreiben Sie an die Adresse unten und nennen",
            "diese Seite jetzt schließen.",
        ),
    ],
)
def test_on_a_plain_link_pay_and_how_to_get_it_come_before_the_page_may_be_closed(
    tmp_path: Path, language: str, pay: str, how: str, close: str
) -> None:
    for ending in ("timed_out", "returned"):
        words = told(tmp_path / ending, ending, language=language)
        places = [words.index(part) for part in (pay, how, "Ada Tester", "the-key", close)]
        assert places == sorted(places)
        assert words.endswith(close)


def test_where_a_platform_pays_or_a_code_is_taken_back_nobody_is_told_to_write_for_their_pay(
    tmp_path: Path,
) -> None:
    prolific = {"platform": "prolific", "completion_code": "C0DE"}
    words = told(tmp_path / "prolific", "returned", recruitment=prolific)
    assert (
        "You are paid" in words and "return your submission" in words and "write to the address" not in words
    )
    words = told(tmp_path / "code", "timed_out", recruitment={"timed_out_code": "T1MED"})
    assert words.index("You are paid") < words.index("T1MED") and "write to the address" not in words


@pytest.mark.parametrize("ending", ["declined", "lapsed"])
def test_who_never_consented_is_promised_no_pay(tmp_path: Path, ending: str) -> None:
    words = told(tmp_path, ending)
    assert "paid" not in words and "EUR" not in words and "the-key" in words
