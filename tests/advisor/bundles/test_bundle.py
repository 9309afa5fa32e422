"""Bundles are immutable, whole, and keep outcomes outside."""

import json
from pathlib import Path

import pytest

from advisor.bundles.bundle import Bundle, Check, load_bundle, require_participants, require_task
from data.errors import BundleError
from data.tasks.decision_task import load_task
from tests.support.tiny_study import write_task, write_tiny_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return write_tiny_bundle(write_task(tmp_path / "task"), tmp_path / "round_0" / "bundle")


def test_a_bundle_reads_back_as_it_was_written(bundle: Bundle) -> None:
    again = load_bundle(bundle.path)
    assert again.bundle_hash == bundle.bundle_hash
    assert again.manifest == bundle.manifest
    assert again.images.equals(bundle.images)
    first = again.images.iloc[0]
    assert again.image_bytes(first["image"]).startswith(b"\x89PNG")


def test_outcomes_stand_beside_the_bundle_and_never_in_it(bundle: Bundle) -> None:
    outcomes = bundle.outcomes()
    assert set(outcomes.unique()) == {0, 1}
    assert (bundle.path.parent / "outcomes.csv").exists()
    inside = [path for path in bundle.path.rglob("*") if path.is_file()]
    assert not any("outcome" in path.name for path in inside)
    assert not any(b"outcome" in path.read_bytes() for path in inside if path.suffix == ".csv")


def test_a_bundle_never_changes_in_place(bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="choose another"):
        write_tiny_bundle(tmp_path / "task" / "task.yaml", bundle.path)


def test_two_bundles_of_a_task_share_the_outcomes_file(bundle: Bundle, tmp_path: Path) -> None:
    second = write_tiny_bundle(tmp_path / "task" / "task.yaml", bundle.path.parent / "second", seed=1)
    assert second.outcomes().equals(bundle.outcomes())


def test_contradicting_outcomes_are_refused(bundle: Bundle, tmp_path: Path) -> None:
    path = bundle.path.parent / "outcomes.csv"
    flipped = path.read_text().replace(",1", ",x").replace(",0", ",1").replace(",x", ",0")
    path.write_text(flipped)
    with pytest.raises(BundleError, match="another folder"):
        write_tiny_bundle(tmp_path / "task" / "task.yaml", bundle.path.parent / "second", seed=1)
    assert not (bundle.path.parent / "second").exists()


@pytest.mark.parametrize("name", ["manifest.json", "applications.csv", "images.csv"])
def test_an_altered_bundle_is_refused(bundle: Bundle, name: str) -> None:
    path = bundle.path / name
    content = path.read_text()
    path.write_text(
        content.replace('round_number": 0', 'round_number": 7')
        .replace("train", "test", 1)
        .replace("L0001", "L0002")
    )
    with pytest.raises(BundleError, match="altered|understood"):
        load_bundle(bundle.path)


def test_an_altered_picture_is_refused_when_it_is_read(bundle: Bundle) -> None:
    image = bundle.images.iloc[0]["image"]
    (bundle.path / image).write_bytes(b"\x89PNG something else")
    with pytest.raises(BundleError, match="altered"):
        bundle.image_bytes(image)


def test_a_bundle_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no advice bundle at .*; publish one"):
        load_bundle(tmp_path / "nowhere")


def test_a_manifest_of_another_program_is_refused(bundle: Bundle) -> None:
    (bundle.path / "manifest.json").write_text(json.dumps({"format_version": 99}))
    with pytest.raises(BundleError, match="cannot be understood"):
        load_bundle(bundle.path)


def test_a_bundle_of_another_task_is_refused(bundle: Bundle) -> None:
    with pytest.raises(BundleError, match="tiny_loans"):
        require_task(bundle, load_task("lending_club"))


def test_people_meet_an_advisor_of_simulated_people_only_where_it_is_allowed() -> None:
    with pytest.raises(BundleError, match="allow_simulated_advisor: true"):
        require_participants("simulated", "people", allow_simulated_advisor=False)
    require_participants("simulated", "people", allow_simulated_advisor=True)
    require_participants("simulated", "simulated", allow_simulated_advisor=False)


def test_a_check_that_is_no_number_fails() -> None:
    assert not Check(name="figure", value=float("nan"), threshold=0.0, at_least=True).passed
    assert not Check(name="figure", value=float("nan"), threshold=0.0, at_least=False).passed
    failed = Check(name="figure", value=0.2, threshold=0.5, at_least=True)
    assert failed.sentence() == "figure is 0.200, must be at least 0.500"
