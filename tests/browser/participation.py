"""Goes through a whole participation in a browser, seeing nothing but the page; the tests look on at every page."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Locator, Page

from human_study.study.messages import Language, Messages
from human_study.study.questions import comprehension_questions
from human_study.study.study_sections import TrialPlan
from tests.support.served_study import ServedStudy

# A study with everything in it: every step, and every kind of trial.
WHOLE_STUDY = {
    "comprehension": None,  # None: the key is left out, so the shipped questions are asked
    "questionnaire": None,
    "trials": {
        "main": 2,
        "practice": 1,
        "attention": 1,
        "repeated": 1,
        "stages": 2,
        "confidence_points": 5,
        "reason_share": 0.5,
    },
    "payment": {"currency": "GBP", "base": 3, "bonus_per_correct": 0.1},
    "screening": [
        {"id": "adult", "question": "Are you 18 or older?", "options": ["Yes", "No"], "accept": ["Yes"]}
    ],
}
KINDS = {"main": 2, "practice": 1, "attention": 1, "repeated": 1}  # of its trials
N_REASONS = 1
_WORDS = {"noun": "application", "nouns": "applications", "positive": "repaid", "negative": "defaulted"}
RIGHT_ANSWERS = {
    question.right
    for language in ("en", "de")
    for condition in ("examples", "score")
    for question in comprehension_questions(
        Messages(Language(language), _WORDS), condition, TrialPlan(learning=1)
    )
}
LookOn = Callable[[str, Page], None]


def look_away(_name: str, _page: Page) -> None:
    """For a test that only wants to get to the end."""


class Walk:
    """One participant's way. `look_on` is called on every page, with the page's name, once it stands still."""

    def __init__(self, served: ServedStudy, page: Page, look_on: LookOn = look_away) -> None:
        self.served, self.page = served, page
        self._look_on = look_on
        self.entry_url = served.url
        self._seen: set[str] = set()
        self.reason = "=SUM(A1) <script>alert(1)</script>"

    def whole(self) -> None:
        """From the link to the completion code."""
        self.to_the_trials()
        self.trials("main")
        self.questionnaire()
        self.page.locator(".code").wait_for()
        self.look("debrief")

    def look(self, name: str) -> None:
        """Let the test look at the page, the first time that it is reached."""
        self._stand_still()
        if name not in self._seen:
            self._seen.add(name)
            self._look_on(name, self.page)

    def to_the_trials(self) -> None:
        """Welcome, consent, screening, instructions, questions, practice."""
        page = self.page
        page.goto(self.entry_url)
        self.look("welcome")
        self.use(page.locator("form button"))
        page.locator("button[value=agree]").wait_for()
        self.look("consent")
        self.use(page.locator("button[value=agree]"))
        page.locator("[data-testid=stRadio]").wait_for()
        self.look("screening")
        self.pick(page.locator("[data-testid=stRadio] [role=radiogroup] label").filter(has_text="Yes"))
        self._submit()
        page.locator("[data-testid=stRadio]").wait_for(state="detached")
        self.look("instructions")
        self.use(page.locator("[data-testid=stMain] button[kind=primary]"))
        self.comprehension()
        self.trials("practice")

    def comprehension(self) -> None:
        """Answer the first question wrongly, read the explanation, and answer it rightly."""
        page = self.page
        radios = page.locator("[data-testid=stRadio]")
        radios.first.wait_for()
        self.look("comprehension")
        for number, question in enumerate(radios.all()):
            self._answer(question, rightly=number > 0)
        self._submit()
        page.wait_for_function("document.querySelectorAll('[data-testid=stRadio]').length === 1")
        page.locator("[data-testid=stAlert]").wait_for()
        self.look("comprehension explained")
        self._answer(radios.first, rightly=True)
        self._submit()
        radios.wait_for(state="detached")

    def _answer(self, question: Locator, *, rightly: bool) -> None:
        for option in question.locator("[role=radiogroup] label").all():
            if (option.inner_text().strip() in RIGHT_ANSWERS) == rightly:
                self.pick(option)
                return
        raise AssertionError(f"no such option under {question.inner_text()!r}")

    def trials(self, block: str) -> None:
        """Decide on one block of trials, whatever each of them asks for, until the block is gone."""
        page = self.page
        page.locator(".player.started").wait_for()
        for _ in range(200):
            if not self._is_in(block):
                return
            self._do_what_is_asked(block)
        raise AssertionError(f"the {block} trials do not end")

    def _is_in(self, block: str) -> bool:
        """Whether the block goes on, once the page shows what there is to do."""
        self.page.wait_for_function(
            """() => {
              const root = [...document.querySelectorAll('*')].map((node) => node.shadowRoot)
                .find((shadow) => shadow?.querySelector('.player:not(.done)'));
              if (!root) return Boolean(document.querySelector('[data-testid=stForm], .code'));
              const shown = (selector) => [...root.querySelectorAll(selector)]
                .some((node) => !node.disabled && node.offsetParent);
              return shown('.choices button, .points button, .go-on');
            }"""
        )
        heading = self.page.locator(".player:not(.done) h2")
        if heading.count() == 0:
            return False
        begins = {"practice": ("Practice", "Zum Üben"), "learning": ("To learn", "Zum Lernen")}
        words = heading.inner_text()
        return block == next((own for own, begun in begins.items() if words.startswith(begun)), "main")

    def _do_what_is_asked(self, block: str) -> None:
        page = self.page
        if page.locator(".points").is_visible():
            self.look(
                f"{block} with reason"
                if page.locator(".player textarea").is_visible()
                else f"{block} confidence"
            )
            self.say_how_sure(3)
            if page.locator(".player textarea").is_visible():
                self.write(page.locator(".player textarea"), self.reason)
                self.use(page.locator(".go-on"))
        elif page.locator(".go-on").is_visible():
            self.look(f"{block} feedback")
            self.use(page.locator(".go-on"))
        else:
            prompt = page.locator(".prompt")
            self.look(f"{block} {prompt.inner_text()[:9] if prompt.is_visible() else 'trial'}")
            self.approve()
        page.wait_for_timeout(30)

    def questionnaire(self) -> None:
        """Answer the last questions."""
        page = self.page
        # On a busy machine the last field may be drawn before the first.
        page.wait_for_function("document.querySelectorAll('[data-testid=stForm] textarea').length === 2")
        self.look("questionnaire")
        self.pick(page.get_by_test_id("stRadio").last.locator("[role=radiogroup] label").nth(2))
        self.write(page.locator("[data-testid=stTextArea] textarea").first, self.reason)
        self.write(page.locator("[data-testid=stTextInput] input").first, "44")
        self._submit()

    def _submit(self) -> None:
        self.use(self.page.locator("[data-testid=stFormSubmitButton] button"))

    def use(self, button: Locator) -> None:
        """Press a button."""
        button.click()

    def pick(self, option: Locator) -> None:
        """Choose one of several answers."""
        option.click()

    def write(self, field: Locator, text: str) -> None:
        """Fill a field in."""
        field.fill(text)

    def approve(self) -> None:
        """Decide on the trial."""
        self.page.locator("[data-choice=approve]").click()

    def say_how_sure(self, point: int) -> None:
        """Choose a point of the confidence scale, from 1."""
        self.page.locator(".points button").nth(point - 1).click()

    def _stand_still(self) -> None:
        # Nobody clicks within the few milliseconds in which Streamlit is still drawing the page.
        if self.page.locator("[data-test-script-state]").count():
            self.page.locator("[data-test-script-state=notRunning]").wait_for()
        self.page.wait_for_timeout(150)


class KeyboardWalk(Walk):
    """The same way without a mouse or a finger: by the keys that the page tells, and Tab, Enter, Space and arrows."""

    def __init__(self, served: ServedStudy, page: Page, look_on: LookOn = look_away) -> None:
        super().__init__(served, page, look_on)
        self.chosen: list[str] = []  # stage by stage

    def use(self, button: Locator) -> None:
        """Go to a button with Tab, and press Enter."""
        self.tab_to(button)
        self.page.keyboard.press("Enter")

    def pick(self, option: Locator) -> None:
        """Go into a group of answers with Tab, and through it with arrows."""
        group = option.locator("xpath=ancestor::*[@role='radiogroup']")
        self.tab_to(group)
        self.page.keyboard.press("Space")
        for _ in group.locator("input").all():
            if option.locator("input").is_checked():
                return
            self.page.keyboard.press("ArrowDown")
            self.page.wait_for_timeout(100)
        raise AssertionError(f"the arrows do not reach {option}")

    def write(self, field: Locator, text: str) -> None:
        """Go to a field with Tab, and type."""
        self.tab_to(field)
        self.page.keyboard.type(text)

    def approve(self) -> None:
        """One or the other of the keys that the buttons show, once they are taken."""
        self.page.locator("[data-choice=approve]:enabled").wait_for()
        self.chosen.append("approve" if len(self.chosen) % 3 else "deny")
        self.page.keyboard.press("f" if self.chosen[-1] == "approve" else "j")

    def say_how_sure(self, point: int) -> None:
        """A digit is a point of the scale, once it is taken."""
        self.page.locator(".points button:enabled").first.wait_for()
        self.page.keyboard.press(str(point))

    def withdraw(self) -> None:
        """Stop taking part, wherever the way has led to."""
        page = self.page
        self.use(page.get_by_role("button", name=STOP))
        page.get_by_role("button", name=REALLY_STOP).wait_for()
        self.look("withdrawal")
        self.use(page.get_by_role("button", name=REALLY_STOP))

    def tab_to(self, wanted: Locator) -> None:
        """Press Tab until what is wanted, or something in it, has the focus and is seen to have it."""
        wanted.wait_for()
        for _ in range(60):
            if wanted.evaluate(_HAS_FOCUS):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {wanted}")


STOP = re.compile("Stop taking part|Teilnahme beenden")
REALLY_STOP = re.compile("^(Yes, stop|Ja, beenden)$")
_HAS_FOCUS = """(wanted) => {
  let focused = document.activeElement;
  while (focused?.shadowRoot?.activeElement) focused = focused.shadowRoot.activeElement;
  return focused !== document.body && wanted.contains(focused);
}"""
