"""Study files: what is valid, and the one sentence for everything that is not."""

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from data.errors import StudyError
from data.said_wrong import models_in
from human_study.preparation_commands import init
from human_study.study.analysis_plan import AnalysisPlan
from human_study.study.file_checks import remarks
from human_study.study.questions import FacePairs, PerceptionQuestions
from human_study.study.study_file import StudyFile, load_study_file, require_ethics
from human_study.study.study_sections import TrialPlan

VALID = {
    "name": "pilot",
    "task": "lending_club",
    "bundle": "round_0/bundle",
    "participants": "people",
    "conditions": {"face": 1, "none": 2},
}


def write(folder: Path, **changes: object) -> Path:
    """A study file with some keys changed; None takes a key out."""
    path = folder / "study.yaml"
    content = {key: value for key, value in (VALID | changes).items() if value is not None}
    path.write_text(yaml.safe_dump(content))
    return path


def test_defaults_and_values_are_read(tmp_path: Path) -> None:
    study = load_study_file(write(tmp_path))
    assert (study.trials.main, study.trials.test_share) == (40, 0.5)
    assert study.shares == {"face": 1, "none": 2}
    assert study.quotas == {"face": None, "none": None}
    assert not study.allow_simulated_advisor


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"titel": "Loans"}, "there is no key titel; did you mean title"),
        ({"trials": {"mian": 3}}, "there is no key trials.mian; did you mean main"),
        ({"participants": "robots"}, "participants is wrong"),
        ({"participants": None}, "the key participants is missing"),
        ({"conditions": {}}, "conditions is wrong"),
        ({"conditions": {"fase": 1}}, "fase is no condition; did you mean face"),
        ({"conditions": {"face": 0}}, "conditions.face.share is wrong"),
        ({"trials": {"main": 0}}, "trials.main is wrong"),
        ({"trials": {"test_share": 1.5}}, "trials.test_share is wrong"),
        ({"time_limits": {"idle_minutes": -1}}, "time_limits.idle_minutes is wrong"),
        ({"name": "My study"}, "use lower-case letters"),
        ({"title": "  "}, "title is wrong: it is empty"),
        ({"recruitment": {"platform": "paper"}}, "recruitment.platform is wrong"),
        ({"trials": {"main": 10, "repeated": 6}}, "only the first half of 10 main trials"),
        ({"trials": {"stages": 3}}, "trials.stages is wrong"),
        ({"conditions": {"face": {"quota": 0}}}, "conditions.face.quota is wrong"),
        ({"payment": {"curency": "EUR"}}, "there is no key payment.curency; did you mean currency"),
        (
            {"payment": {"bonus_per_correct": 1}, "conditions": {"face": 1, "score": 1}},
            "needs the condition none",
        ),
        ({"language": "fr"}, "language is fr, which is not shipped"),
        (
            {
                "screening": [
                    {"id": "adult", "question": "Are you?", "options": [True, False], "accept": ["Yes"]}
                ]
            },
            "put quotes around",
        ),
        (
            {
                "screening": [
                    {"id": "adult", "question": "Are you?", "options": ["Yes", "No"], "accept": ["Si"]}
                ]
            },
            '"Si" is not one of the options',
        ),
        (
            {"questionnaire": [{"id": "a", "question": "?"}, {"id": "a", "question": "??"}]},
            "two questions with the id a",
        ),
        ({"recruitment": {"completion_url": "javascript:alert(1)"}}, "begins with https://"),
        ({"recruitment": {"completion_url": "https://a.example/?id={pid}"}}, "would get {pid}"),
        ({"recruitment": {"full_url": "https://a.example/?id={{%PID%}}"}}, "as it stands; fill it in"),
        ({"recruitment": {"returned_url": "https://a.example/?cc=YOUR_CODE"}}, "would get YOUR_CODE"),
        ({"recruitment": {"completion_url": "https://a.example/?cc=XXXXXXX"}}, "would get XXXXXXX"),
        (
            {"recruitment": {"completion_code": "AAAA", "completion_url": "https://a.example/?cc=BBBB"}},
            "completion_code is AAAA, but completion_url carries BBBB",
        ),
        (
            {"recruitment": {"platform": "prolific"}, "participants": "people"},
            "write the completion_code or the completion_url",
        ),
        (
            {
                "recruitment": {"platform": "prolific", "completion_url": "https://app.example/complete"},
                "participants": "people",
            },
            "completion_url carries no code",
        ),
        ({"recruitment": {"completion_url": "https://a.example/?cc=$CODE"}}, "would get \\$CODE"),
        ({"recruitment": {"completion_url": "https://a.example/?cc="}}, "cc= without a value"),
        (
            {"recruitment": {"full_url": "https://a.example/?p=__PROLIFIC_PID__"}},
            "would get __PROLIFIC_PID__",
        ),
        (
            {"recruitment": {"full_url": "https://a.example/?survey_code=%SURVEY_CODE%"}},
            "would get %SURVEY_CODE%",
        ),
        ({"recruitment": {"completion_url": "https://a.example/?cc=C1A2B3"}}, "would get C1A2B3"),
        ({"recruitment": {"completion_url": "https://https://a.example/"}}, "https:// twice"),
        (
            {"recruitment": {"completion_code": "AAAA", "completion_url": "https://a.example/?CC=BBBB"}},
            "completion_url carries BBBB",
        ),
        (
            {"recruitment": {"completion_code": "AAAA", "completion_url": "https://a.example/done/AB12CD34"}},
            "completion_url carries AB12CD34",
        ),
        (
            {"recruitment": {"completion_code": "AAAA", "screened_out_url": "https://a.example/?cc=AAAA"}},
            "screened_out people would bring back AAAA",
        ),
        *(
            ({"ethics": {"approval": said}}, "says nothing yet")
            for said in (
                "pending",
                "to be filled in",
                "T.B.D.",
                "<board and reference>",
                "IRB #XXXX",
                "(fill in)",
                "University IRB, number TODO",
                "Lorem ipsum dolor sit amet",
                "[Name of board]",
            )
        ),
        ({"ethics": {"contact": "you@university.edu"}}, "says nothing yet"),
        ({"texts": {"consent": "TODO"}}, "says nothing yet"),
        ({"title": "TODO"}, "says nothing yet"),
        ({"payment": {"base": 3, "screened_out": 30}}, "payment.screened_out is 30, more than the 3"),
        ({"payment": {"bonus_per_correct": 500}}, "one participant could earn"),
        ({"payment": {"base": 2500}}, "write payment.most: 2500"),
        ({"payment": {"base": 2500, "most": 250}}, "payment.most is 250, but"),
        ({"payment": {"currency": "XXX"}}, "stands for no currency"),
        ({"payment": {"currency": "JPY", "base": 100.5}}, "amounts of JPY have no decimals"),
        ({"payment": {"base": 0.005}}, "at most 2 decimals"),
        ({"time_limits": {"total_minutes": 90}, "expected_minutes": 95}, "expected_minutes is 95"),
        ({"trials": {"main": 2, "attention": 3}}, "attention is 3, but there are 2 main trials"),
        (
            {"screening": [{"id": "a", "question": "Q?", "options": ["Yes", "yes "], "accept": ["Yes"]}]},
            'the option "yes " stands there twice',
        ),
        ({"not_from": [VALID["name"]]}, "this study itself"),
        ({"ethics": {"approval": "TODO"}}, '"TODO" says nothing yet'),
        ({"ethics": {"contact": "tbd."}}, "says nothing yet"),
        ({"exclusions": {"failed_attention": 1}}, "there are 0 attention trials"),
        ({"exclusions": {"failed_attention": 3}, "trials": {"attention": 2}}, "there are 2 attention trials"),
        ({"analysis": {"primary": "face against scores"}}, "scores is none of the study's conditions"),
        ({"analysis": {"primary": "face - none"}}, 'two conditions, such as "face against none"'),
        ({"analysis": {"margin": 0.1}}, "there is no key analysis.margin"),
        ({"trials": {"main": 1000}}, "trials.main is wrong"),
        ({"payment": {"currency": "euro"}}, "three capital letters, such as EUR"),
        ({"recruitment": {"completion_code": "a b"}}, "4 to 64 letters"),
        *(
            ({"ethics": {"approval": said}}, "does not say which board approved")
            for said in (
                *("no", "not yet", "applied for", "In review", "IRB", "yes", "Approved.", "Ethics committee"),
                *(
                    "Submitted to the board of Bonn University on 3 May",
                    "Not approved yet by the dean's board",
                ),
                *("beantragt", "Under review, IRB #2031-44"),
            )
        ),
        ({"ethics": {"exemption": "exempt"}}, "why no approval is needed and who says so"),
        ({"ethics": {"approval": False}}, "neither a number nor a text"),
        *(
            ({"texts": {"consent": f"Please read this. {left} You may stop."}}, "would read as it stands")
            for left in (
                *("{n_trials}", "{{ name }}", "${contact}", "%NAME%", "[your name]", "<insert contact>"),
                *("TODO", "__CONTACT__", "Lorem ipsum dolor sit amet."),
            )
        ),
        ({"title": "Loans of {bank}"}, "title holds {bank}"),
        (
            {"questionnaire": [{"id": "age", "question": "Dear {{ name }}, how old are you?"}]},
            "question age, holds",
        ),
        ({"title": "TEST"}, "says nothing to participants"),
        ({"title": "Study title"}, "says nothing to participants"),
        *(
            ({"recruitment": {"platform": "prolific", "completion_code": "CABC123", **urls}}, sentence)
            for urls, sentence in (
                ({"completion_url": "https://app.prolific.com/submissions/complete"}, "carries no code"),
                ({"completion_url": "https://example.org/x?cc=CABC123"}, "no participant can go"),
                ({"completion_url": "https://localhost/?cc=CABC123"}, "no participant can go"),
                (
                    {"completion_url": "https://app.prolific.com/studies/64abc?cc=CABC123"},
                    "takes people back",
                ),
                (
                    {"completion_url": "https://app.prolific.com/submissions/complete?cc=CABC123)"},
                    r"would get \) at the end",
                ),
                ({"returned_url": "https://x.sona-systems.com/?code=R123"}, "is an address of sona"),
                ({"returned_code": "cabc123"}, "bring back CABC123, the code of those who complete"),
            )
        ),
        (
            {
                "recruitment": {
                    "platform": "mturk",
                    "completion_url": "https://app.prolific.com/submissions/complete?cc=CABC123",
                }
            },
            "is an address of prolific, but recruitment.platform is mturk",
        ),
        ({"conditions": {"face": {"share": float("inf")}}}, "conditions.face.share is wrong"),
        ({"conditions": {"face": True}}, "neither a number nor a text"),
        (
            {"conditions": {"face": 1e-9, "none": 1}},
            "more than 100 to 1, so that hardly anybody would be in face",
        ),
        (
            {"conditions": {"face": 1_000_000, "none": 1}},
            "conditions.face has a share of 1e.06 and none of 1, more",
        ),
        ({"payment": {"base": True}}, "payment.base is wrong: yes, true, false"),
        ({"payment": {"base": float("inf")}}, "payment.base is wrong"),
        ({"expected_minutes": True}, "expected_minutes is wrong: yes"),
        ({"trials": {"main": True}}, "trials.main is wrong: yes"),
        ({"time_limits": {"idle_minutes": 0.05}}, "run out of time while they read"),
        ({"exclusions": {"median_response_time_ms": 400_000}}, "median_response_time_ms is wrong"),
        (
            {"exclusions": {"median_response_time_ms": 50_000}, "expected_minutes": 20},
            "nearly everybody would be excluded",
        ),
        ({"payment": {"base": 9999.55, "bonus_per_correct": 0.15}, "trials": {"main": 4}}, "most: 10000.15"),
        ({"payment": {"currency": "ABC"}}, "ABC stands for no currency"),
        ({"payment": {"currency": "DEM"}}, "DEM stands for no currency"),
        (
            {
                "screening": [
                    {"id": "adult", "question": "Are you?", "options": ["Yes", "No"], "accept": ["No", "Yes"]}
                ]
            },
            "accepts every option",
        ),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(tmp_path: Path, changes: dict, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence) as caught:
        load_study_file(write(tmp_path, **changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {
            "ethics": {
                "approval": "Approved pending annual renewal, IRB #2031-44 [minutes](https://a.example)"
            }
        },
        {"payment": {"currency": "JPY", "base": 300, "screened_out": 50, "most": 300}},
        {"recruitment": {"completion_code": "AAAA", "full_url": "https://a.example/thanks?from=study"}},
        {
            "texts": {
                "consent": "Write to (the board). Pending cases are told apart [below](https://a.example)."
            }
        },
        {"ethics": {"approval": "None of the boards we asked had to approve this, letter of 2 May."}},
        {"recruitment": {"completion_url": "https://a.example/?cc=AAAA&id={external_id}&s={session_id}"}},
        {"recruitment": {"completion_code": "AAAA", "completion_url": "https://a.example/?cc=AAAA"}},
        {"recruitment": {"platform": "prolific", "completion_code": "AAAA"}, "participants": "people"},
        {"exclusions": {"failed_attention": 2}, "trials": {"attention": 2}},
        *(
            {"payment": {"currency": currency, "base": base, "most": base}}
            for currency, base in (("KRW", 15_000), ("VND", 300_000), ("IDR", 180_000))
        ),
        {"payment": {"base": 9999.55, "bonus_per_correct": 0.15, "most": 10000.15}, "trials": {"main": 4}},
        {"payment": {"currency": "KWD", "base": 1.125}},
        *(
            {"ethics": {"approval": said}}
            for said in (
                "Ethics committee of Bonn University, 2026-17",
                "IRB 2031",
                "Approved by the board of Bonn; the amendment is under review",
                "Genehmigt von der Ethikkommission der Universität Bonn",
            )
        ),
        {"texts": {"consent": r"Todo lo que decida se guarda. The set {1, 2}; $\frac{a}{b}$; see note [1]."}},
        {"title": "Test of patience in lending"},
        {
            "recruitment": {
                "platform": "prolific",
                "completion_url": "https://app.prolific.com/submissions/complete?cc=CABC123",
                "returned_url": "https://lab.ac.uk/thanks_(study)",
            }
        },
        {"exclusions": {"median_response_time_ms": 400}, "expected_minutes": 15},
    ],
)
def test_what_is_right_is_not_taken_for_a_slip(tmp_path: Path, changes: dict) -> None:
    assert load_study_file(write(tmp_path, **changes)).name


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"time_limits": {"idle_minutes": 5}, "expected_minutes": 30}, ["idle_minutes is 5"]),
        (
            {
                "recruitment": {
                    "completion_url": "https://app.prolific.com/submissions/complete?cc=CABC123",
                }
            },
            ["the platform is link"],
        ),
        (
            {"recruitment": {"platform": "prolific", "completion_url": "https://lab.ac.uk/part2?cc=CABC123"}},
            ["is not Prolific's"],
        ),
        ({}, []),
    ],
)
def test_what_is_seldom_meant_is_remarked_on(tmp_path: Path, changes: dict, said: list[str]) -> None:
    found = remarks(load_study_file(write(tmp_path, **changes)))
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(StudyError) as caught:
        load_study_file(write(tmp_path, titel="Loans", participants="robots"))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("name: [", "not valid YAML"),
        ("name: a\nname: b\n", "the key name is written twice .line 2."),
        ("trials:\n  main: 4\n  main: 5\n", "the key main is written twice .line 3."),
        ("trials:\n\tmain: 4\n", "YAML takes spaces only"),
        ("- a\n- b\n", "holds no study"),
        ("", "holds no study"),
        (r'bundle: "a\0b"', "is no text"),
        (r'texts: {welcome: ["a\ud800b"]}', "is no text"),
        ("? [a, b]\n: 1\n", "a list or a mapping stands where a key belongs .line 1."),
        ("title: {{ title }}\n", "a list or a mapping stands where a key belongs .line 1."),
        ("name: a\nname2: &x [*x]\n", "not valid YAML"),
        ("title: !!int x\n", "not valid YAML"),
        ("title: a\x07b\n", r"no text .U\+0007."),
    ],
)
def test_what_is_no_study_file_is_refused(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(content)
    with pytest.raises(StudyError, match=sentence):
        load_study_file(path)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("cp1252", r"Windows-1252 or its like \(line 2: title: Kredite für alle\); save it as UTF-8"),
        ("utf-16", "is written in UTF-16; save it as UTF-8"),
        ("utf-16-le", "is written in UTF-16; save it as UTF-8"),
        ("utf-32", "is written in UTF-32; save it as UTF-8"),
    ],
)
def test_a_file_in_another_encoding_is_told_which(tmp_path: Path, encoding: str, said: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_bytes("name: pilot_1\ntitle: Kredite für alle\n".encode(encoding))
    with pytest.raises(StudyError, match=said):
        load_study_file(path)


def test_an_editors_mark_of_utf8_is_no_other_encoding(tmp_path: Path) -> None:
    path = write(tmp_path, title="Kredite für alle")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_study_file(path).title == "Kredite für alle"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("payment: {base: '0,1'}", "write it with a point: 0.1; the currency stands in payment.currency"),
        ("payment: {base: 3 GBP}", "write the number alone, without unit or currency: 3"),
        ("payment: {base: €3.50}", "write the number alone, without unit or currency: 3.50"),
        ("payment: {base: '1,000'}", "write it without a comma: 1000, or 1.000 for a fraction"),
        ("trials: {main: 1:30}", 'trials.main is wrong: "1:30" is no whole number'),
        ("trials: {test_share: 50 %}", "write a share as a fraction of one: 0.5"),
        ("trials: {test_share: 50}", r"at most 1.0 \(50 % is 0.5\)"),
        ("time_limits: {idle_minutes: 20 min}", "write the number alone, without unit or currency: 20"),
        ("exclusions: {one_choice_only: maybe}", '"maybe" is neither true nor false; write true or false'),
        ("recruitment: {platform: }", "it is empty; write link, prolific, mturk or sona"),
        ("screening: nobody", "write a list: every entry on a line of its own"),
        ("ethics: the board", "write its keys below it"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_what_to_write(tmp_path: Path, section: str, said: str) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text() + section + "\n", encoding="utf-8")
    with pytest.raises(StudyError, match=said):
        load_study_file(path)


@pytest.mark.parametrize(
    ("section", "read"),
    [
        ("title: 2031", lambda study: study.title == "2031"),
        ("title: 2026-02-30", lambda study: study.title == "2026-02-30"),
        (
            "trials: {main: 040, stages: 2}",
            lambda study: study.trials.main == 40 and study.trials.stages == 2,
        ),
        (
            "recruitment: {completion_code: 0012}",
            lambda study: study.recruitment.completion_code == "0012",
        ),
        (
            "questionnaire: [{id: trust, question: How much, kind: choice, options: [1, 2, 3]}]",
            lambda study: study.questionnaire[0].options == ("1", "2", "3"),
        ),
    ],
)
def test_a_value_is_what_stands_there(
    tmp_path: Path, section: str, read: Callable[[StudyFile], bool]
) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text() + section + "\n", encoding="utf-8")
    assert read(load_study_file(path))


ODD_VALUES = [
    "0,1",
    "3 GBP",
    "'yes'",
    "yes",
    "[]",
    "[1, 2]",
    "{a: 1}",
    "''",
    "~",
    ".nan",
    "2024-13-45",
    "x y",
]
OTHER_PROGRAMS_WORDS = re.compile(r"should be|valid|unable to|instance|[Ii]nput|pydantic|dictionary|parse")


def _places(model: type[BaseModel], before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key that a study file may hold, with those above it; "" for an entry of a list."""
    for name, field in model.model_fields.items():
        yield (*before, name)
        listed = ("",) if "tuple" in str(field.annotation) else ()
        entry = ("face",) if "dict" in str(field.annotation) else listed
        for inner in models_in(field.annotation):
            yield from _places(inner, (*before, name, *entry))


def test_no_value_of_any_key_is_refused_in_another_programs_words(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    refused: dict[object, str] = {}
    for place, value in itertools.product(_places(StudyFile), ODD_VALUES):
        section = value
        for part in reversed(place[1:]):
            section = f"{{{part}: {section}}}" if part else f"[{section}]"
        others = {key: kept for key, kept in VALID.items() if key != place[0]}
        path.write_text(f"{yaml.safe_dump(others)}{place[0]}: {section}\n", encoding="utf-8")
        try:
            load_study_file(path)
        except StudyError as error:
            refused[place, value] = str(error).replace(str(tmp_path), "")
    assert len(refused) > 500
    assert not {at: said for at, said in refused.items() if OTHER_PROGRAMS_WORDS.search(said)}


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"absent\.yaml"):
        load_study_file(tmp_path / "absent.yaml")


def test_the_hash_follows_the_design_but_not_the_place_of_the_database(tmp_path: Path) -> None:
    study = load_study_file(write(tmp_path))
    moved = load_study_file(write(tmp_path, database="sqlite:///elsewhere.db"))
    changed = load_study_file(write(tmp_path, trials={"main": 41}))
    assert study.study_hash == moved.study_hash != changed.study_hash


def test_a_study_file_of_before_keeps_its_hash_and_with_it_whom_it_deals_what() -> None:
    conditions: dict[Any, Any] = {"face": 1, "none": 1}
    before = StudyFile(
        name="pilot",
        task="lending_club",
        bundle=Path("b"),
        participants="simulated",
        conditions=conditions,
    )
    assert before.study_hash == "3047f12aaeb1ea67471880bd00185912bd1c9f54c57daad5f0200422eeb33f9f"
    learning = before.model_copy(update={"trials": TrialPlan(learning=4)})
    assert learning.study_hash != before.study_hash


def test_paths_are_looked_for_beside_the_file_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "round_0" / "bundle").mkdir(parents=True)
    path = write(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert load_study_file("study.yaml").bundle == Path("round_0/bundle")
    monkeypatch.chdir("/")
    assert load_study_file(path).bundle == tmp_path / "round_0" / "bundle"


def test_people_are_not_recruited_without_knowing_what_they_have_a_right_to(tmp_path: Path) -> None:
    said = {"approval": "Board, 2026-1", "contact": "Ada", "retention_days": 30, "withdrawal": "erased"}
    for lacking in said:
        ethics = {key: value for key, value in said.items() if key != lacking}
        study = load_study_file(write(tmp_path, ethics=ethics))
        with pytest.raises(StudyError, match=f"ethics.{lacking}") as caught:
            require_ethics(study)
        assert "\n" not in str(caught.value)
    require_ethics(load_study_file(write(tmp_path, ethics=said)))
    exempt = {**said, "exemption": "No board is needed, says the dean", "approval": None}
    require_ethics(load_study_file(write(tmp_path, ethics=exempt)))
    require_ethics(load_study_file(write(tmp_path, participants="simulated")))


def test_the_written_file_names_every_key_and_asks_for_ethics_before_people_come(tmp_path: Path) -> None:
    path = tmp_path / "pilot.yaml"
    init(path)
    study = load_study_file(path)
    text = path.read_text()
    sections = [(name, type(getattr(study, name))) for name in SECTIONS]
    optional = (
        ("analysis", AnalysisPlan),
        ("perception_questions", PerceptionQuestions),
        ("pairs", FacePairs),
    )
    for section, model in (("", StudyFile), *optional, *sections):
        for key in model.model_fields:
            assert re.search(rf"(^|[\s{{#]){key}:", text), f"{section} {key} is not in the template"
    with pytest.raises(StudyError, match="ethics.approval or ethics.exemption, ethics.contact"):
        require_ethics(study)


SECTIONS = ("trials", "payment", "recruitment", "time_limits", "exclusions", "texts", "ethics")


def test_init_writes_a_valid_study_file_that_says_what_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "pilot.yaml"
    init(
        path,
        task="consumer_credit",
        bundle=Path("var/b"),
        database="sqlite:///x.db",
        allow_simulated_advisor=True,
    )
    study = StudyFile.model_validate(yaml.safe_load(path.read_text()))
    assert (study.name, study.task, study.bundle) == ("pilot", "consumer_credit", Path("var/b"))
    assert study.database == "sqlite:///x.db"
    assert study.allow_simulated_advisor is True
    with pytest.raises(StudyError, match="left as it is"):
        init(path)
