"""Page: the applications, those most often decided wrongly first, with their facts and faces."""

import pandas as pd
import streamlit as st

from advisor.bundles.bundle import FACE_CONDITIONS, in_order
from human_study.analysis.application_groups import application_table
from human_study.analysis.study_results import StudyResults
from human_study.analysts.views.drawing import PERCENT, download_csv, left_out_notice, plain, table
from human_study.analysts.views.selection import Choice
from human_study.presentation.html_templates import render_html
from human_study.presentation.labels import condition_label
from human_study.presentation.numbers import percent

N_SHOWN = 200


def draw(choice: Choice) -> None:
    """Applications by how often they were decided wrongly; one of them in full."""
    results = choice.results()
    left_out_notice(results)
    st.subheader("Applications most often decided wrongly", anchor=False)
    wrong = application_table(results.decisions)
    if wrong.empty:
        st.info("Not shown: no main trial was decided yet.")
        return
    shown = wrong.head(N_SHOWN)
    st.dataframe(
        shown.assign(
            outcome=shown["outcome"].map(_outcome_words(results)),
            **{name: 100 * shown[name] for name in _SHARES},
        ).rename(columns=_HEADINGS),
        hide_index=True,
        column_config={_HEADINGS[name]: PERCENT for name in _SHARES},
    )
    download_csv("applications", wrong)
    more = f" The first {N_SHOWN} of {len(wrong)}; the CSV holds all." if len(wrong) > N_SHOWN else ""
    st.caption(
        "All main trials, training applications too; those decided wrongly most often first."
        f" Few decisions say little about an application.{more}"
    )
    _one_application(results, wrong)


_HEADINGS = {
    "application_id": "Application",
    "split": "Split",
    "outcome": "Outcome",
    "machine_score": "Machine's score",
    "n_decisions": "Decisions",
    "share_wrong": "Wrong",
    "share_approved": "Approved",
}
_SHARES = ("machine_score", "share_wrong", "share_approved")


def _outcome_words(results: StudyResults) -> dict[int, str]:
    task = results.applications.task
    if task is None:
        return {1: "good", 0: "bad"}
    return {1: task.outcome.positive_label, 0: task.outcome.negative_label}


def _one_application(results: StudyResults, wrong: pd.DataFrame) -> None:
    st.subheader("One application", anchor=False)
    chosen = st.selectbox("Application", list(wrong["application_id"]), key="application")
    row = wrong.set_index("application_id").loc[chosen]
    st.write(
        plain(
            f"{_outcome_words(results)[int(row['outcome'])].capitalize()}; decided wrongly in"
            f" {percent(row['share_wrong'])} of {int(row['n_decisions'])} decisions; the machine's score is"
            f" {percent(row['machine_score'])}."
        )
    )
    cases = results.applications
    if cases.task is None or chosen not in cases.frame.index:
        st.info(f"Its facts are not shown: {plain(cases.reason or 'the table lacks it')}.")
    else:
        facts = [
            {
                "What people see": cases.task.label(name),
                "": cases.task.display(name, cases.frame.loc[chosen, name]),
            }
            for name in cases.task.shown_columns
        ]
        table("facts", pd.DataFrame(facts), pd.DataFrame(facts))
    decisions = results.decisions[results.decisions["application_id"] == chosen]
    by_condition = decisions.groupby(["round_number", "condition"]).agg(
        n_decisions=("approved", "size"), share_approved=("approved", "mean")
    )
    order = pd.CategoricalDtype(in_order(decisions["condition"]), ordered=True)
    by_condition = by_condition.reset_index().astype({"condition": order})
    by_condition = by_condition.sort_values(["round_number", "condition"], ignore_index=True)
    table(
        "application",
        by_condition,
        pd.DataFrame(
            {
                "Round": by_condition["round_number"],
                "Condition": by_condition["condition"].map(condition_label),
                "Decisions": by_condition["n_decisions"],
                "Approved": by_condition["share_approved"].map(percent),
            }
        ),
    )
    _faces(results, str(chosen))


def _faces(results: StudyResults, application_id: str) -> None:
    """The faces that this application wears, a row a round and condition."""
    rows = []
    for row in results.rounds.to_dict("records"):
        bundle = results.bundles[row["bundle_hash"]]
        own = bundle.images[bundle.images["application_id"] == application_id]
        for condition in FACE_CONDITIONS:
            pictures = [
                bundle.image_bytes(image) for image in own.loc[own["condition"] == condition, "image"]
            ]
            if pictures:
                label = condition_label(condition)
                rows.append((f"Round {row['round_number']}, {label}", f"{application_id}, {label}", pictures))
    if rows:
        st.html(render_html("analysts/views/templates/faces.html", rows=rows))
    else:
        st.info("No face was drawn for it in these rounds.")
