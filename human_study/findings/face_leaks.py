"""Whether faces give a protected attribute away: a probe that tries to read it off the pixels.

The probe is a ridge regression on small grey and colour pictures, cross-validated over applications; how well its
guesses rank applications is the area under the ROC curve (0.5: nothing leaks). Chance is what the same probe
reaches when the attribute is dealt out anew (permutation test). A probe that finds nothing is no proof; one that
finds something is.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pandas as pd
from PIL import Image
from scipy import stats

from advisor.bundles.bundle import Bundle
from advisor.measurement.estimate import Estimate
from data.errors import BundleError
from human_study.analysis.application_groups import groups_or_reason
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import Column, Finding, FindingTable, estimate_cells, not_computed

PICTURE_SIDE = 16
N_FOLDS = 10
N_PERMUTATIONS = 999
MAX_PICTURES = 400
MIN_OF_EACH = 10
RIDGE = 1.0


@dataclass(frozen=True)
class Leak:
    """How well a probe reads one group off the faces: the area under the ROC curve, and its p value."""

    area: Estimate
    p_value: float | None


def probe(pixels: np.ndarray, belongs: np.ndarray, rng: np.random.Generator) -> Leak:
    """Probe pictures float [N, D] for who `belongs` (bool [N]) to a group.

    The interval is Hanley and McNeil's (1982), over applications; the p value is one-sided, from dealing
    `belongs` out anew.
    """
    n_in, n_out = int(belongs.sum()), int((~belongs).sum())
    if min(n_in, n_out) < MIN_OF_EACH:
        return Leak(Estimate(None, None, None, f"fewer than {MIN_OF_EACH} faces of one kind"), None)
    guess = _cross_validated(pixels, rng)
    dealt = np.column_stack([belongs, *(rng.permutation(belongs) for _ in range(N_PERMUTATIONS))]).astype(
        float
    )
    areas = areas_under_curve(guess @ (dealt - dealt.mean(axis=0)), dealt.astype(bool))
    area = float(areas[0])
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (n_in - 1) * (q1 - area**2) + (n_out - 1) * (q2 - area**2)
    half_width = float(stats.norm.ppf(0.975) * np.sqrt(max(0.0, variance) / (n_in * n_out)))
    p_value = float((1 + (areas[1:] >= area - 1e-12).sum()) / (N_PERMUTATIONS + 1))
    return Leak(Estimate(area, max(0.0, area - half_width), min(1.0, area + half_width)), p_value)


def _cross_validated(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The matrix [N, N] that turns any centred target into guesses by models that never saw that picture."""
    scaled = (pixels - pixels.mean(axis=0)) / np.maximum(pixels.std(axis=0), 1e-6) / np.sqrt(pixels.shape[1])
    kernel = scaled @ scaled.T
    fold = rng.permutation(len(pixels)) % N_FOLDS
    guess = np.zeros_like(kernel)
    for k in range(N_FOLDS):
        test, train = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
        inverse = np.linalg.inv(kernel[np.ix_(train, train)] + RIDGE * np.eye(len(train)))
        guess[np.ix_(test, train)] = kernel[np.ix_(test, train)] @ inverse
    return guess


def areas_under_curve(guesses: np.ndarray, belongs: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each column, both [N, C]."""
    ranks = stats.rankdata(guesses, axis=0)
    n_in = belongs.sum(axis=0)
    n_out = len(belongs) - n_in
    return ((ranks * belongs).sum(axis=0) - n_in * (n_in + 1) / 2) / (n_in * n_out)


def read_small(bundle: Bundle, images: pd.Series) -> np.ndarray:
    """Pictures of a bundle, shrunk, float [N, 3 · side²]. Raises BundleError where one is gone."""
    rows = []
    for image in images:
        picture = Image.open(BytesIO(bundle.image_bytes(image))).convert("RGB")
        small = picture.resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BOX)
        rows.append(np.asarray(small, float).ravel() / 255)
    return np.stack(rows)


def leak_table(bundle: Bundle, groups: dict[str, pd.Series], rng: np.random.Generator) -> pd.DataFrame:
    """One row a protected group: attribute, group, n_faces, area with interval, p_value. One face an application.

    Raises BundleError where a picture is gone.
    """
    faces = bundle.images[bundle.images["condition"] == "face"]
    chosen = faces.sample(frac=1, random_state=rng).drop_duplicates("application_id")
    chosen = chosen.head(MAX_PICTURES)
    pixels = read_small(bundle, chosen["image"])
    rows = []
    for label, group in groups.items():
        known = group.reindex(chosen["application_id"])
        has = known.notna().to_numpy()
        names = [name for name in known.dropna().unique() if (known == name).sum() >= MIN_OF_EACH]
        for name in sorted(names)[:1] if len(names) == 2 else sorted(names):
            found = probe(pixels[has], (known[has] == name).to_numpy(), rng)
            row = {"attribute": label, "group": name, "n_faces": int(has.sum()), "p_value": found.p_value}
            rows.append(row | estimate_cells("area", found.area))
    return pd.DataFrame(rows)


def leak_findings(results: StudyResults) -> Finding:
    """What a probe reads off the newest faces of each protected attribute."""
    name, title = "leaks", "Do faces leak a protected attribute?"
    groups = groups_or_reason(results.applications, results.study.task_name)
    if isinstance(groups, str):
        return not_computed(name, title, groups)
    bundle = results.bundles[str(results.rounds["bundle_hash"].iloc[-1])]
    if not (bundle.images["condition"] == "face").any():
        return not_computed(name, title, "the newest bundle has no faces")
    try:
        table = leak_table(bundle, groups, np.random.default_rng(0))
    except BundleError as error:
        return not_computed(name, title, str(error).rstrip("."))
    if table.empty:
        return not_computed(name, title, f"no group has {MIN_OF_EACH} faces")
    threshold = 0.05 / len(table)
    leaking = table[table["p_value"] < threshold]
    sentence = (
        f"The probe reads {', '.join(leaking['attribute'] + ' ' + leaking['group'])} off the newest faces better than "
        "by chance."
        if len(leaking)
        else "The probe reads no protected group off the newest faces better than chance."
    )
    columns = (
        Column("attribute", "Attribute"),
        Column("group", "Group"),
        Column("n_faces", "Faces", "integer"),
        Column("area", "Area under the curve", "two_decimals"),
        Column("p_value", "p", "p_value"),
    )
    caption = "Reading a protected group off the pixels; 0.50 is chance. With 95% intervals."
    notes = (
        f"p values from {N_PERMUTATIONS} permutations; verdicts at 5% over all groups (Bonferroni). What a face "
        "tells of an application it also tells of what goes together with it.",
    )
    return Finding(name, title, (sentence,), (FindingTable(name, caption, table, columns),), notes=notes)
