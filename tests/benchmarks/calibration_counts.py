"""Whether what is printed of one simulated study is wrong, one function a figure; for `make bench-calibration`.

Each returns one number a figure: 1 where the 95 % interval misses the truth or something is named, 0 where not, the
share of both where one study has several intervals, and None where there is no interval.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from advisor.measurement.crossed_means import CrossedMeans, crossed_means
from advisor.measurement.crossed_mixed_model import fit_crossed_mixed
from advisor.measurement.estimate import Estimate
from human_study.analysis.attrition import attrition_table
from human_study.analysis.contrasts import balanced_difference, mean_difference
from human_study.analysis.decision_statistics import signal_difference
from human_study.analysis.group_harm import harmed, interaction_table
from human_study.findings.confidence import discrimination, overconfidence, probability_of_being_right
from human_study.findings.gains import gain_over_machine
from human_study.findings.group_audits import group_estimates
from human_study.findings.harm_warnings import over_reliance
from human_study.findings.heterogeneity import moderated_effect, spread_over_people
from human_study.findings.reliance import appropriate_reliance, first_to_final, switching
from human_study.findings.robustness import analysed_otherwise
from human_study.findings.trends import trend_over_trials
from human_study.study.analysis_plan import Pair
from tests.benchmarks.calibration_studies import (
    MACHINE,
    Design,
    confidence_of,
    follow_a_machine,
    in_two_stages,
    share_that_follows,
    with_confidence,
    with_response_times,
)

Wrong = float | None
Counted = Callable[[Design, np.random.Generator], tuple[Wrong, ...]]
_PAIR = Pair("face", "none")


def _misses(found: Estimate, truth: float) -> Wrong:
    if found.ci_low is None or found.ci_high is None:
        return None
    return float(not found.ci_low <= truth <= found.ci_high)


def _significant(found: CrossedMeans) -> Wrong:
    return None if found.p_value is None else float(found.p_value < 0.05)


def _right(made: pd.DataFrame) -> np.ndarray:
    return (made["approved"] == made["outcome"]).to_numpy(float)


def _with_face(made: pd.DataFrame) -> np.ndarray:
    return (made["condition"] == "face").to_numpy()


def _columns(made: pd.DataFrame, *names: str) -> tuple[np.ndarray, ...]:
    return tuple(made[name].to_numpy() for name in names)


def difference_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """The difference in balanced accuracy, 0."""
    made = design.study(rng)
    outcome, people, applications = _columns(made, "outcome", "participant_key", "application_id")
    found = balanced_difference(_right(made), outcome.astype(bool), _with_face(made), people, applications)
    return (_significant(found),)


def signal_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """The differences in d′ and c, 0."""
    made = design.study(rng)
    return tuple(map(_significant, signal_difference(made, _with_face(made))))


def model_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """The credible interval of the gain by the crossed mixed logit, 0."""
    made = design.study(rng)
    approved, outcome, people, applications = _columns(
        made, "approved", "outcome", "participant_key", "application_id"
    )
    fit = fit_crossed_mixed(approved, outcome, _with_face(made), people, applications)
    if fit is None:
        return (None,)
    low, high = np.quantile(fit.gains, [0.025, 0.975])
    return (_misses(Estimate(None, float(low), float(high)), 0.0),)


def accuracy_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """Balanced accuracy in one condition."""
    made = design.study(rng)
    made = made[_with_face(made)]
    outcome, people, applications = _columns(made, "outcome", "participant_key", "application_id")
    found = crossed_means(_right(made), 1 - outcome, np.array([0.5, 0.5]), people, applications)
    return (_misses(found.estimate(), design.accuracy()),)


def machine_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """The gain over a machine that is right on 65 % of all applications."""
    made = design.study(rng)
    right = rng.random(design.pool) < MACHINE
    score = np.where(right[made["application_id"]] == made["outcome"].to_numpy(bool), 0.8, 0.2)
    face = made.assign(machine_score=score)[_with_face(made)]
    return (_misses(gain_over_machine(face), design.accuracy() - MACHINE),)


def two_stages_miss(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """Of two-stage decisions the gain from first to final answer, the share of switches, RAIR and RSR."""
    made, follows = in_two_stages(design, rng), share_that_follows()
    rair, rsr = appropriate_reliance(made)
    return (
        _misses(first_to_final(made), follows * (MACHINE - design.accuracy())),
        _misses(switching(made), follows),
        _misses(rair, follows),
        _misses(rsr, 1 - follows),
    )


def confidence_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """The difference in stated confidence, and in one condition over-confidence and the area under the type-2 curve."""
    made = with_confidence(design, rng)
    stated = probability_of_being_right(made["confidence"])
    mean, area = confidence_of(design)
    face = made.assign(confidence=stated)[_with_face(made)]
    return (
        _significant(mean_difference(stated.to_numpy(float), made, _PAIR, "")),
        _misses(overconfidence(face), 0.5 + mean / 2 - design.accuracy()),
        _misses(discrimination(face), area),
    )


def response_time_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """The difference in the logarithm of response times, 0."""
    made = with_response_times(design, rng)
    return (_significant(mean_difference(made["log_time"].to_numpy(float), made, _PAIR, "")),)


def trend_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """The change in the share correct over trials, 0."""
    made = design.study(rng)
    made = made[_with_face(made)]
    order = pd.Series(rng.random(len(made)), index=made.index).groupby(made["participant_key"]).rank()
    return (_misses(trend_over_trials(made.assign(position=order - 1), _right(made)), 0.0),)


def spread_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """How much people differ in accuracy beyond luck."""
    made = design.study(rng)
    made = made[_with_face(made)]
    return (_misses(spread_over_people(made, _right(made)), design.spread_over_people()),)


def by_answer_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """How the effect among people with one of three answers, given at random, departs from that of the others: 0."""
    made = design.study(rng)
    given = rng.integers(3, size=sum(design.people))[made["participant_key"]]
    p_value = moderated_effect(made, given == 0, "face")["p_value"]
    return (None if p_value is None else float(p_value < 0.05),)  # type: ignore[operator]


def multiverse_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """The difference under every combination of exclusions, 0: a tenth withdrew, a tenth decided too fast."""
    made = design.study(rng).assign(trial_kind="main", asked_choice=None)
    n_people = sum(design.people)
    too_fast = rng.random(n_people) < 0.1
    made["response_time_ms"] = np.where(too_fast, 200.0, 3000.0)[made["participant_key"]]
    status = rng.choice(["completed", "returned", "timed_out"], n_people, p=[0.8, 0.1, 0.1])
    people = pd.DataFrame({"participant_key": np.arange(n_people), "status": status})
    rules = {"median_response_time_ms": 400, "one_choice_only": True}
    table = analysed_otherwise(made, pd.Series(True, index=made.index), people, rules, "face")
    known = table["p_value"].dropna().astype(float)
    return (float((known < 0.05).mean()) if len(known) else None,)


def _groups(design: Design, rng: np.random.Generator) -> dict[str, pd.Series]:
    return {"State": pd.Series(rng.choice(list("ABCD"), design.pool), index=range(design.pool))}


def each_group_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """How advice moves each group of applications against all others, 0 where groups are dealt out at random."""
    table = interaction_table(design.study(rng), _groups(design, rng))
    known = table["p_value"].dropna().astype(float)
    return (float((known < 0.05).mean()) if len(known) else None,)


def audited_group_misses(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """Balanced accuracy on a group of a quarter of the applications, drawn at random."""
    made = design.study(rng)
    group = _groups(design, rng)["State"]
    part = made[_with_face(made) & (group[made["application_id"]] == "A").to_numpy()]
    return (_misses(group_estimates(part)["accuracy"], design.accuracy()),)


def group_warned(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """Whether a group is named as harmed or moved although labels are dealt out at random."""
    return (float(len(harmed(interaction_table(design.study(rng), _groups(design, rng)))) > 0),)


def planted_group_warned(design: Design, rng: np.random.Generator) -> tuple[Wrong, ...]:
    """Whether harm of 30 points in accuracy, planted in a group of 60 applications, is named."""
    made = design.study(rng)
    group = pd.Series(np.where(np.arange(design.pool) < 60, "planted", "others"), index=range(design.pool))
    inside = (group[made["application_id"]] == "planted").to_numpy() & _with_face(made)
    right = _right(made).astype(bool)
    turned = inside & right & (rng.random(len(made)) < 0.3 / right[inside].mean())
    made["approved"] = np.where(turned, 1 - made["outcome"], made["approved"])
    found = harmed(interaction_table(made, {"State": group}))
    return (float(((found["group"] == "planted") & (found["measure"] == "correct")).any()),)


def attrition_warned(design: Design, rng: np.random.Generator, planted: bool = False) -> tuple[Wrong, ...]:
    """Whether attrition is named where 15 % leave either condition, or, planted, the 20 worst of those with a face."""
    made = design.study(rng)
    first = made.drop_duplicates("participant_key")[["participant_key", "condition"]]
    correct = pd.Series(_right(made)).groupby(made["participant_key"]).mean()
    left = rng.random(len(first)) < 0.15
    if planted:
        of_face = correct[first.loc[first["condition"] == "face", "participant_key"]]
        left = first["participant_key"].isin(of_face.sort_values().index[:20]).to_numpy()
    people = first.assign(status=np.where(left, "returned", "completed"))
    return (float((attrition_table(people, made)["p_holm"] < 0.05).any()),)


def over_reliance_warned(design: Design, rng: np.random.Generator, follows: float = 0.0) -> tuple[Wrong, ...]:
    """Whether over-reliance is named where the face follows a wrong machine with that chance."""
    return (float(len(over_reliance(follow_a_machine(design, rng, follows))) > 0),)
