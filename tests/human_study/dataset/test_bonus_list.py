"""Who is paid for what: the main trials of everybody who completed, whatever the analysis makes of them."""

import csv
from pathlib import Path

from data.store.decision_store import DecisionStore
from human_study.dataset.bonus_list import list_bonuses
from tests.support.decided_round import DecidedRound
from tests.support.planted_study import CONDITIONS, ENDINGS, STUDY, plant_study


def test_who_is_excluded_is_paid_and_repeated_trials_are_not(
    decided_round: DecidedRound, tmp_path: Path
) -> None:
    with DecisionStore.open(f"sqlite:///{tmp_path / 'study.db'}") as store:
        counting = plant_study(store, decided_round.bundle, decided_round.task)
        store.close_study(STUDY)
        n_listed, _, _ = list_bonuses(store, STUDY, tmp_path / "bonuses.csv")
        decisions = store.decisions_frame(STUDY, kind="people")
        listed = {bonus.participant_key: bonus.n_correct for bonus in store.bonuses(STUDY)}
    n_completed = sum(status == "completed" for status, _ in ENDINGS) * len(CONDITIONS)
    assert n_listed == n_completed == len(listed)
    assert set(listed) - counting  # failed the attention checks, and completed
    assert all(n_correct == 0 for key, n_correct in listed.items() if key not in counting)
    n_main = (decisions["trial_kind"] == "main").groupby(decisions["participant_key"]).sum()
    assert all(0 < listed[key] <= n_main[key] for key in listed.keys() & counting)
    with (tmp_path / "bonuses.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == n_completed
