"""How good an advisor is: predicted through ĥ before it is shown, measured on people's decisions afterwards."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch

from advisor.bundles.bundle import CONDITIONS, registered_bundle
from advisor.drawing.rendering import read_percepts
from advisor.encoder.composition import pixel_path
from advisor.encoder.predict_outcome import ASKED_AT_ONCE
from advisor.encoder.trained_run import TrainedRun
from advisor.measurement.accuracy import balanced_accuracy
from advisor.measurement.counted_decisions import counted_decisions
from advisor.publishing.checks import expected_accuracy
from advisor.response.fit_response import log_loss
from data.errors import TrainingError
from data.records import ParticipantKind, Study
from data.store.decision_store import DecisionStore
from data.tasks.applications import read_applications
from models.face_generator import FaceGenerator
from models.perception import FacePerception


def prediction_and_outcome(trained: TrainedRun, measured: pd.DataFrame) -> pd.DataFrame:
    """What was predicted of a run's faces before they were shown, beside what people then reached.

    `measured` is what `measured_accuracy` returns; the run's faces were shown in the first round after those that
    it learned from. Columns: what, round_number, accuracy, ci_low, ci_high; two rows (prediction, then outcome;
    the outcome's figures are NaN until people have decided on these faces).
    """
    shown_in = trained.shown_in
    found = measured
    if len(measured):
        found = measured[(measured["round_number"] == shown_in) & (measured["condition"] == "face")]
    outcome = [np.nan] * 3 if found.empty else found[["accuracy", "ci_low", "ci_high"]].iloc[0].to_list()
    rows = [
        [
            "predicted before",
            shown_in,
            *(trained.figure("predicted_accuracy", name) for name in ("value", "ci_low", "ci_high")),
        ],
        ["measured after", shown_in, *outcome],
    ]
    return pd.DataFrame(rows, columns=["what", "round_number", "accuracy", "ci_low", "ci_high"])


MEANING_OF_FIGURE = {
    "machine_accuracy": "the machine alone, balanced accuracy",
    "predicted_accuracy": "people with this run's faces, as ĥ alone predicts",
    "predicted_accuracy_neutral": "people with a neutral face, as ĥ alone predicts",
    "held_out_log_loss": "of ĥ, on participants it never saw (lower is better)",
    "constant_log_loss": "of a constant, for comparison",
    "application_alone_log_loss": "of a model without faces, for comparison",
}


@dataclass(frozen=True)
class RunEvaluation:
    """Figures of a run; accuracies are balanced, on the test split.

    Attributes:
        machine_accuracy: the score alone at 0.5.
        predicted_accuracy: people with this run's faces, as ĥ expected when the run was trained.
        predicted_accuracy_neutral: people with a face that says nothing, drawn and read, as ĥ expects.
        held_out_log_loss: of ĥ on participants it never saw, nats a decision.
        constant_log_loss, application_alone_log_loss: what it is compared with.
    """

    machine_accuracy: float
    predicted_accuracy: float
    predicted_accuracy_neutral: float
    held_out_log_loss: float
    constant_log_loss: float
    application_alone_log_loss: float

    def rows(self) -> list[tuple[str, float]]:
        """Name and figure, for printing."""
        return list(asdict(self).items())


def evaluate_run(trained: TrainedRun) -> RunEvaluation:
    """What people will reach on test applications, by ĥ, with the run's faces and with neutral ones.

    Raises TrainingError where the run is damaged, BundleError where its task has changed since.
    """
    applications = read_applications(trained.task()).select("test")
    generator = FaceGenerator.load()
    everybody = torch.arange(generator.n_identities)
    drawn = torch.tensor(np.random.default_rng(0).integers(len(everybody), size=len(applications)))
    with torch.no_grad():
        path = pixel_path(generator, FacePerception.load())
        # Two at a time: the tensors of all identities' faces at once would take 130 MB.
        parts = [path(few, torch.zeros(len(few), len(generator.axes))) for few in everybody.split(2)]
        neutral = torch.cat(parts)[drawn]
        features = trained.seen_features(applications.frame)
        approval_of_neutral = trained.response(torch.cat([neutral, features], 1)).numpy()
    return RunEvaluation(
        machine_accuracy=trained.risk_model.balanced_accuracy(applications),
        predicted_accuracy=trained.figure("predicted_accuracy", "by_model"),
        predicted_accuracy_neutral=expected_accuracy(approval_of_neutral, applications.outcomes.to_numpy()),
        held_out_log_loss=trained.figure("response", "held_out_log_loss"),
        constant_log_loss=trained.figure("response", "constant_log_loss"),
        application_alone_log_loss=trained.figure("response", "application_alone_log_loss"),
    )


def scored_decisions(store: DecisionStore, study_name: str, kind: ParticipantKind) -> pd.DataFrame:
    """The decisions of a study on test applications that count (as for the report), and the pictures shown."""
    return counted_decisions(store, study_name, kind, split="test", columns=("image", "image_sha256"))


def measured_accuracy(decided: pd.DataFrame) -> pd.DataFrame:
    """What participants reached in `scored_decisions`, a row a round and condition.

    Columns: round_number, condition, n_participants, n_decisions, accuracy, ci_low, ci_high (balanced), reason (why
    a figure is missing; empty where none is).
    """
    rows = []
    for (round_number, condition), group in decided.groupby(["round_number", "condition"]):
        estimate = balanced_accuracy(group)
        rows.append(
            {
                "round_number": round_number,
                "condition": condition,
                "n_participants": group["participant_key"].nunique(),
                "n_decisions": len(group),
                "accuracy": estimate.value,
                "ci_low": estimate.ci_low,
                "ci_high": estimate.ci_high,
                "reason": estimate.reason,
            }
        )
    table = pd.DataFrame(rows)
    if table.empty:
        return table
    order = pd.CategoricalDtype(list(CONDITIONS), ordered=True)
    return table.astype({"condition": order}).sort_values(["round_number", "condition"], ignore_index=True)


def what_is_missing(measured: pd.DataFrame, began: pd.DataFrame, side_by_side: pd.DataFrame) -> list[str]:
    """A sentence for each condition that people began and nobody counts in, and for an outcome that is not there yet.

    `began` is the store's `status_counts`, `side_by_side` what `prediction_and_outcome` returned.
    """
    there = [] if measured.empty else measured[["round_number", "condition"]].to_numpy().tolist()
    sentences = []
    per_condition = began.groupby(["round_number", "condition"])["n_participants"].sum().reset_index()
    for row in per_condition.to_dict("records"):
        if [row["round_number"], row["condition"]] not in there:
            sentences.append(
                f"Round {row['round_number']}, {row['condition']}: {row['n_participants']} began, and nobody who "
                "counts has decided on a test application."
            )
    if side_by_side["accuracy"].isna().any():
        shown_in = side_by_side["round_number"].iloc[-1]
        sentences.append(
            f"Not measured yet: nobody who counts has decided with a face in round {shown_in}, the first after those "
            "that this run learned from."
        )
    return sentences


def response_log_loss_on_study(
    trained: TrainedRun, store: DecisionStore, decided: pd.DataFrame
) -> float | None:
    """ĥ's log-loss, in nats a decision, on those `scored_decisions` that had faces; None where there are none."""
    decided = decided[decided["image"].notna()]
    if decided.empty:
        return None
    # ĥ says the same whenever a picture stands beside an application; people are many, pairs are few.
    pair, pairs = pd.factorize(pd.MultiIndex.from_frame(decided[["image_sha256", "application_id"]]))
    pictures = decided.drop_duplicates("image_sha256")
    bundles = {h: registered_bundle(store.bundle(h).bundle_path, h) for h in pictures["bundle_hash"].unique()}
    contents = [
        bundles[h].image_bytes(image)
        for h, image in zip(pictures["bundle_hash"], pictures["image"], strict=True)
    ]
    percepts = pd.DataFrame(
        read_percepts(FacePerception.load(), contents), index=pictures["image_sha256"]
    ).loc[pairs.get_level_values(0)]
    frame = read_applications(trained.task()).frame.loc[pairs.get_level_values(1)]
    inputs = torch.cat(
        [torch.tensor(percepts.to_numpy(), dtype=torch.float32), trained.seen_features(frame)], 1
    )
    with torch.no_grad():
        approval = torch.cat([trained.response(part) for part in inputs.split(ASKED_AT_ONCE)])
    return log_loss(approval.double().numpy()[pair], decided["approved"].to_numpy())


def require_same_task(trained: TrainedRun, study: Study) -> None:
    """Raise TrainingError where a study is of another task than the run."""
    if not trained.task().has_hash(study.task_hash):
        raise TrainingError(
            f"The run {trained.run.path} was trained on another task than the study {study.name} is about; name a run "
            "that was trained on the study's task."
        )
