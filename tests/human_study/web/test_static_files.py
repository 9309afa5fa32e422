"""Streamlit's scripts, styles and fonts: kept by browsers, compressed, the same bytes, and nothing but them."""

import gzip
import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit import file_util

from human_study.web.static_files import files_of_the_first_page
from tests.support.served_study import ServedStudy
from tests.support.tiny_study import write_study


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedStudy]:
    """A study served for all tests of this file."""
    served = ServedStudy(write_study(tmp_path_factory.mktemp("study")))
    served.start()
    yield served
    served.stop()


def get(
    served: ServedStudy, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """One request, with exactly this path and these headers."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def test_every_file_that_the_first_page_names_is_kept_for_good_and_is_what_streamlit_ships(
    served: ServedStudy,
) -> None:
    names = files_of_the_first_page()
    assert {Path(name).suffix for name in names} >= {".js", ".css", ".woff2"}
    for name in names:
        shipped = (Path(file_util.get_static_dir()) / name[1:]).read_bytes()
        for _ in range(2):  # read from the disk, and from memory
            response, body = get(served, name, Accept_Encoding="gzip, deflate, br")
            assert response.status == 200
            assert response.headers["Cache-Control"] == "public, immutable, max-age=31536000"
            assert response.headers["Vary"] == "Accept-Encoding"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            is_compressed = response.headers["Content-Encoding"] == "gzip"
            assert is_compressed == (not name.endswith(".woff2"))
            assert (gzip.decompress(body) if is_compressed else body) == shipped
        plain, plain_body = get(served, name)  # by Streamlit itself
        assert plain_body == shipped
        assert plain.headers["Content-Type"].split(";")[0] == response.headers["Content-Type"].split(";")[0]
        assert "immutable" in plain.headers["Cache-Control"]
        assert plain.headers["Vary"] == "Accept-Encoding"


def test_what_is_not_asked_plainly_is_answered_as_ever(served: ServedStudy) -> None:
    name = files_of_the_first_page()[0]
    part, body = get(served, name, Accept_Encoding="gzip", Range="bytes=0-9")
    assert (part.status, len(body), part.headers["Content-Encoding"]) == (206, 10, None)
    whole, _ = get(served, name)
    unchanged, _ = get(served, name, Accept_Encoding="gzip", If_None_Match=whole.headers["ETag"])
    assert unchanged.status == 304
    head, body = get(served, name, "HEAD", Accept_Encoding="gzip")
    assert (head.status, body) == (200, b"")
    assert get(served, name, "POST")[0].status == 405


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize(
    "path",
    [
        "/static/js/index.00000000.js",
        "/static/",
        "/static/js",
        "/static/../index.html",
        "/static/js/../../index.html",
        "/static/%2e%2e/index.html",
        "/static/..%2findex.html",
        "/static/..%5c..%5cindex.html",
        "/static//etc/passwd",
        "/static/%2fetc%2fpasswd",
        "/static/js/%00",
    ],
)
def test_what_is_no_such_file_is_not_there(served: ServedStudy, path: str, method: str) -> None:
    for coding in ("gzip", "identity"):
        response, body = get(served, path, method, Accept_Encoding=coding)
        assert response.status == 404
        assert body == (b"" if method == "HEAD" else b"Not Found")
