"""Analogy: did faces that look alike get decisions that are alike, beyond what alike features explain?

People say that they decide by likeness ("will be repaid, because x is like x′, and x′ was repaid"). If they do,
what is left of their decisions after the features are accounted for still resembles that of the applications whose
faces are nearest. Measured by Moran's I (1950) of the residuals over each face's nearest neighbours, against dealing
the faces out anew. In `face` a face depends on features, so that what the linear account of them leaves
over may pass for likeness; in `shuffled` it does not, and there a likeness speaks for itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from advisor.bundles.bundle import FACE_CONDITIONS, Bundle
from advisor.measurement.told_by_faces import expressions_of
from human_study.analysis.application_groups import features_of
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import ROUND, Column, Finding, FindingTable, not_computed
from human_study.findings.trends import learning_decisions
from human_study.presentation.labels import condition_label
from human_study.presentation.numbers import p_value_equals, two_decimals

N_NEIGHBOURS = 5
N_PERMUTATIONS = 999
N_ORDERS = 199
MIN_APPLICATIONS = 20
RIDGE = 1.0


@dataclass(frozen=True)
class Likeness:
    """Moran's I of decision residuals over the nearest faces (1: alike, 0: unrelated), one-sided p value.

    `features_alone` is I of the decisions before features were accounted for.
    """

    n_applications: int
    moran: float | None
    p_value: float | None
    features_alone: float | None
    reason: str = ""


def face_distances(expressions: pd.DataFrame) -> np.ndarray:
    """Distance of any two expressions, float [N, N], axes in units of their spread over the applications."""
    scaled = expressions.to_numpy(float) / np.maximum(expressions.to_numpy(float).std(axis=0), 1e-3)
    squares = (scaled**2).sum(axis=1)
    return np.sqrt(np.maximum(squares[:, None] + squares[None, :] - 2 * scaled @ scaled.T, 0))


def nearest_by_face(
    expressions: pd.DataFrame, application_id: str, n: int = N_NEIGHBOURS, among: pd.Index | None = None
) -> pd.Series:
    """The `n` applications whose faces are nearest to one application's: distance by id, the nearest first.

    `expressions` are as from `expressions_of`; `among` are those to choose from. KeyError for an unknown id.
    """
    place = expressions.index.get_loc(application_id)
    distances = pd.Series(face_distances(expressions)[place], index=expressions.index).drop(application_id)
    if among is not None:
        distances = distances[distances.index.isin(among)]
    return distances.sort_values(kind="stable").head(n)


def residual_approval(decisions: pd.DataFrame, features: np.ndarray) -> np.ndarray:
    """What is left of each decision after its person's mean and a ridge regression on features [N, F]."""
    approved = decisions["approved"].astype(float)
    people = decisions["participant_key"].to_numpy()
    centred = (approved - approved.groupby(people).transform("mean")).to_numpy()
    if features.shape[1] == 0:
        return centred
    scaled = (features - features.mean(axis=0)) / np.maximum(features.std(axis=0), 1e-6)
    products = scaled.T @ scaled + RIDGE * np.eye(scaled.shape[1])
    return centred - scaled @ np.linalg.solve(products, scaled.T @ centred)


def likeness(
    decisions: pd.DataFrame, expressions: pd.DataFrame, features: pd.DataFrame, rng: np.random.Generator
) -> Likeness:
    """Whether alike faces got alike decisions.

    Args:
        decisions: participant_key, application_id, approved, in one face condition of one bundle.
        expressions: as from `expressions_of`, of that condition.
        features: what is accounted for, numbers by application id.
        rng: deals faces out anew.
    """
    known = decisions[decisions["application_id"].isin(expressions.index)]
    ids = pd.Index(sorted(known["application_id"].unique()))
    if len(ids) < MIN_APPLICATIONS:
        return Likeness(
            len(ids), None, None, None, f"fewer than {MIN_APPLICATIONS} applications were decided"
        )
    with_features = features.reindex(known["application_id"]).fillna(0.5).to_numpy(float)
    weights = _neighbours(expressions.loc[ids])
    left, raw = (
        pd.Series(residual_approval(known, columns))
        .groupby(known["application_id"].to_numpy())
        .mean()
        .loc[ids]
        for columns in (with_features, with_features[:, :0])
    )
    values = (left - left.mean()).to_numpy()
    if (values**2).sum() < 1e-12:
        return Likeness(len(ids), None, None, None, "all decisions are alike: nothing is left to explain")
    dealt = np.column_stack([values, *(rng.permutation(values) for _ in range(N_PERMUTATIONS))])
    moran = (dealt * (weights @ dealt)).sum(axis=0) / (dealt**2).sum(axis=0)
    before = (raw - raw.mean()).to_numpy()
    p = float((1 + (moran[1:] >= moran[0] - 1e-12).sum()) / (N_PERMUTATIONS + 1))
    return Likeness(len(ids), float(moran[0]), p, float(before @ weights @ before / (before @ before)))


def _neighbours(expressions: pd.DataFrame) -> np.ndarray:
    """Weights [N, N] that average over the nearest faces of each, of N expressions."""
    n = len(expressions)
    apart = face_distances(expressions) + np.diag(np.full(n, np.inf))
    near = np.argsort(apart, axis=1, kind="stable")[:, :N_NEIGHBOURS]
    weights = np.zeros((n, n))
    np.put_along_axis(weights, near, 1 / N_NEIGHBOURS, axis=1)
    return weights


@dataclass(frozen=True)
class LearnedLikeness:
    """Moran's I of the first and the second half of the learning trials, and a one-sided p value of the rise."""

    n_decisions: int
    early: float | None
    late: float | None
    p_value: float | None
    reason: str = ""


def learned_likeness(
    decisions: pd.DataFrame, expressions: pd.DataFrame, features: pd.DataFrame, rng: np.random.Generator
) -> LearnedLikeness:
    """Whether alike faces got alike decisions more in the second half of the learning trials than in the first.

    Which application came when is drawn at random, so the rise is held against drawing it anew within each person.
    `decisions` have `position`, the place among a person's learning trials; the rest as for `likeness`.
    """
    known = decisions[decisions["application_id"].isin(expressions.index)].reset_index(drop=True)
    is_late = (known["position"] >= (known["position"].max() + 1) / 2).to_numpy(bool)
    by_half = [known.loc[is_late == late, "application_id"].nunique() for late in (False, True)]
    if min(by_half) < MIN_APPLICATIONS:
        reason = f"fewer than {MIN_APPLICATIONS} applications were decided in a half of the learning trials"
        return LearnedLikeness(len(known), None, None, None, reason)
    left = residual_approval(known, features.reindex(known["application_id"]).fillna(0.5).to_numpy(float))
    ids, place = np.unique(known["application_id"].to_numpy(str), return_inverse=True)
    people = known["participant_key"].to_numpy()

    def moran(half: np.ndarray) -> float:
        n = np.bincount(place[half], minlength=len(ids))
        there = n > 0
        mean = np.bincount(place[half], left[half], len(ids))[there] / n[there]
        values = mean - mean.mean()
        return float(values @ _neighbours(expressions.loc[ids[there]]) @ values / max(values @ values, 1e-12))

    early, late = moran(~is_late), moran(is_late)
    rises = []
    for _ in range(N_ORDERS):
        drawn = is_late.copy()
        order = np.lexsort((rng.random(len(known)), people))  # each person's, at random
        drawn[order] = is_late[np.argsort(people, kind="stable")]
        rises.append(moran(drawn) - moran(~drawn))
    n_as_large = sum(rise >= late - early - 1e-12 for rise in rises)
    return LearnedLikeness(len(known), early, late, (1 + n_as_large) / (N_ORDERS + 1))


def _by_round_and_condition(
    results: StudyResults, shown: pd.DataFrame, measure: Callable[..., object]
) -> pd.DataFrame:
    """What `measure` (`likeness` or `learned_likeness`) finds in the decisions `shown`, a row a round and condition."""
    features = features_of(results.applications)
    rows = []
    for (number, condition), group in shown.groupby(["round_number", "condition"]):
        bundle = results.bundles[str(group["bundle_hash"].iloc[0])]
        also_score = features.assign(score=bundle.applications["score"].reindex(features.index))
        expressions = expressions_of(bundle, str(condition))
        found = measure(group, expressions, also_score, np.random.default_rng(0))
        rows.append({"round_number": number, "condition": condition_label(str(condition)), **vars(found)})
    return pd.DataFrame(rows)


def learned_likeness_findings(results: StudyResults) -> Finding:
    """Likeness early and late in the learning trials, by round and face condition."""
    name, title = "learned_likeness", "Do people learn to decide by likeness?"
    learned = learning_decisions(results)
    shown = learned[learned["condition"].isin(FACE_CONDITIONS)]
    if shown.empty:
        return not_computed(name, title, "nobody has decided on a learning trial with a face yet")
    if results.applications.task is None:
        return not_computed(name, title, results.applications.reason)
    table = _by_round_and_condition(results, shown, learned_likeness)
    columns = (
        ROUND,
        Column("condition", "Condition"),
        Column("n_decisions", "Decisions", "integer"),
        Column("early", "I, first half", "two_decimals"),
        Column("late", "I, second half", "two_decimals"),
        Column("p_value", "p of a rise", "p_value"),
    )
    caption = f"Moran's I of decisions over the {N_NEIGHBOURS} nearest faces, in either half of the learning trials."
    notes = (
        "Features are accounted for; p is one-sided, over orders of trials drawn anew within each person.",
    )
    reason = "" if table["early"].notna().any() else str(table["reason"].iloc[0])
    return Finding(
        name, title, (), (FindingTable(name, caption, table, columns),), notes=notes, reason=reason
    )


def analogy_table(
    bundle: Bundle,
    decisions: pd.DataFrame,
    application_id: str,
    condition: str,
) -> pd.DataFrame:
    """An application and the decided ones whose faces are nearest, with what became of them and what was said.

    Columns application_id, distance (0 for itself), image, outcome, n_decisions, approval_rate, reasons (a list
    of texts as participants wrote them: escape before showing). Empty where the application has no face.
    """
    expressions = expressions_of(bundle, condition)
    if application_id not in expressions.index:
        return pd.DataFrame()
    shown = decisions[
        (decisions["bundle_hash"] == bundle.bundle_hash) & (decisions["condition"] == condition)
    ]
    near = nearest_by_face(
        expressions, application_id, N_NEIGHBOURS, pd.Index(shown["application_id"].unique())
    )
    pictures = bundle.images[bundle.images["condition"] == condition].drop_duplicates("application_id")
    images: dict[str, str] = dict(zip(pictures["application_id"], pictures["image"], strict=True))
    outcomes = bundle.outcomes().to_dict()
    rows = []
    for identity, distance in [(application_id, 0.0), *zip(map(str, near.index), near, strict=True)]:
        mine = shown[shown["application_id"] == identity]
        rows.append(
            {
                "application_id": identity,
                "distance": float(distance),
                "image": images[identity],
                "outcome": int(outcomes[identity]),
                "n_decisions": len(mine),
                "approval_rate": float(mine["approved"].mean()) if len(mine) else np.nan,
                "reasons": [text for text in mine["reason"].dropna() if text.strip()],
            }
        )
    return pd.DataFrame(rows)


def likeness_findings(results: StudyResults) -> Finding:
    """Moran's I by round and face condition, over all main trials."""
    name, title = "likeness", "Do similar faces get similar decisions?"
    shown = results.decisions[results.decisions["condition"].isin(FACE_CONDITIONS)]
    if shown.empty:
        return not_computed(name, title, "nobody has decided with a face yet")
    if results.applications.task is None:
        return not_computed(name, title, results.applications.reason)
    table = _by_round_and_condition(results, shown, likeness)
    known = table.dropna(subset=["moran"])
    sentences = [_sentence(row) for row in known.to_dict("records")]
    columns = (
        ROUND,
        Column("condition", "Condition"),
        Column("n_applications", "Applications", "integer"),
        Column("features_alone", "I, features not accounted for", "two_decimals"),
        Column("moran", "I, features accounted for", "two_decimals"),
        Column("p_value", "p", "p_value"),
    )
    caption = f"Moran's I of decisions over the {N_NEIGHBOURS} nearest faces; 0 is no likeness."
    notes = (
        "Nearness is that of expressions, each axis in units of its spread. Features enter linearly, with the "
        "machine's score; what they do beyond that may look like likeness in the condition face, not in shuffled.",
    )
    reason = "" if len(known) else str(table["reason"].iloc[0])
    return Finding(
        name,
        title,
        tuple(sentences),
        (FindingTable(name, caption, table, columns),),
        notes=notes,
        reason=reason,
    )


def _sentence(row: dict[Any, Any]) -> str:
    alike = row["p_value"] < 0.05 and row["moran"] > 0
    return (
        f"Round {row['round_number']}, {row['condition'].lower()}: decisions on the {N_NEIGHBOURS} nearest faces "
        f"{'are alike beyond' if alike else 'are not shown to be alike beyond'} what features explain "
        f"(Moran's I {two_decimals(row['moran'])}, {p_value_equals(row['p_value'])})."
    )
