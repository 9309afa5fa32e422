"""Page: the answer to the study's question, and how far the study is."""

import pandas as pd
import streamlit as st

from human_study.analysts.views.drawing import answer, finding, metrics, plain
from human_study.analysts.views.selection import Choice


def draw(choice: Choice) -> None:
    """The answer first: picture, sentences, warnings; then how far the study is."""
    results = choice.progress()
    for found in choice.findings("answer"):
        answer(found)
    st.subheader("How far the study is", anchor=False)
    study = choice.store.study(choice.study_name)
    statuses = results.participants["status"].value_counts()
    metrics(
        {
            "Completed": str(statuses.get("completed", 0)),
            "Under way": str(statuses.get("active", 0)),
            "Decisions": f"{len(results.decisions):,}",
            "Rounds": str(len(results.rounds)),
        }
    )
    said = f"Task {plain(study.task_name)} · {study.status} · since {study.created_at:%Y-%m-%d %H:%M} UTC"
    if not results.decisions.empty:
        last = pd.Timestamp(results.decisions["decided_at"].max())
        said += f" · last decision {last:%Y-%m-%d %H:%M:%S} UTC"
    st.caption(said)
    for found in choice.findings("design"):
        finding(found)
    n_erased = len(choice.store.erasures(choice.study_name))
    if n_erased:
        st.caption(
            f"{'1 participant was' if n_erased == 1 else f'{n_erased} participants were'} erased at their request; "
            "nothing of theirs is in any figure."
        )
