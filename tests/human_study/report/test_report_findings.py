"""The report of a study with everything, of studies that lack something, and as Markdown."""

import json
import re
import shutil
from pathlib import Path

import altair as alt
import numpy as np
import pytest
from typer.testing import CliRunner

from data.errors import StudyError
from data.records import Study
from data.store.decision_store import DecisionStore
from human_study.analysis.study_results import StudyResults, collect_results
from human_study.cli import app
from human_study.findings.answer import answer_findings
from human_study.findings.finding import Finding, FindingChart
from human_study.findings.main_results import accuracy_findings
from human_study.findings.sections import SECTIONS, Section
from human_study.planning.power_report import planned_study
from human_study.planning.preregistration import analysis_hashes, read_registered, still_matches
from human_study.presentation.markdown import escaped
from human_study.report.report import compose_report, write_report
from human_study.report.report_page import (
    Report,
    ReportSection,
    report_html,
    report_markdown,
)
from human_study.study.analysis_plan import declared_analysis
from human_study.study.study_file import load_study_file
from tests.support.reviewed_study import (
    STUDY,
    add_people,
    build_reviewed_study,
    open_reviewed_study,
    write_reviewed_bundle,
)
from tests.support.tiny_study import write_study


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", " ", html, flags=re.S)).split())


@pytest.fixture
def database(tmp_path: Path, migrated_database: Path) -> str:
    shutil.copyfile(migrated_database, tmp_path / "report.db")
    return f"sqlite:///{tmp_path / 'report.db'}"


def findings_of(url: str, *sections: str) -> dict[str, Finding]:
    """The findings of some sections of the closed study, by name."""
    with DecisionStore.open(url) as store:
        store.close_study(STUDY)
        results = collect_results(store, STUDY, "people")
        return {
            found.name: found
            for section in SECTIONS
            if section.name in sections
            for found in section.findings(results)
        }


def test_html_and_markdown_hold_every_finding_and_every_number(store_url: str, tmp_path: Path) -> None:
    build_reviewed_study(store_url, tmp_path)
    with DecisionStore.open(store_url) as store:
        report = compose_report(collect_results(store, STUDY, "people"))
    html, markdown = report_html(report), report_markdown(report)
    text, plain = words(html).replace("&#39;", "'"), markdown.replace("\\", "")
    computed = [found for section in report.sections for found in section.findings if not found.reason]
    assert len(computed) > 14
    for found in computed:
        assert found.title in plain
        for table in found.tables:
            for cell in table.shown().to_numpy().ravel():
                assert " ".join(cell.split()) in text.replace("&lt;", "<").replace("&amp;", "&")
                assert " ".join(cell.split()) in plain.replace("&lt;", "<").replace("&amp;", "&")
    assert html.count("<svg") == sum(len(found.charts) for found in computed)


def test_reliance_confidence_and_consistency_are_computed_from_the_store(
    database: str, tmp_path: Path
) -> None:
    build_reviewed_study(database, tmp_path)
    found = findings_of(database, "reliance", "reasons", "people")
    reliance = found["reliance"].tables[0].frame.set_index("condition")
    assert set(reliance.index) == {"Face", "Score", "Shuffled face"}
    assert found["consistency"].tables[0].frame.loc[0, "n_pairs"] == 24 * 5
    assert "0 of 48 attention checks" in found["exclusions"].sentences[1]
    assert found["reasons"].reason.startswith("no reason is coded yet")


def test_codes_that_two_people_gave_are_in_the_report(database: str, tmp_path: Path) -> None:
    build_reviewed_study(database, tmp_path)
    with DecisionStore.open(database) as store:
        decisions = store.decisions_frame(STUDY, kind="people")
        given = decisions.loc[decisions["reason"].notna() & (decisions["trial_kind"] == "main"), "trial_key"]
        for number, key in enumerate(given[:30]):
            store.code_reason(key, "Ann", ["analogy"] if number % 2 else [])
            store.code_reason(key, "Bo", ["analogy"] if number % 2 and number < 20 else [])
    (row,) = findings_of(database, "reasons")["reasons"].tables[1].frame.to_dict("records")
    assert (row["code"], row["n_texts"]) == ("analogy", 30)
    assert 0 < row["kappa"] < 1


@pytest.mark.parametrize(
    ("arms", "says"),
    [
        ([], {"gains": "no decision on a test application", "exclusions": "nobody has begun yet"}),
        ([("face", 1)], {"equivalence": "no round has test decisions in two conditions"}),
        (
            [("face", 4)],
            {"contrasts": "no round has decisions", "steering": "no round has test decisions both"},
        ),
        ([("none", 4)], {"reliance": "no decision on a test", "likeness": "nobody has decided with a face"}),
    ],
    ids=["nobody", "one participant", "one condition", "no face"],
)
def test_what_is_lacking_is_said_and_the_rest_is_computed(
    database: str, tmp_path: Path, arms: list[tuple[str, int]], says: dict[str, str]
) -> None:
    bundle = write_reviewed_bundle(tmp_path)
    with DecisionStore.open(database) as store:
        open_reviewed_study(store, bundle)
        for condition, n_each in arms:
            add_people(store, bundle, (condition,), np.random.default_rng(0), n_each=n_each)
        store.close_study(STUDY)
        report = compose_report(collect_results(store, STUDY, "people"))
    text = words(report_html(report))
    assert report_markdown(report)
    found = {found.name: found for section in report.sections for found in section.findings}
    for name, reason in says.items():
        assert reason in found[name].reason
        assert f"Not computed: {reason}" in text
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text)


def test_all_correct_decisions_have_differences_and_no_odds(database: str, tmp_path: Path) -> None:
    bundle = write_reviewed_bundle(tmp_path)
    with DecisionStore.open(database) as store:
        open_reviewed_study(store, bundle)
        add_people(store, bundle, ("face",), np.random.default_rng(0), n_each=5, always_right=True)
        add_people(store, bundle, ("none",), np.random.default_rng(1), n_each=5)
        store.close_study(STUDY)
        text = words(write_report(store, STUDY, kind="people", out=tmp_path / "r.html").read_text())
    assert "100.0% (participants do not differ at all: no interval)" in text
    assert "all decisions of a group on one outcome agree: the odds are infinite" in text


def test_a_condition_that_nobody_finished_is_analysed_with_what_there_is(
    database: str, tmp_path: Path
) -> None:
    bundle = write_reviewed_bundle(tmp_path)
    with DecisionStore.open(database) as store:
        open_reviewed_study(store, bundle)
        add_people(store, bundle, ("none",), np.random.default_rng(0), n_each=4)
        add_people(store, bundle, ("face",), np.random.default_rng(1), n_each=4, status="returned")
        add_people(store, bundle, ("score",), np.random.default_rng(1), n_each=4, status="timed_out")
        store.close_study(STUDY)
        text = words(write_report(store, STUDY, kind="people", out=tmp_path / "r.html").read_text())
    flow = findings_of(database, "people")["exclusions"].tables[0].frame.set_index("label")
    assert list(flow.loc["Face", ["began", "withdrew", "analysed"]]) == [4, 4, 0]
    assert list(flow.loc["Score", ["analysed", "completed", "timed_out"]]) == [4, 0, 4]
    assert "0 Face 0 0 all 4 participants are left out (withdrew)" in text
    assert "nobody has decided with a face yet; all 4 participants of Face are left out (withdrew)." in text


def test_nothing_but_failed_attention_checks_is_said(database: str, tmp_path: Path) -> None:
    bundle = write_reviewed_bundle(tmp_path)
    with DecisionStore.open(database) as store:
        open_reviewed_study(store, bundle)
        add_people(store, bundle, ("none", "face"), np.random.default_rng(0), n_each=3, fail_attention=1.0)
    (_, attention) = findings_of(database, "people")["exclusions"].sentences
    assert "12 of 12 attention checks were failed, by 6 participants" in attention
    assert "Every check was failed by everybody" in attention


def test_what_the_study_file_declared_excludes_and_nothing_else_does(database: str, tmp_path: Path) -> None:
    bundle = write_reviewed_bundle(tmp_path)
    with DecisionStore.open(database) as store:
        declared = {"failed_attention": 2, "median_response_time_ms": None, "one_choice_only": False}
        open_reviewed_study(store, bundle, exclusions=declared)
        add_people(store, bundle, ("none", "face"), np.random.default_rng(0), n_each=3)
        add_people(store, bundle, ("face",), np.random.default_rng(1), n_each=2, fail_attention=1.0)
        store.close_study(STUDY)
        results = collect_results(store, STUDY, "people")
    assert len(results.excluded) == 2
    assert set(results.excluded) == {"failed attention checks"}
    assert results.decisions["participant_key"].nunique() == 6
    flow = findings_of(database, "people")["exclusions"].tables[0].shown().set_index("Condition")
    assert list(flow.loc["Face", ["Began", "Failed attention checks", "Analysed"]]) == ["5", "2", "3"]


def test_a_participant_who_is_erased_is_gone_from_the_report_and_nothing_else_breaks(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTENANCE_ERASURE_KEY", "a long random text, for this test alone")
    bundle = write_reviewed_bundle(tmp_path)
    with DecisionStore.open(store_url) as store:
        open_reviewed_study(store, bundle)
        people = add_people(store, bundle, ("none", "face"), np.random.default_rng(0), n_each=3)
        store.code_reason(_a_reason(store, people[0].participant_key), "Ann", ["face"])
        store.erase(STUDY, participant_key=people[0].participant_key)
        store.close_study(STUDY)
        results = collect_results(store, STUDY, "people")
        store.close_study(STUDY)
        text = words(write_report(store, STUDY, kind="people", out=tmp_path / "r.html").read_text())
    assert len(results.participants) == 5
    assert people[0].participant_key not in text
    assert "5 participants began, 5 are analysed" in text


def _a_reason(store: DecisionStore, participant_key: str) -> str:
    decisions = store.decisions_frame(STUDY, kind="people")
    return str(decisions.loc[decisions["participant_key"] == participant_key, "trial_key"].iloc[0])


def test_a_task_that_is_gone_costs_the_audits_and_not_the_report(database: str, tmp_path: Path) -> None:
    build_reviewed_study(database, tmp_path)
    (tmp_path / "task" / "task.yaml").unlink()
    found = findings_of(database, "results", "audits")
    assert "there is no decision task" in found["groups"].reason
    assert found["accuracy"].reason == ""


def test_a_study_without_a_study_file_says_what_it_lacks_and_makes_no_mistake(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    empty = Study(
        name=STUDY, task_name="t", task_hash="h", study_file="{}", study_hash="h", participants="people"
    )
    with DecisionStore.open(database) as store:
        store.create_study(empty)
    found = findings_of(database, *(section.name for section in SECTIONS))
    assert found["accuracy"].reason.startswith("no round has a condition yet")
    assert not caplog.records


def test_a_mistake_in_one_finding_costs_no_other_and_is_logged_without_data(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written = "what somebody " + "wrote"

    def broken_findings(_results: StudyResults) -> Finding:
        return {}[written]

    build_reviewed_study(database, tmp_path)
    with DecisionStore.open(database) as store:
        store.close_study(STUDY)
        results = collect_results(store, STUDY, "people")
        section = Section("broken", "Broken", (broken_findings, accuracy_findings))
        broken, accuracy = section.findings(results)
    assert broken.title == "Broken"
    assert broken.reason.startswith("the program made a mistake (KeyError)")
    assert accuracy.tables and not accuracy.reason
    (record,) = caplog.records
    assert "broken_findings stumbled over KeyError" in record.getMessage()
    assert "return {}[written]" in record.getMessage()
    assert written not in caplog.text
    caplog.clear()


def test_a_figure_that_cannot_be_drawn_costs_the_report_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    written = "what somebody " + "wrote"

    def draw() -> alt.LayerChart:
        raise ValueError(written)

    chart = FindingChart("broken", "A broken figure.", draw, "")
    finding = Finding("name", "Title", ("What was found.",), charts=(chart,))
    report = Report(
        title="t", meta="", label="", of_whom="", introduction="",
        sections=(ReportSection("a", "A", (finding,)),), faces="", faces_caption="", no_faces_reason="none",
        methods=(), limits=(), preregistration=(), how_to_go_on=(), versions={},
    )  # fmt: skip
    page = report_html(report)
    assert "Not drawn: the program made a mistake (ValueError)" in page
    assert "What was found." in page and "A broken figure." in page
    assert "the chart broken stumbled over ValueError" in caplog.text
    assert written not in page + caplog.text
    caplog.clear()


def test_what_people_wrote_is_never_markup_in_markdown() -> None:
    assert escaped("<b>|*x*_y_\n[z](u)") == "&lt;b>\\|\\*x\\*\\_y\\_ \\[z\\](u)"


def test_a_preregistration_is_written_before_the_study_and_compared_afterwards(tmp_path: Path) -> None:
    study = write_study(tmp_path, participants="simulated")
    out = tmp_path / "plan.md"
    run = CliRunner().invoke(app, ["report", str(study), "--preregister", "--out", str(out)])
    assert run.exit_code == 0, run.output
    text = out.read_text()
    assert "Registration prior to creation of data." in text
    assert "Between participants: Face, No advice. Each decides on 10 applications, 50%" in text
    record = json.loads(out.with_suffix(".json").read_text())
    assert record["analysis"] == analysis_hashes()
    assert record["n_decisions"] == 0
    with pytest.raises(StudyError, match="never changes"):
        CliRunner().invoke(
            app, ["report", str(study), "--preregister", "--out", str(out)], catch_exceptions=False
        )


def test_preregistration_report_and_power_say_the_same_declaration(database: str, tmp_path: Path) -> None:
    analysis = {"primary": "face against score", "family": ["face against none"], "direction": "better"}
    conditions = {"face": 1, "none": 1, "score": 1}
    study = write_study(tmp_path, conditions=conditions, analysis=analysis, participants="simulated")
    said = declared_analysis({"conditions": conditions, "analysis": analysis}).sentences()
    assert "Primary contrast: the face against the score" in said[1] and "Declared in the study file." in said
    out = tmp_path / "plan.md"
    assert CliRunner().invoke(app, ["report", str(study), "--preregister", "--out", str(out)]).exit_code == 0
    assert " ".join(said) in out.read_text()
    plan = planned_study(load_study_file(study).model_dump(mode="json"), None)
    assert plan.declared.sentences() == said and plan.effective == "face"
    with DecisionStore.open(database) as store:
        bundle = write_reviewed_bundle(tmp_path)
        open_reviewed_study(store, bundle, content={"conditions": conditions, "analysis": analysis})
        add_people(store, bundle, ("none", "face", "score"), np.random.default_rng(0), n_each=6)
        store.close_study(STUDY)
        results = collect_results(store, STUDY, "people")
        report = compose_report(results)
    assert " ".join(said) in report.methods
    (answer,) = report.sections[0].findings
    assert answer.tables[0].shown()["More accurate"].tolist() == [
        "with the face than with the score",
        "with the face than with no advice",
    ]
    assert "Against the score in the same round" in answer.sentences[1]
    assert "Holm-corrected over 2 contrasts" in answer.sentences[1]
    filtered = answer_findings(results.narrowed(conditions=("face", "score")))
    assert "exploratory, not corrected" in filtered.sentences[1]
    assert "This view is filtered" in filtered.warnings[0]
    assert "p (Holm)" not in filtered.tables[0].shown()


@pytest.mark.parametrize("content", [{"participants": 40, "seed": 0}, {"collected": "elsewhere"}])
def test_a_simulated_or_imported_study_has_no_file_to_preregister(
    database: str, tmp_path: Path, content: dict
) -> None:
    with DecisionStore.open(database) as store:
        open_reviewed_study(store, write_reviewed_bundle(tmp_path), content=content)
    words = ["report", STUDY, "--db", database, "--preregister", "--out", str(tmp_path / "plan.md")]
    run = CliRunner().invoke(app, words)
    assert isinstance(run.exception, StudyError)
    assert "was simulated or imported, so it has no study file to preregister" in str(run.exception)


def test_a_study_whose_kept_file_does_not_repeat_its_name_is_preregistered(
    database: str, tmp_path: Path
) -> None:
    with DecisionStore.open(database) as store:
        open_reviewed_study(
            store, write_reviewed_bundle(tmp_path), content={"conditions": {"face": 1, "none": 1}}
        )
    out = tmp_path / "plan.md"
    run = CliRunner().invoke(app, ["report", STUDY, "--db", database, "--preregister", "--out", str(out)])
    assert run.exit_code == 0
    assert out.read_text().startswith(f"# Preregistration of {STUDY}\n")


def test_the_report_says_whether_study_file_and_code_are_as_registered(database: str, tmp_path: Path) -> None:
    build_reviewed_study(database, tmp_path)
    record = {
        "study_name": STUDY,
        "registered_at": "2026-01-01 00:00 UTC",
        "study_hash": "study-hash",
        "analysis": analysis_hashes(),
        "packages": {},
        "n_decisions": 0,
    }
    path = tmp_path / "plan.json"

    with DecisionStore.open(database) as store:
        results = collect_results(store, STUDY, "people")
    sentences = results.declared.sentences()
    path.write_text(json.dumps(record))
    said = " ".join(compose_report(results, path).preregistration)
    assert "study file is the one registered. The analysis code is the one" in said

    def says(**changes: object) -> str:
        path.write_text(json.dumps(record | changes))
        return " ".join(still_matches(read_registered(path), STUDY, "study-hash", sentences))

    assert says() == said
    assert "THE STUDY FILE DIFFERS" in says(study_hash="other")
    assert "The declared analysis is the one registered." in says(declared=sentences)
    other = says(declared=[sentences[0], "Primary contrast: the score against no advice."])
    assert (
        "THE DECLARED ANALYSIS DIFFERS" in other
        and "It now says: Primary contrast: the face against no advice" in other
    )
    changed = says(analysis=analysis_hashes() | {"human_study/findings/gains.py": "0"}, n_decisions=7)
    assert "THE ANALYSIS CODE HAS CHANGED since: human_study/findings/gains.py." in changed
    assert "after 7 decisions" in changed
    path.write_text("{}")
    with pytest.raises(StudyError, match="no record of a preregistration"):
        read_registered(path)
