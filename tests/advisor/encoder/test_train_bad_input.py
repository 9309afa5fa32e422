"""`advisor train` on decisions that teach little, nothing, or something false: a sentence, or an honest model.

Each test runs the real commands on a small task. What must never come out is a traceback or a bundle that looks as
good as any other.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from advisor.bundles.bundle import load_bundle
from advisor.bundles.exchange import read_trials
from advisor.drawing.rendering import read_percepts
from data.store.decision_store import DecisionStore
from data.tasks.applications import read_applications
from data.tasks.decision_task import load_task
from models.perception import FacePerception
from tests.support.decided_round import QUICK, Call, DecidedRound, explored, exported
from tests.support.tiny_table import tiny_table, write_tiny_task

pytestmark = pytest.mark.training

UNTOLD = (
    "min_things=0",
    "min_doubt_r2=-1",
    "max_protected_r2=1",
    "max_outer_tenth=1",
    "max_identity_approval=0.3",  # faces so weak leave identities a larger share
)  # 60 steps are too few to learn to tell why
SMALL_BUNDLE = ("--set", "max_pool_size=20", *(word for setting in UNTOLD for word in ("--set", setting)))


def refused(call: Call, words: tuple[object, ...], sentence: str) -> None:
    """The command ends with this sentence, in one line, and status 2."""
    result = call(*words)
    assert result.status == 2
    assert sentence in result.err
    assert len(result.err.strip().splitlines()) == 1


def refused_publication(call: Call, run: Path, *reasons: str) -> None:
    """The run is not published, for one of these reasons, and nothing is written."""
    bundle = run.parent / f"{run.name}_bundle"
    result = call("publish", run, "--out", bundle, *SMALL_BUNDLE)
    assert result.status == 2
    assert "Not published, since" in result.err
    assert any(reason in result.err for reason in reasons)
    assert not bundle.exists()


def figures_of(run: Path) -> dict[str, float]:
    figures: dict[str, float] = json.loads((run / "response_figures.json").read_text())
    return figures


def test_people_who_trust_smiles_are_learned_from_and_the_advisor_is_published(
    call: Call, decided_round: DecidedRound, tmp_path: Path
) -> None:
    """What every other test here departs from."""
    decisions = decided_round.answers(tmp_path / "d.csv", decided_round.by_smiles())
    assert call(*decided_round.training(decisions, tmp_path / "run")).status == 0
    published = call("publish", tmp_path / "run", "--out", tmp_path / "bundle", *SMALL_BUNDLE)
    assert published.status == 0
    assert "all checks passed" in published.out


def test_twelve_decisions(call: Call, decided_round: DecidedRound, tmp_path: Path) -> None:
    rows = np.flatnonzero(decided_round.trials["trial"] <= 2)[:12]
    approves = np.random.default_rng(0).random(12) < 0.5
    decisions = decided_round.answers(tmp_path / "d.csv", approves, rows)
    result = call(*decided_round.training(decisions, tmp_path / "run"))
    assert result.status == 0
    assert "12 decisions" in result.out
    held_out = pd.read_csv(tmp_path / "run" / "held_out_decisions.csv")
    assert held_out["predicted"].between(0.05, 0.95).all()
    refused_publication(call, tmp_path / "run", "decisions that ĥ learned from is 12")


def test_one_participant(call: Call, decided_round: DecidedRound, tmp_path: Path) -> None:
    rows = np.flatnonzero(decided_round.trials["participant"] == "p1")
    decisions = decided_round.answers(tmp_path / "d.csv", decided_round.by_smiles()[rows], rows)
    refused(call, decided_round.training(decisions, tmp_path / "run"), "come from one participant")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("approve", "word"), [(True, "approvals"), (False, "denials")])
def test_only_one_of_both_choices(
    call: Call, decided_round: DecidedRound, tmp_path: Path, approve: bool, word: str
) -> None:
    decisions = decided_round.answers(tmp_path / "d.csv", np.full(len(decided_round.trials), approve))
    refused(call, decided_round.training(decisions, tmp_path / "run"), f"only {word}")
    assert not (tmp_path / "run").exists()


def test_somebody_who_always_presses_the_same_key_does_not_keep_the_others_from_being_learned(
    call: Call, decided_round: DecidedRound, tmp_path: Path
) -> None:
    approves = decided_round.by_smiles()
    approves[decided_round.trials["participant"] == "p1"] = True
    decisions = decided_round.answers(tmp_path / "d.csv", approves)
    assert call(*decided_round.training(decisions, tmp_path / "run")).status == 0
    published = call("publish", tmp_path / "run", "--out", tmp_path / "bundle", *SMALL_BUNDLE)
    assert published.status == 0


def test_everybody_always_presses_a_key_of_their_own(
    call: Call, decided_round: DecidedRound, tmp_path: Path
) -> None:
    own_key = decided_round.trials["participant"].isin(["p1", "p4", "p5", "p8"]).to_numpy()
    decisions = decided_round.answers(tmp_path / "d.csv", own_key)
    assert call(*decided_round.training(decisions, tmp_path / "run")).status == 0
    refused_publication(call, tmp_path / "run", "gain of ĥ over itself without the faces")


def test_the_same_trial_decided_twice_in_a_file_is_refused_by_its_line(
    call: Call, decided_round: DecidedRound, tmp_path: Path
) -> None:
    decisions = decided_round.answers(tmp_path / "d.csv", decided_round.by_smiles())
    lines = decisions.read_text().splitlines()
    opposite = "p1,1,deny" if "p1,1,approve" in lines else "p1,1,approve"
    decisions.write_text("\n".join([*lines, opposite]) + "\n")
    result = call(*decided_round.training(decisions, tmp_path / "run"))
    assert result.status == 2
    assert "line 82: trial 1 of participant 'p1' was decided on an earlier line" in result.err
    assert not (tmp_path / "run").exists()


def test_repeated_trials_that_contradict_each_other_are_taken_as_chance(
    call: Call, decided_round: DecidedRound, tmp_path: Path
) -> None:
    """Every participant decides every trial twice, the second time the opposite: faces cannot explain that."""
    again = tmp_path / "trials"
    shutil.copytree(decided_round.folder, again)
    once = read_trials(again)
    pd.concat([once, once.assign(trial=once["trial"] + 10)]).to_csv(again / "trials.csv", index=False)
    export = json.loads((again / "export.json").read_text())
    (again / "export.json").write_text(json.dumps(export | {"n_trials": 20}))
    first = decided_round.by_smiles()
    trials = pd.concat([decided_round.trials, decided_round.trials.assign(trial=once["trial"] + 10)])
    both = DecidedRound(decided_round.task, decided_round.bundle, again, trials)
    decisions = both.answers(tmp_path / "d.csv", np.concatenate([first, ~first]))
    assert call(*both.training(decisions, tmp_path / "run")).status == 0
    held_out = pd.read_csv(tmp_path / "run" / "held_out_decisions.csv")
    assert (held_out["predicted"] - 0.5).abs().max() < 0.1
    refused_publication(call, tmp_path / "run", "gain of ĥ over a constant", "over the application alone")


def by_amount(decided: DecidedRound) -> np.ndarray:
    """Choices of people who do not look at faces: they approve small loans; with a little chance in it."""
    small = (10_000 - decided.trials["amount"].to_numpy(float)) / 3000
    return np.random.default_rng(1).random(len(small)) < 1 / (1 + np.exp(-small))


def test_faces_of_other_applications_that_nobody_heeded(
    call: Call, decided_round: DecidedRound, tmp_path: Path
) -> None:
    """All decisions from `shuffled`, by people who found out that these faces say nothing."""
    shuffled = exported(decided_round.task, decided_round.bundle, tmp_path / "trials", "shuffled")
    assert (shuffled.trials["condition"] == "shuffled").all()
    decisions = shuffled.answers(tmp_path / "d.csv", by_amount(shuffled))
    assert call(*shuffled.training(decisions, tmp_path / "run")).status == 0
    figures = figures_of(tmp_path / "run")
    assert figures["held_out_log_loss"] < figures["constant_log_loss"]  # the amount is learned from
    refused_publication(call, tmp_path / "run", "gain of ĥ over the application alone")


def imported(call: Call, decided: DecidedRound, folder: Path) -> str:
    """Store simulated answers to all trials as the study `pilot`; returns the database's URL."""
    url = f"sqlite:///{folder / 'study.db'}"
    decisions = decided.answers(folder / "d.csv", decided.by_smiles())
    source = ("--trials", decided.folder, "--study", "pilot", "--db", url, "--kind", "simulated")
    assert call("import-decisions", decisions, *source).status == 0
    return url


def own_round(decided: DecidedRound, folder: Path) -> DecidedRound:
    """The same round in a folder of its own, to be damaged."""
    bundle, trials = folder / "round_0" / "bundle", folder / "trials"
    shutil.copytree(decided.bundle.parent, bundle.parent)
    shutil.copytree(decided.folder, trials)
    export = json.loads((trials / "export.json").read_text())
    (trials / "export.json").write_text(json.dumps(export | {"bundle_path": str(bundle)}))
    return DecidedRound(decided.task, bundle, trials, decided.trials)


def test_decisions_on_a_bundle_that_is_gone(call: Call, decided_round: DecidedRound, tmp_path: Path) -> None:
    own = own_round(decided_round, tmp_path)
    url = imported(call, own, tmp_path)
    source = ("--db", url, "--study", "pilot", "--kind", "simulated")
    words = ("train", "--task", own.task, *source, "--out", tmp_path / "run")
    shutil.rmtree(own.bundle)
    refused(call, words, f"There is no advice bundle at {own.bundle}")
    with DecisionStore.open(url) as store:
        assert len(store.decisions_frame("pilot", kind="simulated")) == 80


def test_pictures_were_read_when_they_were_published_and_need_not_be_read_again(
    call: Call, decided_round: DecidedRound, tmp_path: Path
) -> None:
    own = own_round(decided_round, tmp_path)
    bundle = load_bundle(own.bundle)
    sha256s, percepts = bundle.percepts
    assert set(sha256s) == set(bundle.images["image_sha256"])
    image_of = bundle.images.drop_duplicates("image_sha256").set_index("image_sha256")["image"]
    pictures = [bundle.image_bytes(image_of[sha256]) for sha256 in sha256s]
    assert np.allclose(read_percepts(FacePerception.load(), pictures), percepts, atol=1e-4)
    source = ("--db", imported(call, own, tmp_path), "--study", "pilot", "--kind", "simulated")
    shutil.rmtree(own.bundle / "images")
    assert call("train", "--task", own.task, *source, "--out", tmp_path / "run", *QUICK).status == 0


def test_exported_trials_whose_pictures_are_gone(
    call: Call, decided_round: DecidedRound, tmp_path: Path
) -> None:
    own = own_round(decided_round, tmp_path)
    decisions = own.answers(tmp_path / "d.csv", own.by_smiles())
    gone = own.folder / own.trials["image"].iloc[0]
    gone.unlink()
    refused(call, own.training(decisions, tmp_path / "run"), f"{gone} is gone")


def test_exported_trials_whose_bundle_is_gone_teach_but_predict_by_the_model_alone(
    call: Call, decided_round: DecidedRound, tmp_path: Path
) -> None:
    """The faces are in the export; how probable each was is not known any more."""
    own = own_round(decided_round, tmp_path)
    shutil.rmtree(own.bundle)
    decisions = own.answers(tmp_path / "d.csv", own.by_smiles())
    assert call(*own.training(decisions, tmp_path / "run")).status == 0
    predicted = json.loads((tmp_path / "run" / "summary.json").read_text())["predicted_accuracy"]
    assert predicted["effective_decisions"] == 0
    assert predicted["value"] == predicted["by_model"]
    assert predicted["ci_low"] <= predicted["value"] <= predicted["ci_high"]


@pytest.fixture(scope="module")
def awkward_round(tmp_path_factory: pytest.TempPathFactory) -> DecidedRound:
    """A column without any value, one that never varies, missing values, and a category that training lacks."""
    folder = tmp_path_factory.mktemp("awkward")
    table = tiny_table()
    split = read_applications(load_task(write_tiny_task(folder / "task", table))).splits
    unseen = table["case_id"].map(split).isin(["validation", "test"]) & (table.index % 3 == 0)
    table["home"] = table["home"].where(~unseen, "houseboat")
    table["n_cards"] = 3
    table["income"] = np.nan
    table["amount"] = table["amount"].where(table.index % 5 > 0)
    task = write_tiny_task(folder / "task", table)
    changed = task.read_text().replace("rent: rented", "rent: rented, houseboat: a houseboat")
    task.write_text(
        changed.replace("amount: {role: feature, kind: integer", "amount: {role: feature, kind: number")
    )
    return explored(task, folder, pool=20)


def test_features_without_values_or_variation_and_a_category_never_seen(
    call: Call, awkward_round: DecidedRound, tmp_path: Path
) -> None:
    decisions = awkward_round.answers(tmp_path / "d.csv", awkward_round.by_smiles())
    assert call(*awkward_round.training(decisions, tmp_path / "run")).status == 0
    columns = set(pd.read_csv(tmp_path / "run" / "response_importance.csv")["name"])
    assert {"amount", "home", "has_job"} <= columns
    assert not {"income", "n_cards"} & columns  # nothing can be learned of them, and nothing is said
    unguarded = (
        "--set",
        "max_identity_approval=1",
        "--set",
        "min_response_gain=-9",
    )  # 80 decisions say little
    published = call("publish", tmp_path / "run", "--out", tmp_path / "bundle", *SMALL_BUNDLE, *unguarded)
    assert published.status == 0, published.err
    scores = pd.read_csv(tmp_path / "bundle" / "applications.csv")["score"]
    assert scores.between(0, 1).all()


def test_a_category_that_the_task_does_not_know_is_one_sentence(call: Call, tmp_path: Path) -> None:
    table = tiny_table()
    table.loc[3, "home"] = "houseboat"
    task = write_tiny_task(tmp_path / "task", table)
    refused(call, ("publish", "--explore", "--task", task, "--out", tmp_path / "bundle"), "houseboat")


def test_a_table_in_which_nothing_varies_is_one_sentence(call: Call, tmp_path: Path) -> None:
    same = {"income": 40_000, "amount": 5000, "home": "own", "has_job": "yes", "n_cards": 1}
    task = write_tiny_task(tmp_path / "task", tiny_table().assign(**same))
    words = ("publish", "--explore", "--task", task, "--out", tmp_path / "bundle")
    refused(call, words, "no column of tiny that is to be read varies in training")
