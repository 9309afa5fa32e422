"""Page: reasons in words. Analogy view, the code book, coding by several people, and their agreement."""

import pandas as pd
import streamlit as st

from advisor.bundles.bundle import FACE_CONDITIONS
from data.analysis_records import CodeBookEntry
from data.errors import CountenanceError
from human_study.analysis.study_results import StudyResults
from human_study.analysts.views.drawing import download_csv, finding, left_out_notice, plain
from human_study.analysts.views.selection import Choice
from human_study.findings.reason_codes import (
    DEFAULT_CODE_BOOK,
    Code,
    not_yet_coded,
    reasons_given,
    suggest_codes,
)
from human_study.findings.similar_faces import analogy_table
from human_study.presentation.html_templates import render_html
from human_study.presentation.labels import condition_label
from human_study.presentation.numbers import percent

_BOOK_COLUMNS = ["code", "definition", "keywords"]


def draw(choice: Choice) -> None:
    """What was found first; then the tools."""
    results = choice.results()
    left_out_notice(results)
    for found in choice.findings("reasons"):
        finding(found)
    _analogies(results)
    given = reasons_given(results.decisions)
    st.subheader("Code the reasons", anchor=False)
    if given.empty:
        st.info("Nothing to code: nobody has given a reason in words yet.")
    else:
        _coding(choice, results, given)
    _code_book(choice)


def code_book_of(choice: Choice) -> list[Code]:
    """The study's code book, or the one to begin with."""
    entries = choice.store.code_book(choice.study_name)
    if not entries:
        return list(DEFAULT_CODE_BOOK)
    return [
        Code(
            entry.code,
            entry.definition,
            tuple(word.strip() for word in entry.keywords.split(",") if word.strip()),
        )
        for entry in entries
    ]


def _analogies(results: StudyResults) -> None:
    """An application and those with the nearest faces: what became of them, and what people said."""
    st.subheader("Applications with similar faces", anchor=False)
    decided = results.decisions[results.decisions["condition"].isin(FACE_CONDITIONS)]
    if decided.empty:
        st.info("Not shown: nobody has decided with a face yet.")
        return
    cells = decided[["round_number", "condition", "bundle_hash"]].drop_duplicates().to_dict("records")
    cell = st.selectbox(
        "Shown as",
        cells,
        index=len(cells) - 1,
        format_func=lambda one: f"Round {one['round_number']}, {condition_label(one['condition'])}",
        key="analogy cell",
    )
    own = decided[
        (decided["bundle_hash"] == cell["bundle_hash"]) & (decided["condition"] == cell["condition"])
    ]
    own = own[own["round_number"] == cell["round_number"]]
    with_reason = own[own["reason"].notna()]["application_id"]
    ids = list(dict.fromkeys([*with_reason, *own["application_id"]]))
    application = st.selectbox("Application", ids, key="analogy application")
    bundle = results.bundles[cell["bundle_hash"]]
    near = analogy_table(bundle, own, str(application), str(cell["condition"]))
    if near.empty:
        st.info("Not shown: this application has no face there.")
        return
    cards = [
        {**row, "picture": bundle.image_bytes(row["image"]), "approved": percent(row["approval_rate"])}
        for row in near.to_dict("records")
    ]
    st.html(
        render_html("analysts/views/templates/similar_faces.html", cards=cards, application_id=application)
    )
    download_csv("similar_faces", near.assign(reasons=near["reasons"].map(" | ".join)))
    st.caption(
        "First the application itself, then those whose expressions are nearest, with what people said."
    )


def _coding(choice: Choice, results: StudyResults, given: pd.DataFrame) -> None:
    """One reason after the other, coded by whoever is named; the first one that they have not coded yet."""
    coder = st.text_input("Your name as coder", key="coder", max_chars=40).strip()
    codes = choice.store.reason_codes_frame(choice.study_name, kind=choice.kind)
    waiting = not_yet_coded(given, codes, coder)
    st.caption(f"{len(given) - len(waiting)} of {len(given)} coded by {plain(coder) or 'you'}.")
    if not coder:
        st.info("Enter your name: every coder codes alone, and agreement is computed between them.")
    elif waiting.empty:
        st.success("You have coded every reason.")
    else:
        row = waiting.iloc[0]
        book = code_book_of(choice)
        st.text(row["reason"])
        suggested = suggest_codes(row["reason"], book)
        with st.form(f"coding {row['trial_key']} {coder}", border=False):
            chosen = st.pills(
                "Codes (those that the keywords suggest are marked)",
                [code.code for code in book],
                selection_mode="multi",
                default=suggested,
                format_func=plain,
            )
            if st.form_submit_button("Save and go on"):
                _saved(choice, str(row["trial_key"]), coder, list(chosen))
    if len(results.reason_codes):
        download_csv("codes", results.reason_codes)


def _saved(choice: Choice, trial_key: str, coder: str, codes: list[str]) -> None:
    try:
        choice.store.code_reason(trial_key, coder, codes)
    except CountenanceError as error:
        st.error(plain(str(error)))
    else:
        st.rerun()


def _code_book(choice: Choice) -> None:
    """The code book as a table that can be edited, saved for everybody."""
    st.subheader("Code book", anchor=False)
    rows = [(code.code, code.definition, ", ".join(code.keywords)) for code in code_book_of(choice)]
    book = pd.DataFrame(rows, columns=_BOOK_COLUMNS)
    edited = st.data_editor(
        book, num_rows="dynamic", hide_index=True, key=f"book of {choice.study_name}", width="stretch"
    )
    if st.button("Save the code book", type="primary"):
        entries = [
            CodeBookEntry(
                study_name=choice.study_name, **{str(name): str(value or "") for name, value in row.items()}
            )
            for row in edited.fillna("").to_dict("records")
        ]
        try:
            choice.store.replace_code_book(choice.study_name, entries)
        except CountenanceError as error:
            st.error(plain(str(error)))
        else:
            st.success("Saved.")
    download_csv("code_book", edited)
    st.caption("Keywords only suggest codes; a final * matches any ending. Codes already assigned are kept.")
