"""The one way in which a picture file becomes pixels: whole, opaque, of a size and depth that can be read."""

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data.errors import FacesError

MAX_PIXELS = 50_000_000  # of a picture, 150 MB once it is read


def read_picture(file: Path | bytes, name: str = "") -> NDArray[np.uint8]:
    """A picture file, or its bytes, as RGB uint8 [H, W, 3]; `name` says in messages which one it is.

    Raises FacesError for one that is damaged, transparent, too large or of 16 bits a colour: OpenCV alone would read
    on in silence.
    """
    if not isinstance(file, (Path, bytes)):
        raise FacesError(f"a picture must be its path or its bytes, not {type(file).__name__}")
    if isinstance(file, Path):
        name = name or file.name
        try:
            file = file.read_bytes()
        except OSError as problem:
            raise FacesError(f"{name} cannot be read ({problem.strerror}); correct the path") from None
    name = name or "the picture"
    if not file:
        raise FacesError(f"{name} is not a readable picture: its file is empty; copy it again")
    decoded = _decoded_whole(file, name)
    if decoded is not None:
        return decoded
    pixels = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise FacesError(f"{name} is not a readable picture; save it as JPEG or PNG")
    return np.ascontiguousarray(pixels[..., ::-1])


def _decoded_whole(content: bytes, name: str) -> NDArray[np.uint8] | None:
    """The pixels, where Pillow's are OpenCV's: of a plain JPEG, as faces are stored. FacesError as `read_picture`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is looked at here
            picture = Image.open(io.BytesIO(content))
        with picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise FacesError(f"{name} has {width:,} × {height:,} pixels; scale it down, below 50 million")
            # Pillow says nothing of the depth of a coloured PNG; it stands in the header, at a fixed place.
            if picture.mode.startswith(("I", "F")) or (picture.format == "PNG" and content[24] == 16):
                raise FacesError(f"{name} has more than 8 bits a colour; save it with 8")
            picture.load()  # a truncated one fails here
            if picture.has_transparency_data and np.asarray(picture.convert("RGBA"))[..., 3].min() < 255:
                raise FacesError(f"{name} has transparent pixels; lay it on a background and save it again")
            if picture.format == "JPEG" and picture.mode == "RGB" and not picture.getexif():
                return np.array(picture)
            return None
    except Image.DecompressionBombError:
        raise FacesError(f"{name} has far too many pixels; scale it down, below 50 million") from None
    except (OSError, ValueError, SyntaxError) as problem:
        raise FacesError(
            f"{name} is not a readable picture or is damaged ({str(problem).splitlines()[0]}); copy it again"
        ) from None
