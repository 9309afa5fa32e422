"""Which study, participants, rounds and conditions a page is about, and their results, read once for everybody.

Results are computed anew only when the database holds something new; while a study is open, pages look every
few seconds. What is kept is shared by all who look, and is never changed; what is outdated is let go of at once, as
the results of a large study take a hundred megabytes.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import RLock
from typing import Any

import streamlit as st

from advisor.bundles.bundle import in_order
from data.default_database import DEFAULT_DATABASE_URL
from data.errors import CountenanceError, WithheldError
from data.records import ParticipantKind
from data.store.decision_store import DecisionStore
from human_study.analysis.study_results import StudyResults, collect_results, kinds_present
from human_study.analysts.views.drawing import plain
from human_study.analysts.views.environment import DATABASE_VARIABLE, STUDY_VARIABLE
from human_study.findings.finding import Finding
from human_study.findings.sections import SECTIONS
from human_study.presentation.labels import KIND_LABELS, condition_label

REFRESH_EVERY_S = 15


@dataclass(frozen=True)
class Choice:
    """What the sidebar says. Empty `rounds` or `conditions` mean all of them."""

    url: str
    study_name: str
    kind: ParticipantKind
    rounds: tuple[int, ...] = ()
    conditions: tuple[str, ...] = ()

    @property
    def store(self) -> DecisionStore:
        """The database."""
        return open_store(self.url)

    @property
    def simulated(self) -> bool:
        """Whether no person took these decisions."""
        return self.kind == "simulated"

    def state(self) -> tuple[object, ...]:
        """Changes whenever the database holds something new of this study."""
        return self.store.state_of(self.study_name, self.kind)

    def results(self) -> StudyResults:
        """The results that the filters leave.

        Raises WithheldError while outcomes are withheld, another CountenanceError where bundle or database are gone.
        """
        results = self.progress()
        results.require_shown()
        return results

    def progress(self) -> StudyResults:
        """The same, for pages that show nothing of outcomes by condition while these are withheld."""
        return self._results(self.state())

    def findings(self, section: str) -> list[Finding]:
        """The findings of one section of SECTIONS."""
        (wanted,) = [one for one in SECTIONS if one.name == section]
        state = self.state()
        with st.spinner("Computing"):
            return _shelf(self).get(
                state, f"section {section}", lambda: wanted.findings(self._results(state))
            )

    def _results(self, state: tuple[object, ...]) -> StudyResults:
        with st.spinner("Reading the study"):
            return self._kept_results(state)

    def _kept_results(self, state: tuple[object, ...]) -> StudyResults:
        return _shelf(self).get(state, "results", lambda: self._read(state))

    def _read(self, state: tuple[object, ...]) -> StudyResults:
        if not self.rounds and not self.conditions:
            return collect_results(self.store, self.study_name, self.kind).at_planned_look()
        everything = Choice(self.url, self.study_name, self.kind)._results(state)
        return everything.narrowed(self.rounds, self.conditions)


class _Shelf:
    """What was computed of one choice, as of the newest state of the database that was asked for."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self._lock = RLock()
        self._state: tuple[object, ...] = ()
        self._kept: dict[str, Any] = {}

    def get(self, state: tuple[object, ...], name: str, compute: Callable[[], Any]) -> Any:
        """What is kept under a name, computed by the first who asks; others wait for it."""
        with self._lock:
            if state != self._state:
                self._state, self._kept = state, {}
            if name not in self._kept:
                self._kept[name] = compute()
            return self._kept[name]


@st.cache_resource(max_entries=16)
def _shelf(choice: Choice) -> _Shelf:
    return _Shelf(choice)


@st.cache_resource
def open_store(url: str) -> DecisionStore:
    """The database at a URL, opened once a process."""
    return DecisionStore.open(url)


def read_ahead() -> None:
    """Read the study that the app opens with, so that the first analyst does not wait for it."""
    url, study_name = os.environ[DATABASE_VARIABLE], os.environ[STUDY_VARIABLE]
    with contextlib.suppress(CountenanceError):  # who opens the app is told so
        choice = Choice(url, study_name, kinds_present(open_store(url), study_name)[0])
        choice._kept_results(choice.state())


def page_of_study(question: str, body: Callable[[Choice], None], choice: Choice | None) -> None:
    """A page of the chosen study under the question that it answers, drawn again in time while the study is open."""
    if choice is None:
        st.info("There is no study in this database yet: start one with `human-study serve study.yaml`.")
        return
    is_open = choice.store.study(choice.study_name).status == "open"

    def draw() -> None:
        try:
            st.caption(f"Study {plain(choice.study_name)}" + (" · SIMULATED" if choice.simulated else ""))
            st.title(plain(question), anchor=False)
            if choice.simulated:
                st.warning(
                    "**SIMULATED participants.** No person took these decisions.", icon=":material/smart_toy:"
                )
            body(choice)
        except WithheldError as error:
            st.info(plain(str(error)), icon=":material/visibility_off:")
        except CountenanceError as error:
            st.error(plain(str(error)))
        refreshed = f" This page refreshes every {REFRESH_EVERY_S} seconds." if is_open else ""
        st.caption(f"As of {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC.{refreshed}")

    st.fragment(draw, run_every=REFRESH_EVERY_S if is_open else None)()


def choose() -> Choice | None:
    """The sidebar: study, participants, rounds, conditions. None in a database without a study.

    To be drawn by the app itself, not by a page: what was chosen then holds on every page.
    """
    url = os.environ.get(DATABASE_VARIABLE, DEFAULT_DATABASE_URL)
    store = open_store(url)
    names = [study.name for study in store.studies()]
    if not names:
        return None
    wanted = os.environ.get(STUDY_VARIABLE)
    index = names.index(wanted) if wanted in names else len(names) - 1
    name = st.sidebar.selectbox("Study", names, index=index, key="study")
    kinds = kinds_present(store, name)
    kind = st.sidebar.radio("Participants", kinds, format_func=KIND_LABELS.__getitem__, key=f"kind of {name}")
    rounds = [one.round_number for one in store.rounds(name)]
    counts = store.status_counts(name, kind=kind)
    conditions = in_order(counts["condition"])
    chosen_rounds = st.sidebar.multiselect("Rounds", rounds, placeholder="all", key=f"rounds of {name}")
    chosen_conditions = st.sidebar.multiselect(
        "Conditions",
        conditions,
        format_func=condition_label,
        placeholder="all",
        key=f"conditions of {name} {kind}",
    )
    return Choice(url, name, kind, tuple(chosen_rounds), tuple(chosen_conditions))
