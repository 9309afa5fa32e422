"""The nginx example in front of two replicas: sticky, silent about people, and a replica may die."""

import asyncio
import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from data.store.decision_store import DecisionStore
from human_study.web.request_guard import session_cookie_before
from human_study.web.static_files import files_of_the_first_page
from tests.support.browser_check import CHECK_COOKIE, proven_entry
from tests.support.http_load import Connection
from tests.support.load_participants import admit
from tests.support.own_postgres import OwnPostgres, find_postgres
from tests.support.served_nginx import ServedNginx
from tests.support.served_study import ServedStudy, answers, wait_until
from tests.support.tiny_study import write_study

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(find_postgres() is None, reason="Debian's postgresql is not installed"),
]
SECRET = "a-secret-that-all-replicas-share-0123456789"


class Cluster:
    """Two replicas on one PostgreSQL, and nginx in front."""

    def __init__(self, folder: Path) -> None:
        self.postgres = OwnPostgres()
        self.postgres.start()
        self.study_path = write_study(
            folder, database=self.postgres.url, recruitment={"platform": "prolific"}
        )
        self.access_logs = [folder / "access_a.log", folder / "access_b.log"]
        self.replicas = [
            ServedStudy(
                self.study_path, "--replica", "--access-log", str(log), COUNTENANCE_COOKIE_SECRET=SECRET
            )
            for log in self.access_logs
        ]
        for replica in self.replicas:
            replica.start()
        self.nginx = ServedNginx((self.replicas[0].port, self.replicas[1].port))

    def stop(self) -> None:
        self.nginx.stop()
        for replica in self.replicas:
            replica.stop()
        self.postgres.remove()

    def n_decisions_at(self) -> list[int]:
        """How many decisions each replica has answered."""
        return [log.read_text().count("POST /api/decisions 200") for log in self.access_logs]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for all tests of this file."""
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    yield started
    started.stop()


def await_decisions(cluster: Cluster, n: int) -> None:
    """Wait until the logs count so many; a line is written after its answer."""
    wait_until(lambda: sum(cluster.n_decisions_at()) >= n, "the last line of the log")


def ask(
    cluster: Cluster, method: str, path: str, cookie: str = "", body: str = "", coding: str = "identity"
) -> http.client.HTTPResponse:
    """One request through nginx, following nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", cluster.nginx.port, timeout=20)
    headers = {
        "Accept-Encoding": coding,
        **(
            {"Cookie": f"{session_cookie_before('tiny_study')}={cookie}; {CHECK_COOKIE}"}
            if cookie
            else {"Cookie": CHECK_COOKIE}
        ),
    }
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        connection.request(method, path, body or None, headers)
        response = connection.getresponse()
        response.read()
        return response
    finally:
        connection.close()


def test_a_replica_serves_no_analyst_app(cluster: Cluster) -> None:
    assert all(replica.children() == [] for replica in cluster.replicas)


def test_each_participant_stays_with_one_replica_and_all_decisions_are_stored(cluster: Cluster) -> None:
    people = admit(cluster.study_path, 14)  # all at one replica once in 8,000 times
    before = cluster.n_decisions_at()
    homes = set()

    async def decide_all() -> None:
        for person in people:
            n_at_start = cluster.n_decisions_at()
            for _ in range(3):  # a connection each: nothing but the cookie can hold them together
                async with Connection(
                    cluster.nginx.port, f"{session_cookie_before('tiny_study')}={person.token}"
                ) as connection:
                    await person.decide(connection)
            await_decisions(cluster, sum(n_at_start) + 3)
            counts = cluster.n_decisions_at()
            grown = [after - start for after, start in zip(counts, n_at_start, strict=True)]
            assert sorted(grown) == [0, 3]
            homes.add(grown.index(3))

    asyncio.run(decide_all())
    assert sum(cluster.n_decisions_at()) - sum(before) == 3 * len(people)
    with DecisionStore.open(cluster.postgres.url) as store:
        stored = store.decisions_frame("tiny_study", kind="simulated")
    assert {key for person in people for key in person.acknowledged} <= set(stored["trial_key"])
    assert len(homes) == 2, "all participants came to one replica"


def test_no_log_holds_a_query_a_token_or_an_id(cluster: Cluster) -> None:
    query = urlencode({"PROLIFIC_PID": "person-4711", "SESSION_ID": "sitting-4711"})
    assert ask(cluster, "GET", f"/?{query}").status == 303
    assert ask(cluster, "GET", f"/welcome?{query}").status == 200
    begun = ask(
        cluster, "POST", "/begin", body=urlencode({"entry": proven_entry(cluster.nginx.port), "query": query})
    )
    assert begun.status == 303
    assert begun.headers["Location"] == "./"
    token = begun.headers["Set-Cookie"].split("=", 1)[1].split(";")[0]
    assert ask(cluster, "GET", "/", cookie=token).status == 200
    with DecisionStore.open(cluster.postgres.url) as store:
        participant = store.participant_by_session(token)
        assert participant is not None
        trial_key = store.trials(participant.participant_key)[0].trial_key
    ask(cluster, "GET", f"/faces/{trial_key}", cookie=token)
    # A line is written after its answer.
    wait_until(lambda: "/faces/-" in cluster.nginx.logs(), "the last line of nginx's log")
    wait_until(
        lambda: any("/faces/-" in log.read_text() for log in cluster.access_logs), "and of a replica's"
    )
    logs = cluster.nginx.logs() + "".join(log.read_text() for log in cluster.access_logs)
    logs += "".join(replica.log() for replica in cluster.replicas)
    assert logs.count(" /welcome 200 ") >= 2  # nginx's line and the replica's: the logs do say something
    for secret in ("4711", token, trial_key, participant.participant_key, SECRET, "127.0.0.1", "?"):
        assert secret not in logs


def test_what_nobody_should_reach_is_not_there(cluster: Cluster) -> None:
    assert ask(cluster, "GET", "/_stcore/metrics").status == 404


def test_replicas_are_not_asked_each_time_for_what_is_the_same_for_everybody(cluster: Cluster) -> None:
    name = next(name for name in files_of_the_first_page() if name.endswith(".js"))
    for cookie in ("", "some", "another"):
        for coding in ("identity", "gzip", "br", "gzip, deflate, br, zstd"):
            response = ask(cluster, "GET", name, cookie=cookie, coding=coding)
            assert response.status == 200
            assert response.headers["Content-Encoding"] == ("gzip" if "gzip" in coding else None)
            assert response.headers["Vary"] == "Accept-Encoding"
            assert "immutable" in response.headers["Cache-Control"]
    assert ask(cluster, "GET", "/static/js/no.js").status == 404

    def n_asked(path: str) -> int:
        return sum(log.read_text().count(f"GET {path} ") for log in cluster.access_logs)

    wait_until(lambda: n_asked("/static/js/no.js") == 1, "the last line of the log")
    # Once in either coding; nginx keeps an answer a moment after it gave it, and the next may come before.
    assert 2 <= n_asked(name) < 12


def test_when_a_replica_is_gone_its_participants_go_on_with_the_other(cluster: Cluster) -> None:
    people = admit(cluster.study_path, 6)
    n_before = sum(cluster.n_decisions_at())
    gone = cluster.replicas[1]

    async def decide_all() -> None:
        for person in people:
            async with Connection(
                cluster.nginx.port, f"{session_cookie_before('tiny_study')}={person.token}"
            ) as connection:
                await person.decide(connection)

    asyncio.run(decide_all())
    await_decisions(cluster, n_before + 6)  # who is killed writes no last line
    gone.stop(9)
    asyncio.run(decide_all())
    await_decisions(cluster, n_before + 12)
    assert "4711" not in cluster.nginx.logs()
    query = urlencode({"PROLIFIC_PID": "person-4712"})
    assert ask(cluster, "GET", f"/welcome?{query}").status == 200
    assert "4712" not in cluster.nginx.logs()
    gone.start()


def test_readiness_follows_the_database(cluster: Cluster) -> None:
    urls = [replica.url + "/ready" for replica in cluster.replicas] + [cluster.nginx.url + "/ready"]
    wait_until(lambda: all(map(answers, urls)), "both replicas")
    cluster.postgres.stop()
    for url in urls:
        assert not answers(url)
    assert ask(cluster, "GET", "/ready").status == 503
    cluster.postgres.start()
    wait_until(lambda: all(map(answers, urls)), "the database")
