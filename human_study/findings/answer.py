"""The study's one question: did the faces help people decide better, than what, for whom, and can it be trusted?

One picture of the declared contrasts, one or two sentences, and the warnings that a reader needs before any other
figure.
"""

import json

import pandas as pd

from advisor.measurement.withheld import WITHHELD
from human_study.analysis.study_results import StudyResults, all_left_out
from human_study.findings.finding import ROUND, Column, Finding, FindingChart, FindingTable
from human_study.findings.harm_warnings import Interactions, for_whom, interactions, warning_sentences
from human_study.presentation import finding_charts
from human_study.presentation.labels import condition_label, with_condition
from human_study.presentation.numbers import how_many, is_missing, p_value_equals, percent, points
from human_study.study.analysis_plan import ALPHA, BASELINE, Pair

QUESTION = "Did the faces help people decide better?"
FEW_PEOPLE = 20
_LOOKS = {
    "exported": "the data were exported",
    "trained": "an advisor was trained",
    "opened": "the closed study was opened again",
}
_NOTES = (
    "How to read it: each point is how many percentage points more accurate people in the first condition were than "
    "people in the second, in the same round. The bar is its 95% interval: where it leaves out 0, chance alone does "
    "not explain the difference. Earlier rounds are faint.",
    "A gain over no advice alone may be what any advice gives; a gain over the shuffled face is what the face says "
    "about this application.",
)
FILTERED = "This view is filtered, so it is exploratory: p values are not corrected. Clear the filters for the answer."


def comparison_table(contrasts: pd.DataFrame) -> pd.DataFrame:
    """The declared ones of `StudyResults.contrasts`, as picture and table show them: with label and is_newest."""
    table = contrasts[contrasts["is_declared"]].rename(
        columns={"ci_low": "difference_low", "ci_high": "difference_high"}
    )
    label = [
        f"with {with_condition(one)} than with {with_condition(other)}"
        for one, other in zip(table["condition"], table["against"], strict=True)
    ]
    newest = table["round_number"].max() if len(table) else None
    return table.assign(label=label, is_newest=table["round_number"] == newest)


def answer_findings(results: StudyResults) -> Finding:
    """The declared contrasts in a picture and in words, and what limits how far they can be trusted."""
    if results.is_withheld:
        n_began, n_completed = (
            len(results.participants),
            int((results.participants["status"] == "completed").sum()),
        )
        progress = f"{how_many(n_began, 'participant')} {'has' if n_began == 1 else 'have'} begun, "
        progress += f"{n_completed} {'has' if n_completed == 1 else 'have'} completed."
        said = (progress, WITHHELD)
        declared = (" ".join(results.declared.sentences()),)
        return Finding("answer", QUESTION, said, notes=declared, warnings=tuple(history(results)))
    known = interactions(results)
    sentences, warnings = headline(results), tuple(warnings_of(results, known))
    if len(sentences) > 1 and (whom := for_whom(known)):
        sentences[-1] += f" {whom}"
    notes = (*_NOTES, " ".join(results.declared.sentences()))
    table = comparison_table(results.contrasts)
    if table.empty:
        reason = "no round has decisions on test applications in both conditions of a declared contrast"
        return Finding(
            "answer", QUESTION, tuple(sentences), reason=reason, notes=notes[-1:], warnings=warnings
        )
    chart = FindingChart(
        "answer",
        "The declared contrasts: differences in accuracy between two conditions of the same round, in percentage "
        "points, with 95% intervals.",
        lambda: finding_charts.comparison_chart(table, simulated=results.simulated),
        "Differences between two conditions; the table below holds the numbers",
    )
    columns = (
        ROUND,
        Column("label", "More accurate"),
        Column("n_participants", "Participants", "integer"),
        Column("difference", "Difference, points", "points"),
        Column("p_value", "p, uncorrected", "p_value"),
        *(() if results.is_filtered else (Column("p_holm", "p (Holm)", "p_value"),)),
    )
    newest_first = table.sort_values("round_number", ascending=False, kind="stable")
    shown = FindingTable(
        "answer", "The differences in the picture, with 95% intervals.", newest_first, columns
    )
    charts = (chart,) if table["difference"].notna().any() else ()
    return Finding("answer", QUESTION, tuple(sentences), (shown,), charts, notes, warnings=warnings)


def history(results: StudyResults) -> list[str]:
    """Looks at the data of the open study, and changes of its declared analysis after people had begun."""
    if results.simulated:
        return []
    said = []
    if results.look is not None:
        said.append(
            f"Planned look: shown are the first {results.look} participants who completed the newest round, of "
            f"{results.declared.looks_at[-1]} planned."
        )
    looks = [event for event in results.events if event.kind in _LOOKS and event.n_began]
    if looks:
        each = "; ".join(
            f"{_LOOKS[event.kind]} on {event.happened_at:%Y-%m-%d} after {event.n_began} had begun"
            for event in looks
        )
        times = "once" if len(looks) == 1 else f"{len(looks)} times"
        said.append(
            f"Data were looked at {times} before the end of the study ({each}). p values and intervals hold only if "
            "nobody stopped or went on because of what was seen."
        )
    for event in results.events:
        detail = json.loads(event.detail)
        if event.n_began and any(key.split(".")[0] == "analysis" for key in detail.get("keys", ())):
            said.append(
                f"The declared analysis was changed on {event.happened_at:%Y-%m-%d}, after "
                f"{how_many(event.n_began, 'person', 'people')} had begun. Before, it said: "
                f"{' '.join(detail['analysis_before'])}"
            )
    return said


def warnings_of(results: StudyResults, known: Interactions | None = None) -> list[str]:
    """What makes the answer less certain than its interval: each one a sentence, the gravest first."""
    said = nobody_counts(results)
    warnings = [f"{said[0].upper()}{said[1:]}."] if said else []
    warnings += [FILTERED] if results.is_filtered else []
    warnings += history(results)
    warnings += warning_sentences(results, known)
    if results.test_decisions.empty:
        return warnings
    number = results.test_decisions["round_number"].max()
    newest = results.test_decisions[results.test_decisions["round_number"] == number]
    few = newest.groupby("condition")["participant_key"].nunique()
    few = few[few < FEW_PEOPLE]
    if len(few):
        counted = ", ".join(f"{condition_label(str(name)).lower()} {n}" for name, n in few.items())
        warnings.append(f"Few people in round {number} ({counted}): one more person could change the answer.")
    return warnings


def nobody_counts(results: StudyResults) -> str:
    """Of which conditions nobody counts, and why: "all 3 participants of Face are left out (withdrew)", or ""."""
    whole = results.left_out_whole(["condition"])
    if whole and len(results.excluded) == len(results.participants):
        why = ", ".join(sorted(set(results.excluded)))
        return f"{all_left_out(len(results.excluded))} ({why})"
    return "; ".join(
        f"{all_left_out(n_left_out, f' of {condition_label(condition)}')} ({why})"
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
    who = f"{'simulated ' if results.simulated else ''}participant"
    sentences = [
        f"In round {number}, {how_many(row['n_participants'], who)} with {advised} reached a balanced accuracy of "
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
    if results.declared.one_sided and gain["ci_high"] < 0:
        verdict = (
            "The declared test is one-sided and asks for a gain only; by the two-sided interval people decided worse "
            "with it."
        )
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
