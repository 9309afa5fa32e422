"""What people saw in faces: whether they read what the faces say, and how finely they see.

Some trials ask, after the decision, whether a column that is not among the facts was higher or lower than usual, and
how sure the face looked. Pairs ask on which of two pictures an axis is stronger. Guesses from the facts and from the
risk are right now and then, too: what people answer in the condition `shuffled`, where faces are other applications',
shows how often.
"""

from typing import Any

import numpy as np
import pandas as pd

from advisor.bundles.bundle import Bundle
from advisor.measurement.crossed_means import mean_among
from advisor.measurement.estimate import Estimate
from advisor.measurement.looking_noise import LookingNoise, looking_noise
from advisor.measurement.readability import LOOKING_NOISE_SD
from advisor.measurement.told_by_faces import log_odds_of
from data.records import FACE_SURENESS
from human_study.analysis.study_results import StudyResults
from human_study.findings.finding import (
    ROUND,
    Column,
    Finding,
    FindingChart,
    FindingTable,
    estimate_cells,
    estimate_words,
    not_computed,
)
from human_study.presentation import finding_charts
from human_study.presentation.labels import condition_label
from human_study.presentation.numbers import percent

CANNOT_TELL = "unknown"
ANSWER_VALUES = {"lower": -1.0, "usual": 0.0, "higher": 1.0}
NOTHING_ASKED = "the study asks nothing about faces (perception_questions)"
NOTHING_ANSWERED = "nobody has answered a question about a face yet"
NO_PAIRS = "the study shows no pairs of faces (pairs), or nobody has judged one yet"
NOTHING_VARIES = "answers or applications are all alike"
FEWEST_ANSWERS = 10
Row = dict[str, Any]  # figures that vary are Estimates


def usual_thirds(values: pd.Series) -> pd.Series:
    """Lower, usual or higher, by the thirds of all values; missing where a value is."""
    low, high = values.quantile([1 / 3, 2 / 3])
    place = np.select([values < low, values > high], ["lower", "higher"], "usual")
    return pd.Series(place, index=values.index).where(values.notna())


def right_answers(told: pd.DataFrame, thirds: pd.Series) -> tuple[Estimate, float, Estimate]:
    """The share right, the share right by chance, and their difference, of answers (perceived, application_id, …).

    By chance an answer is right as often as it would be on all applications [`thirds`]: who always answers "higher" is
    right on the third that is.
    """
    truth = told["application_id"].map(thirds)
    known = told[truth.notna()]
    right = (known["perceived"] == truth[truth.notna()]).to_numpy(float)
    chance = known["perceived"].map(thirds.value_counts(normalize=True)).fillna(0.0).to_numpy(float)
    return (
        _mean(known, right, 0.0),
        float(chance.mean()) if len(known) else np.nan,
        _mean(known, right - chance, -1.0),
    )


def correlation(answers: pd.DataFrame, one: np.ndarray, other: np.ndarray) -> Estimate:
    """Pearson's correlation of two quantities [N], with its interval over people and applications.

    Each answer's influence on the correlation (u v - r (u² + v²) / 2, of standardised u and v) is averaged as decisions
    are (crossed_means.py).
    """
    if len(answers) < FEWEST_ANSWERS or one.std() < 1e-9 or other.std() < 1e-9:
        few = len(answers) < FEWEST_ANSWERS
        return Estimate(None, None, None, f"fewer than {FEWEST_ANSWERS} answers" if few else NOTHING_VARIES)
    u, v = (one - one.mean()) / one.std(), (other - other.mean()) / other.std()
    r = float((u * v).mean())
    return _mean(answers, r + u * v - r * (u**2 + v**2) / 2, -1.0)


def beyond(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values [N] less their linear relation to what is known [N]."""
    design = np.column_stack([np.ones(len(values)), known])
    rest: np.ndarray = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return rest


def within_people(answers: pd.DataFrame, values: np.ndarray) -> np.ndarray:
    """Values [N] less their person's mean: people use a scale in their own ways."""
    return (
        values - pd.Series(values).groupby(answers["participant_key"].to_numpy()).transform("mean").to_numpy()
    )


def _mean(answers: pd.DataFrame, value: np.ndarray, low: float, high: float = 1.0) -> Estimate:
    people, applications = answers["participant_key"].to_numpy(), answers["application_id"].to_numpy()
    everywhere = np.ones(len(answers), dtype=bool)
    return mean_among(value, everywhere, people, applications, NOTHING_ANSWERED).estimate(low, high)


def column_rows(answers: pd.DataFrame, results: StudyResults) -> list[Row]:
    """A row a round, question about a column, and condition; as _COLUMN_COLUMNS."""
    task, frame = results.applications.task, results.applications.frame
    assert task is not None, "ask for the reason first"
    rows = []
    for (number, column, condition), group in answers.groupby(
        ["round_number", "perception_question", "condition"]
    ):
        bundle = _bundle(results, int(str(number)))
        values = frame[str(column)].reindex(bundle.applications.index).astype(float)
        told = group[group["perceived"] != CANNOT_TELL]
        right, chance, more = right_answers(told, usual_thirds(values))
        said = told["perceived"].map(ANSWER_VALUES).to_numpy(float)
        rank = values.rank(pct=True).fillna(0.5).reindex(told["application_id"]).to_numpy(float)
        risk = log_odds_of(bundle, pd.Index(told["application_id"]))
        rows.append(
            {
                "round_number": number,
                "question": task.label(str(column)),
                "condition": condition_label(str(condition)),
                "n_answers": len(group),
                "cannot_tell": float((group["perceived"] == CANNOT_TELL).mean()),
                "right": right,
                "chance": chance,
                "more": more,
                "beyond_risk": correlation(told, beyond(said, risk), beyond(rank, risk)),
            }
        )
    return rows


def sureness_rows(answers: pd.DataFrame, results: StudyResults) -> list[Row]:
    """A row a round and condition: how sure faces looked, and whether that rises with the machine's certainty."""
    rows = []
    for (number, condition), group in answers.groupby(["round_number", "condition"]):
        certainty = np.abs(log_odds_of(_bundle(results, int(str(number))), pd.Index(group["application_id"])))
        rating = group["perceived"].astype(float).to_numpy()
        n_own = group.groupby("participant_key")["perceived"].transform("size").to_numpy()
        several = group[n_own > 1]
        ratings, certainties = (within_people(several, values[n_own > 1]) for values in (rating, certainty))
        rows.append(
            {
                "round_number": number,
                "condition": condition_label(str(condition)),
                "n_answers": len(group),
                "rating": _mean(group, rating, 1.0, 5.0),
                "rises": correlation(several, ratings, certainties),
            }
        )
    return rows


def _bundle(results: StudyResults, round_number: int) -> Bundle:
    rounds = results.rounds.set_index("round_number")
    return results.bundles[str(rounds.loc[round_number, "bundle_hash"])]


def perception_findings(results: StudyResults) -> Finding:
    """Whether people read in the faces what these say, by question and condition."""
    name, title = "perception", "What people read in the faces"
    if not results.study.declared.get("perception_questions"):
        return not_computed(name, title, NOTHING_ASKED)
    answers = results.decisions.dropna(subset=["perceived"])
    if answers.empty:
        return not_computed(name, title, NOTHING_ANSWERED)
    is_sureness = answers["perception_question"] == FACE_SURENESS
    tables: list[FindingTable] = []
    sentences: list[str] = []
    if (~is_sureness).any():
        if results.applications.task is None:
            return not_computed(name, title, results.applications.reason)
        found = column_rows(answers[~is_sureness], results)
        sentences += [_column_words(row) for row in found]
        caption = (
            "Answers whether a column was higher, about usual or lower, against the thirds of the pools' applications;"
            " 95% intervals over people and applications."
        )
        tables.append(FindingTable("perception_columns", caption, _cells(found), _COLUMN_COLUMNS))
    if is_sureness.any():
        sure = sureness_rows(answers[is_sureness], results)
        sentences += [_sureness_words(row) for row in sure]
        caption = (
            "How sure faces looked (1 to 5), and its correlation with the machine's certainty (distance of its log odds"
            " from 0), within people; 95% intervals over people and applications."
        )
        tables.append(FindingTable("perception_sureness", caption, _cells(sure), _SURENESS_COLUMNS))
    notes = (
        'Answers "I cannot tell" count in their own column alone. By chance: as often as the same answers would be'
        " right on any application.",
        "Facts and risk help guessing: what is right with a shuffled face was not read in it.",
    )
    return Finding(name, title, tuple(sentences), tuple(tables), notes=notes)


def _cells(rows: list[Row]) -> pd.DataFrame:
    """Rows with each estimate as its cells."""
    return pd.DataFrame(
        [
            {
                cell: value
                for name, figure in row.items()
                for cell, value in (
                    estimate_cells(name, figure) if isinstance(figure, Estimate) else {name: figure}
                ).items()
            }
            for row in rows
        ]
    )


_COLUMN_COLUMNS = (
    ROUND,
    Column("question", "Asked about"),
    Column("condition", "Condition"),
    Column("n_answers", "Answers", "integer"),
    Column("cannot_tell", "Cannot tell", "percent"),
    Column("right", "Right", "percent"),
    Column("chance", "By chance", "percent"),
    Column("more", "More than chance, points", "points"),
    Column("beyond_risk", "Correlation beyond the risk", "two_decimals"),
)
_SURENESS_COLUMNS = (
    ROUND,
    Column("condition", "Condition"),
    Column("n_answers", "Answers", "integer"),
    Column("rating", "Mean", "two_decimals"),
    Column("rises", "Correlation with the machine's certainty", "two_decimals"),
)


def _column_words(row: Row) -> str:
    where = f"{row['condition']}, round {row['round_number']}"
    right, chance = estimate_words(row["right"], "percent"), percent(row["chance"])
    return (
        f"{row['question']} ({where}): right {right}, by chance {chance}; correlation with the truth beyond the risk "
        f"{estimate_words(row['beyond_risk'], 'two_decimals')}."
    )


def _sureness_words(row: Row) -> str:
    where = f"{row['condition']}, round {row['round_number']}"
    return (
        f"How sure the face looked ({where}): correlation with the machine's certainty "
        f"{estimate_words(row['rises'], 'two_decimals')}."
    )


def pair_findings(results: StudyResults) -> Finding:
    """How finely people see each axis, against the noise that training assumes."""
    name, title = "pairs", "How finely people see expressions"
    counted = results.participants["participant_key"][
        ~results.participants["participant_key"].isin(results.excluded.index)
    ]
    pairs = results.pair_judgements
    pairs = pairs[pairs["participant_key"].isin(counted)]
    if pairs.empty:
        return not_computed(name, title, NO_PAIRS)
    found = looking_noise(pairs)
    right = (pairs["right_value"] > pairs["left_value"]) == (pairs["choice"] == "right")
    of_axis = right.groupby(pairs["axis"])
    rows = [_noise_row("All axes", len(pairs), float(right.mean()), found.overall)]
    rows += [
        _noise_row(
            axis.replace("_", " "), len(of_axis.get_group(axis)), float(of_axis.get_group(axis).mean()), noise
        )
        for axis, noise in found.of_axis.items()
    ]
    table = FindingTable(
        name,
        "Noise of one look (standard deviation, in the unit of the expression), from pairs of pictures of one face; 95%"
        " intervals over people.",
        pd.DataFrame(rows),
        (
            Column("axis", "Axis"),
            Column("n_pairs", "Pairs", "integer"),
            Column("right", "Right", "percent"),
            Column("noise", "Noise of one look", "two_decimals"),
        ),
    )
    chart = FindingChart(
        "looking_noise",
        "Noise of one look at each axis; the line is what advisor train assumes unless told otherwise"
        f" ({LOOKING_NOISE_SD:g}).",
        lambda: finding_charts.noise_chart(table.frame, LOOKING_NOISE_SD, simulated=results.simulated),
        "A point with its interval for each axis; the table holds the numbers",
    )
    charts = (chart,) if table.frame["noise"].notna().any() else ()
    notes = (
        "Thurstone's case V, with a share of answers given without looking"
        f" ({'not known' if found.lapses is None else percent(found.lapses)}). Two pictures side by side are seen at"
        " leisure: a single face in a trial is hardly seen better.",
    )
    return Finding(name, title, (noise_words(found),), (table,), charts, notes)


def noise_words(found: LookingNoise) -> str:
    """The noise of all axes against the one that training assumes, and how to train with it."""
    overall = found.overall
    if overall.value is None:
        return f"The noise of looking cannot be told: {overall.reason}."
    said = f"One look at an axis is off by {estimate_words(overall, 'two_decimals')}"
    if overall.ci_low is not None and overall.ci_high is not None:
        is_finer, is_coarser = overall.ci_high < LOOKING_NOISE_SD, overall.ci_low > LOOKING_NOISE_SD
        than = "less than" if is_finer else "more than" if is_coarser else "not distinguishable from"
        said += f", {than} the {LOOKING_NOISE_SD:g} that training assumes"
    return (
        f"{said} ({found.n_pairs:,} pairs, {found.n_people:,} people). To train for these people: advisor train … --set"
        f" encoder.looking_noise_sd={overall.value:.2f}"
    )


def _noise_row(axis: str, n_pairs: int, right: float, noise: Estimate) -> Row:
    return {"axis": axis, "n_pairs": n_pairs, "right": right, **estimate_cells("noise", noise)}
