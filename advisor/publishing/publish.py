"""Publish an advisor: run its checks, render its faces, write the bundle."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from advisor.bundles.bundle import (
    Bundle,
    Check,
    refuse_existing,
    require_participants,
    write_bundle,
)
from advisor.drawing.rendering import PictureKey, Progress, draw_once, no_progress
from advisor.encoder.composition import usable_bounds
from advisor.encoder.distillation import distilled_path
from advisor.encoder.learning_step import DISTILLED_FILE
from advisor.encoder.risk_model import RiskModel
from advisor.encoder.trained_run import TrainedRun, weights_of_run
from advisor.publishing.bundle_draft import BundleDraft, Origin, draw_pools
from advisor.publishing.bundle_faces import image_rows, pictures_of, shuffle_faces
from advisor.publishing.checks import advisor_checks, face_checks
from advisor.publishing.exploration import Menu, exploring_menu, only_explore
from advisor.runs.config import PublishConfig
from advisor.runs.run_dir import RunDirectory
from advisor.runs.run_participants import read_participants, require_nobody_erased
from data.errors import BundleError, PublicationRefusedError
from data.records import Study
from data.store.decision_store import DecisionStore
from data.tasks.applications import read_applications
from data.tasks.decision_task import DecisionTask
from models.checkpoint import file_sha256, shipped_weights
from models.face_generator import FaceGenerator
from models.perception import FacePerception


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
    pools, identities = draw_pools(applications, generator.n_identities, config, rng)
    menu = only_explore(len(pools), config.identities_per_application, usable_bounds(generator), rng)
    origin = Origin("explore", "nothing", None, 0, weights)
    draft = BundleDraft(applications, risk_model, pools, identities, menu, origin, config)
    return _publish(draft, generator, [], out, rng, on_progress)


def publish_run(
    run_path: Path,
    out: Path,
    config: PublishConfig,
    on_progress: Progress = no_progress,
    store: DecisionStore | None = None,
    earlier: Bundle | None = None,
) -> Bundle:
    """Publish the advisor that a run trained, if it passes its checks.

    `store` is where its study is; without it, the database that it was trained from is asked whether
    somebody was erased since. Pictures that a bundle published `earlier` holds are not drawn again.

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
    pools, identities = draw_pools(applications, generator.n_identities, config, rng)
    frame, explorable = applications.frame.loc[pools.index], (pools == "train").to_numpy()
    menu = _menu_of_run(trained, frame, explorable, identities, usable_bounds(generator), config, rng)
    round_number = max(trained.figure("rounds_learned_from")) + 1
    origin = Origin(
        "learned", trained.option("participants"), trained.option("source"), round_number, weights
    )
    draft = BundleDraft(applications, trained.risk_model, pools, identities, menu, origin, config)
    return _publish(draft, generator, checks, out, rng, on_progress, earlier)


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
    require_participants(trained_on, study.participants, study.declared.get("allow_simulated_advisor", False))


def _require(checks: Iterable[Check]) -> None:
    failed = [check.sentence() for check in checks if not check.passed]
    if failed:
        raise PublicationRefusedError(
            f"Not published, since {'; '.join(failed)}; collect more decisions and train again."
        )


def _drawn_alike(earlier: Bundle | None, weights: dict[str, str]) -> dict[PictureKey, bytes]:
    """The pictures of an earlier bundle, if the same generator drew it."""
    if earlier is None or earlier.manifest.weights["face_generator"] != weights["face_generator"]:
        return {}
    return pictures_of(earlier)


def _publish(
    draft: BundleDraft,
    generator: FaceGenerator,
    checks: list[Check],
    out: Path,
    rng: np.random.Generator,
    on_progress: Progress,
    earlier: Bundle | None = None,
) -> Bundle:
    """Draw the draft's faces, check them, and write the bundle; `checks` are those that it has passed already.

    What a bundle drawn `earlier` by the same generator holds is taken from there.
    """
    tables: list[pd.DataFrame] = []
    pictures: dict[str, bytes] = {}
    drawn_before = _drawn_alike(earlier, draft.origin.weights)
    for advice in (draft.faces(), draft.smiles(generator.axes)):
        drawn = draw_once(generator, advice.identities, advice.menu.expressions, drawn_before, on_progress)
        if advice.condition == "face":
            checks = checks + face_checks(
                FacePerception.load(),
                drawn,
                draft.menu.expressions,
                draft.own_faces(),
                draft.identities,
                draft.features_of_faces(),
                draft.config,
            )
            _require(checks)
        rows, encoded = image_rows(advice, drawn, generator.axes)
        tables.append(rows)
        pictures |= encoded
    tables.append(shuffle_faces(tables[0], draft.pools, rng))
    images = pd.concat(tables, ignore_index=True)
    return write_bundle(
        out, draft.manifest(checks), draft.table(), images, pictures.items(), draft.outcomes()
    )
