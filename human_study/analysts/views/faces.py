"""Page: the faces of a round from safest to riskiest, and which axes carry which features."""

from functools import partial

import streamlit as st
from markupsafe import Markup

from advisor.bundles.bundle import registered_bundle
from human_study.analysts.views.drawing import download, finding
from human_study.analysts.views.selection import Choice
from human_study.findings import answer
from human_study.presentation.face_sheet import face_sheet, face_sheet_html, face_sheet_png


@st.cache_data(max_entries=8, show_spinner="Reading the faces")
def _sheet(bundle_path: str, bundle_hash: str) -> tuple[Markup, bytes]:
    """A bundle's face sheet as HTML and as PNG, empty where it has no faces."""
    columns = face_sheet(registered_bundle(bundle_path, bundle_hash))
    return (face_sheet_html(columns), face_sheet_png(columns)) if columns else (Markup(""), b"")


def draw(choice: Choice) -> None:
    """The newest round's sheet (of those that the filter leaves), then what the axes say."""
    results = choice.progress()
    st.subheader("The newest faces, from safest to riskiest", anchor=False)
    if results.rounds.empty:
        st.info("Not shown: the study has no round yet.")
        return
    newest = results.rounds.iloc[-1]
    html, png = _sheet(newest["bundle_path"], newest["bundle_hash"])
    if html:
        st.html(html)
        download("faces.png", "PNG", partial(bytes, png), "image/png")
        st.caption(f"Round {newest['round_number']}. {answer.sheet_caption(newest['advisor'])}")
    else:
        st.info("Not shown: the newest bundle has no faces.")
    if newest["trained_on"] == "simulated":
        st.warning("These faces were trained on SIMULATED decisions.", icon=":material/smart_toy:")
    for found in choice.findings("meaning"):
        finding(found)
