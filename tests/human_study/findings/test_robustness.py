"""Other exclusions, the spread over people, and effects by answer: planted ones come back, and chance does not."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from data.records import Answer
from data.store.decision_store import DecisionStore
from human_study.analysis.contrasts import contrast
from human_study.analysis.study_results import StudyResults, collect_results
from human_study.findings.heterogeneity import heterogeneity_findings, moderation_table, spread_over_people
from human_study.findings.robustness import model_findings, multiverse_table, robustness_findings
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> StudyResults:
    """20 people a condition who count, 3 who failed the checks and are excluded, 2 who withdrew; all were asked."""
    folder, rng = tmp_path_factory.mktemp("robust"), np.random.default_rng(3)
    bundle = write_reviewed_bundle(folder)
    with DecisionStore.open(f"sqlite:///{folder / 'robust.db'}") as store:
        content = {"conditions": {"face": 1, "none": 1}, "exclusions": {"failed_attention": 1}}
        open_reviewed_study(store, bundle, content=content)
        both = ("none", "face")
        people = add_people(store, bundle, both, rng, n_each=20, n_main=24)
        add_people(store, bundle, ("face",), rng, n_each=3, n_main=24, fail_attention=1.0)
        add_people(store, bundle, ("face",), rng, n_each=2, n_main=24, status="returned")
        asked = []
        for place, person in enumerate(people):
            given = {
                "gender": "Woman" if place % 2 else "Man",
                "age": str(20 + place % 20),
                "remarks": f"note {place}",
            }
            if person.condition == "face":
                given["advice_use"] = "A little" if place % 3 else "Strongly"
            asked += [
                Answer(participant_key=person.participant_key, question=question, value=value)
                for question, value in given.items()
            ]
        store.add_answers(asked)
        store.close_study(STUDY)
        return collect_results(store, STUDY, "people")


def test_the_first_analysis_is_the_declared_one_and_the_others_leave_out_fewer(results: StudyResults) -> None:
    table = multiverse_table(results)
    assert table["excluded"].tolist() == [
        "withdrew, failed attention checks (as declared)", "withdrew", "everybody who decided"
    ]  # fmt: skip
    assert table["n_participants"].tolist() == [40, 43, 45]
    declared = results.contrasts.iloc[0]
    assert table.loc[0, ["difference", "difference_low", "p_value"]].tolist() == pytest.approx(
        declared[["difference", "ci_low", "p_value"]].tolist()
    )
    test = results.all_decisions.query("trial_kind == 'main' and split == 'test'")
    everybody = contrast(test, (test["condition"] == "face").to_numpy()).difference
    assert table.loc[2, "difference"] == pytest.approx(everybody.value)
    (said,) = robustness_findings(results).sentences
    assert said.startswith("Over 3 analyses the difference is ")


def people_who_differ(sd: float, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """400 people on 20 trials, whose chance of being right is .7 with this spread."""
    chance = np.clip(rng.normal(0.7, sd, 400), 0, 1)
    frame = pd.DataFrame(
        {
            "participant_key": np.repeat(np.arange(400), 20),
            "application_id": np.arange(8000),
            "outcome": np.tile([0, 1], 4000),
        }
    )
    return frame, (rng.random(8000) < np.repeat(chance, 20)).astype(float)


def test_applications_that_everybody_met_make_nobody_differ() -> None:
    rng, found = np.random.default_rng(0), []
    for _ in range(
        20
    ):  # 60 people who differ by .1, all of them on the same 20 applications, half of which are hard
        chance = rng.normal(0.7, 0.1, (60, 1)) + 0.2 * np.tile([1, 1, -1, -1], 5)
        frame = pd.DataFrame(
            {
                "participant_key": np.repeat(np.arange(60), 20),
                "application_id": np.tile(np.arange(20), 60),
                "outcome": np.tile([0, 1], 600),
            }
        )
        right = (rng.random((60, 20)) < np.clip(chance, 0, 1)).astype(float).ravel()
        found.append(spread_over_people(frame, right).value)
    assert np.mean(found) == pytest.approx(0.1, abs=0.012)  # .078 where luck counts the applications, too


def test_the_spread_over_people_is_what_was_planted_and_luck_is_none() -> None:
    rng = np.random.default_rng(0)
    planted = spread_over_people(*people_who_differ(0.1, rng))
    assert planted.value == pytest.approx(0.1, abs=0.015)
    assert planted.ci_low is not None and 0.07 < planted.ci_low < 0.1 < planted.ci_high < 0.13
    missed = sum(spread_over_people(*people_who_differ(0.0, rng)).ci_low > 0 for _ in range(40))
    assert missed <= 4  # one-sided 2.5 % of 40 studies, beyond chance from 5 on


def test_questions_divide_people_by_few_answers_and_numbers_at_their_median(results: StudyResults) -> None:
    table = moderation_table(results)
    assert set(table["question"]) == {
        "gender",
        "age",
    }  # remarks are all different; advice_use is asked with advice alone
    ages = table[table["question"] == "age"]
    assert ages["answer"].tolist() == ["above 29.5", "up to 29.5"] and ages["n_participants"].sum() == 40
    genders = table[table["question"] == "gender"].set_index("answer")["interaction"]
    assert genders["Man"] == pytest.approx(-genders["Woman"])
    assert (
        heterogeneity_findings(results).sentences[-1]
        == "The difference does not depend on any answer beyond chance."
    )


def test_advice_that_helps_women_alone_is_found(results: StudyResults) -> None:
    asked = results.answers[(results.answers["question"] == "gender") & (results.answers["value"] == "Woman")]
    taken = results.all_decisions
    helped = taken["participant_key"].isin(asked["participant_key"]) & (taken["condition"] == "face")
    helped &= (taken["trial_kind"] == "main") & (np.random.default_rng(0).random(len(taken)) < 0.9)
    approved = taken["approved"].where(~helped, taken["outcome"])
    planted = dataclasses.replace(results, all_decisions=taken.assign(approved=approved))
    said = heterogeneity_findings(planted).sentences[-1]
    assert said.startswith("gender, Man: the difference is −") and said.endswith("beyond chance.")
    row = moderation_table(planted).set_index("answer").loc["Man"]
    assert row["interaction_high"] < -0.1 and row["p_holm"] < 0.05


def test_the_mixed_models_say_the_same_as_the_declared_analysis(results: StudyResults) -> None:
    found = model_findings(results)
    declared = results.contrasts.iloc[0]
    models, signal = (table.frame for table in found.tables)
    assert models["gain"].tolist() == pytest.approx([declared["difference"]] * 2, abs=0.02)
    assert models.loc[0, ["gain_low", "gain_high"]].tolist() == pytest.approx(
        declared[["ci_low", "ci_high"]].tolist()
    )
    assert "This agrees with the declared analysis." in found.sentences[0]
    assert signal["figure"].tolist() == ["d′", "c"]
    assert signal["difference"].tolist() == pytest.approx((signal["first"] - signal["other"]).tolist())
    assert np.sign(signal.loc[0, "difference"]) == np.sign(declared["difference"])
