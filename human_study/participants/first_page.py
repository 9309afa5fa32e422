"""The page that Streamlit draws its app into: in the study's language, with a word at once, and translatable.

Streamlit's own page is blank and English until its scripts have come, which takes a slow network many seconds.
"""

from __future__ import annotations

from pathlib import Path

from streamlit import file_util

from human_study.presentation.html_templates import render_html
from human_study.study.messages import Language


def first_page(title: str, language: Language, waiting: str, needs_script: str, blocked: str) -> str:
    """Streamlit's page with a study's title and language.

    Args:
        title: of the study, as browsers show it on the tab.
        language: of the study.
        waiting: what is read until the app is drawn, which replaces it.
        needs_script: what is read where scripts are turned off.
        blocked: what is read where Streamlit gets no connection.
    """
    page = (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")
    needs, waits = (
        render_html("participants/templates/first_words.html", words=words)
        for words in (needs_script, waiting)
    )
    noscript = page[page.index("<noscript>") : page.index("</noscript>")]
    for theirs, ours in (
        ('<html lang="en">', f'<html lang="{language.code}" dir="{language.direction}">'),
        (
            "<title>Streamlit</title>",
            render_html("participants/templates/first_page_head.html", title=title, blocked=blocked),
        ),
        (noscript, f"<noscript>{needs}"),
        ('<div id="root">', f'<div id="root">{waits}'),
    ):
        assert theirs in page, f"Streamlit's page has changed: it has no {theirs}"
        page = page.replace(theirs, ours, 1)
    return page
