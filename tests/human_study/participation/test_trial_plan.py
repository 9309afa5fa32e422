"""A participant's trials: the right kinds in the right order, every application and face met equally often."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.bundles.bundle import Bundle, load_bundle
from data.errors import BundleError, StudyError
from data.records import Trial
from data.tasks.applications import Applications, read_applications
from data.tasks.decision_task import load_task
from human_study.participation.counterbalance import Dealer
from human_study.participation.served_bundles import ServedBundle
from human_study.participation.trial_plan import plan_trials
from human_study.study.study_file import load_study_file
from human_study.study.study_sections import TrialPlan
from tests.support.tiny_study import write_study, write_task, write_tiny_bundle

Served = tuple[Bundle, Dealer, Applications]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder: Path = tmp_path_factory.mktemp("bundle")
    task_path = write_task(folder / "task")
    bundle = write_tiny_bundle(task_path, folder / "round_0" / "bundle")
    outcomes = {str(name): int(value) for name, value in bundle.outcomes().items()}
    unpooled = read_applications(load_task(task_path)).select("validation")
    return bundle, Dealer(bundle, outcomes, "study"), unpooled


@pytest.fixture(scope="module")
def with_learning(tmp_path_factory: pytest.TempPathFactory) -> ServedBundle:
    folder: Path = tmp_path_factory.mktemp("to_learn_from")
    study = load_study_file(write_study(folder, trials={"main": 10, "learning": 4}, n_learning=4))
    bundle, applications = load_bundle(study.bundle), read_applications(load_task(study.task))
    unpooled = applications.select("validation").without(bundle.learning_ids)
    return ServedBundle.of(bundle, study.study_hash, unpooled)


def planned(
    served: Served, plan: TrialPlan, condition: str = "face", slot: int = 0, seed: int = 0
) -> list[Trial]:
    return plan_trials(plan, *served, condition, slot, np.random.default_rng(seed))  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(
    main=st.integers(1, 20),
    practice=st.integers(0, 4),
    attention=st.integers(0, 4),
    share=st.sampled_from([0.0, 0.5, 1.0]),
    condition=st.sampled_from(["none", "face", "score"]),
    slot=st.integers(0, 30),
    seed=st.integers(0, 1000),
)
def test_every_kind_comes_as_often_as_the_study_says_and_in_its_place(
    served: Served,
    main: int,
    practice: int,
    attention: int,
    share: float,
    condition: str,
    slot: int,
    seed: int,
) -> None:
    plan = TrialPlan(
        main=main,
        practice=practice,
        attention=min(attention, main),
        repeated=main // 2,
        stages=2,
        reason_share=share,
    )
    trials = planned(served, plan, condition, slot, seed)
    kinds = Counter(trial.kind for trial in trials)
    expected = {"main": main, "practice": practice, "attention": min(attention, main), "repeated": main // 2}
    assert kinds == Counter({kind: n for kind, n in expected.items() if n})
    assert all(trial.kind == "practice" for trial in trials[:practice])
    mains = [trial for trial in trials if trial.kind == "main"]
    assert len({trial.application_id for trial in mains}) == main
    assert sum(trial.asks_reason for trial in trials) == round(main * share)
    for trial in trials:
        is_advised = trial.kind in ("main", "repeated") and condition != "none"
        assert (trial.image is not None or trial.score is not None) == is_advised
        assert trial.n_stages == (2 if is_advised else 1)
        assert (trial.asked_choice is not None) == (trial.kind == "attention")
        assert (trial.split == "validation") == (trial.kind in ("practice", "attention"))
    order = [trial.application_id for trial in trials if trial.kind in ("main", "repeated")]
    for trial in (trial for trial in trials if trial.kind == "repeated"):
        (first, again) = [k for k, one in enumerate(order) if one == trial.application_id]
        assert again - first > main // 2
        original = next(one for one in mains if one.application_id == trial.application_id)
        assert (original.image, original.score) == (trial.image, trial.score)


def test_practice_and_checks_come_from_applications_that_nobody_is_measured_on(served: Served) -> None:
    plan = TrialPlan(main=4, practice=4, attention=4)
    trials = planned(served, plan)
    outside = [trial for trial in trials if trial.kind in ("practice", "attention")]
    assert len({trial.application_id for trial in outside}) == 8
    assert {trial.application_id for trial in outside} <= set(served[2].outcomes.index)
    asked = Counter(trial.asked_choice for trial in outside if trial.kind == "attention")
    assert asked == {"approve": 2, "deny": 2}


@settings(max_examples=20, deadline=None)
@given(
    learning=st.integers(1, 4),
    condition=st.sampled_from(["none", "face", "score", "shuffled"]),
    slot=st.integers(0, 30),
    seed=st.integers(0, 1000),
)
def test_learning_trials_come_before_the_main_ones_with_the_conditions_own_advice(
    with_learning: ServedBundle, learning: int, condition: str, slot: int, seed: int
) -> None:
    served = (with_learning.bundle, with_learning.dealer, with_learning.unpooled)
    plan = TrialPlan(main=4, practice=2, learning=learning, attention=2, stages=2)
    trials = planned(served, plan, condition, slot, seed)
    assert [trial.kind for trial in trials[: 2 + learning]] == ["practice"] * 2 + ["learning"] * learning
    assert "learning" not in {trial.kind for trial in trials[2 + learning :]}
    learned = trials[2 : 2 + learning]
    is_advised = condition != "none"
    for trial in learned:
        assert trial.split == "validation"
        assert trial.n_stages == (2 if is_advised else 1)
        assert (trial.image is not None or trial.score is not None) == is_advised
    other = planned(served, plan, "none", slot, seed + 1)[2 : 2 + learning]
    ids = {trial.application_id for trial in learned}
    assert ids == {trial.application_id for trial in other}  # the same to learn from in every condition
    outcomes = with_learning.bundle.outcomes().loc[list(ids)]
    assert len(ids) == learning
    assert abs(2 * outcomes.sum() - learning) <= 1
    assert not ids & {trial.application_id for trial in trials if trial.kind in ("practice", "attention")}


def test_a_learning_block_that_a_bundle_cannot_fill_is_refused_in_one_sentence(
    served: Served, with_learning: ServedBundle
) -> None:
    to_learn = (with_learning.bundle, with_learning.dealer, with_learning.unpooled)
    with pytest.raises(
        BundleError, match="6 learning trials are asked for, but .* has 4 applications to learn"
    ):
        planned(to_learn, TrialPlan(main=4, learning=6))
    with pytest.raises(BundleError, match="has no applications to learn from; .* publish anew"):
        planned(served, TrialPlan(main=4, learning=6))


@pytest.mark.parametrize("n_trials", [8, 9])
def test_applications_are_met_equally_often_and_alike_in_every_condition(
    served: Served, n_trials: int
) -> None:
    plan = TrialPlan(main=n_trials, test_share=0.5)
    met: dict[str, Counter[str]] = {"face": Counter(), "none": Counter()}
    for slot in range(20):
        sets = {}
        for condition, counter in met.items():
            trials = planned(served, plan, condition, slot, seed=slot)
            sets[condition] = {trial.application_id for trial in trials}
            counter.update(sets[condition])
        assert sets["face"] == sets["none"]  # whoever holds the same slot decides on the same applications
    splits = served[0].applications["split"]
    for split in ("train", "test"):
        counts = [met["face"][one] for one in splits.index[splits == split]]
        assert max(counts) - min(counts) <= 1


def test_faces_have_their_turn_as_often_as_they_are_probable(served: Served) -> None:
    dealer = served[1]
    for chances in ([0.25] * 4, [0.7, 0.2, 0.1]):
        shown = Counter(dealer.face("L0001", number, np.array(chances)) for number in range(200))
        for face, chance in enumerate(chances):
            assert abs(shown[face] / 200 - chance) < 0.03
    # Over applications, one pass alone shows each face with its probability.
    first = Counter(dealer.face(f"L{number}", 0, np.array([0.7, 0.2, 0.1])) for number in range(3000))
    assert abs(first[0] / 3000 - 0.7) < 0.04


def test_too_many_trials_are_refused_in_one_sentence(served: Served) -> None:
    with pytest.raises(BundleError, match="ask for fewer trials"):
        planned(served, TrialPlan(main=200))
    with pytest.raises(StudyError, match="ask for fewer"):
        planned(served, TrialPlan(main=2, practice=50))
