"""Page: how far the study is, and its main result."""

import pandas as pd
import streamlit as st

from human_study.analysis.study_results import participant_flow
from human_study.analysts.views.drawing import heading, left_out_notice, metrics, plain, table
from human_study.analysts.views.selection import Choice
from human_study.findings import headline


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
    if results.decisions.empty:
        st.info("No decision on a main trial yet.")
    else:
        last = pd.Timestamp(results.decisions["decided_at"].max())
        st.caption(f"Last decision {last:%Y-%m-%d %H:%M:%S} UTC")
    st.subheader("Participants", anchor=False)
    flow = participant_flow(results)
    flow["condition"] = flow["condition"].map(headline.condition_label)
    table("participants", flow, flow.rename(columns=heading))
    st.caption(
        "Whoever returned (withdrew) or was screened out is counted here and left out of every analysis."
    )
    n_erased = len(choice.store.erasures(choice.study_name))
    if n_erased:
        st.caption(f"{n_erased} participants were erased at their wish; nothing of them is in any figure.")
    st.subheader("Rounds", anchor=False)
    table("rounds", results.rounds.drop(columns="bundle_path"), headline.rounds_table(results))
