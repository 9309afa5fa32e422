"""Manipulation checks by condition: who understood at once, and how much influence people felt."""

from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from data.records import Answer
from data.store.decision_store import DecisionStore
from human_study.analysis.study_results import collect_results
from human_study.findings.participant_flow import check_findings, checks_table, influence_table
from tests.support.reviewed_study import STUDY, add_people, open_reviewed_study, write_reviewed_bundle


def test_first_answers_say_who_understood_and_the_last_how_much_influence_was_felt(tmp_path: Path) -> None:
    bundle = write_reviewed_bundle(tmp_path)
    with DecisionStore.open(f"sqlite:///{tmp_path / 'checked.db'}") as store:
        open_reviewed_study(store, bundle)
        people = add_people(store, bundle, ("none", "face"), np.random.default_rng(0), n_each=6, n_main=4)
        left = add_people(
            store, bundle, ("face",), np.random.default_rng(1), n_each=1, n_main=4, status="returned"
        )
        faces = [person.participant_key for person in people if person.condition == "face"]
        for place, key in enumerate([*faces, left[0].participant_key]):
            tries = [False, True] if place < 2 else [True]
            store.add_answers(
                [
                    *(
                        Answer(
                            participant_key=key,
                            kind="comprehension",
                            question="goal",
                            value="x",
                            is_correct=right,
                        )
                        for right in tries
                    ),
                    Answer(participant_key=key, question="advice_use", value="Not at all"),
                    *(
                        [Answer(participant_key=key, question="advice_use", value="Strongly")]
                        if place in (0, 1, 3)
                        else []
                    ),
                ]
            )
        store.close_study(STUDY)
        results = collect_results(store, STUDY, "people")
    face = checks_table(results).set_index("condition").loc["face"]
    assert (face["n_asked"], face["understood"]) == (6, pytest.approx(4 / 6))
    low, high = proportion_confint(4, 6, method="beta")
    assert [face["understood_low"], face["understood_high"]] == pytest.approx([low, high])
    influence = influence_table(results).set_index("answer")
    assert list(influence["share"].items()) == [
        ("Not at all", 0.5),
        ("Strongly", 0.5),
    ]  # as they were offered
    shown = check_findings(results).tables[0].shown()
    assert shown.loc[shown["Condition"] == "No advice", "Understood at once"].item() == "nobody was asked"
