"""The analyst app: the state of a study, accuracy by condition and round, and the newest faces.

Only shows: what counts is decided in study_results.py, computed in decision_statistics.py, drawn in
figures.py. Which database and study it opens with stands in the environment, set by `human-study serve`.
Decisions of simulated participants are never shown without being named so.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

import altair as alt
import pandas as pd
import streamlit as st

from data.errors import CountenanceError
from data.records import ParticipantKind
from data.store import DEFAULT_DATABASE_URL, DecisionStore
from human_study import figures, result_words
from human_study.face_sheet import face_sheet, face_sheet_html
from human_study.server import DATABASE_VARIABLE, STUDY_VARIABLE
from human_study.study_results import (
    StudyResults,
    collect_results,
    kinds_present,
    participant_flow,
    registered_bundle,
)

REFRESH_EVERY_S = 15
_AROUND_PLOT_PX = 130
_KIND_LABELS = {"people": "People", "simulated": "SIMULATED participants"}


def main() -> None:
    """Draw the app: chooser, navigation, and the page that was asked for."""
    st.set_page_config(page_title="Countenance for analysts", layout="centered")
    page = st.navigation(
        [
            st.Page(partial(_live_page, _overview), title="Overview", url_path="overview", default=True),
            st.Page(partial(_live_page, _accuracy), title="Accuracy", url_path="accuracy"),
            st.Page(partial(_live_page, _faces), title="Faces", url_path="faces"),
        ]
    )
    with _mistakes_shown():
        page.run()


@contextmanager
def _mistakes_shown() -> Iterator[None]:
    """A database or bundle that is gone is said on the page. The app goes on."""
    try:
        yield
    except CountenanceError as error:
        st.error(_plain(str(error)))


@st.cache_resource
def _store(url: str) -> DecisionStore:
    return DecisionStore.open(url)


@st.cache_data(ttl=REFRESH_EVERY_S - 1, max_entries=8, show_spinner="Reading the study")
def _results(url: str, study_name: str, kind: ParticipantKind) -> StudyResults:
    return collect_results(_store(url), study_name, kind)


@st.cache_data(max_entries=4, show_spinner="Reading the newest faces")
def _sheet(bundle_path: str, bundle_hash: str) -> str:
    """A bundle's face sheet as HTML, empty where it has no faces."""
    columns = face_sheet(registered_bundle(bundle_path, bundle_hash))
    return face_sheet_html(columns) if columns else ""


def _live_page(body: Callable[[StudyResults], None]) -> None:
    """A page of the chosen study, drawn again every few seconds while the study is open."""
    url = os.environ.get(DATABASE_VARIABLE, DEFAULT_DATABASE_URL)
    names = [study.name for study in _store(url).studies()]
    if not names:
        st.info("There is no study in this database yet: start one with `human-study serve study.yaml`.")
        return
    wanted = os.environ.get(STUDY_VARIABLE)
    index = names.index(wanted) if wanted in names else len(names) - 1
    name = st.sidebar.selectbox("Study", names, index=index, key="study")
    kinds = kinds_present(_store(url), name)
    kind = st.sidebar.radio(
        "Participants", kinds, format_func=_KIND_LABELS.__getitem__, key=f"kind of {name}"
    )
    is_open = _store(url).study(name).status == "open"

    def draw() -> None:
        with _mistakes_shown():
            results = _results(url, name, kind)
            st.title(_plain(name) + (" · SIMULATED" if results.simulated else ""), anchor=False)
            if results.simulated:
                st.warning(
                    "**SIMULATED participants.** No person took these decisions.", icon=":material/smart_toy:"
                )
            body(results)
            refreshed = f" It is drawn again every {REFRESH_EVERY_S} seconds." if is_open else ""
            st.caption(f"As of {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC.{refreshed}")

    st.fragment(draw, run_every=REFRESH_EVERY_S if is_open else None)()


def _overview(results: StudyResults) -> None:
    study, participants = results.study, results.participants
    st.caption(
        f"Task {_plain(study.task_name)} · {study.status} · since {study.created_at:%Y-%m-%d %H:%M} UTC"
    )
    statuses = participants["status"].value_counts()
    columns = st.columns(4)
    columns[0].metric("Completed", int(statuses.get("completed", 0)), border=True)
    columns[1].metric("Under way", int(statuses.get("active", 0)), border=True)
    columns[2].metric("Decisions", f"{len(results.decisions):,}", border=True)
    columns[3].metric("Rounds", len(results.rounds), border=True)
    for sentence in result_words.headline(results):
        st.write(_plain(sentence))
    if results.decisions.empty:
        st.info("No decision on a main trial yet.")
    else:
        st.caption(
            f"Last decision {pd.Timestamp(results.decisions['decided_at'].max()):%Y-%m-%d %H:%M:%S} UTC"
        )
    st.subheader("Participants", anchor=False)
    flow = participant_flow(results)
    flow["condition"] = flow["condition"].map(result_words.condition_label)
    _table("participants", flow, flow.rename(columns=_heading))
    st.caption(
        "Whoever returned (withdrew) or was screened out is counted here and left out of every analysis."
    )
    st.subheader("Rounds", anchor=False)
    _table("rounds", results.rounds.drop(columns="bundle_path"), result_words.rounds_table(results))


def _accuracy(results: StudyResults) -> None:
    for sentence in result_words.headline(results):
        st.write(_plain(sentence))
    st.subheader("Accuracy by round and condition", anchor=False)
    if results.accuracy["accuracy"].notna().any():
        chart = figures.accuracy_chart(
            results.accuracy,
            results.participant_accuracy,
            results.machine_accuracy,
            simulated=results.simulated,
        )
        _chart(
            "accuracy", chart, "Balanced accuracy by round and condition; the table below holds the numbers"
        )
        st.caption(
            "Balanced accuracy on test applications; bars are 95% intervals clustered by participant, "
            "each faint dot is a participant."
        )
    for note in result_words.advisor_notes(results):
        st.caption(note)
    _table("accuracy", results.accuracy, result_words.accuracy_table(results))
    st.subheader("Gain over no advice", anchor=False)
    if results.contrasts.empty:
        st.info("Not computed: no round has test decisions both with no advice and in another condition.")
    else:
        _table("contrasts", results.contrasts, result_words.contrasts_table(results))
        st.caption("Differences in points; GEE clustered by participant, bias-reduced; Holm over the table.")
    st.subheader("Sensitivity and inclination", anchor=False)
    _table("signal_detection", results.accuracy, result_words.signal_table(results))
    st.caption("d′: telling good from bad applications; c above 0: inclined to deny. Means of participants.")
    st.subheader("Response times", anchor=False)
    if results.response_times.empty:
        st.info("Not shown: no decision came with a response time.")
    else:
        chart = figures.response_time_chart(results.response_times, simulated=results.simulated)
        _chart("response_times", chart, "Response times by round and condition")
        _download_csv("response_times", results.response_times)


def _faces(results: StudyResults) -> None:
    st.subheader("The newest faces, from safest to riskiest", anchor=False)
    if results.rounds.empty:
        st.info("Not shown: the study has no round yet.")
        return
    newest = results.rounds.iloc[-1]
    sheet = _sheet(newest["bundle_path"], newest["bundle_hash"])
    if not sheet:
        st.info("Not shown: the newest bundle has no faces.")
        return
    st.html(sheet)
    st.caption(f"Round {newest['round_number']}. {result_words.sheet_caption(newest['advisor'])}")
    if newest["trained_on"] == "simulated":
        st.warning("These faces were trained on SIMULATED decisions.", icon=":material/smart_toy:")


def _chart(name: str, chart: alt.LayerChart, description: str) -> None:
    """A chart and its downloads, which are drawn only when they are asked for."""
    # Streamlit fits axes and legend into the height, which means the plot alone in altair.
    height = int(chart.height) + _AROUND_PLOT_PX
    st.altair_chart(chart, theme=None, width="stretch", height=height, alt=description)
    row = st.container(horizontal=True)
    for suffix, draw, mime in (
        ("svg", figures.chart_svg, "image/svg+xml"),
        ("png", figures.chart_png, "image/png"),
    ):
        row.download_button(
            suffix.upper(),
            partial(draw, chart),
            f"{name}.{suffix}",
            mime,
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
            key=f"{name}.{suffix}",
        )


def _table(name: str, raw: pd.DataFrame, shown: pd.DataFrame) -> None:
    """A table as people read it, and its numbers as CSV."""
    st.table(shown.astype(str), border="horizontal", hide_index=True)
    _download_csv(name, raw)


def _download_csv(name: str, raw: pd.DataFrame) -> None:
    st.download_button(
        "CSV",
        partial(_csv, raw),
        f"{name}.csv",
        "text/csv",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        key=f"{name}.csv",
    )


def _csv(raw: pd.DataFrame) -> bytes:
    return raw.to_csv(index=False).encode()


def _heading(column: str) -> str:
    """A column's name as a heading: `timed_out` is "Timed out"."""
    return column.removesuffix("_number").replace("_", " ").capitalize()


def _plain(text: str) -> str:
    """Text from a database or file, so that Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>$~:])", r"\\\1", text)


main()
