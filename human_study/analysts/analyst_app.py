"""The analyst app: navigation between its pages, which are in `analysts/views`.

Only shows: what counts is decided in analysis, computed in findings, drawn in presentation. Which
database and study it opens with stands in the environment, set by `human-study serve`. Decisions of
simulated participants are never shown without being named so.
"""

from functools import partial

import streamlit as st

from data.errors import CountenanceError
from human_study.analysts.views.contents import PAGES
from human_study.analysts.views.drawing import page_style, plain
from human_study.analysts.views.selection import choose, page_of_study


def main() -> None:
    """Draw the app: chooser, navigation, and the page that was asked for."""
    st.set_page_config(page_title="Countenance for analysts", layout="wide")
    page_style()
    try:
        choice = choose()
        first, *others = [
            (partial(page_of_study, question, body, choice), title, path)
            for title, path, question, body in PAGES
        ]
        # The first page's address is "/" alone, whatever its path; links to /overview must not end nowhere.
        shown = [st.Page(first[0], title=first[1], url_path="start", default=True)]
        shown += [st.Page(body, title=title, url_path=path) for body, title, path in others]
        also = st.Page(first[0], title=first[1], url_path=first[2], visibility="hidden")
        page = st.navigation([*shown, also])
        page.run()
    except CountenanceError as error:
        st.error(plain(str(error)))


main()
