"""The sheet of faces: order, gaps, and HTML that is safe to put into a page."""

import re
from pathlib import Path

from human_study.presentation.face_sheet import FaceColumn, face_sheet, face_sheet_html
from tests.support.analysed_study import write_small_bundle


def test_the_sheet_goes_from_the_safest_test_application_to_the_riskiest(tmp_path: Path) -> None:
    bundle = write_small_bundle(tmp_path / "bundle", 0)
    columns = face_sheet(bundle, n_columns=5, n_identities=2)
    on_test = bundle.applications[bundle.applications["split"] == "test"]["score"]
    scores = [column.score for column in columns]
    assert scores == sorted(scores, reverse=True)
    assert (scores[0], scores[-1]) == (on_test.max(), on_test.min())
    assert [len(column.pictures) for column in columns] == [2] * 5
    assert all(column.application_id in on_test.index for column in columns)


def test_a_bundle_smaller_than_the_sheet_shows_each_application_once(tmp_path: Path) -> None:
    columns = face_sheet(write_small_bundle(tmp_path / "bundle", 0), n_columns=100)
    assert len(columns) == len({column.application_id for column in columns}) == 20


def test_fewer_identities_leave_a_gap_and_names_are_escaped() -> None:
    html = face_sheet_html([FaceColumn('"><script>', 0.9, (b"1", b"2")), FaceColumn("B", 0.1, (b"3",))])
    assert html.count("<img") == 3
    assert html.count("<span></span>") == 1
    assert "<script" not in html
    assert re.findall(r">(\d+%)<", html) == ["90%", "10%"]
