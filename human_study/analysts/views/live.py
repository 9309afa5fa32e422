"""The analyst app's page "Live": a study while it runs, and the buttons that close a condition or the study."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from data.records import ParticipantKind, StudyCondition
from data.store.decision_store import DecisionStore
from human_study.analysis.live_summary import LiveSummary, summarise
from human_study.analysts.views.drawing import metrics, plain
from human_study.dataset.overdue import release_overdue
from human_study.presentation.labels import STATUS_LABELS, condition_label
from human_study.presentation.numbers import MISSING, is_missing, percent, seconds, whole


def draw(store: DecisionStore, study_name: str, participant_kind: ParticipantKind) -> None:
    """Draw the page for one study and one kind of participant; whoever calls it draws it again in time.

    Raises CountenanceError where the study is unknown or the database does not answer.
    """
    release_overdue(store, study_name)
    summary = summarise(store, study_name, participant_kind, datetime.now(UTC))
    _figures(summary)
    st.subheader("Conditions", anchor=False)
    if summary.round_number is None:
        st.info("The study has no round yet.")
        return
    _conditions(store, study_name, summary)
    st.subheader("Who is where", anchor=False)
    if summary.under_way.empty:
        st.info("Nobody is under way.")
    else:
        _table(summary.steps.rename(columns={"step": "Step", "n_participants": "Participants"}))
        _table(_people(summary.under_way))
        st.caption(
            "Participants are listed by the start of their random key, most recently seen first. A pause is more than"
            " a minute between two decisions; “Left the page” counts how often it lost the focus; “Moves” how"
            " often they went on in another tab or on another device."
        )
    st.subheader("The study", anchor=False)
    _study_buttons(store, study_name, summary)


def _figures(summary: LiveSummary) -> None:
    metrics(
        {
            "Under way": str(len(summary.under_way)),
            "Decisions a minute": f"{summary.decisions_per_minute:.1f}",
            "Response time": seconds(summary.median_response_time_ms),
            "Checks passed": percent(summary.attention_share),
        }
    )
    st.caption(
        "Decisions a minute: of the last ten minutes. Response time (median) and attention checks: of all so far."
    )


def _conditions(store: DecisionStore, study_name: str, summary: LiveSummary) -> None:
    st.caption(
        f"Round {summary.round_number}. A quota counts participants who are under way or have completed."
    )
    shown = summary.conditions.rename(columns={**STATUS_LABELS, "condition": "Condition", "state": "State"})
    shown["Condition"] = shown["Condition"].map(condition_label)
    for column, heading in (("quota", "Quota"), ("left", "Left")):
        shown[column] = [whole(value) for value in shown[column]]
        shown = shown.rename(columns={column: heading})
    _table(shown)
    if not summary.is_open:
        return
    row = st.container(horizontal=True)
    for condition in summary.conditions.to_dict("records"):
        is_open = condition["state"] == "open"
        label = f"{'Close' if is_open else 'Open'} {plain(condition_label(condition['condition']).lower())}"
        changed = StudyCondition(
            study_name=study_name,
            condition=condition["condition"],
            quota=None if is_missing(condition["quota"]) else int(condition["quota"]),
            status="closed" if is_open else "open",
        )
        row.button(
            label,
            key=f"condition {study_name} {condition['condition']}",
            on_click=store.set_condition,
            args=(changed,),
        )
    st.caption("A closed condition admits nobody new; participants already in it can finish.")


def _study_buttons(store: DecisionStore, study_name: str, summary: LiveSummary) -> None:
    if not summary.is_open:
        st.info("The study is closed: it admits nobody new, and participants under way can finish.")
        return
    st.write(
        "A closed study admits nobody new; participants under way can finish. Outcomes are shown once it is closed;"
        " opening it again counts as a look."
    )
    is_meant = st.checkbox("I want to close this study", key=f"close {study_name}")
    st.button(
        "Close the study",
        key=f"closing {study_name}",
        type="primary",
        disabled=not is_meant,
        on_click=store.close_study,
        args=(study_name,),
    )


def _people(under_way: pd.DataFrame) -> pd.DataFrame:
    """The table of people as it is read."""
    rows = under_way.to_dict("records")
    return pd.DataFrame(
        {
            "Participant": under_way["participant"],
            "Condition": under_way["condition"].map(condition_label),
            "Step": under_way["step"],
            "Decided": [f"{row['n_decisions']} of {row['n_trials']}" for row in rows],
            "Seen": [_ago(minutes) for minutes in under_way["seen_minutes_ago"]],
            "Median time": [seconds(value) for value in under_way["median_response_time_ms"]],
            "Checks": [_checks(row) for row in rows],
            "Pauses": [_pauses(row) for row in rows],
            "Left the page": under_way["n_left_page"],
            "Moves": under_way["n_moves"],
        }
    )


def _checks(row: dict[Hashable, Any]) -> str:
    if not row["attention_given"]:
        return MISSING
    return f"{row['attention_passed']} of {row['attention_given']}"


def _pauses(row: dict[Hashable, Any]) -> str:
    return f"{row['n_pauses']} (longest {row['longest_pause_minutes']:.0f} min)" if row["n_pauses"] else "0"


def _ago(minutes: float) -> str:
    return "just now" if minutes < 1 else f"{minutes:.0f} min ago"


def _table(frame: pd.DataFrame) -> None:
    st.table(frame.astype(str).map(plain), border="horizontal", hide_index=True)
