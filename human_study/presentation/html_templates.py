"""HTML is made here alone, from templates that lie in the folder `templates` of the room whose pages they are."""

from __future__ import annotations

import base64
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from data.formats.picture_format import media_type
from human_study.presentation import palette


def render_html(template: str, **values: object) -> Markup:
    """A template filled in, for example `report/templates/report.html` (below `human_study`).

    Every value is escaped but those that are Markup, as what this returns is. Templates also know `palette`, and
    two filters: `data_uri` makes an address of a picture's bytes, `css_string` a string of a style sheet of a text.
    Raises jinja2.UndefinedError where a value is missing.
    """
    return Markup(_environment().get_template(template).render(values))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("human_study", "."),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["palette"] = palette
    environment.filters |= {"data_uri": _data_uri, "css_string": _css_string}
    return environment


def _data_uri(picture: bytes) -> str:
    return f"data:{media_type(picture)};base64,{base64.b64encode(picture).decode('ascii')}"


def _css_string(text: str) -> Markup:
    """Letters and digits as they are, the rest as CSS escapes, so that nothing ends the string or the style sheet."""
    escaped = "".join(letter if letter.isalnum() else f"\\{ord(letter):x} " for letter in text)
    return Markup(f'"{escaped}"')
