"""What a replica refuses to start without."""

from pathlib import Path

import pytest

from data.errors import SetupError
from human_study.server import serve
from human_study.web.access_log import shown_path
from human_study.web.run_app import COOKIE_SECRET_VARIABLE
from tests.support.served_study import free_port
from tests.support.tiny_study import write_study

POSTGRES = "postgresql://nobody@127.0.0.1:1/none"


def refusal(folder: Path, database_url: str | None) -> str:
    """The sentence with which a replica of a study refuses to start."""
    with pytest.raises(SetupError) as caught:
        serve(str(write_study(folder)), port=free_port(), replica=True, database_url=database_url)
    return str(caught.value)


def test_a_replica_needs_a_database_that_others_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COOKIE_SECRET_VARIABLE, "x" * 40)
    assert "set database: or --db to postgresql://" in refusal(tmp_path, None)


@pytest.mark.parametrize("secret", [None, "", "too short"])
def test_a_replica_needs_a_shared_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str | None
) -> None:
    if secret is None:
        monkeypatch.delenv(COOKIE_SECRET_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(COOKIE_SECRET_VARIABLE, secret)
    assert f"set {COOKIE_SECRET_VARIABLE}" in refusal(tmp_path, POSTGRES)


def test_a_logged_path_is_one_line_and_names_no_trial() -> None:
    assert shown_path("/faces/aKey") == "/faces/-"
    assert shown_path("/x\n2026 GET /admin 200") == "/x\\n2026%20GET%20/admin%20200"
    assert len(shown_path("/" + "x" * 5000)) <= 200
