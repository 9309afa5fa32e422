"""The door of the analyst app: who is let in, and what stands behind it."""

import base64
import http.client
import os
import pty
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from data.errors import SetupError
from human_study.analysts.door import SIGNED_IN_S, WRONG_KEYS_A_MINUTE, AnalystDoor, is_valid, signed_until
from human_study.analysts.key import ANALYST_KEY_VARIABLE, analyst_key
from tests.support.served_study import ANALYST_KEY, ServedStudy, analyst_cookie, answers, wait_until
from tests.support.tiny_study import write_study

ROUTES = [
    "/",
    "/people",
    "/no/such/page",
    "/_stcore/health",
    "/_stcore/host-config",
    "/_stcore/metrics",
    "/_stcore/stream",
    "/_stcore/upload_file/a/b",
    "/media/0123456789abcdef.csv",
    "/component/none/index.html",
    "/static/js/index.js",
    "/favicon.png",
    "//",
    "/enter/",
    "/enter/..//",
    "/%65nter/x",
    "/ENTER",
]
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"0123456789abcdef").decode(),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudy]:
    """A study with its analyst app, which keeps its key in a file."""
    folder = tmp_path_factory.mktemp("study")
    arguments = ("--analyst-key-file", str(folder / "kept" / "analyst_key"))
    host = ("--analyst-host", "analysts.example.org")
    served = ServedStudy(write_study(folder), *arguments, *host, **{ANALYST_KEY_VARIABLE: ""})
    served.start()
    wait_until(lambda: answers(f"http://127.0.0.1:{served.analyst_port}/enter"), "the analyst app")
    yield served
    served.stop()


@pytest.fixture(scope="module")
def key(served: ServedStudy) -> str:
    """The key that serving made."""
    return (served.study_path.parent / "kept" / "analyst_key").read_text().strip()


def ask(
    served: ServedStudy, method: str, path: str, headers: dict[str, str] | None = None, body: str = ""
) -> http.client.HTTPResponse:
    """One request to the analyst app, following nothing; its body is in `.text`."""
    connection = http.client.HTTPConnection("127.0.0.1", served.analyst_port, timeout=20)
    if body:
        headers = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    try:
        connection.request(method, path, body or None, headers or {})
        response = connection.getresponse()
        response.text = "" if response.status == 101 else response.read().decode(errors="replace")  # type: ignore[attr-defined]
        return response
    finally:
        connection.close()


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_without_a_cookie_nothing_is_answered(served: ServedStudy, method: str, path: str) -> None:
    response = ask(served, method, path)
    assert response.status == 401
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "Countenance" not in response.text  # type: ignore[attr-defined]


def test_a_page_without_a_cookie_leads_to_the_door(served: ServedStudy) -> None:
    for path, way in (("/", "enter"), ("/people?x=1", "enter"), ("/no/such/page", "../../enter")):
        response = ask(served, "GET", path, {"Accept": "text/html,*/*"})
        assert (response.status, response.headers["Location"]) == (303, way)


def test_a_websocket_needs_the_cookie(served: ServedStudy, key: str) -> None:
    own = {"Origin": f"http://127.0.0.1:{served.analyst_port}"}
    cookie = {"Cookie": analyst_cookie(served.analyst_port, key)}
    assert ask(served, "GET", "/_stcore/stream", {**WEBSOCKET, **own}).status == 401
    assert ask(served, "GET", "/_stcore/stream", {**WEBSOCKET, **own, **cookie}).status == 101


def test_a_page_of_another_port_opens_no_websocket_even_with_the_cookie(
    served: ServedStudy, key: str
) -> None:
    cookie = {"Cookie": analyst_cookie(served.analyst_port, key)}
    for origin in (f"http://127.0.0.1:{served.port}", "http://localhost", "null"):
        headers = {**WEBSOCKET, **cookie, "Origin": origin}
        assert ask(served, "GET", "/_stcore/stream", headers).status == 403


def test_the_key_gives_a_cookie_that_opens_every_route(served: ServedStudy, key: str) -> None:
    response = ask(served, "POST", "/enter", body=f"key={key}")
    assert (response.status, response.headers["Location"]) == (303, "./")
    given = response.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SIGNED_IN_S}"} <= set(given.split("; "))
    assert "Secure" not in given
    assert key not in given
    cookie = {"Cookie": given.split(";")[0]}
    assert ask(served, "GET", "/", cookie).status == 200
    assert ask(served, "GET", "/_stcore/health", cookie).status == 200
    assert ask(served, "GET", "/media/none.csv", cookie).status == 404


def test_what_is_not_the_cookie_opens_nothing(served: ServedStudy, key: str) -> None:
    port = served.analyst_port
    right = analyst_cookie(port, key)
    name, _, value = right.partition("=")
    until, _, signature = value.partition(".")
    forged = {
        "of another key": analyst_cookie(port, ANALYST_KEY),
        "over": analyst_cookie(port, key, lasts_s=-1),
        "prolonged": f"{name}={int(until) + 1}.{signature}",
        "unsigned": f"{name}={until}.",
        "without a dot": f"{name}={until}{signature}",
        # The first letter: of the last one, two bits are nobody's.
        "changed": f"{name}={until}.{'a' if signature[0] != 'a' else 'b'}{signature[1:]}",
        "of another app": f"countenance_analyst_1={value}",
        "a participant's": f"countenance_session={value}",
        "the key itself": f"{name}={key}",
        "nothing": f"{name}=",
        "odd digits": f"{name}=٣{value[1:]}".encode().decode("latin-1"),
    }
    for what, cookie in forged.items():
        assert ask(served, "GET", "/", {"Cookie": cookie}).status == 401, what
    assert ask(served, "GET", "/", {"Cookie": right}).status == 200


def test_over_a_proxy_with_tls_the_cookie_is_secure(served: ServedStudy, key: str) -> None:
    host = {"Host": "analysts.example.org"}
    plain = ask(served, "POST", "/enter", host, body=f"key={key}")
    assert plain.status == 403
    tls = {**host, "X-Forwarded-Proto": "https"}
    response = ask(served, "POST", "/enter", tls, body=f"key={key}")
    assert response.status == 303
    assert "Secure" in response.headers["Set-Cookie"].split("; ")
    assert ask(served, "GET", "/", {**tls, "Host": "other.example.org"}).status == 400


def test_an_odd_form_is_answered_plainly(served: ServedStudy) -> None:
    assert ask(served, "POST", "/enter", body="key=" + "x" * 5000).status == 413
    assert ask(served, "DELETE", "/enter").status == 405
    other = {"Sec-Fetch-Site": "same-site"}  # another port of this machine
    assert ask(served, "POST", "/enter", other, body="key=x").status == 403


def test_neither_log_nor_process_list_holds_the_key(served: ServedStudy, key: str) -> None:
    ask(served, "GET", f"/enter?key={key}")
    ask(served, "GET", f"/{key}")
    ask(served, "POST", "/enter", body=f"key={key}")
    log = served.log()
    assert f"http://127.0.0.1:{served.analyst_port}/enter, with the key in" in log
    assert key not in log
    assert "ScriptRunContext" not in log
    assert served.process is not None
    for process in (served.process.pid, *served.children()):
        assert key not in Path(f"/proc/{process}/cmdline").read_text()


def test_the_key_outlives_a_restart_in_a_file_of_ones_own(served: ServedStudy, key: str) -> None:
    kept = served.study_path.parent / "kept" / "analyst_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    cookie = {"Cookie": ask(served, "POST", "/enter", body=f"key={key}").headers["Set-Cookie"].split(";")[0]}
    served.stop()
    served.start()
    wait_until(lambda: answers(f"http://127.0.0.1:{served.analyst_port}/enter"), "the analyst app")
    assert kept.read_text().strip() == key
    assert ask(served, "GET", "/", cookie).status == 200


@pytest.mark.server
def test_a_terminal_shows_the_address_with_the_key_once(tmp_path: Path) -> None:
    served = ServedStudy(
        write_study(tmp_path),
        "--analyst-key-file",
        str(tmp_path / "analyst_key"),
        **{ANALYST_KEY_VARIABLE: ""},
    )
    ours, theirs = pty.openpty()
    served.start(stdout=theirs)
    os.close(theirs)
    shown = os.read(ours, 64 * 1024).decode()
    served.stop()
    os.close(ours)
    key = (tmp_path / "analyst_key").read_text().strip()
    assert shown.count(key) == 1
    assert f"http://127.0.0.1:{served.analyst_port}/enter#key={key}" in shown


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock of the test's own."""
    return Clock()


@pytest.fixture
def client(clock: Clock) -> TestClient:
    """Somebody before the door of a small app."""

    async def page(_request: object) -> PlainTextResponse:
        return PlainTextResponse("inside")

    async def stream(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    app = Starlette(routes=[Route("/", page), WebSocketRoute("/stream", stream)])
    door = AnalystDoor(app, ANALYST_KEY, "analyst", clock=clock)
    return TestClient(door, base_url="http://127.0.0.1:8502", follow_redirects=False)


def enter(client: TestClient, key: str) -> int:
    """Try a key; the status."""
    return client.post("/enter", data={"key": key}).status_code


def test_after_too_many_wrong_keys_not_even_the_right_one_is_looked_at(
    client: TestClient, clock: Clock
) -> None:
    for number in range(WRONG_KEYS_A_MINUTE):
        clock.now += 1
        assert enter(client, f"wrong {number}") == 401
    refused = client.post("/enter", data={"key": ANALYST_KEY})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert "set-cookie" not in refused.headers
    clock.now += 60
    assert enter(client, ANALYST_KEY) == 303


def test_who_is_in_stays_in_while_others_guess(client: TestClient) -> None:
    assert enter(client, ANALYST_KEY) == 303
    for number in range(WRONG_KEYS_A_MINUTE + 1):
        enter(client, f"wrong {number}")
    assert client.get("/").text == "inside"


def test_a_cookie_ends_with_its_time(client: TestClient, clock: Clock) -> None:
    assert enter(client, f"  {ANALYST_KEY}\n") == 303  # as pasted
    clock.now += SIGNED_IN_S - 1
    assert client.get("/").text == "inside"
    clock.now += 2
    assert client.get("/").status_code == 401


def test_a_cookie_is_valid_with_its_own_key_and_until_its_end() -> None:
    cookie = signed_until(1000, "a key")
    assert is_valid(cookie, "a key", 999)
    assert not is_valid(cookie, "a key", 1000)
    assert not is_valid(cookie, "another key", 999)
    end, _, signature = cookie.partition(".")
    for forged in ("", "2000", f"2000.{signature}", f"{end}.", f"{end}.{signature}x", f".{signature}", "ä.ö"):
        assert not is_valid(forged, "a key", 999)


def test_the_door_runs_its_own_script_only_and_is_framed_by_nobody(client: TestClient) -> None:
    response = client.get("/enter")
    assert re.search(r"script-src 'sha256-[^' ]+';", response.headers["Content-Security-Policy"])
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Cache-Control"] == "no-store"
    assert ANALYST_KEY not in response.text


def test_a_key_comes_from_the_environment_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ANALYST_KEY_VARIABLE, ANALYST_KEY)
    known = analyst_key(tmp_path / "analyst_key")
    assert known.key == ANALYST_KEY
    assert ANALYST_KEY not in known.address(8502, shown=False)
    assert not (tmp_path / "analyst_key").exists()


def test_a_key_that_others_know_or_could_guess_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ANALYST_KEY_VARIABLE, "short")
    with pytest.raises(SetupError, match="could be guessed"):
        analyst_key(tmp_path / "analyst_key")
    monkeypatch.delenv(ANALYST_KEY_VARIABLE)
    kept = tmp_path / "analyst_key"
    kept.write_text("x" * 40)
    kept.chmod(0o640)
    with pytest.raises(SetupError, match="Others can read"):
        analyst_key(kept)
    kept.chmod(0o600)
    assert analyst_key(kept).key == "x" * 40
    kept.write_text("short\n")
    with pytest.raises(SetupError, match="could be guessed"):
        analyst_key(kept)
    with pytest.raises(SetupError, match="cannot be kept"):
        analyst_key(tmp_path / "analyst_key" / "below_a_file")


def test_no_other_machine_reaches_the_analyst_app(served: ServedStudy) -> None:
    with socket.socket() as probe:
        probe.settimeout(5)
        with pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.2", served.analyst_port))
