"""A participant's trials in order: practice, trials to learn from, then main trials with others among them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from advisor.bundles.bundle import LEARNING_SPLIT, Bundle, Condition
from advisor.bundles.draw_trials import require_learning_pool, trial_on
from data.errors import StudyError
from data.records import Trial
from data.tasks.applications import Applications, draw_balanced_trials
from human_study.participation.counterbalance import Dealer
from human_study.study.study_sections import TrialPlan

_N_BEFORE_FIRST_CHECK = 2  # an attention check comes when people have found into the task


def plan_trials(
    plan: TrialPlan,
    bundle: Bundle,
    dealer: Dealer,
    unpooled: Applications,
    condition: Condition,
    slot: int,
    rng: np.random.Generator,
) -> list[Trial]:
    """All trials of the participant who holds a slot of a condition, in order.

    Args:
        plan: how many of which kind, and how.
        bundle: the advisor shown.
        dealer: which applications and identities the slot meets.
        unpooled: applications of the validation split which nobody learns from; practice and attention checks
            are drawn from them.
        condition: what is shown beside the application.
        slot: place in the counterbalanced plan of the condition, from 0.
        rng: the order, which trials ask for a reason, and what is practised on.

    Returns:
        Trials whose positions and participant the store sets. Practice and attention trials show no advice:
        they are the same in every condition, and teach nothing about it. Learning trials are on the same
        applications in every condition, each with its own advice.

    Raises:
        BundleError or StudyError: there are not enough applications.
    """
    main = _main_trials(plan, bundle, dealer, condition, slot, rng)
    practice, checks = _unpooled_trials(plan, bundle, unpooled, condition, rng)
    learning = _learning_trials(plan, bundle, dealer, condition, slot, rng)
    return practice + learning + _mixed(main, checks, _repetitions(main, plan.repeated, rng), rng)


def _main_trials(
    plan: TrialPlan,
    bundle: Bundle,
    dealer: Dealer,
    condition: Condition,
    slot: int,
    rng: np.random.Generator,
) -> list[Trial]:
    n_test = round(plan.main * plan.test_share)
    trials = []
    for split, n in (("train", plan.main - n_test), ("test", n_test)):
        for application_id, pass_number in dealer.deal(split, n, slot):
            pick = partial(dealer.face, application_id, pass_number)
            trials.append(trial_on(bundle, condition, application_id, split, pick))
    trials = [trials[k] for k in rng.permutation(len(trials))]
    asked = set(rng.permutation(plan.main)[: round(plan.main * plan.reason_share)].tolist())
    n_stages = _n_stages(plan, condition)
    return [
        trial.model_copy(update={"n_stages": n_stages, "asks_reason": position in asked})
        for position, trial in enumerate(trials)
    ]


def _n_stages(plan: TrialPlan, condition: Condition) -> int:
    # Without advice there is nothing that a second stage could add.
    return 1 if condition == "none" else plan.stages


def _learning_trials(
    plan: TrialPlan, bundle: Bundle, dealer: Dealer, condition: Condition, slot: int, rng: np.random.Generator
) -> list[Trial]:
    if not plan.learning:
        return []
    require_learning_pool(bundle, plan.learning, condition)
    dealt = dealer.deal(LEARNING_SPLIT, plan.learning, slot)
    # What became of one's own cases is told after each decision, and until then nowhere else.
    own = {one for one, _ in dealt}
    trials = [
        trial_on(
            bundle, condition, one, LEARNING_SPLIT, partial(dealer.face, one, pass_number), "learning", own
        )
        for one, pass_number in (dealt[k] for k in rng.permutation(len(dealt)))
    ]
    return [trial.model_copy(update={"n_stages": _n_stages(plan, condition)}) for trial in trials]


def _unpooled_trials(
    plan: TrialPlan, bundle: Bundle, unpooled: Applications, condition: Condition, rng: np.random.Generator
) -> tuple[list[Trial], list[Trial]]:
    n = plan.practice + plan.attention
    if n > len(unpooled):
        raise StudyError(
            f"{n} practice and attention trials are asked for, but the task has only {len(unpooled)}"
            " applications of the validation split for them; ask for fewer."
        )
    practised = (
        draw_balanced_trials(list(unpooled.outcomes.index), unpooled.outcomes, plan.practice, rng)
        if plan.practice
        else []
    )
    left = [one for one in unpooled.outcomes.index if one not in set(practised)]
    checked = [left[k] for k in rng.permutation(len(left))[: plan.attention]]
    common = {"split": "validation", "condition": condition, "bundle_hash": bundle.bundle_hash}
    practice = [Trial(kind="practice", application_id=one, **common) for one in practised]
    # As many checks ask for either choice; of an odd number, chance decides which comes once more.
    first = int(rng.integers(2))
    checks = [
        Trial(
            kind="attention", application_id=one, asked_choice=("approve", "deny")[(k + first) % 2], **common
        )
        for k, one in enumerate(checked)
    ]
    return practice, checks


def _repetitions(main: Sequence[Trial], n_repeated: int, rng: np.random.Generator) -> list[tuple[int, Trial]]:
    """Trials of the first half that come again, each with the gap in `main` where it does, half the trials later."""
    half = len(main) // 2
    repeated = []
    for position in rng.permutation(half)[:n_repeated].tolist():
        again = main[position].model_copy(update={"kind": "repeated", "asks_reason": False})
        repeated.append((int(rng.integers(position + half, len(main))) + 1, again))
    return repeated


def _mixed(
    main: Sequence[Trial],
    checks: Sequence[Trial],
    repeated: Sequence[tuple[int, Trial]],
    rng: np.random.Generator,
) -> list[Trial]:
    """The main trials with the others put into their gaps; gap k is before main trial k, the last at the end."""
    first_gap = min(_N_BEFORE_FIRST_CHECK, len(main))
    gaps = rng.permutation(np.arange(first_gap, len(main) + 1))
    inserted: dict[int, list[Trial]] = {}
    for gap, trial in [(int(gaps[k % len(gaps)]), check) for k, check in enumerate(checks)] + list(repeated):
        inserted.setdefault(gap, []).append(trial)
    mixed: list[Trial] = []
    for position, trial in enumerate(main):
        mixed += [*inserted.get(position, []), trial]
    return mixed + inserted.get(len(main), [])
