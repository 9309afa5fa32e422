"""The main result in words, and what a reader must know of the study to read it rightly."""

from human_study.analysis.study_results import StudyResults
from human_study.presentation.labels import condition_label
from human_study.presentation.numbers import is_missing, p_value_equals, percent, points


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
    verdict = "" if gain["p_holm"] < 0.05 else " The data are compatible with no gain."
    return [
        *sentences,
        f"Against no advice in the same round that is {points(gain['difference'])} points "
        f"(95% interval {points(gain['ci_low'])} to {points(gain['ci_high'])}; "
        f"{p_value_equals(gain['p_holm'])}, Holm-corrected)." + verdict,
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
