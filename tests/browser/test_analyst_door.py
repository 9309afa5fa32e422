"""The whole way into the analyst app in a real browser, and that the key is seen nowhere on it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from data.store.decision_store import DecisionStore
from tests.browser.analyst_visit import ServedAnalysts
from tests.browser.test_whole_participation import DESKTOP, PHONE, problems
from tests.support.served_study import ANALYST_KEY

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedAnalysts]:
    """The analyst app on a database without a study."""
    folder = tmp_path_factory.mktemp("door")
    url = f"sqlite:///{folder / 'empty.db'}"
    DecisionStore.open(url).close()
    served = ServedAnalysts(url, "none", folder / "analysts.log")
    yield served
    served.stop()
    assert ANALYST_KEY not in (folder / "analysts.log").read_text()


def test_the_address_with_the_key_leads_in_and_leaves_no_key_behind(
    served: ServedAnalysts, new_visitor: Callable[..., BrowserContext]
) -> None:
    context = new_visitor()
    page = context.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"{served.url}/enter#key={ANALYST_KEY}")
    page.wait_for_url(served.url + "/")
    page.get_by_text("There is no study in this database yet").wait_for()
    (cookie,) = [one for one in context.cookies() if one["name"].startswith("countenance_analyst")]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie").find("countenance_analyst") == -1
    assert [url for url in requested if ANALYST_KEY in url.split("#")[0]] == []
    page.go_back()  # the door has left no entry of its own
    assert ANALYST_KEY not in page.url
    page.goto(served.url + "/live")
    page.get_by_test_id("stApp").wait_for()


def test_who_has_no_key_comes_no_further_than_the_door(
    served: ServedAnalysts, new_visitor: Callable[..., BrowserContext]
) -> None:
    page = new_visitor().new_page()
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(served.url + "/people")
    page.wait_for_url("**/enter")
    page.get_by_label("Key").fill("not the key")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("alert")).to_have_text("This is not the key.")
    assert sockets == []
    page.keyboard.type(ANALYST_KEY)  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_url(served.url + "/")
    page.get_by_test_id("stApp").wait_for()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_door_meets_wcag_and_fits_the_screen(
    served: ServedAnalysts,
    new_visitor: Callable[..., BrowserContext],
    viewport: dict[str, int],
) -> None:
    page = new_visitor(viewport=viewport).new_page()
    page.goto(served.url + "/enter")
    assert problems("door", page) == []
    page.get_by_label("Key").fill("not the key")
    page.get_by_role("button", name="Enter").click()
    page.get_by_role("alert").wait_for()
    assert problems("door with a wrong key", page) == []
