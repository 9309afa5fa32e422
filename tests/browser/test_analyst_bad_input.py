"""Studies of which little can be computed: every page says what is missing and why, in place of the number."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from data.store.erasure_key import KEY_VARIABLE
from tests.browser.analyst_visit import ServedAnalysts, choose, entered, settled, turn_to
from tests.support.bad_studies import BAD_STUDIES, build_bad_studies

pytestmark = pytest.mark.browser

ALL_LEFT_OUT = "all 6 participants are left out (failed attention checks)"
WITHDREW = "all 3 participants of Face are left out (withdrew)"
FIRST = next(iter(BAD_STUDIES))
# What stands on a page whatever the study is.
ALWAYS = {
    "Live": "Decisions a minute",
    "People": "Participants, and who is analysed",
    "Applications": "Applications most often decided wrongly",
    "Reasons": "Code the reasons",
}
# What nobody's decisions change is looked at once.
OF_THE_BUNDLE = {"Faces": "from safest to riskiest", "Response model": "The response model ĥ"}
# Study → page → what it must say.
SAYS: dict[str, dict[str, str]] = {
    "one_person": {
        "Overview": "nobody decided without advice in that round",
        "Accuracy": "fewer than 5 people in a group: no interval",
        "Learning": "fewer than three participants: no trend",
        "Reliance": "fewer than 5 people in a group: no interval",
        "Audits": "no round has test decisions both with no advice and with advice",
    },
    "one_condition": {
        "Overview": "nobody decided without advice in that round",
        "Accuracy": "no round has decisions on test applications in two conditions that are compared",
        "Audits": "no round has test decisions both with no advice and with advice",
    },
    "nobody_yet": {
        "Overview": "nobody has decided on a test application with it yet",
        "Accuracy": "no decision on a test application yet",
        "Learning": "no decision on a test application yet",
        "Reliance": "no decision on a test application with advice",
        "People": "nobody has begun yet",
        "Applications": "no main trial was decided yet",
        "Reasons": "nobody has given a reason in words yet",
        "Audits": "no decision on an application of a known group",
    },
    "all_correct": {
        "Overview": "fewer than 5 people in a group: no interval",
        "Accuracy": "fewer than 5 people in a group: no interval",
        "Learning": "fewer than 5 people in a group: no interval",
        "Audits": "fewer than 5 people in a group: no interval",
    },
    "face_unfinished": {
        "Overview": WITHDREW,
        "Accuracy": "all 3 participants are left out (withdrew)",
        "Learning": WITHDREW,
        "Reliance": WITHDREW,
        "Applications": WITHDREW,
        "Reasons": WITHDREW,
        "Audits": WITHDREW,
    },
    "all_inattentive": {
        "Overview": ALL_LEFT_OUT,
        "Accuracy": ALL_LEFT_OUT,
        "Learning": ALL_LEFT_OUT,
        "Reliance": ALL_LEFT_OUT,
        "People": "12 of 12 attention checks were failed, by 6 participants",
        "Applications": ALL_LEFT_OUT,
        "Reasons": ALL_LEFT_OUT,
        "Audits": ALL_LEFT_OUT,
    },
    "one_erased": {
        "Overview": "1 participant was erased at their request",
        "Accuracy": "fewer than 5 people in a group: no interval",
        "People": "3 began, 3 are analysed",
        "Audits": "fewer than 5 people in a group: no interval",
    },
}


@pytest.fixture(scope="module")
def analysts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedAnalysts]:
    """One analyst app on all of the studies."""
    folder = tmp_path_factory.mktemp("bad_studies")
    url = f"sqlite:///{folder / 'bad.db'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, "a long random text, for these tests alone")
        build_bad_studies(url, folder)
    app = ServedAnalysts(url, FIRST, folder / "analysts.log")
    yield app
    app.stop()


@pytest.mark.parametrize("study", BAD_STUDIES)
def test_every_page_says_why_in_place_of_the_number(
    analysts: ServedAnalysts, new_visitor: Callable[..., BrowserContext], study: str
) -> None:
    page = entered(new_visitor(viewport={"width": 1280, "height": 3000}), analysts.url)
    page.get_by_text("As of ").wait_for()
    if study != FIRST:
        choose(page, "Study", study)
    main = page.get_by_test_id("stMain")
    always = {**ALWAYS, **OF_THE_BUNDLE} if study == FIRST else ALWAYS
    for title, says in {**always, **SAYS[study]}.items():
        turn_to(page, title, study)
        expect(main).to_contain_text(says, ignore_case=True)  # the page before may still stand
        settled(page, study)
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
        text = main.inner_text()
        assert not re.findall(r"\b(?:nan|NaN|inf|None|NaT)\b|<NA>", text), title
        assert "the program made a mistake" not in text, title
