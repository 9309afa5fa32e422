"""The rounds of a study whose advisor was trained, and what the runs behind them wrote down. No torch is loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.records import Bundle
from data.store.decision_store import DecisionStore
from human_study.presentation.numbers import three_decimals

READINGS_FILE = "face_readings.csv"


@dataclass(frozen=True)
class LearnedRound:
    """A round whose advisor was trained: the run it came of, or why that cannot be found."""

    round_number: int
    run_path: Path | None
    reason: str = ""


def learned_rounds(store: DecisionStore, study_name: str) -> list[LearnedRound]:
    """The rounds of a study with a trained advisor, each with the run that its response model came of."""
    runs = {run.response_sha256: Path(run.run_path) for run in store.runs(study_name) if run.response_sha256}
    found = []
    for served in store.rounds(study_name):
        bundle = store.bundle(served.bundle_hash)
        if bundle.kind == "learned":
            path = runs.get(_response_of(bundle) or "")
            reason = "" if path else "its run was not trained from this database, so its tables are elsewhere"
            if path and not path.is_dir():
                path, reason = None, f"the run's folder {path} is gone"
            found.append(LearnedRound(served.round_number, path, reason))
    return found


def _response_of(bundle: Bundle) -> str | None:
    weights = json.loads(bundle.manifest).get("weights", {})
    return str(weights["response"]) if "response" in weights else None


def face_readings(run_path: Path) -> pd.DataFrame | str:
    """image_sha256 and approve_probability (beside an average application), or why there are none."""
    try:
        return pd.read_csv(run_path / READINGS_FILE)[["image_sha256", "approve_probability"]]
    except OSError:
        return f"the run has no {READINGS_FILE}; it was trained by an older version"
    except (ValueError, KeyError):
        return f"{READINGS_FILE} of the run cannot be read; train again"


def loss_sentence(run_path: Path) -> str:
    """How well the run's ĥ predicts people it never saw, beside simpler guesses; "" where the run does not say."""
    try:
        losses = json.loads((run_path / "summary.json").read_text())["response"]
        own, alone, constant = (
            three_decimals(losses[key])
            for key in ("held_out_log_loss", "application_alone_log_loss", "constant_log_loss")
        )
    except (OSError, ValueError, KeyError):
        return ""
    return (
        f"On participants it never saw its log loss is {own} nats a decision; from the application alone {alone},"
        f" from the share of approvals alone {constant}."
    )
