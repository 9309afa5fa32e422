"""The first half of a learning step: fit ĥ to decisions, and write down what it says of people."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np
import pandas as pd
import torch

from advisor.bundles.bundle import Bundle
from advisor.drawing.rendering import Percepts, Progress
from advisor.response.fit_response import ResponseFit, fit_response, log_loss
from advisor.response.response_tables import (
    calibration_table,
    decision_losses,
    face_readings,
    held_out_table,
    importance_table,
    mean_by_people,
)
from advisor.response.training_decisions import TrainingDecisions
from advisor.runs.config import TrainConfig
from advisor.runs.run_dir import RunDirectory
from advisor.runs.run_tables import (
    CALIBRATION_FILE,
    FIGURES_FILE,
    HELD_OUT_FILE,
    IMPORTANCE_FILE,
    READING_COLUMN,
    READINGS_FILE,
    RESPONSE_FILE,
    damage_named,
)
from data.errors import BundleError, TrainingError
from data.tasks.applications import Applications, Standardiser
from models.checkpoint import file_sha256, load_checkpoint, load_into, save_checkpoint, shipped_weights
from models.device import threads_worth
from models.expression import EXPRESSION_AXES
from models.response import ResponseModel


def learn_response(
    run: RunDirectory,
    applications: Applications,
    seen: Standardiser,
    decisions: TrainingDecisions,
    config: TrainConfig,
    on_progress: Progress,
    read: Percepts,
) -> None:
    """Fit ĥ and write it, its figures and its tables into the run; `response_figures.json` comes last.

    What was `read` in pictures before is not read again.

    Raises TrainingError where decisions are on applications that the table lacks.
    """
    frame = decisions.frame
    missing = set(frame["application_id"]) - set(applications.frame.index)
    if missing:
        raise TrainingError(
            f"Decisions are on the application {sorted(missing)[0]!r}, which the task's table lacks; restore the table."
        )
    images = list(frame["image_sha256"].unique())
    _know_what_was_read(decisions.bundles, read)
    percepts = read.of_named(
        images, decisions.read_image, lambda n: on_progress("reading faces", n, len(images))
    )
    advice = pd.DataFrame(percepts, index=images).loc[frame["image_sha256"]].to_numpy()
    features = seen.transform(applications.frame.loc[frame["application_id"]])
    approved, people = frame["approved"].to_numpy(), frame["participant"].to_numpy()
    fit = fit_response(
        advice, features, approved, people, config.response, np.random.default_rng([config.seed, 1])
    )
    alone = fit_response(
        advice[:, :0], features, approved, people, config.response, np.random.default_rng([config.seed, 1])
    )
    on_progress("response model", 1, 1)
    figures = _figures(fit, alone, approved, people)
    run.log("response", figures)
    save_checkpoint(run.file(RESPONSE_FILE), "response", fit.model.state_dict(), fit.model.config)
    run.write_json("response_table.json", response_table(fit.model, EXPRESSION_AXES))
    with threads_worth(len(frame)):
        rng = np.random.default_rng([config.seed, 4])
        columns = _named_columns(seen)
        read_faces = face_readings(fit.model, percepts, images)
        tables = {
            HELD_OUT_FILE: held_out_table(frame, fit.held_out_probabilities, advice, EXPRESSION_AXES),
            CALIBRATION_FILE: calibration_table(fit.held_out_probabilities, approved),
            IMPORTANCE_FILE: importance_table(
                fit, np.hstack([advice, features]), approved, people, columns, rng
            ),
            READINGS_FILE: pd.concat([read_faces, *_unread_test_faces(fit.model, decisions.bundles, read)]),
        }
    for name, table in tables.items():
        table.to_csv(run.file(name), index=False)
    run.write_json(FIGURES_FILE, figures)


def _know_what_was_read(bundles: Iterable[Bundle], read: Percepts) -> None:
    """Take from bundles what the FacePerception at hand read in their pictures when they were published."""
    perception = file_sha256(shipped_weights("face_perception"))
    for bundle in bundles:
        if bundle.manifest.weights.get("face_perception") == perception:
            read.know(*bundle.percepts)


def _unread_test_faces(
    response: ResponseModel, bundles: Iterable[Bundle], read: Percepts
) -> list[pd.DataFrame]:
    """Readings of the test pictures of which their bundle states none, such as those of an exploratory one.

    Reliance is measured on test applications, so these must be read as well; a picture that is gone stays unread.
    """
    names: list[str] = []
    contents: dict[str, bytes] = {}
    for bundle in bundles:
        images = bundle.images
        if READING_COLUMN in images:
            images = images[images[READING_COLUMN].isna()]
        on_test = images["application_id"].map(bundle.applications["split"]) == "test"
        for row in images[on_test].drop_duplicates("image_sha256").itertuples():
            sha256 = str(row.image_sha256)
            with suppress(BundleError):
                if sha256 not in read:
                    contents[sha256] = bundle.image_bytes(str(row.image))
                names.append(sha256)
    names = list(dict.fromkeys(names))
    return [face_readings(response, read.of_named(names, contents.__getitem__), names)] if names else []


def _figures(
    fit: ResponseFit, alone: ResponseFit, approved: np.ndarray, people: np.ndarray
) -> dict[str, float]:
    """What the fit says of itself, and its gain over the application alone and over a constant."""
    constant = np.array([approved[people != person].mean() for person in people])
    figures = {
        **fit.metrics,
        "application_alone_log_loss": alone.held_out_log_loss,
        "constant_log_loss": log_loss(constant, approved),
    }
    person = pd.factorize(people)[0]
    for name, other in (
        ("application_alone", alone.held_out_log_likelihood),
        ("unadvised", fit.held_out_log_likelihood_unadvised),
    ):
        together = ((fit.held_out_log_likelihood - other) / np.bincount(person))[person]
        figures[f"{name}_gain"], figures[f"{name}_gain_error"] = mean_by_people(together, people)
    gain = decision_losses(constant, approved) - decision_losses(fit.held_out_probabilities, approved)
    figures["constant_gain"], figures["constant_gain_error"] = mean_by_people(gain, people)
    return figures


def _named_columns(seen: Standardiser) -> list[tuple[str, str, list[int]]]:
    """Name, kind and columns of what ĥ reads: each axis, and each column of the table with all its features."""
    n_axes, columns = len(EXPRESSION_AXES), np.array(seen.column_of_feature)
    axes = [(axis, "axis", [k]) for k, axis in enumerate(EXPRESSION_AXES)]
    named = dict.fromkeys(seen.column_of_feature)
    return axes + [(c, "feature", list(n_axes + np.flatnonzero(columns == c))) for c in named]


def load_response(run: RunDirectory) -> ResponseModel:
    """The run's ĥ, frozen. Raises TrainingError where its file is missing, damaged or of another network."""
    with damage_named(run.file(RESPONSE_FILE)):
        tensors, config = load_checkpoint(run.file(RESPONSE_FILE), "response")
        signs = tuple(config.pop("monotone_signs"))
        response = ResponseModel(**config, monotone_signs=signs)
        load_into(response, tensors, run.file(RESPONSE_FILE))
    return response.eval().requires_grad_(False)


def response_table(response: ResponseModel, axes: tuple[str, ...]) -> list[dict[str, Any]]:
    """What ĥ believes people read in each axis: approval as the axis alone moves from -1 to +1 sd, and its range."""
    rows = []
    n_advice = len(axes)
    for k, axis in enumerate(axes):
        inputs = response.input_mean.repeat(2, 1)
        step = response.input_scale[k]
        inputs[0, k] -= step
        inputs[1, k] += step
        assert n_advice <= inputs.shape[1]
        with torch.no_grad():
            low, high = response.member_probabilities(inputs).T
        effect = (high - low).numpy()
        rows.append(
            {
                "axis": axis,
                "approval_change": float(effect.mean()),
                "lowest_member": float(effect.min()),
                "highest_member": float(effect.max()),
            }
        )
    return rows
