"""What a run holds: the name of every file, and one way to say that a file is damaged.

options.json                 what was asked for: task, task_hash, source, participants, n_decisions and all options
summary.json                 what came out: rounds_learned_from, response, predicted_accuracy, weights; written last
risk_model.json              the machine alone (advisor.encoder.risk_model)
seen_features.json           the standardiser of what ĥ is told of an application
response.safetensors         ĥ; response_figures.json: how well it predicts people it never saw
encoder.safetensors          what turns an application into an expression
held_out_decisions.csv       single decisions with what ĥ said of them, by members that never saw the person
response_calibration.csv     predicted, observed, n_decisions: approval on participants that ĥ never saw
response_importance.csv      name, kind, importance, ci_low, ci_high: what people decide by
face_readings.csv            image_sha256, approve_probability: each face beside an average application; those that were
                             decided on, and the test faces of bundles that state none
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from data.errors import TrainingError

OPTIONS_FILE = "options.json"
SUMMARY_FILE = "summary.json"
RISK_MODEL_FILE = "risk_model.json"
SEEN_FEATURES_FILE = "seen_features.json"
RESPONSE_FILE = "response.safetensors"
ENCODER_FILE = "encoder.safetensors"
FIGURES_FILE = "response_figures.json"
PARTICIPANTS_FILE = "participants.json"
HELD_OUT_FILE = "held_out_decisions.csv"
CALIBRATION_FILE = "response_calibration.csv"
IMPORTANCE_FILE = "response_importance.csv"
READINGS_FILE = "face_readings.csv"
READING_COLUMN = "approve_probability"


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn whatever reading a run's file raises into one TrainingError that names the file.

    Weights that cannot be read raise `models.errors.CheckpointError`, a ValueError; a network of sizes that do not go
    together fails an assertion or, in torch, with a RuntimeError.
    """
    try:
        yield
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        AssertionError,
        RuntimeError,
    ) as error:
        raise TrainingError(
            f"{path} is missing, damaged or of another program; restore it, or train the run again."
        ) from error


def read_run_table(path: Path, *columns: str) -> pd.DataFrame:
    """These columns of a run's CSV file; those called image_sha256 are text, all others numbers or words as written.

    Raises TrainingError where the file is missing, damaged or of another program.
    """
    with damage_named(path):
        return pd.read_csv(path, dtype={"image_sha256": str})[list(columns)]
