"""The served process: what it holds, how soon it is ready, whom it lets in, and how it ends."""

import http.client
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.human_study.analysts.test_door import WEBSOCKET
from tests.support.served_study import ServedStudy, analyst_cookie, wait_until
from tests.support.tiny_study import write_study


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudy]:
    """A study served for all tests of this file."""
    served = ServedStudy(write_study(tmp_path_factory.mktemp("study"), recruitment={"platform": "prolific"}))
    served.start()
    yield served
    served.stop()


def get(
    served: ServedStudy, path: str, headers: dict[str, str] | None = None, port: int | None = None
) -> http.client.HTTPResponse:
    """One GET, following nothing; of the participant app where no port is named."""
    connection = http.client.HTTPConnection("127.0.0.1", port or served.port, timeout=20)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        if response.status != 101:
            response.read()
        return response
    finally:
        connection.close()


def test_the_participant_process_holds_no_torch(served: ServedStudy) -> None:
    for path in ("/ready", "/welcome", "/"):
        get(served, path)
    assert served.holds("pandas")  # the question itself works
    for library in ("torch", "statsmodels", "sklearn"):
        assert not served.holds(library)


def test_whoever_has_no_cookie_comes_to_the_welcome_page(served: ServedStudy) -> None:
    response = get(served, "/")
    assert (response.status, response.headers["Location"]) == (303, "welcome")


def test_a_recruitment_link_comes_to_the_welcome_page_even_with_a_cookie(served: ServedStudy) -> None:
    response = get(served, "/?PROLIFIC_PID=abc", {"Cookie": "countenance_session_tiny_study=old"})
    assert (response.status, response.headers["Location"]) == (303, "welcome?PROLIFIC_PID=abc")


def test_with_a_cookie_the_app_answers(served: ServedStudy) -> None:
    response = get(served, "/", {"Cookie": "countenance_session_tiny_study=some"})
    assert response.status == 200
    assert response.headers["X-Frame-Options"] == "DENY"  # no page may show it in a frame


@pytest.mark.parametrize(
    "path", ["/", "/welcome", "/ready", "/faces/none", "/_stcore/health", "/no/such/page"]
)
def test_no_answer_lets_the_browser_tell_where_it_came_from(served: ServedStudy, path: str) -> None:
    response = get(served, path, {"Cookie": "countenance_session_tiny_study=some"})
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_nothing_that_names_a_person_is_logged(served: ServedStudy) -> None:
    get(served, "/?PROLIFIC_PID=person-4711", {"Cookie": "countenance_session_tiny_study=secret-4711"})
    get(served, "/welcome?PROLIFIC_PID=person-4711")
    get(served, "/faces/face-4711", {"Cookie": "countenance_session_tiny_study=secret-4711"})
    assert "4711" not in served.log()


class OutsideWorld:
    """Stands where the server's requests to other hosts would pass, and keeps what comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.5)
        self.proxy = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def asked(self) -> bytes:
        """What was asked first since the last time, or nothing."""
        try:
            connection, _ = self._socket.accept()
        except TimeoutError:
            return b""
        with connection:
            return connection.recv(4096)

    def close(self) -> None:
        """Be gone."""
        self._socket.close()


@pytest.fixture
def outside() -> Iterator[OutsideWorld]:
    """All that the server could reach beside this machine."""
    world = OutsideWorld()
    yield world
    world.close()


@pytest.mark.server
def test_a_page_of_another_origin_makes_the_server_ask_nobody(tmp_path: Path, outside: OutsideWorld) -> None:
    proxies = {"http_proxy": outside.proxy, "https_proxy": outside.proxy, "no_proxy": "localhost,127.0.0.1"}
    served = ServedStudy(write_study(tmp_path), **proxies)
    served.start()
    try:
        for port in (served.port, served.analyst_port):
            cookie = {"Cookie": f"countenance_session_tiny_study=some; {analyst_cookie(served.analyst_port)}"}
            wait_until(lambda port=port: connects(port), "the app")  # type: ignore[misc]
            own, other = f"http://127.0.0.1:{port}", "https://evil.example"
            for origin, status in ((own, 101), (other, 403), ("null", 403)):
                asking = {**cookie, **WEBSOCKET, "Origin": origin}
                assert get(served, "/_stcore/stream", asking, port).status == status
            for path in ("/", "/_stcore/health", "/_stcore/host-config", "/welcome"):
                answer = get(served, path, {**cookie, "Origin": other}, port)
                assert answer.headers["Access-Control-Allow-Origin"] is None
        assert outside.asked() == b""
    finally:
        served.stop()


def connects(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_analyst_app_listens_on_loopback_only(served: ServedStudy) -> None:
    port = f"{served.analyst_port:04X}"
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{port}") and line.split()[3] == "0A"
    ]
    assert all(address == f"0100007F:{port}" for address in listening)


@pytest.mark.server
@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGKILL])
def test_both_apps_end_together(tmp_path: Path, signal_number: int) -> None:
    served = ServedStudy(write_study(tmp_path))
    served.start()
    (analysts,) = served.children()
    served.stop(signal_number)
    wait_until(lambda: not Path(f"/proc/{analysts}").exists(), "the end of the analyst app")
    assert "Traceback" not in served.log()
