"""Whoever reads how a study stands reads it without those whose time is over."""

from pathlib import Path

from data.records import Recruitment
from data.store.decision_store import DecisionStore
from human_study.dataset.overdue import release_overdue
from human_study.participation.running_study import RunningStudy
from human_study.study.study_file import load_study_file
from tests.support.tiny_study import write_study


def test_idle_participants_are_timed_out_and_others_are_not(tmp_path: Path, store: DecisionStore) -> None:
    for idle_minutes, expected in ((60, 0), (1e-9, 1)):
        path = write_study(
            tmp_path / str(expected), name=f"study_{expected}", time_limits={"idle_minutes": idle_minutes}
        )
        live = RunningStudy(load_study_file(path), store)
        live.prepare()
        live.participations.begin(Recruitment(platform="link", external_id="somebody"))
        assert release_overdue(store, live.study.name) == expected
