"""Page: how far the study is, and its main result."""

import pandas as pd
import streamlit as st

from human_study.analysts.views.drawing import finding, left_out_notice, metrics, plain
from human_study.analysts.views.selection import Choice
from human_study.findings import headline
from human_study.findings.harm_warnings import warning_sentences


def draw(choice: Choice) -> None:
    """Counts first, since they cost nothing; then the main result."""
    study = choice.store.study(choice.study_name)
    st.caption(
        f"Task {plain(study.task_name)} · {study.status} · since {study.created_at:%Y-%m-%d %H:%M} UTC"
    )
    results = choice.results()
    left_out_notice(results)
    participants = results.participants
    statuses = participants["status"].value_counts()
    metrics(
        {
            "Completed": str(statuses.get("completed", 0)),
            "Under way": str(statuses.get("active", 0)),
            "Decisions": f"{len(results.decisions):,}",
            "Rounds": str(len(results.rounds)),
        }
    )
    for sentence in headline.headline(results):
        st.write(plain(sentence))
    for sentence in warning_sentences(results):
        st.warning(plain(sentence))
    if results.decisions.empty:
        st.info("No decision on a main trial yet.")
    else:
        last = pd.Timestamp(results.decisions["decided_at"].max())
        st.caption(f"Last decision {last:%Y-%m-%d %H:%M:%S} UTC")
    for found in choice.findings("design"):
        finding(found)
    n_erased = len(choice.store.erasures(choice.study_name))
    if n_erased:
        st.caption(
            f"{n_erased} participants were erased at their request; nothing of theirs is in any figure."
        )
