"""Message catalogues: every language says the same things, with the same words to fill in."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from data.errors import StudyError
from data.store.decision_store import DecisionStore
from human_study.participants.first_page import first_page
from human_study.participants.materials import write_materials
from human_study.participation.running_study import RunningStudy
from human_study.preparation_commands import init
from human_study.study.messages import CATALOGUES, Language, Messages
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study

LANGUAGES = sorted(path.stem for path in CATALOGUES.glob("*.yaml"))


def test_there_is_more_than_one_language() -> None:
    assert LANGUAGES == ["de", "en"]


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_every_catalogue_has_the_same_texts_with_the_same_words(language: str, tmp_path: Path) -> None:
    folder = tmp_path / language
    folder.mkdir()
    shutil.copyfile(CATALOGUES / f"{language}.yaml", folder / "texts.yaml")
    english, other = Language("en").texts, Language(language, folder).texts  # refused where they differ
    assert {name for name in english if english[name] == other[name]} == set()  # not translated


def test_words_are_filled_in() -> None:
    messages = Messages(
        Language("en"), {"noun": "loan", "nouns": "loans", "approve": "Approve", "deny": "Deny"}
    )
    assert "loan" in messages.text("instructions.face")
    assert messages.text("page.step", step=2, n_steps=7) == "Step 2 of 7"
    with pytest.raises(KeyError):
        messages.text("page.step")


@pytest.fixture
def french(tmp_path: Path) -> Path:
    """A study in French: the folder that `init` writes, some of it translated."""
    path = write_study(tmp_path)
    own = tmp_path / "french.yaml"
    init(own, task=str(tmp_path / "task" / "task.yaml"), language="fr")
    texts = tmp_path / "languages" / "fr" / "texts.yaml"
    content = yaml.safe_load(texts.read_text())
    content["consent"]["agree"] = "J'accepte"
    texts.write_text(yaml.safe_dump(content, allow_unicode=True))
    words = tmp_path / "languages" / "fr" / "tiny_loans.yaml"
    translated = yaml.safe_load(words.read_text())
    translated["columns"]["amount"]["label"] = "Montant du prêt"
    translated["values"] = {"yes": "oui", "no": "non", "not_stated": "non indiqué"}
    words.write_text(yaml.safe_dump(translated, allow_unicode=True))
    study = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**study, "language": "fr", "language_folder": "languages/fr"}))
    return path


def test_a_third_language_is_a_folder_of_files(french: Path, store: DecisionStore) -> None:
    live = RunningStudy(load_study_file(french), store)
    live.prepare()
    assert live.messages.text("consent.agree") == "J'accepte"
    left = live.study.spoken.untranslated()
    assert "consent.refuse" in left and "consent.agree" not in left and "page.go_on" not in left  # one word
    assert live.task.label("amount") == "Montant du prêt"
    assert live.task.display("amount", 12_500.5) == "12\u202f500,5 USD"
    assert live.task.display("amount", None) == "non indiqué"
    board = write_materials(load_study_file(french), french.parent / "board")
    assert board[0].name == "materials.fr.md" and "Montant du prêt" in board[0].read_text()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda texts: texts["consent"].pop("agree"), "lacks the text consent.agree"),
        (lambda texts: texts["consent"].update(agre="x"), "there is no text consent.agre"),
        (
            lambda texts: texts["consent"].update(agree=["x"]),
            "consent.agree must be a text; put it in quotes",
        ),
        (lambda texts: texts["page"].update(step="{n_steps}"), "page.step lacks {step}"),
        (
            lambda texts: texts["page"].update(step="{step} {n_steps} {"),
            "page.step has a brace that stands alone",
        ),
    ],
)
def test_a_folder_that_lacks_something_is_refused_before_anybody_reads_it(
    french: Path, change: Callable[[dict], object], sentence: str
) -> None:
    path = french.parent / "languages" / "fr" / "texts.yaml"
    texts = yaml.safe_load(path.read_text())
    change(texts)
    path.write_text(yaml.safe_dump(texts, allow_unicode=True))
    with pytest.raises(StudyError, match=re.escape(sentence)):
        load_study_file(french)


def test_a_language_that_is_written_to_the_left_says_so(french: Path) -> None:
    arabic = french.parent / "languages" / "ar"
    shutil.copytree(french.parent / "languages" / "fr", arabic)
    content = yaml.safe_load(french.read_text())
    french.write_text(yaml.safe_dump({**content, "language": "ar", "language_folder": str(arabic)}))
    study = load_study_file(french)
    assert '<html lang="ar" dir="rtl">' in first_page(study.title, study.spoken, "", "", "")
    assert 'dir="rtl"' in write_materials(study, french.parent / "board")[1].read_text()
