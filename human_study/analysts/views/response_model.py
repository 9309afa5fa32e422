"""Page: the response model ĥ behind each learned round, as its training wrote it down."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import streamlit as st

from human_study.analysis.study_results import StudyResults
from human_study.analysts.views.drawing import download_csv, finding, plain
from human_study.analysts.views.selection import Choice
from human_study.findings.response_model import faces_read, learned_rounds, loss_sentence
from human_study.findings.sections import SECTIONS
from human_study.presentation.html_templates import render_html

N_FACES_EACH = 6


def draw(choice: Choice) -> None:
    """One ĥ, the newest at first: calibration, importance, and the faces it would approve most and least."""
    st.subheader("The response model ĥ", anchor=False)
    rounds = learned_rounds(choice.store, choice.study_name)
    results = choice.results()
    rounds = [one for one in rounds if one.round_number in set(results.rounds["round_number"])]
    if not rounds:
        st.info(
            "Not shown: no round has a trained advisor yet, and so no ĥ. Train one with `advisor train` when"
            " people have decided."
        )
        return
    by_number = {one.round_number: one for one in reversed(rounds)}
    number = st.selectbox(
        "Behind the faces of round", list(by_number), key=f"response model of {choice.study_name}"
    )
    shown = by_number[number]
    trained_on = results.rounds.set_index("round_number").loc[number, "trained_on"]
    if bool(trained_on == "simulated"):
        st.warning("This ĥ was trained on SIMULATED decisions.", icon=":material/smart_toy:")
    if shown.run is None:
        st.info(f"Not shown: {plain(shown.reason)}.")
        return
    run_path = Path(shown.run.run_path)
    st.write(plain(loss_sentence(run_path)))
    (section,) = [one for one in SECTIONS if one.name == "response"]
    for found in section.findings(replace(results, runs=(shown.run,))):
        finding(found)
    _faces(run_path, results)


def _faces(run_path: Path, results: StudyResults) -> None:
    st.subheader("Faces it would approve most and least", anchor=False)
    readings = faces_read(run_path)
    if isinstance(readings, str):
        st.info(f"Not shown: {plain(readings)}.")
        return
    known = _known_pictures(results)
    shown = readings[readings["image_sha256"].isin(known)].sort_values("approve_probability")
    if shown.empty:
        st.info("Not shown: none of the faces it read belongs to a bundle of these rounds.")
        return
    n_each = min(N_FACES_EACH, len(shown) // 2) or 1
    for title, part in (("Most", shown.tail(n_each).iloc[::-1]), ("Least", shown.head(n_each))):
        st.caption(
            f"{title}: {part['approve_probability'].min():.0%} to {part['approve_probability'].max():.0%}"
        )
        pictures = [known[sha256]() for sha256 in part["image_sha256"]]
        st.html(render_html("analysts/views/templates/faces.html", rows=[("", "an application", pictures)]))
    download_csv("face_readings", readings)
    st.caption("Each face beside an application with average facts, before an average participant.")


def _known_pictures(results: StudyResults) -> dict[str, "partial[bytes]"]:
    """SHA-256 → how to read the picture, of every face in the bundles of these rounds."""
    pictures: dict[str, partial[bytes]] = {}
    for bundle in results.bundles.values():
        images = bundle.images.drop_duplicates("image_sha256")
        for sha256, image in zip(images["image_sha256"], images["image"], strict=True):
            pictures[sha256] = partial(bundle.image_bytes, image)
    return pictures
