"""The two-way (person + application) interval from its matrices, written without the program's code."""

import numpy as np
from scipy import stats
from scipy.linalg import sqrtm

from tests.support.analysed_study import CORRECT_OF_TEN


def two_way_interval(
    value: np.ndarray, cells: np.ndarray, weights: np.ndarray, people: np.ndarray, applications: np.ndarray
) -> tuple[float, float, float, float]:
    """The weighted sum of cell means, its 95 % interval and p value: CR2 both ways, less that over intersections.

    Cameron, Gelbach and Miller (2011, eq. 2.11), Bell and McCaffrey (2002). All arrays [N], `weights` [cells].
    """
    design = np.eye(len(weights))[cells]
    bread = np.linalg.inv(design.T @ design)
    hat = design @ bread @ design.T
    residual = value - hat @ value
    noise = np.diag(((design.T @ residual**2) / design.sum(axis=0))[cells])
    pairs = np.unique(np.column_stack([people, applications]), axis=0, return_inverse=True)[1].ravel()
    terms = [
        _spread(residual, design, weights, bread, hat, noise, by) for by in (people, applications, pairs)
    ]
    (over_people, df_people), (over_applications, df_applications), (over_pairs, _) = terms
    variance = max(over_people + over_applications - over_pairs, over_people)
    degrees = variance**2 / (over_people**2 / df_people + over_applications**2 / df_applications)
    total, error = float(weights @ bread @ design.T @ value), float(np.sqrt(variance))
    half_width = stats.t.ppf(0.975, degrees) * error
    return total, total - half_width, total + half_width, float(2 * stats.t.sf(abs(total) / error, degrees))


def known_figure(*groups: tuple[int, str]) -> tuple[float, float, float, float]:
    """Balanced accuracy of a (round, condition) of the study with known answers, or its gain over a second one.

    With its 95 % interval and p value, from matrices and the known answers alone.
    """
    rows = [
        (number < n_correct, 2 * place + bad, f"{place} {person}", 10 * bad + number)
        for place, group in enumerate(groups)
        for person, n_correct in enumerate(CORRECT_OF_TEN[group])
        for bad in (0, 1)
        for number in range(10)
    ]
    right, cells, people, applications = map(np.array, zip(*rows, strict=True))
    weights = np.array([0.5, 0.5, -0.5, -0.5])[: 2 * len(groups)]
    people = np.unique(people, return_inverse=True)[1]
    return two_way_interval(right.astype(float), cells, weights, people, applications)


def _spread(residual, design, weights, bread, hat, noise, clusters) -> tuple[float, float]:
    rows = []
    for cluster in np.unique(clusters):
        own = np.flatnonzero(clusters == cluster)
        adjust = np.linalg.inv(np.atleast_2d(sqrtm(np.eye(len(own)) - hat[np.ix_(own, own)])).real)
        row = np.zeros(len(residual))
        row[own] = weights @ bread @ design[own].T @ adjust
        rows.append(row)
    scores = np.array(rows)
    left = scores @ (np.eye(len(residual)) - hat)
    moments = left @ noise @ left.T
    return float(((scores @ residual) ** 2).sum()), float(np.trace(moments) ** 2 / (moments**2).sum())
