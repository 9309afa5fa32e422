"""A condition to look at: the participant app on a copy, of which nothing is left."""

import http.client
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from human_study.study.study_file import load_study_file
from tests.support.browser_check import CHECK_COOKIE, proven_entry
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
    code, back = "SECRET1", "https://app.prolific.com/submissions/complete"
    recruitment = {
        "platform": "prolific",
        "completion_url": f"{back}?cc={code}",
        "returned_code": "SECRET2",
    }
    conditions = {"face": 1, "none": 1}
    study_path = write_study(tmp_path / "study", conditions=conditions, recruitment=recruitment)
    kept = tmp_path / "kept"
    kept.mkdir()
    process, url = previewed(study_path, kept)
    try:
        with urllib.request.urlopen(url + "/welcome", timeout=20) as page:
            welcome = page.read().decode()
        assert "Deciding on small loans (preview, nothing is kept)" in welcome
        assert "<form" in welcome  # without any platform's link
        assert [one.name for one in kept.glob("countenance_preview_*/*.db")] == ["preview.db"]
        (copied,) = kept.glob("countenance_preview_*/study.yaml")
        shown = load_study_file(copied).recruitment
        assert shown.platform == "prolific"  # whose words are shown
        assert shown.way_back("completion") == ("PREVIEW-NO-CODE", f"{back}?cc=PREVIEW-NO-CODE")
        assert "SECRET" not in copied.read_text()
        port = int(url.rpartition(":")[2])
        cookie = CHECK_COOKIE.replace("=", "_preview=")
        sent = urllib.parse.urlencode({"entry": proven_entry(port, cookie), "query": ""})
        begun = http.client.HTTPConnection("localhost", port, timeout=60)
        begun.request("POST", "/begin", sent, {"Cookie": cookie})
        response = begun.getresponse()
        response.read()
        begun.request("GET", "/", headers={"Cookie": response.headers["Set-Cookie"].partition(";")[0]})
        assert "The platform that sent you here passed on an ID" in begun.getresponse().read().decode()
        begun.close()
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
        for path, sent in (("/welcome", None), ("/consent", b"choice=agree"), ("/begin", b"entry=x")):
            with pytest.raises(urllib.error.HTTPError) as error:
                urllib.request.urlopen(url + path, sent, timeout=20)
            told = error.value.read().decode()
            assert error.value.code == 410
            assert "This preview of the study has expired" in told and "a@lab.example" in told
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
