"""A condition to look at: the participant app on a copy, of which nothing is left."""

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.served_study import answers, free_port, wait_until
from tests.support.tiny_study import write_study

pytestmark = pytest.mark.server


def previewed(study_path: Path, folder: Path, *options: str) -> tuple[subprocess.Popen[bytes], str]:
    """A preview of the condition face, its temporary files in `folder`; the process and its address."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("human-study")), "preview", str(study_path)]
    options = ("--condition", "face", "--port", str(port), *options)
    process = subprocess.Popen([*command, *options], env={**os.environ, "TMPDIR": str(folder)})
    url = f"http://localhost:{port}"
    wait_until(lambda: process.poll() is not None or answers(url + "/ready"), "the preview")
    return process, url


def test_a_preview_says_what_it_is_and_leaves_nothing(tmp_path: Path) -> None:
    study_path = write_study(tmp_path / "study", conditions={"face": 1, "none": 1})
    kept = tmp_path / "kept"
    kept.mkdir()
    process, url = previewed(study_path, kept)
    try:
        with urllib.request.urlopen(url + "/welcome", timeout=20) as page:
            assert "Deciding on small loans (preview, nothing is kept)" in page.read().decode()
        assert [one.name for one in kept.glob("countenance_preview_*/*.db")] == ["preview.db"]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert list(kept.glob("countenance_preview_*")) == []
    assert not (tmp_path / "study" / "study.db").exists()


def test_a_preview_ends_by_itself(tmp_path: Path) -> None:
    process, _ = previewed(write_study(tmp_path / "study"), tmp_path, "--hours", "0.0005")
    assert process.wait(timeout=60) == 0
    assert list(tmp_path.glob("countenance_preview_*")) == []
