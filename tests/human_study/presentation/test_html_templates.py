"""HTML comes from templates: what they escape, that installations have them, and that colours are named once."""

import re
import tomllib
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from human_study.presentation import palette
from human_study.presentation.html_templates import render_html
from tests.support.rooms import ROOT

_HOSTILE = "\"'><script>&\\"
_PAGES = [
    path for suffix in ("py", "html", "css", "js") for path in (ROOT / "human_study").rglob(f"*.{suffix}")
]


def test_a_value_is_text_wherever_it_stands() -> None:
    link = render_html("participants/templates/link.html", label=_HOSTILE, url=_HOSTILE)
    assert link.count("&#34;&#39;&gt;&lt;script&gt;&amp;\\") == 2
    style = render_html("participants/templates/page_style.html", offline="</style>\"'a1")
    assert r'content: "\3c \2f style\3e \22 \27 a1"' in style


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="url"):
        render_html("participants/templates/link.html", label="there")


def test_a_wheel_holds_all_that_is_no_code() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    folder = ROOT / "human_study"
    packed = {path for pattern in options["package-data"]["human_study"] for path in folder.glob(pattern)}
    beside = {path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert len(beside) > 20
    assert beside - packed == set()


def test_colours_are_named_in_the_palette_alone() -> None:
    assert len(_PAGES) > 100
    colour = re.compile(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})\b|\brgba?\(|\bhsla?\(", re.IGNORECASE)
    typed = {
        path.name: found for path in _PAGES if (found := colour.findall(path.read_text(encoding="utf-8")))
    }
    assert set(typed) == {Path(palette.__file__).name}


def test_style_sheets_use_only_properties_that_the_palette_has() -> None:
    declared = set(re.findall(r"(--[a-z-]+):", palette.custom_properties()))
    used = {
        name
        for path in _PAGES
        for name in re.findall(r"var\((--[a-z-]+)\)", path.read_text(encoding="utf-8"))
    }
    assert used == declared


def test_html_is_written_in_templates_alone() -> None:
    element = re.compile(r"</?(?:a|b|div|p|span|style|script|img|ul|li|table|form|input|button)\b[^>\n]*>")
    written = {
        path.name for path in _PAGES if path.suffix == ".py" and element.search(path.read_text("utf-8"))
    }
    assert written == {"first_page.py"}  # which changes Streamlit's page
