"""What participants earn beyond the base: from their decisions, never from the group that chance put them into.

Every right main decision adds the same amount. A condition whose help misleads must not cost the people in it
money, so nobody gets less than the mean bonus of who completed in the condition `none`, as known when the bonuses are
listed. Help that makes people decide better than that still pays them more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from data.formats.value_format import currency_decimals
from data.records import FEEDBACK_KINDS, Bonus, Participant
from human_study.study.study_sections import Payment


@dataclass(frozen=True)
class Totals:
    """How one participant did, in totals only.

    Practice and learning are not counted: `n_decided` is the number told beforehand.
    """

    n_decided: int
    n_counted: int
    n_correct: int


def totals(decisions: pd.DataFrame, outcomes: Mapping[str, int]) -> Totals:
    """Totals of one participant's decisions (columns trial_kind, application_id, approved).

    Main decisions count; one is correct where approval and a good outcome (1), or neither, come together.
    """
    main = decisions[decisions["trial_kind"] == "main"]
    right = [
        outcomes[application_id] == approved
        for application_id, approved in zip(main["application_id"], main["approved"], strict=True)
    ]
    n_decided = int((~decisions["trial_kind"].isin(FEEDBACK_KINDS)).sum())
    return Totals(n_decided, len(main), sum(right))


def earned(payment: Payment, n_correct: int) -> float:
    """The bonus for so many correct decisions, before anybody is lifted to the mean of `none`."""
    return round(payment.bonus_per_correct * n_correct, currency_decimals(payment.currency))


def bonuses(payment: Payment, completed: Iterable[Participant], n_correct: Mapping[str, int]) -> list[Bonus]:
    """The bonus of everybody who completed, lifted to the mean bonus of `none` where there is such a mean.

    `n_correct`: participant key → correct main decisions.
    """
    people = list(completed)
    coins = 10 ** currency_decimals(payment.currency)  # cents of a euro; yen have none
    cents = [round(coins * earned(payment, n_correct[person.participant_key])) for person in people]
    without_help = [own for own, person in zip(cents, people, strict=True) if person.condition == "none"]
    # Whole coins, rounded up: what participants are told holds to the last one.
    floor = -(-sum(without_help) // len(without_help)) if without_help else 0
    return [
        Bonus(
            participant_key=person.participant_key,
            amount=max(own, floor) / coins,
            currency=payment.currency,
            n_correct=n_correct[person.participant_key],
        )
        for own, person in zip(cents, people, strict=True)
    ]
