"""The benchmark's tables: shipped ones as they are, and folds in which every rare outcome is tested on once.

A fold is a task folder of its own whose ids are salted until their hash falls into the split that the fold
wants, so that the whole product runs on it unchanged.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from advisor.simulation.populations import HIDDEN_COLUMNS
from data.tasks.applications import TRAIN_BELOW, VALIDATION_BELOW, read_applications
from data.tasks.decision_task import DecisionTask, load_task

N_FOLDS = 3
VALIDATION_SHARE = 0.25  # of what a fold does not test on


def table_task(table: str, folder: Path) -> DecisionTask:
    """The task named `consumer_credit`, or a fold named `lending_club/1`, which is written below `folder`."""
    name, _, fold = table.partition("/")
    return _fold_task(name, int(fold), folder / f"{name}_fold_{fold}") if fold else load_task(name)


def hidden_task(table: str, folder: Path) -> DecisionTask:
    """The same with the column hidden from the machine that `HIDDEN_COLUMNS` names, written to `folder`."""
    original = table_task(table, folder.parent)
    content = yaml.safe_load(original.path.read_text())
    content["columns"][HIDDEN_COLUMNS[table.partition("/")[0]]]["role"] = "human_only"
    content["columns"][HIDDEN_COLUMNS[table.partition("/")[0]]].pop("shown", None)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(original.table_path, folder / original.table)
    (folder / "task.yaml").write_text(
        yaml.safe_dump(content | {"name": f"{original.name}_hidden"}, sort_keys=False)
    )
    return load_task(folder)


def _hash_fraction(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2.0**64


def _salted(row_id: str, low: float, high: float) -> str:
    salt = 0
    while not low <= _hash_fraction(f"{row_id}.{salt}") < high:
        salt += 1
    return f"{row_id}.{salt}"


def _fold_task(name: str, fold: int, folder: Path) -> DecisionTask:
    assert 0 <= fold < N_FOLDS
    if not (folder / "task.yaml").exists():
        original = load_task(name)
        applications = read_applications(original)
        wanted = _splits_of_fold(applications.frame, applications.outcomes, fold)
        table = pd.read_csv(original.table_path, dtype=str, keep_default_na=False)
        id_column = next(column for column, declared in original.columns.items() if declared.role == "id")
        bounds = {
            "train": (0.0, TRAIN_BELOW),
            "validation": (TRAIN_BELOW, VALIDATION_BELOW),
            "test": (VALIDATION_BELOW, 1.0),
        }
        table[id_column] = [_salted(row_id, *bounds[wanted[row_id]]) for row_id in table[id_column]]
        folder.mkdir(parents=True, exist_ok=True)
        table.to_csv(folder / original.table, index=False)
        content = yaml.safe_load(original.path.read_text()) | {"name": f"{name}_fold_{fold}"}
        (folder / "task.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return load_task(folder)


def _splits_of_fold(frame: pd.DataFrame, outcomes: pd.Series, fold: int) -> dict[str, str]:
    """Application id → split. Within each outcome a third is tested on; equal rows stay together."""
    twins = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    rng = np.random.default_rng(0)
    split_of: dict[str, str] = {}
    placed: dict[int, str] = {}
    for outcome in (0, 1):
        ids = outcomes.index[outcomes == outcome].to_numpy(dtype=object)
        groups = twins[(outcomes == outcome).to_numpy()]
        for place, k in enumerate(rng.permutation(len(ids))):
            in_fold = place % N_FOLDS == fold
            other = "validation" if (place // N_FOLDS) % round(1 / VALIDATION_SHARE) == 0 else "train"
            split = placed.setdefault(int(groups[k]), "test" if in_fold else other)
            split_of[str(ids[k])] = split
    return split_of
