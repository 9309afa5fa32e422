"""What people read where the study has no page, or cannot be reached, and what whoever serves it is told then."""

import http.client
import sqlite3
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from urllib.parse import urlencode

import pytest

from tests.support.browser_check import CHECK_COOKIE, proven_entry
from tests.support.served_study import ServedStudy
from tests.support.tiny_study import write_study

QUERY = "PROLIFIC_PID=person-4711&SESSION_ID=s"
ESCAPED = QUERY.replace("&", "&amp;")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudy]:
    """A German study of people."""
    recruitment = {"platform": "prolific", "completion_code": "C0DE"}
    folder = tmp_path_factory.mktemp("wrong_turns")
    path = write_study(
        folder,
        language="de",
        participants="people",
        recruitment=recruitment,
        expected_minutes=30,
        time_limits={"idle_minutes": 5},
    )
    served = ServedStudy(path)
    served.start()
    yield served
    served.stop()


def asked(
    served: ServedStudy,
    method: str,
    path: str,
    body: str | None = None,
    more: Mapping[str, str] = MappingProxyType({}),
) -> tuple[int, str, str]:
    """The status, the kind and the text of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    headers = {"Cookie": f"{CHECK_COOKIE}; countenance_session_tiny_study=some", **more}
    if body:
        is_form = not body.startswith("{")
        headers["Content-Type"] = "application/x-www-form-urlencoded" if is_form else "application/json"
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read().decode()
    finally:
        connection.close()


@pytest.mark.server
def test_at_an_address_without_a_page_stands_a_way_back_and_never_a_blank_page(served: ServedStudy) -> None:
    status, _, page = asked(served, "GET", f"/Welcome?{QUERY}")
    assert status == 404
    assert "keine Seite der Studie" in page and "Ada Tester" in page
    assert f'href="welcome?{ESCAPED}"' in page
    for path in ("/index.html", "/begin", "/study/"):
        assert asked(served, "GET", path)[0] == 404
    assert asked(served, "GET", "/")[0] == 200


@pytest.mark.server
def test_what_is_seldom_meant_is_said_before_people_come(served: ServedStudy) -> None:
    said = served.log()
    remark = "Look again: time_limits.idle_minutes is 5: who pauses for longer is out for good."
    assert remark in said and said.index(remark) < said.index("Participants: http://")


@pytest.mark.server
def test_a_proxy_that_does_not_cut_its_path_is_named_to_whoever_serves(served: ServedStudy) -> None:
    status, _, page = asked(served, "GET", f"/study/welcome?{QUERY}")
    assert status == 404 and "keine Seite der Studie" in page
    assert "asked for below /study," in served.log() and "proxy_pass" in served.log()
    assert "4711" not in served.log()


@pytest.mark.server
@pytest.mark.parametrize("path", ["/begin", "/consent"])
def test_a_form_that_is_refused_is_answered_by_a_page_that_leads_back(served: ServedStudy, path: str) -> None:
    too_long = asked(served, "POST", path, "entry=" + "x" * 100_000)
    elsewhere = asked(served, "POST", path, "entry=x", {"Sec-Fetch-Site": "cross-site"})
    assert (too_long[0], elsewhere[0]) == (413, 403)
    for _, kind, page in (too_long, elsewhere):
        assert kind.startswith("text/html") and "zurück zur Startseite" in page
        assert 'href="welcome"' in page and "Ada Tester" in page


@pytest.mark.server
@pytest.mark.parametrize("path", ["/begin", "/consent", "/api/leases"])
@pytest.mark.parametrize(
    ("headers", "is_taken"),
    [
        ({"Origin": "https://elsewhere.example"}, False),
        ({"Origin": "null"}, False),
        ({"Referer": "https://elsewhere.example/page"}, False),
        ({"Origin": "http://study.example:8000"}, False),
        ({"Origin": "https://study.example"}, True),
        ({"Origin": "https://study.example", "Referer": "https://study.example/welcome"}, True),
        ({"Referer": "https://study.example/welcome"}, True),
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
    ],
)
def test_a_browser_that_does_not_say_where_a_form_comes_from_is_asked_for_its_page(
    served: ServedStudy, path: str, headers: dict[str, str], is_taken: bool
) -> None:
    body = '{"lease": "abcdefgh", "take": true}' if path.startswith("/api/") else "entry=x&choice=agree"
    status, _, _ = asked(served, "POST", path, body, {"Host": "study.example", **headers})
    assert (status != 403) == is_taken


@pytest.mark.server
def test_a_websocket_that_arrives_with_another_host_is_named_to_whoever_serves(served: ServedStudy) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "Origin": "https://study.example",
    }
    assert asked(served, "GET", "/_stcore/stream", None, upgrade)[0] == 403
    line = served.log()
    assert "the page came from https://study.example, but the request reached this server with Host" in line
    assert f"127.0.0.1:{served.port}" in line and "proxy_set_header Host $http_host" in line


@pytest.mark.server
def test_while_the_database_fails_people_read_so_and_the_page_tries_again_by_itself(
    served: ServedStudy,
) -> None:
    sent = urlencode({"entry": proven_entry(served.port), "query": QUERY})
    database = sqlite3.connect(served.study_path.parent / "study.db")
    for renaming in ("study RENAME TO away", "participant RENAME TO nobody"):
        database.execute(f"ALTER TABLE {renaming}")
    for path, again_at in ((f"/welcome?{QUERY}", f"welcome?{ESCAPED}"), ("/", "./")):
        status, _, page = asked(served, "GET", path)
        assert status == 503
        assert "im Moment nicht erreichbar" in page and "Ada Tester" in page
        assert f'content="10; url={again_at}"' in page
    status, _, page = asked(served, "POST", "/begin", sent)
    assert status == 503 and "im Moment nicht erreichbar" in page
    assert 'action="begin"' in page and f'name="query" value="{ESCAPED}"' in page
    status, _, page = asked(served, "POST", "/consent", "participant=x&choice=agree")
    assert status == 503 and "noch nicht gespeichert" in page
    assert 'action="consent"' in page and 'name="choice" value="agree"' in page
    lease = '{"lease": "abcdefgh", "take": true}'
    assert asked(served, "POST", "/api/leases", lease)[:2] == (503, "application/json")
    assert "no such table" in served.log() and "4711" not in served.log()
    for renaming in ("away RENAME TO study", "nobody RENAME TO participant"):
        database.execute(f"ALTER TABLE {renaming}")
    database.close()
    assert asked(served, "GET", f"/welcome?{QUERY}")[0] == 200
