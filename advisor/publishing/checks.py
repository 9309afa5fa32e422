"""The checks that an advisor must pass before anybody sees it. Pure figures; publish.py decides."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from advisor.bundles.bundle import Check
from advisor.drawing.rendering import Percepts
from advisor.encoder.composition import pixel_path
from advisor.encoder.trained_run import TrainedRun, readability_of_faces
from advisor.measurement.estimate import t_quantile
from advisor.publishing.readability_checks import readability_checks
from advisor.response.training_decisions import even_sample
from advisor.runs.config import PublishConfig
from advisor.runs.run_tables import SUMMARY_FILE, damage_named
from data.errors import BundleError
from data.tasks.applications import Applications
from models.expression import EXPRESSION_BOUNDS
from models.face_generator import FaceGenerator
from models.perception import FacePerception

N_CHECKED_FACES = 512
USED_AXIS_SHARE = 0.2  # of an axis's range; what moves less carries no advice
N_PERMUTATIONS = 20
SURE = 0.95  # one-sided


def axis_r2(expressions: np.ndarray, readings: np.ndarray) -> np.ndarray:
    """R² per axis of readings [N, K] as they stand against the expressions [N, K] drawn."""
    residual = ((readings - expressions) ** 2).sum(0)
    total = ((expressions - expressions.mean(0)) ** 2).sum(0)
    return 1 - residual / np.maximum(total, 1e-9)


def identity_dependence(identities: np.ndarray, features: np.ndarray) -> float:
    """How much of the identities a linear map explains from the features: adjusted R², averaged over identities.

    Around 0 where identities are drawn at random, 1 where they are computed from the application.
    """
    return _dependences([identities], features)[0]


def dependence_beyond_chance(identities: np.ndarray, features: np.ndarray, rng: np.random.Generator) -> float:
    """`identity_dependence` less what chance alone reaches in a pool of this size (2 SD over permutations)."""
    by_chance = [rng.permutation(identities) for _ in range(N_PERMUTATIONS)]
    found, *elsewhere = _dependences([identities, *by_chance], features)
    return found - 2 * float(np.std(elsewhere))


def _dependences(several: list[np.ndarray], features: np.ndarray) -> list[float]:
    """`identity_dependence` of each of several lists of identities; the features are decomposed once."""
    design = np.column_stack([np.ones(len(features)), features])
    spanned, sizes, _ = np.linalg.svd(design, full_matrices=False)
    n, rank = len(features), int((sizes > sizes[0] * max(design.shape) * np.finfo(float).eps).sum())
    p, basis = rank - 1, spanned[:, :rank]
    assert n > p + 1, f"{n} faces cannot tell about {p} features"
    found = []
    for identities in several:
        indicators = (identities[:, None] == np.unique(identities)).astype(float)
        indicators -= indicators.mean(0)
        total = (indicators**2).sum()
        r2 = ((basis.T @ indicators) ** 2).sum() / max(total, 1e-9)
        found.append(float(1 - (1 - r2) * (n - 1) / (n - p - 1)))
    return found


def between_group_share(values: np.ndarray, groups: np.ndarray) -> float:
    """Share of the values' variance between groups, corrected for chance (ω²); around 0 if there is none."""
    kinds, members = np.unique(groups, return_inverse=True)
    means = np.bincount(members, values) / np.bincount(members)
    within = ((values - means[members]) ** 2).sum()
    total = ((values - values.mean()) ** 2).sum()
    mean_square = within / max(len(values) - len(kinds), 1)
    return float((total - within - (len(kinds) - 1) * mean_square) / max(total + mean_square, 1e-12))


def expected_accuracy(approval: np.ndarray, outcomes: np.ndarray) -> float:
    """Balanced accuracy of people who approve with these probabilities [N]; outcomes [N], 1 = repaid."""
    return float((approval[outcomes == 1].mean() + 1 - approval[outcomes == 0].mean()) / 2)


def face_checks(
    read: Percepts,
    pictures: list[bytes],
    expressions: Tensor,
    own: np.ndarray,
    identities: Tensor,
    features: np.ndarray,
    config: PublishConfig,
) -> list[Check]:
    """Checks that need no ĥ, on a bundle's own faces.

    Args:
        read: reads them.
        pictures: n picture files, as people see them.
        expressions: float [n, K] that were drawn.
        own: which of these faces are the advisor's own and not there to explore, bool [n]; only they must vary.
        identities: of all the bundle's faces, drawn or dealt to nobody, long [N].
        features: standardised features of the faces' applications, float [N, F].
    """
    chosen = np.linspace(0, len(pictures) - 1, min(len(pictures), N_CHECKED_FACES)).astype(int)
    readings = read.of([pictures[k] for k in chosen])
    drawn = expressions.numpy()[chosen]
    low, high = np.array(EXPRESSION_BOUNDS).T
    used = drawn.std(0) > USED_AXIS_SHARE * (high - low)
    r2 = axis_r2(drawn, readings)[used]
    return [
        Check(
            name="readability of the worst axis in use (R²)",
            value=float(r2.min()) if used.any() else 0.0,
            threshold=config.min_axis_r2,
            at_least=True,
        ),
        Check(
            name="identity explained by the application beyond chance (adjusted R²)",
            value=dependence_beyond_chance(
                identities.numpy(), features, np.random.default_rng([config.seed, 5])
            ),
            threshold=config.max_identity_dependence,
            at_least=False,
        ),
        Check(
            name="variation of the faces (mean SD of the axes as read)",
            value=float(readings[own[chosen]].std(0).mean()),
            threshold=config.min_expression_spread,
            at_least=True,
        ),
    ]


def advisor_checks(
    trained: TrainedRun,
    applications: Applications,
    generator: FaceGenerator,
    config: PublishConfig,
) -> list[Check]:
    """Checks that need ĥ, by the exact path through pixels, on validation applications."""
    with damage_named(trained.run.file(SUMMARY_FILE)):
        learned = response_checks(trained.figure("response"), config)
    response, perception = trained.response, FacePerception.load()
    validation = applications.select("validation")
    rng = np.random.default_rng([config.seed, 2])
    picked = even_sample(validation.outcomes.to_numpy(), N_CHECKED_FACES // 2, rng)
    frame, outcomes = validation.frame.iloc[picked], validation.outcomes.to_numpy()[picked]
    identities = torch.tensor(rng.integers(generator.n_identities, size=len(picked)))
    with torch.no_grad():
        expressions = trained.expressions(frame)
        path = pixel_path(generator, perception)
        percepts = path(identities, expressions)
        features = trained.seen_features(frame)
        approval = response(torch.cat([percepts, features], 1)).double().numpy()
        everybody = torch.arange(generator.n_identities)
        neutral = path(everybody, torch.zeros(len(everybody), expressions.shape[1]))[identities]
        approval_of_neutral = response(torch.cat([neutral, features], 1)).double().numpy()
    readable = readability_of_faces(applications.task, frame, trained.risk_model, expressions, percepts, rng)
    return [
        Check(
            name="chance that ĥ approves a repaid application rather than a defaulted one (AUC, validation split)",
            value=float(roc_auc_score(outcomes, approval)),
            threshold=config.min_approval_auc,
            at_least=True,
        ),
        Check(
            name="gain of the faces over a neutral one, as ĥ expects (balanced accuracy, validation split)",
            value=expected_accuracy(approval, outcomes) - expected_accuracy(approval_of_neutral, outcomes),
            threshold=config.min_face_gain,
            at_least=True,
        ),
        Check(
            name="ĥ's approval explained by the identity (ω²)",
            value=between_group_share(approval, identities.numpy()),
            threshold=config.max_identity_approval,
            at_least=False,
        ),
        *learned,
        *readability_checks(readable, trained.risk_model.calibration, config),
    ]


def response_checks(figures: dict[str, float], config: PublishConfig) -> list[Check]:
    """Whether ĥ learned anything of people, from the figures of a run's `response_figures.json`.

    A gain counts less its error, clustered by participant: few decisions gain something by luck. Of what people
    make of faces there is less to gain than of all that ĥ knows, so that half an error is asked for there. It is
    judged by each person's decisions together, against an ĥ fitted to the application alone, and against the same
    ĥ without its faces, since two fits may differ in more than the faces.

    Raises BundleError where the figures are of a version that did not have them.
    """
    if "unadvised_gain_error" not in figures:
        raise BundleError("The run was trained by an earlier version, which judged ĥ otherwise; train again.")

    in_95_percent = t_quantile(figures["n_participants"] - 1, level=2 * SURE - 1)

    def least(name: str, n_errors: float) -> float:
        return figures[f"{name}_gain"] - n_errors * figures[f"{name}_gain_error"]

    return [
        Check(
            name="decisions that ĥ learned from",
            value=figures["n_decisions"],
            threshold=config.min_decisions,
            at_least=True,
        ),
        *(
            Check(
                name=f"gain of ĥ over {other} on held-out participants (nats a decision, {bound})",
                value=least(name, n_errors),
                threshold=config.min_response_gain,
                at_least=True,
            )
            for name, other, n_errors, bound in (
                ("constant", "a constant", in_95_percent, "lower 95 % bound"),
                ("application_alone", "the application alone", 0.5, "less half its error"),
                ("unadvised", "itself without the faces", 0.5, "less half its error"),
            )
        ),
    ]
