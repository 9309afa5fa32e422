"""A small task, a small advice bundle with plain pictures, and a study file: what the app's tests serve."""

import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from PIL import Image, ImageDraw

from advisor.bundles.bundle import CONDITIONS, Bundle, Manifest
from advisor.bundles.similar_cases import rank_similar
from advisor.bundles.write_bundle import write_bundle
from data.tasks.applications import read_applications
from data.tasks.decision_task import load_task

TASK = {
    "name": "tiny_loans",
    "title": "Tiny loans",
    "table": "loans.csv",
    "case_noun": "application",
    "choices": {"approve": "Approve", "deny": "Deny"},
    "outcome": {
        "column": "repaid",
        "positive": "yes",
        "negative": "no",
        "positive_label": "repaid",
        "negative_label": "defaulted",
    },
    "columns": {
        "loan_id": {"role": "id"},
        "amount": {"role": "feature", "kind": "number", "label": "Loan amount", "unit": "USD", "shown": True},
        "income": {
            "role": "feature",
            "kind": "number",
            "label": "Annual income",
            "unit": "USD",
            "shown": True,
        },
        "term": {
            "role": "feature",
            "kind": "category",
            "label": "Term",
            "shown": True,
            "help": "time until it must be paid back",
            "categories": {"m36": "36 months", "m60": "60 months"},
        },
        "debt": {"role": "feature", "kind": "number", "label": "Debt ratio", "unit": "%"},
        "age": {"role": "protected", "kind": "number", "label": "Age", "unit": "years"},
        "repaid": {"role": "outcome"},
    },
}
N_APPLICATIONS = 80
ETHICS = {
    "approval": "Approved by the board of the tiny faculty, 2026-17",
    "contact": "Ada Tester, study@tiny.example",
    "retention_days": 365,
    "withdrawal": "What you decided is erased if you write to the address above.",
}


def write_task(folder: Path) -> Path:
    """Write task.yaml and its table; returns the path of the task.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "task.yaml"
    table, task = _task_texts()
    (folder / "loans.csv").write_text(table)
    path.write_text(task)
    return path


@cache
def _task_texts() -> tuple[str, str]:
    rng = np.random.default_rng(7)
    table = pd.DataFrame(
        {
            "loan_id": [f"L{number:04d}" for number in rng.permutation(N_APPLICATIONS)],
            "amount": rng.integers(1, 40, N_APPLICATIONS) * 1000.0,
            "income": rng.integers(20, 120, N_APPLICATIONS) * 1000.0,
            "term": rng.choice(["m36", "m60"], N_APPLICATIONS),
            "debt": rng.uniform(0, 60, N_APPLICATIONS).round(1),
            "age": rng.integers(20, 70, N_APPLICATIONS).astype(float),
            "repaid": ["yes", "no"] * (N_APPLICATIONS // 2),
        }
    )
    return table.to_csv(index=False), yaml.safe_dump(TASK, sort_keys=False)


def brightness(picture: bytes) -> float:
    """Mean grey level of a PNG, 0-255."""
    return float(np.asarray(Image.open(io.BytesIO(picture)).convert("L")).mean())


@cache
def _face(level: int, mark: int) -> bytes:
    """A plain face whose skin has the given grey level; `mark` makes each picture its own."""
    image = Image.new("RGB", (64, 64), (level, level, level))
    draw = ImageDraw.Draw(image)
    ink = (0, 0, 0) if level > 120 else (255, 255, 255)
    for x in (22, 42):
        draw.ellipse((x - 3, 24, x + 3, 30), fill=ink)
    draw.arc((18, 30, 46, 52), 20, 160, fill=ink, width=2)
    image.putpixel((0, 0), (mark % 256, mark // 256, 7))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def write_tiny_bundle(
    task_path: Path, folder: Path, *, trained_on: str = "nothing", seed: int = 0, n_learning: int = 0
) -> Bundle:
    """Publish a bundle on every application of the tiny task, one face a face condition and application.

    Faces of a learned one smile with the score and raise their inner brows with the debt; others are all alike.
    `n_learning`: how many applications of the task's validation split are there to learn from, in no other pool.
    """
    task = load_task(task_path)
    is_learned = trained_on != "nothing"
    drawn = _drawn(task_path, task.table_path.read_bytes(), is_learned, seed, n_learning)
    manifest = Manifest(
        kind="explore" if trained_on == "nothing" else "learned",
        round_number=0,
        task_name=task.name,
        task_hash=task.task_hash,
        task_path=str(task_path),
        trained_on=trained_on,
        seed=seed,
        git_revision="none",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        conditions=tuple(one for one in CONDITIONS if n_learning or one != "examples"),
        axes=("smile", "inner_brow_raise"),
        weights={},
        checks=(),
        machine_balanced_accuracy=0.6,
        pools={str(split): int(n) for split, n in drawn.applications["split"].value_counts().items()},
    )
    return write_bundle(
        folder,
        manifest,
        drawn.applications,
        drawn.images,
        drawn.pictures.items(),
        drawn.outcomes,
        drawn.similar,
    )


@dataclass(frozen=True)
class _Drawn:
    applications: pd.DataFrame
    images: pd.DataFrame
    pictures: dict[str, bytes]
    outcomes: pd.Series
    similar: dict[str, tuple[str, ...]]


_DRAWN: dict[tuple[object, ...], _Drawn] = {}


def _drawn(task_path: Path, table: bytes, is_learned: bool, seed: int, n_learning: int) -> _Drawn:
    """What a bundle holds; the same one is drawn once."""
    key = (table, task_path.read_bytes(), is_learned, seed, n_learning)
    if key not in _DRAWN:
        _DRAWN[key] = _draw(task_path, is_learned, seed, n_learning)
    return _DRAWN[key]


def _draw(task_path: Path, is_learned: bool, seed: int, n_learning: int) -> _Drawn:
    task = load_task(task_path)
    table = pd.read_csv(task.table_path).set_index("loan_id").sort_index()
    outcomes = (table["repaid"] == "yes").astype("int8").rename_axis("application_id")
    rng = np.random.default_rng(seed)
    applications = pd.DataFrame(
        {"split": "train", "score": rng.uniform(0.05, 0.95, len(table)).round(3)},
        index=table.index.rename("application_id"),
    )
    for value in (0, 1):
        ids = outcomes.index[outcomes == value]
        applications.loc[ids[: len(ids) // 2], "split"] = "test"
    validation = read_applications(task).select("validation").outcomes
    learning = [one for value in (0, 1) for one in validation.index[validation == value][: n_learning // 2]]
    applications.loc[learning, "split"] = "validation"
    rows: list[dict[str, Any]] = []
    pictures: dict[str, bytes] = {}
    said = pd.DataFrame(
        {"e_smile": 1.6 * applications["score"] - 0.6, "e_inner_brow_raise": table["debt"].rank(pct=True)}
    )
    said *= is_learned
    dealt = pd.Series(rng.permutation(applications.index) if is_learned else applications.index, said.index)
    for number, application_id in enumerate(applications.index):
        for offset, condition in enumerate(("face", "shuffled", "risk_to_smile")):
            picture = _face(60 if rng.random() < 0.5 else 190, seed * 1000 + number * 3 + offset)
            sha256 = hashlib.sha256(picture).hexdigest()
            name = f"images/{sha256[:16]}.png"
            pictures[name] = picture
            rows.append(
                {
                    "application_id": application_id,
                    "condition": condition,
                    "identity": int(rng.integers(4)),
                    "image": name,
                    "image_sha256": sha256,
                    "propensity": 1.0,
                    "source_application_id": application_id,
                    **said.loc[dealt[application_id] if condition == "shuffled" else application_id],
                }
            )
    similar: dict[str, tuple[str, ...]] = {}
    if n_learning:
        same = [{**row, "condition": "examples"} for row in rows if row["condition"] == "face"]
        faces = {row["application_id"]: row["image"] for row in same}
        # What is read in these plain faces is how bright they are.
        readings = {name: np.array([brightness(pictures[name])]) for name in faces.values()}
        similar = rank_similar(readings, {one: faces[one] for one in learning})
        rows += same
    return _Drawn(applications, pd.DataFrame(rows), pictures, outcomes, similar)


def write_study(folder: Path, **changes: object) -> Path:
    """Write task, bundle and study file into `folder`; `changes` replace keys of the study file."""
    folder.mkdir(parents=True, exist_ok=True)
    task_path = write_task(folder / "task")
    trained_on = str(changes.pop("trained_on", "nothing"))
    n_learning = int(str(changes.pop("n_learning", 0)))
    write_tiny_bundle(task_path, folder / "round_0" / "bundle", trained_on=trained_on, n_learning=n_learning)
    content = {
        "name": "tiny_study",
        "title": "Deciding on small loans",
        "task": "task/task.yaml",
        "bundle": "round_0/bundle",
        "database": f"sqlite:///{folder / 'study.db'}",
        "participants": "simulated",
        "conditions": {"face": 1, "none": 1},
        "trials": {"main": 10, "test_share": 0.5},
        "comprehension": [],
        "questionnaire": [],
        **({"ethics": ETHICS} if changes.get("participants") == "people" else {}),
        **changes,
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
    return path
