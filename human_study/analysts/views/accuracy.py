"""Page: balanced accuracy by condition and round, with intervals, gains, sensitivity and response times."""

from functools import partial

import streamlit as st

from human_study.analysis.study_results import StudyResults
from human_study.analysts.views.drawing import chart, download_csv, finding, left_out_notice, plain, table
from human_study.analysts.views.selection import Choice
from human_study.findings import headline
from human_study.presentation import charts


def draw(choice: Choice) -> None:
    """Figure and tables of accuracy, then what the gains are."""
    results = choice.results()
    left_out_notice(results)
    for sentence in headline.headline(results):
        st.write(plain(sentence))
    _accuracy(results)
    st.subheader("Gain over no advice", anchor=False)
    if results.contrasts.empty:
        st.info("Not computed: no round has test decisions both with no advice and in another condition.")
    else:
        table("contrasts", results.contrasts, headline.contrasts_table(results))
        st.caption("Differences in points; GEE clustered by participant, bias-reduced; Holm over the table.")
    st.subheader("Sensitivity and inclination", anchor=False)
    table("signal_detection", results.accuracy, headline.signal_table(results))
    st.caption("d′: telling good from bad applications; c above 0: inclined to deny. Means of participants.")
    for found in choice.findings("gains"):
        finding(found)
    st.subheader("Response times", anchor=False)
    if results.response_times.empty:
        st.info("Not shown: no decision came with a response time.")
    else:
        chart(
            "response_times",
            partial(charts.response_time_chart, results.response_times, simulated=results.simulated),
            "Response times by round and condition",
        )
        download_csv("response_times", results.response_times)


def _accuracy(results: StudyResults) -> None:
    st.subheader("Accuracy by round and condition", anchor=False)
    if results.accuracy["accuracy"].notna().any():
        chart(
            "accuracy",
            partial(
                charts.accuracy_chart,
                results.accuracy,
                results.participant_accuracy,
                results.machine_accuracy,
                simulated=results.simulated,
            ),
            "Balanced accuracy by round and condition; the table below holds the numbers",
        )
        st.caption(
            "Balanced accuracy on test applications; bars are 95% intervals clustered by participant, "
            "each faint dot is a participant."
        )
    for note in headline.advisor_notes(results):
        st.caption(note)
    table("accuracy", results.accuracy, headline.accuracy_table(results))
