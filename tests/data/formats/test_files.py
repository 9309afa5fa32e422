"""What is written whole or not at all."""

from pathlib import Path

import pytest

from data.formats.files import replaced_whole


def test_a_file_or_folder_takes_its_place_when_it_is_complete(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old.txt").write_text("old")
    with replaced_whole(tmp_path / "out") as partial:
        partial.mkdir()
        (partial / "new.txt").write_text("new")
        assert (tmp_path / "out" / "old.txt").exists()
    with replaced_whole(tmp_path / "deeper" / "one.csv") as partial:
        assert partial.suffix == ".csv"
        partial.write_text("a,b\n")
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"out/new.txt", "deeper/one.csv"}


def test_a_failure_leaves_what_was_there_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text("before")

    def fail() -> None:
        with replaced_whole(path) as partial:
            partial.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("one.json", "before")]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "out.partial"
    left.mkdir()
    (left / "half.txt").write_text("half")
    with replaced_whole(tmp_path / "out") as partial:
        partial.mkdir()
    assert not left.exists() and list((tmp_path / "out").iterdir()) == []
