"""Bonuses: what decisions earn, that the help one got costs nobody money, and that nobody is listed twice."""

import csv
import math
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data.errors import StudyError
from data.records import Decision, Participant, Recruitment
from data.store.decision_store import DecisionStore
from human_study.dataset.bonus_list import list_bonuses
from human_study.participation.running_study import RunningStudy
from human_study.study.payment import bonuses, totals
from human_study.study.study_file import load_study_file
from human_study.study.study_sections import Payment
from tests.support.tiny_study import write_study

PAYMENT = Payment(currency="GBP", base=3, bonus_per_correct=0.1)


def person(key: str, condition: str) -> Participant:
    return Participant.model_validate(
        {
            "participant_key": key,
            "study_name": "pilot",
            "round_number": 0,
            "bundle_hash": "b",
            "kind": "people",
            "condition": condition,
        }
    )


def test_nobody_gets_less_than_the_mean_of_those_without_help() -> None:
    people = [person("a", "none"), person("b", "none"), person("c", "shuffled"), person("d", "face")]
    listed = bonuses(PAYMENT, people, {"a": 10, "b": 20, "c": 5, "d": 30})
    assert [bonus.amount for bonus in listed] == [1.5, 2.0, 1.5, 3.0]
    assert {bonus.currency for bonus in listed} == {"GBP"}


@given(
    per_correct=st.integers(1, 300).map(lambda cents: cents / 100),
    n_correct=st.dictionaries(
        st.tuples(st.integers(0, 30), st.sampled_from(["none", "face", "shuffled"])),
        st.integers(0, 60),
        min_size=1,
    ),
)
def test_what_participants_are_told_of_their_bonus_holds_to_the_last_cent(
    per_correct: float, n_correct: dict[tuple[int, str], int]
) -> None:
    payment = Payment(currency="GBP", bonus_per_correct=per_correct)
    people = {
        f"{number}-{condition}": person(f"{number}-{condition}", condition) for number, condition in n_correct
    }
    right = dict(zip(people, n_correct.values(), strict=True))
    exactly = {key: Fraction(str(per_correct)) * n for key, n in right.items()}
    listed = {bonus.participant_key: bonus.amount for bonus in bonuses(payment, people.values(), right)}
    without_help = [exactly[key] for key in people if people[key].condition == "none"]
    mean = sum(without_help, Fraction()) / len(without_help) if without_help else Fraction()
    for key, amount in listed.items():
        paid = Fraction(f"{amount:.2f}")
        assert (
            paid >= mean
        )  # "Nobody … gets a lower bonus than those do on average who decide without any help"
        assert paid >= exactly[key]  # "{bonus} for every right decision"
        assert paid in (exactly[key], Fraction(math.ceil(100 * mean), 100))


@pytest.mark.parametrize("amount", [0.125, 0.001])
def test_an_amount_that_cannot_be_shown_as_it_is_paid_is_refused(amount: float) -> None:
    with pytest.raises(ValidationError, match="at most 2 decimals"):
        Payment(bonus_per_correct=amount)


def test_totals_count_main_decisions_only() -> None:
    decisions = pd.DataFrame(
        {
            "trial_kind": ["practice", "main", "main", "repeated", "attention", "main"],
            "application_id": ["A", "A", "B", "A", "C", "C"],
            "approved": [1, 1, 1, 0, 0, 0],
        }
    )
    found = totals(decisions, {"A": 1, "B": 0, "C": 0})
    assert (found.n_decided, found.n_counted, found.n_correct) == (5, 3, 2)


def finished(live: RunningStudy, name: str) -> str:
    """Somebody comes from Prolific and approves everything to the end."""
    known = Recruitment(platform="prolific", external_id=name, session_id=f"s-{name}")
    participant = live.participations.participant(live.participations.begin(known))
    assert participant is not None
    key = participant.participant_key
    live.store.set_step(key, "trials")
    for trial in live.store.trials(key):
        live.store.record_decisions(
            [
                Decision(
                    trial_key=trial.trial_key,
                    participant_key=key,
                    choice="approve",
                    study_hash=live.study.study_hash,
                    bundle_hash=trial.bundle_hash,
                )
            ]
        )
    assert live.participations.brought_up_to_date(live.store.participant(key)).status == "completed"
    return key


def test_everybody_who_completed_a_closed_study_is_listed_once(tmp_path: Path, store: DecisionStore) -> None:
    path = write_study(
        tmp_path,
        payment={"currency": "GBP", "bonus_per_correct": 0.1},
        recruitment={"platform": "prolific"},
        trials={"main": 8},
    )
    live = RunningStudy(load_study_file(path), store)
    live.prepare()
    finished(live, "p1")
    finished(live, "p2")
    leaver = live.participations.participant(
        live.participations.begin(Recruitment(platform="prolific", external_id="gone"))
    )
    assert leaver is not None
    with pytest.raises(StudyError, match="close it"):
        list_bonuses(store, "tiny_study", tmp_path / "bonuses.csv")
    store.close_study("tiny_study")
    with pytest.raises(StudyError, match="1 participants are under way"):
        list_bonuses(store, "tiny_study", tmp_path / "bonuses.csv")
    live.participations.withdraw(leaver)
    assert list_bonuses(store, "tiny_study", tmp_path / "bonuses.csv") == (2, 0.8, "GBP")
    rows = list(csv.reader((tmp_path / "bonuses.csv").read_text().splitlines()))
    assert rows[0] == ["external_id", "amount", "currency", "session_id"]
    # Half of the applications have the good outcome, so approving everything is right half of the time.
    assert sorted(rows[1:]) == [["p1", "0.40", "GBP", "s-p1"], ["p2", "0.40", "GBP", "s-p2"]]
    assert list_bonuses(store, "tiny_study", tmp_path / "later.csv")[0] == 0
    assert list_bonuses(store, "tiny_study", tmp_path / "again.csv", again=True)[0] == 2
    with pytest.raises(StudyError, match="left as it is"):
        list_bonuses(store, "tiny_study", tmp_path / "again.csv", again=True)
