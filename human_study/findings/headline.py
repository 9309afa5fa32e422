"""The main result in words, and what a reader must know of the study to read it rightly."""

from human_study.analysis.study_results import StudyResults
from human_study.presentation.labels import condition_label, with_condition
from human_study.presentation.numbers import is_missing, p_value_equals, percent, points
from human_study.study.analysis_plan import ALPHA, BASELINE, Pair


def nobody_counts(results: StudyResults) -> str:
    """Of which conditions nobody counts, and why: "all 3 participants of Face are left out (withdrew)", or ""."""
    whole = results.left_out_whole(["condition"])
    if whole and len(results.excluded) == len(results.participants):
        why = ", ".join(sorted(set(results.excluded)))
        return f"all {len(results.excluded)} participants are left out ({why})"
    return "; ".join(
        f"all {n_left_out} participants of {condition_label(condition)} are left out ({why})"
        for (condition,), (n_left_out, why) in whole.items()
    )


def headline(results: StudyResults) -> list[str]:
    """The primary contrast in one to three sentences, in the newest round that has its first condition.

    Says what cannot be said yet, and why, in place of a number.
    """
    primary = results.declared.primary
    condition = primary.condition if primary else next((name for _, name in results.cells), "face")
    advised = with_condition(condition)
    accuracy = results.accuracy[results.accuracy["condition"] == condition]
    known = accuracy.dropna(subset=["accuracy"])
    if known.empty:
        why = nobody_counts(results) or "nobody has decided on a test application with it yet"
        return [f"Accuracy with {advised} cannot be computed: {why}."]
    row = known.iloc[-1]
    number = row["round_number"]
    interval = f"95% interval {percent(row['ci_low'])} to {percent(row['ci_high'])}"
    who = "simulated participants" if results.simulated else "participants"
    sentences = [
        f"In round {number}, {row['n_participants']} {who} with {advised} reached a balanced accuracy of "
        f"{percent(row['accuracy'])} ({interval if not is_missing(row['ci_low']) else row['reason']}); "
        f"on the same trials the machine alone reaches {percent(row['machine_accuracy'])}."
    ]
    return sentences if primary is None else [*sentences, _gain(results, primary, number)]


def _gain(results: StudyResults, primary: Pair, number: int) -> str:
    """The primary contrast in a round, with its verdict where it is tested there."""
    against, table = with_condition(primary.against), results.contrasts
    is_it = (table["round_number"] == number) & (table["condition"] == primary.condition)
    same = table[is_it & (table["against"] == primary.against)]
    if same.empty:
        return (
            f"The gain over {against} cannot be computed: nobody decided with {against} in that round."
            if primary.against != BASELINE
            else "The gain over no advice cannot be computed: nobody decided without advice in that round."
        )
    gain = same.iloc[0]
    if is_missing(gain["ci_low"]):
        return f"The gain over {against} is {points(gain['difference'])} points; {gain['reason']}."
    said = (
        f"Against {against} in the same round that is {points(gain['difference'])} points "
        f"(95% interval {points(gain['ci_low'])} to {points(gain['ci_high'])}; "
    )
    if is_missing(gain["p_holm"]):
        return f"{said}{p_value_equals(gain['p_value'])}, exploratory, not corrected)."
    n_tested = int(table["p_holm"].notna().sum())
    corrected = f", Holm-corrected over {n_tested} contrasts" if n_tested > 1 else ""
    verdict = "The data are compatible with no gain."
    if gain["p_holm"] < ALPHA:
        verdict = f"People decided {'better' if gain['difference'] > 0 else 'worse'} with it, beyond chance."
    return f"{said}{p_value_equals(gain['p_holm'])}{corrected}). {verdict}"


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
