"""Studies of which little can be computed, each for a reason of its own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from advisor.bundles.bundle import Bundle
from data.store.decision_store import DecisionStore
from human_study.dataset.erase import erase_participant
from tests.support.reviewed_study import add_people, open_reviewed_study, write_reviewed_bundle

N_EACH = 3


def _one_person(store: DecisionStore, bundle: Bundle) -> None:
    add_people(store, bundle, ("face",), np.random.default_rng(0), n_each=1, name="one_person")


def _one_condition(store: DecisionStore, bundle: Bundle) -> None:
    add_people(store, bundle, ("face",), np.random.default_rng(0), n_each=N_EACH, name="one_condition")


def _nobody(store: DecisionStore, bundle: Bundle) -> None:
    del store, bundle


def _all_correct(store: DecisionStore, bundle: Bundle) -> None:
    rng = np.random.default_rng(0)
    add_people(store, bundle, ("face", "none"), rng, n_each=N_EACH, always_right=True, name="all_correct")


def _nobody_finished(store: DecisionStore, bundle: Bundle) -> None:
    rng = np.random.default_rng(0)
    add_people(store, bundle, ("none",), rng, n_each=N_EACH, name="face_unfinished")
    add_people(store, bundle, ("face",), rng, n_each=N_EACH, status="returned", name="face_unfinished")


def _all_fail_attention(store: DecisionStore, bundle: Bundle) -> None:
    rng = np.random.default_rng(0)
    add_people(
        store, bundle, ("face", "none"), rng, n_each=N_EACH, fail_attention=1.0, name="all_inattentive"
    )


def _one_erased(store: DecisionStore, bundle: Bundle) -> None:
    rng = np.random.default_rng(0)
    people = add_people(store, bundle, ("face", "none"), rng, n_each=2, n_main=20, name="one_erased")
    erase_participant(store, "one_erased", participant_key=people[0].participant_key)


BAD_STUDIES: dict[str, Callable[[DecisionStore, Bundle], None]] = {
    "one_person": _one_person,
    "one_condition": _one_condition,
    "nobody_yet": _nobody,
    "all_correct": _all_correct,
    "face_unfinished": _nobody_finished,
    "all_inattentive": _all_fail_attention,
    "one_erased": _one_erased,
}


def build_bad_studies(url: str, folder: Path) -> None:
    """All of them, in the database at `url`; the one in which everybody is inattentive excludes whoever is."""
    bundle = write_reviewed_bundle(folder)
    with DecisionStore.open(url) as store:
        for name, add in BAD_STUDIES.items():
            exclusions = {"failed_attention": 1} if name == "all_inattentive" else {}
            open_reviewed_study(store, bundle, name=name, exclusions=exclusions)
            add(store, bundle)
            store.close_study(name)
