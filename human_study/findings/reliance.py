"""Whether people rely on advice where it is right, and on themselves where it is wrong.

With two stages (decide, see the advice, decide again) reliance is defined as Schemmer et al. (2023, IUI, eq. 1-2)
do: RAIR, of the decisions that were wrong at first and whose advice was right, the share that became right; RSR,
of those right at first whose advice was wrong, the share that stayed right. With one stage nothing is known of
what people would have done: there, how often decisions agree with the advice, beside how often people
without advice agree with what it would have told them.

Advice that was optimised may steer people wrongly where the machine behind it errs: accuracy is compared with people
without advice apart for applications that the machine gets right and wrong.
"""

import numpy as np
import pandas as pd

from advisor.measurement.accuracy import approves
from advisor.measurement.crossed_means import CrossedMeans, crossed_means, mean_among
from advisor.measurement.estimate import Estimate
from human_study.analysis.advice_shown import NO_READING, advice_for_applications
from human_study.analysis.contrasts import BASELINE, contrast
from human_study.analysis.study_results import StudyResults
from human_study.findings.consistency import repeated_pairs
from human_study.findings.finding import ROUND, Column, Finding, FindingTable, estimate_cells, not_computed
from human_study.presentation.labels import condition_label
from human_study.presentation.numbers import percent, points

NOT_WRONG_FIRST = "nobody was wrong at first with advice that was right"
NOT_RIGHT_FIRST = "nobody was right at first with advice that was wrong"
_TITLE = "Appropriate reliance"


def appropriate_reliance(decisions: pd.DataFrame) -> tuple[Estimate, Estimate]:
    """RAIR and RSR of two-stage decisions, pooled, with intervals over people and applications.

    `decisions` need participant_key, application_id, initial_approved, approved, outcome (0 or 1) and `advice`
    (P(approve); 0.5 and above advises to approve); rows without advice or first answer are left out.
    """
    known = decisions.dropna(subset=["advice", "initial_approved"])
    outcome = known["outcome"].to_numpy(bool)
    first_right = known["initial_approved"].to_numpy(bool) == outcome
    advice_right = approves(known["advice"]) == outcome
    finally_right = known["approved"].to_numpy(bool) == outcome
    rair = _share(known, finally_right, ~first_right & advice_right, NOT_WRONG_FIRST)
    rsr = _share(known, finally_right, first_right & ~advice_right, NOT_RIGHT_FIRST)
    return rair, rsr


def switching(decisions: pd.DataFrame) -> Estimate:
    """Of two-stage decisions whose advice disagreed with the first answer, the share that went over to it."""
    known = decisions.dropna(subset=["advice", "initial_approved"])
    advised = approves(known["advice"])
    disagrees = known["initial_approved"].to_numpy(bool) != advised
    follows = known["approved"].to_numpy(bool) == advised
    return _share(known, follows, disagrees, "the advice never disagreed with a first answer")


def first_to_final(decisions: pd.DataFrame) -> Estimate:
    """What balanced accuracy gains from the first to the final answer, within the same people and applications.

    `decisions` need participant_key, application_id, initial_approved, approved and outcome.
    """
    known = decisions.dropna(subset=["initial_approved"])
    outcome = known["outcome"].to_numpy(bool)
    more = (known["approved"].to_numpy(bool) == outcome).astype(float)
    more -= known["initial_approved"].to_numpy(bool) == outcome
    return crossed_means(
        more,
        (~outcome).astype(int),
        np.array([0.5, 0.5]),
        known["participant_key"].to_numpy(),
        known["application_id"].to_numpy(),
        "not both outcomes have been decided on in two stages yet",
    ).estimate(-1.0, 1.0)


def changed_again(decisions: pd.DataFrame) -> Estimate:
    """How often an answer to the same application changes when it is simply asked again (repeated trials)."""
    pairs = repeated_pairs(decisions)
    changes = (pairs["first"] != pairs["second"]).to_numpy(float)
    return _share(pairs, changes, np.ones(len(pairs), dtype=bool), "no application was shown twice")


def _share(decisions: pd.DataFrame, is_so: np.ndarray, among: np.ndarray, nothing: str) -> Estimate:
    people, applications = decisions["participant_key"].to_numpy(), decisions["application_id"].to_numpy()
    return mean_among(is_so, among, people, applications, nothing).estimate(0.0, 1.0)


def advice_following(decisions: pd.DataFrame) -> dict[str, Estimate]:
    """How often decisions agree with the advice: `all`, where it is `right`, and where it is `wrong`."""
    known = decisions.dropna(subset=["advice"])
    advised = approves(known["advice"])
    right = advised == known["outcome"].to_numpy(bool)
    agrees = known["approved"].to_numpy(bool) == advised
    everywhere = np.ones(len(known), dtype=bool)
    return {
        "all": _share(known, agrees, everywhere, "no decision with advice"),
        "right": _share(known, agrees, right, "the advice was never right"),
        "wrong": _share(known, agrees, ~right, "the advice was never wrong"),
    }


def advice_accuracy(decisions: pd.DataFrame) -> float | None:
    """The balanced accuracy of the advice itself on the decisions shown; None where an outcome is absent."""
    known = decisions.dropna(subset=["advice"])
    right = approves(known["advice"]) == known["outcome"].to_numpy(bool)
    shares = [right[(known["outcome"] == outcome).to_numpy()] for outcome in (0, 1)]
    return float(np.mean([share.mean() for share in shares])) if all(map(len, shares)) else None


def reliance_findings(results: StudyResults) -> Finding:
    """RAIR and RSR where a study has two stages; advice-following wherever advice was shown and can be read."""
    name = "reliance"
    decisions = results.test_decisions
    advised = decisions[~decisions["condition"].isin(["none"])]
    if advised.empty:
        return not_computed(name, _TITLE, "no decision on a test application with advice")
    if advised["advice"].isna().all():
        return not_computed(name, _TITLE, NO_READING)
    tables = [_following_table(results)]
    two_stage = advised.dropna(subset=["initial_approved", "advice"])
    if two_stage.empty:
        sentences = [
            "This study has one stage: nobody answered before the advice, so reliance (RAIR, RSR) "
            "cannot be computed; agreement with the advice is shown instead."
        ]
    else:
        tables.insert(0, _reliance_table(two_stage))
        again = changed_again(results.counted_people)
        if again.value is not None:
            chance = (
                f"People change {percent(again.value)} of their answers when an application is simply shown "
            )
            chance += "again; switching that often would happen without advice."
        else:
            chance = f"How often answers change without any advice is unknown ({again.reason})."
        sentences = [
            chance,
            "RAIR is the share of wrong first answers corrected where the advice was right, RSR the share of "
            "right first answers kept where it was wrong.",
        ]
    notes = (
        "A face advises to approve where an average observer, the response model ĥ, would approve because of "
        "it with a probability of 50% or more; a score where it is 50% or more.",
    )
    return Finding(name, _TITLE, tuple(sentences), tuple(tables), notes=notes)


def _reliance_table(two_stage: pd.DataFrame) -> FindingTable:
    rows = []
    for (number, condition), group in two_stage.groupby(["round_number", "condition"]):
        rair, rsr = appropriate_reliance(group)
        rows.append(
            {
                "round_number": number,
                "condition": condition_label(str(condition)),
                "n_decisions": len(group),
                **estimate_cells("gain", first_to_final(group)),
                **estimate_cells("rair", rair),
                **estimate_cells("rsr", rsr),
                **estimate_cells("switching", switching(group)),
            }
        )
    columns = (
        ROUND,
        Column("condition", "Condition"),
        Column("n_decisions", "Decisions", "integer"),
        Column("gain", "Final less first answer, points", "points"),
        Column("rair", "RAIR", "percent"),
        Column("rsr", "RSR", "percent"),
        Column("switching", "Switched to the advice when it disagreed", "percent"),
    )
    caption = "First answers, and final ones with advice, of the same people on test applications, with 95% intervals."
    return FindingTable("reliance_two_stages", caption, pd.DataFrame(rows), columns)


def _following_table(results: StudyResults) -> FindingTable:
    """Agreement with the advice, and the agreement of those who decided without on what it would have said."""
    rows = []
    decisions = results.test_decisions
    for (number, condition), group in decisions.groupby(["round_number", "condition"]):
        if condition == "none" or group["advice"].isna().all():
            continue
        bundle = results.bundles[str(group["bundle_hash"].iloc[0])]
        alone = decisions[(decisions["round_number"] == number) & (decisions["condition"] == "none")]
        would_say = advice_for_applications(bundle, str(condition), results.readings).reindex(
            alone["application_id"]
        )
        baseline = advice_following(alone.assign(advice=would_say.to_numpy()))
        following = advice_following(group)
        row = {
            "round_number": number,
            "condition": condition_label(str(condition)),
            "advice_accuracy": advice_accuracy(group),
        }
        for part in ("right", "wrong"):
            row |= estimate_cells(f"following_{part}", following[part])
            row |= estimate_cells(f"alone_{part}", baseline[part])
        rows.append(row)
    columns = (
        ROUND,
        Column("condition", "Condition"),
        Column("advice_accuracy", "Accuracy of the advice", "percent"),
        Column("following_right", "Agrees where it is right", "percent"),
        Column("alone_right", "the same without advice", "percent"),
        Column("following_wrong", "Agrees where it is wrong", "percent"),
        Column("alone_wrong", "the same without advice ", "percent"),
    )
    caption = "Decisions that agree with the advice, test applications, with 95% intervals."
    return FindingTable("advice_following", caption, pd.DataFrame(rows), columns)


def steering_table(decisions: pd.DataFrame) -> pd.DataFrame:
    """Each condition against no advice in its round, where the machine is right and where it is wrong.

    `decisions` need machine_score (0.5 and above approves). Columns round_number, condition, machine ("right",
    "wrong"), n_decisions, difference (balanced accuracy) with interval, p_value; and of both rows together
    elsewhere (the difference where the machine is right less that where it is wrong) with p_elsewhere.
    """
    right = approves(decisions["machine_score"]) == decisions["outcome"].to_numpy(bool)
    labelled = decisions.assign(machine=np.where(right, "right", "wrong"))
    rows = []
    for number, in_round in labelled.groupby("round_number"):
        for condition in sorted(set(in_round["condition"]) - {BASELINE}):
            pair = in_round[in_round["condition"].isin([condition, BASELINE])]
            if BASELINE not in set(pair["condition"]):
                continue
            elsewhere = _right_less_wrong(pair, condition)
            for machine in ("right", "wrong"):
                part = pair[pair["machine"] == machine]
                is_advised = (part["condition"] == condition).to_numpy()
                result = contrast(part, is_advised)
                rows.append(
                    {
                        "round_number": number,
                        "condition": condition,
                        "machine": machine,
                        "n_decisions": int(is_advised.sum()),
                        **estimate_cells("difference", result.difference),
                        "p_value": result.found.p_value,
                        "elsewhere": elsewhere.value,
                        "p_elsewhere": elsewhere.p_value,
                    }
                )
    return pd.DataFrame(rows)


def _right_less_wrong(pair: pd.DataFrame, condition: str) -> CrossedMeans:
    """How much more a condition adds where the machine is right than where it is wrong, in balanced accuracy."""
    outcome = pair["outcome"].to_numpy(bool)
    cells = 4 * (pair["machine"] == "wrong") + 2 * (pair["condition"] != condition) + ~outcome
    return crossed_means(
        pair["approved"].to_numpy(bool) == outcome,
        cells.to_numpy(),
        np.array([1, 1, -1, -1, -1, -1, 1, 1]) / 2,
        pair["participant_key"].to_numpy(),
        pair["application_id"].to_numpy(),
    )


def steering_findings(results: StudyResults) -> Finding:
    """Gain or loss against no advice, apart for what the machine gets right and wrong."""
    name, title = "steering", "Steered wrongly where the machine is wrong?"
    table = steering_table(results.test_decisions)
    if table.empty:
        return not_computed(name, title, "no round has test decisions both with no advice and with advice")
    table["label"] = table["condition"].map(condition_label)
    faces = table[(table["condition"] == "face") & (table["machine"] == "wrong")].dropna(
        subset=["difference"]
    )
    sentences = []
    if len(faces):
        newest = faces.iloc[-1]
        word = "lost" if newest["difference"] < 0 else "gained"
        interval = (
            newest["difference_reason"]
            if pd.isna(newest["difference_low"])
            else f"95% interval {points(newest['difference_low'])} to {points(newest['difference_high'])}"
        )
        sentences.append(
            f"Where the machine is wrong, people who saw the face in round {newest['round_number']} {word} "
            f"{points(newest['difference']).lstrip('+−')} points of accuracy against no advice ({interval})."
        )
    columns = (
        ROUND,
        Column("label", "Condition"),
        Column("machine", "The machine is"),
        Column("n_decisions", "Decisions", "integer"),
        Column("difference", "Against no advice, points", "points"),
        Column("p_value", "p", "p_value"),
    )
    caption = "Accuracy with advice against none where the machine is right and wrong, with 95% intervals."
    return Finding(name, title, tuple(sentences), (FindingTable(name, caption, table, columns),))
