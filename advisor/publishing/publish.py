"""Publish an advisor: run its checks, render its faces, write the bundle."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from torch import Tensor

from advisor.bundles.bundle import (
    CONDITIONS,
    Bundle,
    Check,
    Manifest,
    refuse_existing,
    require_participants,
    write_bundle,
)
from advisor.drawing.rendering import Progress, draw_once, no_progress
from advisor.encoder.composition import distilled_path, usable_bounds
from advisor.encoder.learning_step import DISTILLED_FILE
from advisor.encoder.risk_model import RiskModel
from advisor.encoder.trained_run import TrainedRun, weights_of_run
from advisor.publishing.bundle_faces import (
    Advice,
    draw_identities,
    image_rows,
    risk_to_smile,
    shuffle_faces,
)
from advisor.publishing.checks import advisor_checks, face_checks
from advisor.publishing.exploration import Menu, exploring_menu, only_exploit, only_explore
from advisor.runs.config import PublishConfig
from advisor.runs.run_dir import RunDirectory, git_revision
from advisor.runs.run_participants import read_participants, require_nobody_erased
from data.errors import BundleError, PublicationRefusedError
from data.records import Study, now
from data.store.decision_store import DecisionStore
from data.tasks.applications import Applications, draw_pool, read_applications
from data.tasks.decision_task import DecisionTask
from models.checkpoint import file_sha256, shipped_weights
from models.face_generator import FaceGenerator
from models.perception import FacePerception


@dataclass(frozen=True)
class _Origin:
    """Where the advisor comes from, for the manifest."""

    kind: Literal["explore", "learned"]
    trained_on: Literal["nothing", "people", "simulated"]
    study: str | None
    round_number: int
    weights: dict[str, str]


def publish_explore(
    task: DecisionTask,
    out: Path,
    config: PublishConfig,
    on_progress: Progress = no_progress,
) -> Bundle:
    """Publish round 0: expressions drawn at random, so that ĥ will see the whole space.

    Raises:
        PublicationRefusedError: a check failed; names the figure.
        BundleError: `out` exists.
    """
    refuse_existing(out)
    applications = read_applications(task)
    generator = FaceGenerator.load()
    rng = np.random.default_rng([config.seed, 0])
    weights = {part: file_sha256(shipped_weights(part)) for part in ("face_generator", "face_perception")}
    risk_model = RiskModel.fit(applications)
    pools, identities = _faces_for_pools(applications, generator, config, rng)
    menu = only_explore(len(pools), config.identities_per_application, usable_bounds(generator), rng)
    origin = _Origin("explore", "nothing", None, 0, weights)
    return _assemble(
        applications,
        risk_model,
        generator,
        pools,
        identities,
        menu,
        origin,
        [],
        out,
        config,
        rng,
        on_progress,
    )


def publish_run(
    run_path: Path,
    out: Path,
    config: PublishConfig,
    on_progress: Progress = no_progress,
    store: DecisionStore | None = None,
) -> Bundle:
    """Publish the advisor that a run trained, if it passes its checks.

    `store` is where its study is; without it, the database that it was trained from is asked whether
    somebody was erased since.

    Raises:
        PublicationRefusedError: a check failed; names the figure and the threshold. Or somebody whom it
            learned from was erased since.
        TrainingError: no finished run there, or a file of it is damaged.
        BundleError: `out` exists, or the task has changed since the run.
    """
    refuse_existing(out)
    require_nobody_erased(run_path, store)
    trained = TrainedRun.load(run_path)
    applications = read_applications(trained.task())
    weights = _unchanged_weights(trained)
    generator = FaceGenerator.load()
    checks = advisor_checks(trained, applications, generator, config)
    _require(checks)
    rng = np.random.default_rng([config.seed, 0])
    pools, identities = _faces_for_pools(applications, generator, config, rng)
    frame, explorable = applications.frame.loc[pools.index], (pools == "train").to_numpy()
    menu = _menu_of_run(trained, frame, explorable, identities, usable_bounds(generator), config, rng)
    round_number = max(trained.figure("rounds_learned_from")) + 1
    origin = _Origin(
        "learned", trained.option("participants"), trained.option("source"), round_number, weights
    )
    return _assemble(
        applications,
        trained.risk_model,
        generator,
        pools,
        identities,
        menu,
        origin,
        checks,
        out,
        config,
        rng,
        on_progress,
    )


def _unchanged_weights(trained: TrainedRun) -> dict[str, str]:
    """Part → SHA-256 of the run's weights; BundleError where one of them has changed since."""
    weights, recorded = weights_of_run(trained.run), trained.figure("weights")
    changed = sorted(part for part, sha256 in weights.items() if recorded.get(part) != sha256)
    if changed:
        raise BundleError(
            f"{trained.run.path} was trained with other weights of {', '.join(changed)}; train again."
        )
    return weights


def _menu_of_run(
    trained: TrainedRun,
    frame: pd.DataFrame,
    explorable: np.ndarray,
    identities: Tensor,
    axis_bounds: Tensor,
    config: PublishConfig,
    rng: np.random.Generator,
) -> Menu:
    """Faces for the applications of a frame [n], exploring where `explorable` bool [n]; `identities` long [n · m]."""
    path, _ = distilled_path(trained.run.path.parent / DISTILLED_FILE, lambda n: None)
    return exploring_menu(
        trained.expressions(frame),
        identities,
        explorable,
        trained.seen_features(frame),
        trained.risk_model.score(frame),
        trained.response,
        path,
        axis_bounds,
        config.explore_share,
        rng,
    )


def require_allowed(study: Study, run_path: Path | None) -> None:
    """Raise BundleError, before anything is written, if the study may not show what the run was trained on."""
    trained_on = "nothing" if run_path is None else read_participants(RunDirectory.open(run_path)).kind
    allowed = json.loads(study.study_file).get("allow_simulated_advisor", False)
    require_participants(trained_on, study.participants, allowed)


def _require(checks: Iterable[Check]) -> None:
    failed = [check.sentence() for check in checks if not check.passed]
    if failed:
        raise PublicationRefusedError(
            f"Not published, since {'; '.join(failed)}; collect more decisions and train again."
        )


def _faces_for_pools(
    applications: Applications, generator: FaceGenerator, config: PublishConfig, rng: np.random.Generator
) -> tuple[pd.Series, Tensor]:
    """The pools (split by application id), and the identities of each application's faces in a row, long [N · m]."""
    pools = {split: draw_pool(applications, split, rng, config.max_pool_size) for split in ("train", "test")}
    split_of = pd.Series({application: split for split, ids in pools.items() for application in ids})
    assert config.identities_per_application <= generator.n_identities
    identities = draw_identities(
        len(split_of), config.identities_per_application, generator.n_identities, rng
    )
    return split_of, identities


def _own(menu: Menu, origin: _Origin) -> np.ndarray:
    """Which faces are the advisor's own, bool [N]; in round 0 that is all of them."""
    return np.ones_like(menu.explores) if origin.kind == "explore" else ~menu.explores


def _assemble(
    applications: Applications,
    risk_model: RiskModel,
    generator: FaceGenerator,
    split_of: pd.Series,
    identities: Tensor,
    menu: Menu,
    origin: _Origin,
    checks: list[Check],
    out: Path,
    config: PublishConfig,
    rng: np.random.Generator,
    on_progress: Progress,
) -> Bundle:
    axes = generator.axes
    train_scores = risk_model.score(applications.select("train").frame)
    scores = pd.Series(risk_model.score(applications.frame.loc[split_of.index]), index=split_of.index)
    m = config.identities_per_application
    application_ids = [application for application in split_of.index for _ in range(m)]
    smiles = only_exploit(risk_to_smile(scores.to_numpy(), train_scores, axes), m)
    faces = Advice("face", application_ids, identities, menu)
    by_hand = Advice("risk_to_smile", application_ids, identities, smiles)

    tables: list[pd.DataFrame] = []
    pictures: dict[str, bytes] = {}
    for advice in (faces, by_hand):
        drawn = draw_once(generator, advice.identities, advice.menu.expressions, on_progress)
        if advice is faces:
            features = risk_model.standardiser.transform(applications.frame.loc[application_ids])
            checks = checks + face_checks(
                FacePerception.load(),
                drawn,
                menu.expressions,
                _own(menu, origin),
                identities,
                features,
                config,
            )
            _require(checks)
        rows, encoded = image_rows(advice, drawn, axes)
        tables.append(rows)
        pictures |= encoded
    tables.append(shuffle_faces(tables[0], split_of, rng))
    manifest = _manifest(applications, risk_model, split_of, origin, checks, config)
    table = pd.DataFrame({"split": split_of, "score": scores})
    outcomes = applications.outcomes.loc[split_of.index]
    return write_bundle(
        out, manifest, table, pd.concat(tables, ignore_index=True), pictures.items(), outcomes
    )


def _manifest(
    applications: Applications,
    risk_model: RiskModel,
    split_of: pd.Series,
    origin: _Origin,
    checks: list[Check],
    config: PublishConfig,
) -> Manifest:
    task = applications.task
    return Manifest(
        kind=origin.kind,
        round_number=origin.round_number,
        task_name=task.name,
        task_hash=task.task_hash,
        task_path=str(task.path),
        trained_on=origin.trained_on,
        trained_on_study=origin.study,
        seed=config.seed,
        git_revision=git_revision(),
        created_at=now(),
        conditions=CONDITIONS,
        axes=FaceGenerator.axes,
        weights=origin.weights,
        checks=tuple(checks),
        machine_balanced_accuracy=risk_model.balanced_accuracy(applications.select("test")),
        pools={split: int((split_of == split).sum()) for split in ("train", "test")},
    )
