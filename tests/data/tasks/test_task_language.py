"""What people read in their language, while what the machine reads stays the same."""

from pathlib import Path

import pytest
import yaml

from data.errors import TaskError
from data.formats.value_format import amount_text, share_text
from data.tasks.decision_task import load_task, shipped_tasks
from data.tasks.task_language import words_path
from tests.data.tasks.test_decision_task import change_task


@pytest.mark.parametrize("name", shipped_tasks())
def test_a_shipped_task_speaks_german_wherever_people_read(name: str) -> None:
    english = load_task(name)
    german = english.in_language("de")
    assert english.speaks("de") and english.speaks("en") and not english.speaks("fr")
    assert german.task_hash == english.task_hash
    assert german.nouns == "Anträge" and english.nouns == "applications"
    assert english.in_language("en") is english
    for column in english.value_columns:
        ours, theirs = english.columns[column], german.columns[column]
        assert theirs.label != ours.label
        assert bool(theirs.help) == bool(ours.help) and (not ours.help or theirs.help != ours.help)
        assert list(theirs.categories) == list(ours.categories)
        assert not ours.categories or theirs.categories != ours.categories
    assert german.choices != english.choices and german.title != english.title
    assert german.outcome.positive_label != english.outcome.positive_label


@pytest.mark.parametrize(
    ("language", "column", "value", "shown"),
    [
        ("de", "income", 5608, "5.608 USD"),
        ("de", "income", 1234.5, "1.234,5 USD"),
        ("de", "income", float("nan"), "nicht angegeben"),
        ("de", "has_job", True, "ja"),
        ("de", "has_job", False, "nein"),
        ("de", "rate", 12.49, "12,49 %"),
        ("de", "rate", 0.00123, "0,0012 %"),
        ("de", "age", 1, "1 Jahr"),
        ("de", "age", 44, "44 Jahre"),
        ("de", "n_cards", 1984, "1984"),
        ("en", "n_cards", 1984, "1984"),
        ("en", "n_cards", 12345, "12,345"),
        ("en", "amount", 1984, "1,984 USD"),
        ("fr", "income", 5608, "5\u202f608 USD"),
        ("fr", "has_job", True, "yes"),
    ],
)
def test_values_are_displayed_in_the_language(
    tiny_task: Path, language: str, column: str, value: object, shown: str
) -> None:
    assert load_task(tiny_task).in_language(language).display(column, value) == shown


def test_a_column_says_itself_whether_thousands_are_set_apart(tiny_task: Path) -> None:
    change_task(tiny_task, "label: Loan amount", "grouped: false, label: Loan amount")
    change_task(tiny_task, "label: Credit cards", "grouped: true, label: Credit cards")
    task = load_task(tiny_task).in_language("de")
    assert task.display("amount", 12345) == "12345 USD"
    assert task.display("n_cards", 1984) == "1.984"


def test_thousands_of_a_currency_are_shown_as_the_currency() -> None:
    task = load_task("consumer_credit")
    assert task.display("amount", 1050) == "1,050,000 pesetas"
    assert task.in_language("de").display("amount", 1050) == "1.050.000 Peseten"


def test_money_and_shares_follow_the_language() -> None:
    assert amount_text(0.2, "EUR", "de") == "0,20 EUR"
    assert amount_text(1234.5, "GBP", "en") == "1,234.50 GBP"
    assert amount_text(1500, "JPY", "en") == "1,500 JPY"
    assert share_text(0.634, "en") == "63%"
    assert share_text(0.634, "de") == "63 %"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"columns": {"incme": {"label": "x"}}}, 'no column incme; did you mean "income"?'),
        ({"columns": {"home": {"categories": {"boat": "Boot"}}}}, 'column home has no category "boat"'),
        (
            {"columns": {"income": {"role": "ignored"}}},
            "columns.income.role is wrong; it may hold words only",
        ),
    ],
)
def test_a_file_of_words_that_does_not_fit_is_refused(tiny_task: Path, words: dict, said: str) -> None:
    path = words_path(tiny_task, "de")
    path.write_text(yaml.safe_dump(words), encoding="utf-8")
    with pytest.raises(TaskError) as refused:
        load_task(tiny_task).in_language("de")
    assert said in str(refused.value)


def test_nouns_have_a_plural_of_their_own(tiny_task: Path) -> None:
    change_task(tiny_task, "name: tiny", "case_noun: inquiry\ncase_noun_plural: inquiries\nname: tiny")
    assert load_task(tiny_task).nouns == "inquiries"
