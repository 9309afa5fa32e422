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
    `data_uri`, a filter that makes an address of a picture's bytes. Raises jinja2.UndefinedError where a value lacks.
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
    environment.filters["data_uri"] = _data_uri
    return environment


def _data_uri(picture: bytes) -> str:
    return f"data:{media_type(picture)};base64,{base64.b64encode(picture).decode('ascii')}"
