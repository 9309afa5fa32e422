"""In what form a face travels: JPEG now, PNG in bundles of earlier versions. Imports no torch."""

from __future__ import annotations

SUFFIX = ".jpg"
_MEDIA_TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png"}


def media_type(content: bytes) -> str:
    """The media type of a picture's bytes, by how they begin; unknown ones are `application/octet-stream`."""
    for start, name in _MEDIA_TYPES.items():
        if content.startswith(start):
            return name
    return "application/octet-stream"


def picture_suffix(content: bytes) -> str:
    """The suffix of a file with these bytes: `.png` for a PNG, else `SUFFIX`."""
    return ".png" if media_type(content) == "image/png" else SUFFIX
