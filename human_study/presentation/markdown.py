"""Text from databases and files as Markdown that shows it as it is: for documents, and for Streamlit's dialect."""

import re

_DOCUMENT = re.compile(r"([\\`*_{}\[\]#|~$])")
_STREAMLIT = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:])")
_WITHOUT_WIDTH = "\u2060"
# Streamlit makes addresses, icons and arrows of text after its backslashes are gone: before these places it is parted.
_MADE_OF_TEXT = re.compile(
    r"(?<=:)(?=[/+a-z_])|(?<=@)(?=\w)|(?<=www)(?=\.)|(?<=[<>=~-])(?=[<>=-])", re.IGNORECASE
)


def escaped(text: str, *, streamlit: bool = False) -> str:
    """Text that neither formats nor loads anything.

    For a document: on one line, without markup, HTML or table bars of its own. For Streamlit: also without the
    links, icons, colours and arrows that its dialect makes of plain text.
    """
    if streamlit:
        return _STREAMLIT.sub(r"\\\1", _MADE_OF_TEXT.sub(_WITHOUT_WIDTH, text))
    return _DOCUMENT.sub(r"\\\1", " ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")
