"""Results in words: how numbers and the main result are written, alike in the app and the report."""

from collections.abc import Callable

import pandas as pd

from human_study.analysis.study_results import StudyResults, left_out_whole
from human_study.presentation.charts import CONDITION_LABELS
from human_study.presentation.numbers import MISSING, is_missing, p_value, percent, points, two_decimals

ADVISOR_WORDS = {"explore": "exploratory", "learned": "learned"}
TRAINED_ON_WORDS = {"nothing": "nothing", "people": "decisions of people", "simulated": "SIMULATED decisions"}


def condition_label(condition: str) -> str:
    """What readers call a condition."""
    return {str(key): label for key, label in CONDITION_LABELS.items()}.get(condition, condition)


def nobody_counts(results: StudyResults) -> str:
    """Of which conditions nobody counts, and why: "all 3 participants of Face are left out (withdrew)", or ""."""
    whole = left_out_whole(results.participants, results.excluded, ["condition"])
    if whole and len(results.excluded) == len(results.participants):
        why = ", ".join(sorted(set(results.excluded)))
        return f"all {len(results.excluded)} participants are left out ({why})"
    return "; ".join(
        f"all {n_left_out} participants of {condition_label(condition)} are left out ({why})"
        for (condition,), (n_left_out, why) in whole.items()
    )


def headline(results: StudyResults) -> list[str]:
    """The main result in one to three sentences: accuracy with the face in the newest round that has any.

    Says what cannot be said yet, and why, in place of a number.
    """
    faces = results.accuracy[results.accuracy["condition"] == "face"]
    known = faces.dropna(subset=["accuracy"])
    if known.empty:
        why = nobody_counts(results) or "nobody has decided on a test application with it yet"
        return [f"Accuracy with the face cannot be computed: {why}."]
    face = known.iloc[-1]
    number = face["round_number"]
    interval = f"95% interval {percent(face['ci_low'])} to {percent(face['ci_high'])}"
    who = "simulated participants" if results.simulated else "participants"
    sentences = [
        f"In round {number}, {face['n_participants']} {who} who saw the face reached a balanced accuracy of "
        f"{percent(face['accuracy'])} ({interval if not is_missing(face['ci_low']) else face['reason']}); "
        f"the machine alone reaches {percent(results.machine_accuracy.get(number))}."
    ]
    contrasts = results.contrasts
    same = contrasts[(contrasts["round_number"] == number) & (contrasts["condition"] == "face")]
    if same.empty:
        return [
            *sentences,
            "The gain over no advice cannot be computed: nobody decided without advice in that round.",
        ]
    gain = same.iloc[0]
    if is_missing(gain["p_holm"]):
        return [
            *sentences,
            f"The gain over no advice is {points(gain['difference'])} points; {gain['reason']}.",
        ]
    verdict = "" if gain["p_holm"] < 0.05 else " A gain of nothing is compatible with these data."
    return [
        *sentences,
        f"Against no advice in the same round that is {points(gain['difference'])} points "
        f"(95% interval {points(gain['ci_low'])} to {points(gain['ci_high'])}; "
        f"p = {p_value(gain['p_holm'])}, Holm-corrected).".replace("= <", "<")
        + verdict,
    ]


def advisor_notes(results: StudyResults) -> list[str]:
    """What a reader must know of the advisors to read the accuracies rightly; none where all is plain."""
    exploratory = results.rounds.loc[results.rounds["advisor"] == "explore", "round_number"]
    notes = [
        f"In round {number} the advisor was exploratory: expressions were drawn at random, so that the face "
        "carried nothing about the application."
        for number in exploratory
    ]
    if not results.simulated and (results.rounds["trained_on"] == "simulated").any():
        notes.append("Some of these people saw an advisor that was trained on SIMULATED decisions.")
    return notes


def sheet_caption(advisor: str) -> str:
    """What the face sheet of an exploratory or a learned advisor shows."""
    each = "Each column is one test application with the machine's probability of the good outcome; "
    if advisor == "explore":
        return each + "identity and expression of its faces were drawn at random and mean nothing yet."
    return (
        each + "its rows are the same expression on identities drawn at random, which carry nothing about "
        "the application."
    )


def accuracy_table(results: StudyResults) -> pd.DataFrame:
    """Accuracy by round and condition as people read it, why in place of what cannot be computed."""
    rows = []
    for row in results.accuracy.to_dict("records"):
        machine = results.machine_accuracy.get(row["round_number"])
        rows.append(
            {
                "Round": row["round_number"],
                "Condition": condition_label(row["condition"]),
                "Participants": row["n_participants"],
                "Decisions": f"{row['n_decisions']:,}",
                "Balanced accuracy": percent(row["accuracy"]),
                "95% interval": _interval(row["ci_low"], row["ci_high"], row["reason"], percent),
                "Against machine": MISSING if machine is None else points(row["accuracy"] - machine),
            }
        )
    return pd.DataFrame(rows)


def contrasts_table(results: StudyResults) -> pd.DataFrame:
    """Gains over no advice as people read them."""
    rows = []
    for row in results.contrasts.to_dict("records"):
        odds = (row["odds_ratio_low"], row["odds_ratio_high"], row["reason"], two_decimals)
        rows.append(
            {
                "Round": row["round_number"],
                "Condition": condition_label(row["condition"]),
                "Points": points(row["difference"]),
                "95% interval": _interval(row["ci_low"], row["ci_high"], row["reason"], points),
                "Odds ratio": two_decimals(row["odds_ratio"]),
                "95% interval ": _interval(*odds),
                "p": p_value(row["p_value"]),
                "p (Holm)": p_value(row["p_holm"]),
            }
        )
    return pd.DataFrame(rows)


def signal_table(results: StudyResults) -> pd.DataFrame:
    """d′, c and the share approved as people read them."""
    rows = []
    for row in results.accuracy.to_dict("records"):
        d_prime = (row["d_prime_low"], row["d_prime_high"], row["signal_reason"], two_decimals)
        criterion = (row["criterion_low"], row["criterion_high"], row["signal_reason"], two_decimals)
        rows.append(
            {
                "Round": row["round_number"],
                "Condition": condition_label(row["condition"]),
                "d′": two_decimals(row["d_prime"]),
                "95% interval": _interval(*d_prime),
                "c": two_decimals(row["criterion"]),
                "95% interval ": _interval(*criterion),
                "Approved": percent(row["approval_rate"]),
            }
        )
    return pd.DataFrame(rows)


def rounds_table(results: StudyResults) -> pd.DataFrame:
    """The rounds as people read them."""
    return pd.DataFrame(
        {
            "Round": row["round_number"],
            "Started (UTC)": f"{row['started_at']:%Y-%m-%d %H:%M}",
            "Advisor": ADVISOR_WORDS[row["advisor"]],
            "Trained on": TRAINED_ON_WORDS[row["trained_on"]],
            "Machine alone": percent(row["machine_accuracy"]),
            "Bundle": row["bundle_hash"][:12],
        }
        for row in results.rounds.to_dict("records")
    )


def _interval(low: float, high: float, reason: str, form: Callable[[float | None], str]) -> str:
    return reason if is_missing(low) else f"{form(low)} to {form(high)}"
