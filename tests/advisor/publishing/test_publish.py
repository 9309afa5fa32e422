"""What is published: balanced pools, random identities, faces of every condition, and nothing that failed a check."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from advisor.bundles.bundle import FACE_CONDITIONS, Bundle
from advisor.drawing.rendering import usable_bounds
from advisor.encoder.risk_model import RiskModel
from advisor.publishing.publish import publish_explore, publish_run
from advisor.runs.config import PublishConfig
from data.errors import BundleError, PublicationRefusedError, TrainingError
from data.tasks.applications import Applications, read_applications
from data.tasks.decision_task import DecisionTask, load_task
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS
from models.face_generator import FaceGenerator

pytestmark = pytest.mark.training

SMALL = PublishConfig(max_pool_size=60, identities_per_application=2, learning_pool_size=20)


@pytest.fixture(scope="module")
def task() -> DecisionTask:
    return load_task("consumer_credit")


@pytest.fixture(scope="module")
def applications(task: DecisionTask) -> Applications:
    return read_applications(task)


@pytest.fixture(scope="module")
def bundle(task: DecisionTask, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return publish_explore(task, tmp_path_factory.mktemp("round") / "bundle", SMALL)


def test_pools_are_balanced_and_from_their_splits(bundle: Bundle, applications: Applications) -> None:
    outcomes = bundle.outcomes()
    for split in ("train", "test"):
        pool = bundle.applications.index[bundle.applications["split"] == split]
        assert len(pool) == 60
        assert outcomes.loc[pool].sum() == 30
        assert (applications.splits.loc[pool] == split).all()
    learning = bundle.learning_ids
    assert outcomes.loc[learning].sum() == len(learning) / 2 == SMALL.learning_pool_size / 2
    assert (applications.splits.loc[learning] == "validation").all()
    assert outcomes.equals(applications.outcomes.loc[outcomes.index])


def test_every_application_has_faces_of_different_identities_in_every_condition(bundle: Bundle) -> None:
    faces = bundle.images.groupby(["application_id", "condition"])["identity"].agg(["size", "nunique"])
    learning = faces[faces.index.get_level_values(0).isin(bundle.learning_ids)]
    assert len(learning) == SMALL.learning_pool_size * len(FACE_CONDITIONS)
    assert (learning["size"] == 1).all()  # a past case is known by its face
    others = faces.drop(learning.index)
    assert len(others) == 120 * len(FACE_CONDITIONS)
    assert (others["size"] == 2).all()
    assert (others["nunique"] == 2).all()


def test_expressions_cover_the_space_and_stay_in_bounds(bundle: Bundle) -> None:
    drawn = bundle.images[bundle.images["condition"] == "face"][
        [f"e_{axis}" for axis in EXPRESSION_AXES]
    ].to_numpy()
    low, high = np.array(EXPRESSION_BOUNDS).T
    smile = EXPRESSION_AXES.index("smile")
    assert (drawn >= low - 1e-6).all()
    assert (drawn <= high + 1e-6).all()
    smiles = (low[smile], high[smile])
    low, high = usable_bounds(FaceGenerator.load()).numpy().T
    assert (low[smile], high[smile]) == pytest.approx(smiles)
    assert (drawn.max(0) - drawn.min(0) >= 0.8 * (high - low)).all()


def test_shuffled_faces_are_another_applications_of_the_same_split(bundle: Bundle) -> None:
    shuffled = bundle.images[bundle.images["condition"] == "shuffled"]
    assert (shuffled["application_id"] != shuffled["source_application_id"]).all()
    splits = bundle.applications["split"]
    own, source = (splits.loc[shuffled[c]].to_numpy() for c in ("application_id", "source_application_id"))
    assert (own == source).all()
    faces = bundle.images[bundle.images["condition"] == "face"]
    assert set(shuffled["image"]) == set(faces["image"])


def test_the_hand_drawn_smile_rises_with_the_score(bundle: Bundle) -> None:
    drawn = bundle.images[bundle.images["condition"] == "risk_to_smile"]
    scores = bundle.applications["score"].loc[drawn["application_id"]].to_numpy()
    smiles = drawn["e_smile"].to_numpy()
    order = np.argsort(scores, kind="stable")
    assert (np.diff(smiles[order]) >= -1e-6).all()
    assert smiles.max() - smiles.min() > 1
    assert (drawn[["e_brow_lower", "e_jaw_drop"]] == 0).all().all()


def test_scores_are_the_machines_and_know_nothing_protected(
    bundle: Bundle, applications: Applications, task: DecisionTask
) -> None:
    model = RiskModel.fit(applications)
    expected = model.score(applications.frame.loc[bundle.applications.index])
    assert bundle.applications["score"].to_numpy() == pytest.approx(expected, abs=1e-5)
    protected = {name for name, column in task.columns.items() if column.role == "protected"}
    assert protected
    assert not set(model.standardiser.column_of_feature) & protected


def test_pictures_are_rgb_of_the_generators_size(bundle: Bundle) -> None:
    content = bundle.image_bytes(bundle.images["image"].iloc[0])
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    assert picture.shape[0] == picture.shape[1] >= 64
    assert picture.shape[2] == 3


def test_an_advisor_that_fails_a_check_is_not_published(task: DecisionTask, tmp_path: Path) -> None:
    strict = SMALL.model_copy(update={"min_axis_r2": 1.01})
    with pytest.raises(PublicationRefusedError, match=r"readability .* is 0\.\d+, must be at least 1\.010"):
        publish_explore(task, tmp_path / "bundle", strict)
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_never_overwritten_and_what_is_missing_is_named(
    task: DecisionTask, tmp_path: Path
) -> None:
    (tmp_path / "bundle").mkdir()
    with pytest.raises(BundleError, match="choose another --out"):
        publish_explore(task, tmp_path / "bundle", SMALL)
    with pytest.raises(TrainingError, match="no run at"):
        publish_run(tmp_path / "nowhere", tmp_path / "other", SMALL)
