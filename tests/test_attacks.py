"""What strangers and curious participants send: a clear status, nothing stored, nothing told, nothing logged."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from human_study.participation.running_study import RunningStudy
from tests.human_study.participants.test_trial_player import (
    JSON_VALUES,
    Visitor,
    client,
    live,
    message,
    n_decisions,
)
from tests.support.browser_check import CHECK_COOKIE, proven_entry
from tests.support.served_study import ServedStudy, analyst_cookie, answers, wait_until
from tests.support.tiny_study import write_study

__all__ = ["client", "live"]  # fixtures

BODIES_A_TIME = 100
CLEAR = {200, 400, 404, 409, 413}
PATHS = st.sampled_from(["/api/decisions", "/api/initial-decisions", "/api/leases"])


def altered(right: dict[str, object]) -> st.SearchStrategy[bytes]:
    """Bodies that resemble a right one, and bodies that resemble nothing."""
    fields = st.sampled_from([*right, "participant_key", "condition", "bundle_hash", "kind", "__proto__"])
    one_changed = st.tuples(fields, JSON_VALUES).map(lambda change: {**right, change[0]: change[1]})
    one_missing = fields.map(lambda left_out: {k: v for k, v in right.items() if k != left_out})
    in_json = st.one_of(one_changed, one_missing, JSON_VALUES).map(lambda made: json.dumps(made).encode())
    cut = st.integers(0, 200).map(lambda length: json.dumps(right).encode()[:length])
    return st.one_of(in_json, cut, st.binary(max_size=300))


@pytest.mark.slow
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_two_thousand_random_bodies_store_nothing_that_was_not_decided(
    live: RunningStudy, client: TestClient, data: st.DataObject
) -> None:
    visitor = Visitor(live, data.draw(st.uuids()).hex)
    headers = {**visitor.headers, "Content-Type": "application/json"}
    right = message(visitor.trials[0].trial_key)
    sent = data.draw(
        st.lists(st.tuples(PATHS, altered(right)), min_size=BODIES_A_TIME, max_size=BODIES_A_TIME)
    )
    n_before, n_recorded = n_decisions(live), 0
    for path, body in sent:
        response = client.post(path, content=body, headers=headers)
        assert response.status_code in CLEAR
        if response.json().get("status") == "recorded":
            n_recorded += 1
            decided = json.loads(body)
            assert decided["trial_key"] == right["trial_key"]
            assert decided["choice"] in ("approve", "deny")
    assert n_decisions(live) - n_before == n_recorded <= 1


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudy]:
    """A study of people from Prolific, served with an access log."""
    folder = tmp_path_factory.mktemp("attacked")
    path = write_study(
        folder, recruitment={"platform": "prolific", "completion_code": "C0DE"}, participants="people"
    )
    served = ServedStudy(path, "--access-log", str(folder / "access.log"))
    served.start()
    wait_until(lambda: answers(f"http://127.0.0.1:{served.analyst_port}/enter"), "the analyst app")
    yield served
    served.stop()


def ask(
    port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One request, following nothing: status, headers, body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body or None, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_ten_megabytes_are_refused_before_they_are_read(served: ServedStudy) -> None:
    length = 10 * 1024 * 1024
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.putrequest("POST", "/api/decisions")
    for name, value in (
        ("Content-Type", "application/json"),
        ("Content-Length", str(length)),
        ("Cookie", "countenance_session_tiny_study=somebody"),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(b"x" * 64 * 1024)  # the rest never has to be sent
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("path", ["/begin", "/api/decisions", "/api/initial-decisions", "/api/leases"])
def test_other_sites_cannot_act_for_anybody(served: ServedStudy, path: str) -> None:
    headers = {
        "Sec-Fetch-Site": "cross-site",
        "Content-Type": "application/json",
        "Cookie": "countenance_session_tiny_study=somebody",
    }
    status, _, body = ask(served.port, "POST", path, b"{}", headers)
    assert status == 403
    assert b"Traceback" not in body


def test_an_odd_path_or_method_is_answered_plainly(served: ServedStudy) -> None:
    cookie = {"Cookie": "countenance_session_tiny_study=somebody"}
    for method, path in (
        ("GET", "/faces/../../etc/passwd"),
        ("GET", "/faces/%2e%2e%2f%2e%2e%2fetc%2fpasswd"),
        ("DELETE", "/api/decisions"),
        ("PUT", "/begin"),
    ):
        status, _, body = ask(served.port, method, path, headers=cookie)
        assert status in (400, 401, 404, 405), (method, path)
        assert b"root:" not in body
        assert b"Traceback" not in body


def test_logs_hold_no_id_no_secret_and_no_words_of_a_participant(served: ServedStudy) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": CHECK_COOKIE}
    query = "PROLIFIC_PID%3Dperson-4711%26SESSION_ID%3Dsitting-4711"
    ask(served.port, "GET", "/welcome?PROLIFIC_PID=person-4711")
    status, headers, _ = ask(
        served.port, "POST", "/begin", f"entry={proven_entry(served.port)}&query={query}".encode(), form
    )
    assert status == 303
    token = headers["Set-Cookie"].split("=", 1)[1].split(";")[0]
    sent = json.dumps(message("a-trial-4711", reason="because of 4711")).encode()
    session = {"Cookie": f"countenance_session_tiny_study={token}", "Content-Type": "application/json"}
    ask(served.port, "POST", "/api/decisions", sent, session)
    ask(served.port, "GET", "/api/feedback/a-trial-4711", headers=session)
    ask(served.port, "GET", "/faces/a-trial-4711", headers=session)
    ask(served.port, "GET", "/?PROLIFIC_PID=person-4711", headers=session)
    logs = served.log() + (served.study_path.parent / "access.log").read_text()
    assert "POST /api/decisions 4" in logs
    assert "GET /faces/- 4" in logs
    for secret in ("4711", token, "?"):
        assert secret not in logs


@pytest.mark.parametrize("host", ["evil.example", "study.example:8502", "127.0.0.1.evil.example"])
def test_the_analyst_app_answers_no_other_host_name(served: ServedStudy, host: str) -> None:
    for path in ("/", "/_stcore/health", "/_stcore/stream"):
        status, _, body = ask(served.analyst_port, "GET", path, headers={"Host": host})
        assert status == 400
        assert b"Countenance" not in body
    cookie = {"Cookie": analyst_cookie(served.analyst_port)}
    assert ask(served.analyst_port, "GET", "/", headers={"Host": "localhost", **cookie})[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
def test_the_analyst_app_opens_no_websocket_for_another_site(served: ServedStudy, origin: str) -> None:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Origin": origin,
        "Cookie": analyst_cookie(served.analyst_port),
    }
    assert ask(served.analyst_port, "GET", "/_stcore/stream", headers=headers)[0] == 403


def test_the_analyst_app_is_not_reachable_from_other_machines(served: ServedStudy) -> None:
    listening = [
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[1].endswith(f":{served.analyst_port:04X}") and line.split()[3] == "0A"
    ]
    assert listening == [f"0100007F:{served.analyst_port:04X}"]
