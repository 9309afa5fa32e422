"""The loop with real parts: a bundle is served, decided on in a browser, learned from, and the next one served."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from playwright.sync_api import BrowserContext, Page, expect

from advisor.bundles.bundle import load_bundle
from advisor.drawing.rendering import as_images, decode_face
from data.store.decision_store import DecisionStore
from models.observer import SimulatedObserver
from tests.support.decided_round import QUICK, Call
from tests.support.served_study import ServedStudy

pytestmark = [pytest.mark.browser, pytest.mark.training]

N_TRIALS = 6
STUDY = "loop"
SMALL = ["--set", "max_pool_size=12", "--set", "identities_per_application=1"]
# Twelve decisions cannot pass the checks that guard people; those have tests of their own.
UNGUARDED = [
    "min_things=0",
    "min_doubt_r2=-1",
    "max_protected_r2=1",
    "min_decisions=2",
    "min_response_gain=-9",
    "min_approval_auc=-9",
    "min_face_gain=-9",
    "max_identity_approval=9",
]


def write_study(folder: Path, call: Call) -> Path:
    """A study of simulated participants on an exploratory bundle, every trial a training one with a face."""
    bundle = folder / "round_0" / "bundle"
    published = call("publish", "--explore", "--task", "consumer_credit", "--out", bundle, *SMALL)
    assert published.status == 0, published.err
    content = {
        "name": STUDY,
        "title": "Deciding on loan applications",
        "task": "consumer_credit",
        "bundle": str(bundle),
        "database": f"sqlite:///{folder / 'study.db'}",
        "participants": "simulated",
        "conditions": {"face": 1},
        "trials": {"main": N_TRIALS, "test_share": 0.0},
        "comprehension": [],
        "questionnaire": [],
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def smile_on(page: Page, observer: SimulatedObserver) -> float:
    """How much the face on the page smiles, from a picture of the screen."""
    face = page.get_by_role("img", name="A face that a computer drew")
    pixels = decode_face(face.screenshot())
    with torch.no_grad():
        return float(observer(as_images(pixels[None]))[0, observer.axes.index("smile")])


def take_part(
    served: ServedStudy, context: BrowserContext, observer: SimulatedObserver
) -> tuple[str, list[str]]:
    """Approve whoever smiles, to the end; the participant's secret and the choices."""
    page = context.new_page()
    page.goto(served.url)
    for button in ("Begin", "I agree"):
        page.get_by_role("button", name=button).click()
    page.get_by_role("button", name="Start with").wait_for()
    page.locator("[data-test-script-state=notRunning]").wait_for()
    page.get_by_role("button", name="Start with").click()
    choices = []
    for number in range(1, N_TRIALS + 1):
        page.get_by_role("heading", name=f"Application {number} of {N_TRIALS}").wait_for()
        expect(page.get_by_role("button", name="Approve")).to_be_enabled()
        choices.append("approve" if smile_on(page, observer) > 0 else "deny")
        page.get_by_role("button", name=choices[-1].capitalize()).click()
    page.get_by_role("heading", name="Thank you").wait_for()
    (cookie,) = [c for c in context.cookies() if c["name"].startswith("countenance_session_")]
    return cookie["value"], choices


def test_what_was_clicked_is_learned_from_and_the_next_round_is_served_in_the_same_app(
    tmp_path: Path,
    call: Call,
    serve_study: Callable[[Path], ServedStudy],
    new_visitor: Callable[..., BrowserContext],
) -> None:
    served = serve_study(write_study(tmp_path, call))
    observer = SimulatedObserver.load()
    with DecisionStore.open(served.database_url) as store:
        for _ in range(2):
            secret, choices = take_part(served, new_visitor(), observer)
            person = store.participant_by_session(secret)
            assert person is not None
            assert person.status == "completed"
            frame = store.decisions_frame(STUDY, kind="simulated")
            own = frame[frame["participant_key"] == person.participant_key].sort_values("position")
            assert list(own["choice"]) == choices
        first_bundle = load_bundle(tmp_path / "round_0" / "bundle")
        assert set(frame["image"]) <= set(first_bundle.images["image"])

        run, bundle = tmp_path / "round_1" / "run", tmp_path / "round_1" / "bundle"
        decided = ("--db", served.database_url, "--study", STUDY)
        learned = call(
            "train", "--task", "consumer_credit", *decided, "--kind", "simulated", "--out", run, *QUICK
        )
        assert "12 decisions of simulated" in learned.out, learned.err
        unguarded = [word for setting in UNGUARDED for word in ("--set", setting)]
        published = call("publish", run, "--out", bundle, *decided, *SMALL, *unguarded)
        assert "round 1 from now on" in published.out, published.err

        secret, choices = take_part(served, new_visitor(), observer)
        person = store.participant_by_session(secret)
        assert person is not None
        assert person.round_number == 1
        second_bundle = load_bundle(bundle)
        assert second_bundle.manifest.trained_on == "simulated"
        trials = store.trials(person.participant_key)
        assert {trial.bundle_hash for trial in trials} == {second_bundle.bundle_hash}
        assert {trial.image for trial in trials} <= set(second_bundle.images["image"])
        assert not served.holds("torch")
    smiles = second_bundle.images.loc[second_bundle.images["condition"] == "face", "e_smile"]
    assert np.std(smiles) > 0
