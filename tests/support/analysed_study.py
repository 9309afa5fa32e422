"""A small study whose results are known by construction, for the tests of what analysts see."""

import hashlib
import io
import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from advisor.bundles.bundle import Bundle, Manifest
from advisor.bundles.write_bundle import write_bundle
from data.records import Decision, Participant, ParticipantKind, Study, Trial
from data.store.decision_store import DecisionStore

# (round, condition) → how many of 10 good and of 10 bad test applications each participant decides rightly.
CORRECT_OF_TEN = {
    (0, "none"): [5, 6, 6, 7, 5, 7, 6, 6],  # mean 60%
    (0, "face"): [4, 6, 5, 5, 5, 5, 6, 4],  # mean 50%
    (1, "none"): [6, 6, 7, 5, 7, 5, 6, 6],  # mean 60%
    (1, "face"): [8, 9, 7, 8, 9, 7, 8, 8],  # mean 80%
}
MACHINE_ACCURACY = {0: 0.65, 1: 0.65}
STUDY = "known_answers"
RESPONSE_SHA256 = "5e" * 32  # of the response model behind the learned bundle
_N_EACH = {"train": 5, "test": 10}

# Each participant's hits, misses, false alarms and correct rejections.
Counts = list[tuple[int, int, int, int]]


def decisions_of(counts: Counts, condition: str = "face", start: int = 0) -> pd.DataFrame:
    """Decisions from each participant's (hits, misses, false alarms, correct rejections)."""
    cells = [(1, 1), (0, 1), (1, 0), (0, 0)]  # approved, outcome
    rows = [
        (f"person {start + person}", 0, condition, *cell)
        for person, row in enumerate(counts)
        for cell, n in zip(cells, row, strict=True)
        for _ in range(n)
    ]
    columns = ["participant_key", "round_number", "condition", "approved", "outcome"]
    frame = pd.DataFrame(rows, columns=columns)
    # Everybody begins elsewhere in the pool, so that no application is always the one decided rightly.
    place = frame.groupby(["participant_key", "outcome"]).cumcount()
    person = frame["participant_key"].str.removeprefix("person ").astype(int)
    number = (place + 7 * person) % max(20, int(place.max() if len(place) else 0) + 1)
    return frame.assign(application_id=frame["outcome"].astype(str) + "_" + number.astype(str))


def write_small_bundle(path: Path, round_number: int, similar_cases: bool = False) -> Bundle:
    """A bundle of 20 test and 10 training applications, half of them good, with plain drawn faces."""
    rows = [
        (f"{split}_{'good' if good else 'bad'}_{number}", split, good, (number + 1 + 10 * good) / 22)
        for split, n_each in _N_EACH.items()
        for good in (0, 1)
        for number in range(n_each)
    ]
    table = pd.DataFrame(rows, columns=["application_id", "split", "outcome", "score"]).set_index(
        "application_id"
    )
    images, pictures = [], {}
    for application_id, row in table.iterrows():
        for identity in (0, 1, 2):
            content = drawn_face(row["score"], identity)
            digest = hashlib.sha256(content).hexdigest()
            relative = f"images/{digest[:16]}.png"
            pictures[relative] = content
            images.append(
                (application_id, "face", identity, relative, digest, 1 / 3, application_id, row["score"])
            )
    columns = ["application_id", "condition", "identity", "image", "image_sha256", "propensity"]
    manifest = Manifest(
        kind="explore" if round_number == 0 else "learned",
        round_number=round_number,
        task_name="lending_club",
        task_hash="task-hash",
        task_path="lending_club",
        trained_on="nothing" if round_number == 0 else "people",
        seed=0,
        git_revision="none",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        conditions=("none", "face"),
        axes=("smile",),
        weights={"response": RESPONSE_SHA256} if round_number else {},
        checks=(),
        machine_balanced_accuracy=MACHINE_ACCURACY[round_number],
        pools={split: 2 * n_each for split, n_each in _N_EACH.items()},
    )
    return write_bundle(
        path,
        manifest,
        table[["split", "score"]],
        pd.DataFrame(images, columns=[*columns, "source_application_id", "e_smile"]),
        list(pictures.items()),
        table["outcome"],
        similar_cases={name: tuple(map(str, table.index[:3])) for name in pictures}
        if similar_cases
        else None,
    )


@cache
def drawn_face(score: float, identity: int) -> bytes:
    image = Image.new("RGB", (64, 64), ("#d9c3ad", "#a98467", "#e8d5c4")[identity])
    draw = ImageDraw.Draw(image)
    for x in (20, 44):
        draw.ellipse((x - 4, 20, x + 4, 28), fill="#333333")
    bend = 12 * (2 * score - 1)
    draw.line([(x, 46 + bend * (1 - ((x - 32) / 16) ** 2)) for x in range(16, 49)], fill="#802020", width=3)
    content = io.BytesIO()
    image.save(content, format="png")
    return content.getvalue()


def create_study(
    store: DecisionStore,
    folder: Path,
    kind: ParticipantKind,
    n_rounds: int = 2,
    name: str = STUDY,
    similar_cases: bool = False,
) -> list[Bundle]:
    """A study with its rounds and nobody in it; its bundles are written into `folder`."""
    study_file = {"conditions": {"face": 1, "none": 1}, "allow_simulated_advisor": False}
    store.create_study(
        Study(
            name=name,
            task_name="lending_club",
            task_hash="task-hash",
            study_file=json.dumps(study_file),
            study_hash="study-hash",
            participants=kind,
        )
    )
    bundles = []
    for round_number in range(n_rounds):
        bundle = write_small_bundle(folder / f"round_{round_number}" / "bundle", round_number, similar_cases)
        store.register_bundle(bundle.as_record())
        store.start_round(name, bundle.bundle_hash)
        bundles.append(bundle)
    return bundles


def add_participants(
    store: DecisionStore, bundle: Bundle, cell: tuple[int, str], kind: ParticipantKind
) -> None:
    """The participants of one round and condition, deciding as CORRECT_OF_TEN says."""
    round_number, condition = cell
    for n_correct in CORRECT_OF_TEN[cell]:
        add_participant(store, bundle, round_number, condition, kind, n_correct)


def add_participant(
    store: DecisionStore,
    bundle: Bundle,
    round_number: int,
    condition: str,
    kind: ParticipantKind,
    n_correct: int,
    status: str = "completed",
    study_name: str = STUDY,
) -> Participant:
    """One participant who decides `n_correct` of 10 good and of 10 bad test applications rightly."""
    person = Participant(
        study_name=study_name,
        round_number=round_number,
        bundle_hash=bundle.bundle_hash,
        kind=kind,
        condition=condition,
        status=status,
    )
    trials, decisions = [], []
    for position, (application_id, row) in enumerate(bundle.applications.iterrows()):
        number = int(str(application_id).rsplit("_", 1)[1])
        good = "good" in str(application_id)
        trial = Trial(
            participant_key=person.participant_key,
            position=position,
            application_id=str(application_id),
            split=row["split"],
            condition=condition,
            bundle_hash=bundle.bundle_hash,
        )
        right = number < n_correct
        decision = Decision(
            trial_key=trial.trial_key,
            participant_key=person.participant_key,
            choice="approve" if good == right else "deny",
            response_time_ms=float(np.exp(7 + number / 10)),
            study_hash="study-hash",
            bundle_hash=bundle.bundle_hash,
        )
        trials.append(trial)
        decisions.append(decision)
    store.add_collected(study_name, [person], trials, decisions)
    return person


def build_known_study(url: str, folder: Path, kind: ParticipantKind) -> None:
    """The whole study with known answers, in the database at `url`."""
    with DecisionStore.open(url) as store:
        bundles = create_study(store, folder, kind)
        for cell in CORRECT_OF_TEN:
            add_participants(store, bundles[cell[0]], cell, kind)
        store.close_study(STUDY)
