"""A condition to look at: the participant app on a copy, of which nothing is left."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from human_study.study.study_file import load_study_file
from tests.support.served_study import free_port, wait_until
from tests.support.tiny_study import write_study

pytestmark = pytest.mark.server


def status_of(url: str) -> int:
    """The status of a page; 0 where nothing answers."""
    try:
        with urllib.request.urlopen(url, timeout=20) as page:
            return int(page.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def previewed(study_path: Path, folder: Path, *options: str) -> tuple[subprocess.Popen[bytes], str]:
    """A preview of the condition face, its temporary files in `folder`; the process and its address."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("human-study")), "preview", str(study_path)]
    options = ("--condition", "face", "--port", str(port), *options)
    process = subprocess.Popen([*command, *options], env={**os.environ, "TMPDIR": str(folder)})
    url = f"http://localhost:{port}"
    wait_until(lambda: process.poll() is not None or status_of(url + "/ready"), "the preview")
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
        (copied,) = kept.glob("countenance_preview_*/study.yaml")
        assert load_study_file(copied).recruitment.completion_code == "PREVIEW-NO-CODE"
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
    assert list(kept.glob("countenance_preview_*")) == []
    assert not (tmp_path / "study" / "study.db").exists()


def test_an_expired_preview_says_so_until_it_is_stopped(tmp_path: Path) -> None:
    study_path = write_study(tmp_path / "study", ethics={"contact": "Dr. A, a@lab.example"})
    process, url = previewed(study_path, tmp_path, "--hours", "0.0005")
    try:
        wait_until(lambda: not list(tmp_path.glob("countenance_preview_*")), "the preview's end")
        wait_until(lambda: status_of(url) == 410, "the page of its end")
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(url + "/welcome", timeout=20)
        told = error.value.read().decode()
        assert "This preview of the study has expired" in told and "a@lab.example" in told
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
