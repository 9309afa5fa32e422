"""The page that Streamlit draws its app into: in the study's language, with a word at once, and translatable.

Streamlit's own page is blank and English until its scripts have come, which takes a slow network many seconds.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

from streamlit import file_util

# Browsers that translate a page put its text into elements of their own, and React, which expects to find its nodes
# where it left them, gives up the whole page. Taken from github.com/facebook/react/issues/11538, but nodes that were
# moved are removed from where they are now.
_TRANSLATABLE = """<script>
for (const name of ["removeChild", "insertBefore"]) {
  const original = Node.prototype[name];
  Node.prototype[name] = function (node, before) {
    if (name === "removeChild" && node.parentNode !== this) {
      node.parentNode?.removeChild(node);
      return node;
    }
    if (name === "insertBefore" && before && before.parentNode !== this) {
      let place = before;
      while (place && place.parentNode !== this) place = place.parentNode;
      return original.call(this, node, place);
    }
    return original.apply(this, arguments);
  };
}
</script>
"""
_WAITING = (
    '<p style="margin: 20vh auto 0; max-width: 30rem; padding: 0 1rem; text-align: center;'
    ' font: 1.1rem/1.5 system-ui, sans-serif; color: #17212b">{word}</p>'
)


def first_page(title: str, language: str, waiting: str, needs_script: str) -> str:
    """Streamlit's page with a study's title and language.

    Args:
        title: of the study, as browsers show it on the tab.
        language: of the study, as its code.
        waiting: what is read until the app is drawn, which replaces it.
        needs_script: what is read where scripts are turned off.
    """
    page = (Path(file_util.get_static_dir()) / "index.html").read_text(encoding="utf-8")
    head = f'<meta name="color-scheme" content="only light">\n{_TRANSLATABLE}</head>'
    start, end = page.index("<noscript>"), page.index("</noscript>")
    page = page[:start] + f"<noscript>{_WAITING.format(word=escape(needs_script))}" + page[end:]
    root = '<div id="root">'
    assert root in page and "<title>Streamlit</title>" in page, "Streamlit's page has changed"
    page = page.replace(root, root + _WAITING.format(word=escape(waiting)), 1)
    page = page.replace("<title>Streamlit</title>", f"<title>{escape(title)}</title>", 1)
    return page.replace('<html lang="en">', f'<html lang="{language}">', 1).replace("</head>", head, 1)
