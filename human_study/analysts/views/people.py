"""Page: the participants, one by one: speed, attention, drift, exclusions and why."""

import streamlit as st

from human_study.analysts.views.drawing import PERCENT, download_csv, finding
from human_study.analysts.views.selection import Choice
from human_study.dataset.completions import completions
from human_study.findings.participant_flow import people_table
from human_study.presentation.labels import condition_label

_HEADINGS = {
    "participant_key": "Participant",
    "round_number": "Round",
    "condition": "Condition",
    "status": "Status",
    "n_decisions": "Decisions",
    "accuracy": "Accuracy",
    "median_time_ms": "Median time (s)",
    "share_fast": "Faster than 300 ms",
    "time_drift": "Time drift",
    "share_approved": "Approved",
    "longest_run": "Longest run",
    "attention": "Attention failed",
    "excluded_because": "Left out because",
}
_SHARES = ("accuracy", "share_fast", "share_approved")


def draw(choice: Choice) -> None:
    """The flow first, then everybody as a table that can be sorted."""
    for found in choice.findings("people"):
        finding(found)
    st.subheader("One by one", anchor=False)
    results = choice.progress()
    people = people_table(results)
    if people.empty:
        st.info("Not shown: nobody has begun yet.")
        return
    shown = people.assign(
        condition=people["condition"].map(condition_label),
        median_time_ms=people["median_time_ms"] / 1000,
        attention=[
            f"{failed} of {n}" if n else "none shown"
            for failed, n in zip(people["attention_failed"], people["attention_shown"], strict=True)
        ],
        **{name: 100 * people[name] for name in _SHARES if name in people},
    )
    st.dataframe(
        shown[[name for name in _HEADINGS if name in shown]].rename(columns=_HEADINGS),
        hide_index=True,
        column_config={
            **{_HEADINGS[name]: PERCENT for name in _SHARES},
            "Median time (s)": st.column_config.NumberColumn(format="%.2f"),
            "Time drift": st.column_config.NumberColumn(
                format="%.2f",
                help="log response time of the last third less that of the first; below 0: faster",
            ),
        },
    )
    download_csv("people", people)
    _completions(choice)
    st.caption(
        "Accuracy is balanced accuracy on test applications. Keys are random; `human-study erase STUDY"
        " --participant KEY` deletes a person for good."
    )


def _completions(choice: Choice) -> None:
    """Codes and pay, on request: it names people as their platform does, which the other tables never do."""
    if choice.simulated:
        return
    with st.expander("Completion codes and pay"):
        st.caption(
            "Platform ids are for paying people only. `human-study completions` writes the same list, also in the"
            " formats of Prolific and Mechanical Turk."
        )
        if st.toggle("Show ids and codes"):
            st.dataframe(completions(choice.store, choice.study_name), hide_index=True)
