"""Publish an advisor: run its checks, render its faces, write the bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from advisor.bundles.bundle import (
    LEARNING_SPLIT,
    Bundle,
    Check,
    load_bundle,
    require_participants,
)
from advisor.bundles.similar_cases import rank_similar
from advisor.bundles.write_bundle import refuse_existing, write_bundle
from advisor.drawing.rendering import (
    Percepts,
    PictureKey,
    Progress,
    draw_once,
    no_progress,
    usable_bounds,
)
from advisor.encoder.distillation import distilled_path
from advisor.encoder.learning_step import DISTILLED_FILE
from advisor.encoder.risk_model import RiskModel
from advisor.encoder.trained_run import TrainedRun, weights_of_run
from advisor.publishing.bundle_draft import (
    EXPRESSION_COLUMNS,
    BundleDraft,
    Origin,
    draw_pools,
    keys_of_rows,
    pictures_of,
    shuffle_faces,
    with_learning_pool,
    with_percepts,
    with_pictures,
)
from advisor.publishing.checks import advisor_checks, face_checks
from advisor.publishing.exploration import Menu, exploring_menu, only_exploit, only_explore
from advisor.response.response_tables import face_readings
from advisor.runs.config import PublishConfig
from advisor.runs.run_dir import RunDirectory
from advisor.runs.run_participants import read_participants, require_nobody_erased
from advisor.runs.run_tables import READING_COLUMN
from data.errors import BundleError, PublicationRefusedError
from data.records import Study
from data.store.decision_store import DecisionStore
from data.tasks.applications import read_applications
from data.tasks.decision_task import DecisionTask
from models.checkpoint import file_sha256, shipped_weights
from models.face_generator import FaceGenerator
from models.response import ResponseModel

Deals = Callable[[Bundle, pd.Series], Iterable[int]]
"""(a bundle before its faces are drawn, outcomes by application id) → rows of its menu that somebody is dealt."""

MORE_DECISIONS = "collect more decisions and train again"


def publish_explore(
    task: DecisionTask,
    out: Path,
    config: PublishConfig,
    on_progress: Progress = no_progress,
    dealt: Deals | None = None,
    read: Percepts | None = None,
) -> Bundle:
    """Publish round 0: expressions drawn at random, so that ĥ will see the whole space.

    Where it is known what is `dealt`, as in a simulation, nothing else is drawn. `read` reads the pictures.

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
    draft = with_learning_pool(
        draft,
        generator.n_identities,
        lambda frame, rng: only_explore(len(frame), 1, usable_bounds(generator), rng),
    )
    return _publish(draft, generator, [], out, rng, on_progress, read or Percepts(), dealt=dealt)


def publish_run(
    run_path: Path,
    out: Path,
    config: PublishConfig,
    on_progress: Progress = no_progress,
    store: DecisionStore | None = None,
    earlier: Bundle | None = None,
    dealt: Deals | None = None,
    read: Percepts | None = None,
) -> Bundle:
    """Publish the advisor that a run trained, if it passes its checks.

    `store` is where its study is; without it, the database that it was trained from is asked whether
    somebody was erased since. Pictures that a bundle published `earlier` holds are not drawn again; `dealt` and
    `read` are as for `publish_explore`.

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
    origin = Origin(
        "learned", trained.option("participants"), trained.option("source"), trained.shown_in, weights
    )
    draft = BundleDraft(applications, trained.risk_model, pools, identities, menu, origin, config)
    draft = with_learning_pool(
        draft, generator.n_identities, lambda frame, _rng: only_exploit(trained.expressions(frame), 1)
    )
    read = read or Percepts()
    return _publish(draft, generator, checks, out, rng, on_progress, read, earlier, dealt, trained.response)


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
    failed = [check for check in checks if not check.passed]
    if failed:
        remedies = dict.fromkeys(check.mended_by or MORE_DECISIONS for check in failed)
        said = "; ".join(check.sentence() for check in failed)
        raise PublicationRefusedError(f"Not published, since {said}. To mend it: {'; '.join(remedies)}.")


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
    read: Percepts,
    earlier: Bundle | None = None,
    dealt: Deals | None = None,
    response: ResponseModel | None = None,
) -> Bundle:
    """Draw the draft's faces, check them, and write the bundle; `checks` are those that it has passed already.

    What a bundle drawn `earlier` by the same generator holds is taken from there. What `response` (ĥ), if there is one,
    reads in each picture stands beside it, so that following the advice can be counted.
    """
    own = pd.concat([part.faces() for part in draft.parts], ignore_index=True)
    smiles = [part.smiles(generator.axes) for part in draft.parts]
    table, outcomes = draft.table(), draft.outcomes()
    # The past cases of `examples` stand beside the very faces of `face`.
    same = [own.assign(condition="examples")] if draft.learning else []
    menu = pd.concat([own, *smiles, shuffle_faces(own, table["split"], rng), *same], ignore_index=True)
    shown = np.ones(len(menu), dtype=bool)
    if dealt is not None:
        planned = Bundle(out, draft.manifest(checks), table, menu)
        shown = np.isin(np.arange(len(menu)), list(dealt(planned, outcomes)))
    of_smiles = (menu["condition"] == "risk_to_smile").to_numpy()
    drawn = _drawn_alike(earlier, draft.origin.weights)
    drawn |= draw_once(generator, *_as_tensors(menu[shown & ~of_smiles]), drawn, on_progress)
    keys = set(keys_of_rows(menu[shown & ~of_smiles]))
    judged = own[: len(draft.identities)]  # apart from what people learn from
    is_drawn = np.array([key in keys for key in keys_of_rows(judged)])
    checks = checks + face_checks(
        read,
        [drawn[key] for key in keys_of_rows(judged[is_drawn])],
        draft.menu.expressions[is_drawn],
        draft.own_faces()[is_drawn],
        draft.identities,
        draft.features_of_faces(),
        draft.config,
    )
    _require(checks)
    drawn |= draw_once(generator, *_as_tensors(menu[shown & of_smiles]), drawn, on_progress)
    images, pictures = with_pictures(menu, drawn, shown)
    percepts = _percepts(images, pictures, read, of_all=response is not None or dealt is None)
    images = with_percepts(images, percepts)
    if response is not None:
        readings = face_readings(response, np.stack(list(percepts.values())), list(percepts))
        of_picture = readings.set_index("image_sha256")[READING_COLUMN]
        images[READING_COLUMN] = images["image"].map(of_picture)
    similar = _similar_cases(images, percepts, table["split"])
    return write_bundle(out, draft.manifest(checks), table, images, pictures.items(), outcomes, similar)


def _percepts(
    images: pd.DataFrame, pictures: Mapping[str, bytes], read: Percepts, *, of_all: bool
) -> dict[str, np.ndarray]:
    """Path → what is read in a picture, float [K]: of all of them, or of those of `examples`."""
    wanted = images if of_all else images[images["condition"] == "examples"]
    paths = [str(path) for path in wanted["image"].dropna().unique()]
    if not paths:
        return {}
    return dict(zip(paths, read.of([pictures[path] for path in paths]), strict=True))


def _similar_cases(
    images: pd.DataFrame, percepts: Mapping[str, np.ndarray], splits: pd.Series
) -> dict[str, tuple[str, ...]] | None:
    """The past cases of every picture of `examples`; None where there is nothing to learn from."""
    own = images[images["condition"] == "examples"].drop_duplicates(["application_id", "image"])
    cases = own[own["application_id"].map(splits) == LEARNING_SPLIT]
    if cases.empty or cases["image"].isna().any():  # a simulation without the condition draws no past cases
        return None
    own = own.dropna(subset="image")
    faces = dict(zip(cases["application_id"], cases["image"], strict=True))
    return rank_similar({str(path): percepts[path] for path in own["image"].unique()}, faces)


def _as_tensors(menu: pd.DataFrame) -> tuple[Tensor, Tensor]:
    """Identities long [N] and expressions float32 [N, K] of a menu's rows."""
    expressions = menu[EXPRESSION_COLUMNS].to_numpy(np.float32)
    return torch.tensor(menu["identity"].to_numpy()), torch.tensor(expressions)


def publish_again(
    bundle: Bundle, out: Path, on_progress: Progress = no_progress, dealt: Deals | None = None
) -> Bundle:
    """The bundle; where faces were dealt to nobody and not drawn, the same with them, kept at `out`.

    All of them are drawn, or those that are `dealt` now.

    Raises BundleError where it was drawn by another generator than the one at hand.
    """
    if bundle.is_whole:
        return bundle
    if out.exists():  # before an interrupt
        return load_bundle(out)
    if bundle.manifest.weights["face_generator"] != file_sha256(shipped_weights("face_generator")):
        raise BundleError(
            f"{bundle.path} was drawn by another generator; simulate again, with another --out."
        )
    menu = bundle.menu.drop(columns=["image", "image_sha256"])
    drawn = pictures_of(bundle)
    shown = np.ones(len(menu), dtype=bool)
    if dealt is not None:
        shown = np.isin(np.arange(len(menu)), list(dealt(bundle, bundle.outcomes())))
        shown |= bundle.menu["image"].notna().to_numpy()
    drawn |= draw_once(FaceGenerator.load(), *_as_tensors(menu[shown]), drawn, on_progress)
    images, pictures = with_pictures(menu, drawn, shown)
    percepts = _percepts(images, pictures, Percepts(), of_all=False)
    similar = _similar_cases(images, percepts, bundle.applications["split"])
    return write_bundle(
        out, bundle.manifest, bundle.applications, images, pictures.items(), bundle.outcomes(), similar
    )
