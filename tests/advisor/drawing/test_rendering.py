"""Faces as pictures: drawn once, light, and the same to whoever looks."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from advisor.drawing.rendering import (
    Percepts,
    as_images,
    decode_face,
    draw_once,
    encode_face,
    read_percepts,
    render_faces,
)
from data.errors import FacesError, TrainingError
from data.formats.picture_format import media_type, picture_suffix
from models.face_generator import FaceGenerator
from models.perception import FacePerception


@pytest.fixture(scope="module")
def generator() -> FaceGenerator:
    return FaceGenerator.load()


def test_the_same_expression_on_the_same_identity_is_drawn_once(generator: FaceGenerator) -> None:
    expressions = torch.zeros(5, 9)
    expressions[[1, 3], 0] = 0.5
    identities = torch.tensor([2, 0, 2, 0, 1])
    each = render_faces(generator, identities, expressions)
    n_drawn: list[int] = []
    before = {(1, *[0.0] * 9)}
    pictures = draw_once(generator, identities, expressions, before, lambda what, n, n_all: n_drawn.append(n))
    assert sum(n_drawn) == 2
    assert list(pictures) == [(2, *[0.0] * 9), (0, 0.5, *[0.0] * 8)]
    for picture, face in zip(pictures.values(), each[:2], strict=True):
        assert np.abs(decode_face(picture).astype(float) - face).mean() < 4


def test_a_picture_takes_a_fifth_of_a_png_and_reads_the_same(generator: FaceGenerator) -> None:
    expressions = torch.zeros(4, 9)
    expressions[:, :3] = torch.tensor([[0.8, 0, 0], [-0.5, 0.4, 0], [0, 0, 0.7], [0.3, 0.9, 0.2]])
    faces = render_faces(generator, torch.arange(4), expressions)
    pictures = [encode_face(face) for face in faces]
    pngs = [cv2.imencode(".png", face[..., ::-1])[1].tobytes() for face in faces]
    assert sum(map(len, pictures)) < 0.22 * sum(map(len, pngs))
    perception = FacePerception.load()
    seen, meant = (
        perception(as_images(np.stack([decode_face(content) for content in contents])))
        for contents in (pictures, pngs)
    )
    assert (seen - meant).square().mean().sqrt() < 0.02
    assert {media_type(content) for content in pictures} == {"image/jpeg"}
    assert {picture_suffix(content) for content in pictures} == {".jpg"}
    assert {media_type(content) for content in pngs} == {"image/png"}
    assert {picture_suffix(content) for content in pngs} == {".png"}
    assert media_type(b"GIF89a") == "application/octet-stream"


def test_a_damaged_picture_is_named() -> None:
    with pytest.raises(TrainingError, match="damaged"):
        decode_face(b"\xff\xd8\xff nothing")


def _saved(picture: Image.Image, suffix: str = "png", **options: object) -> bytes:
    content = io.BytesIO()
    picture.save(content, format=suffix, **options)
    return content.getvalue()


def _deep() -> bytes:
    return bytes(cv2.imencode(".png", np.full((64, 64, 3), 40_000, np.uint16))[1])


GREY = Image.new("RGB", (64, 64), "grey")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "picture 2 is not a readable picture: its file is empty"),
        (b"GIF89a", "picture 2 is not a readable picture or is damaged"),
        (_saved(GREY.resize((300, 300)), "jpeg")[:900], "picture 2 is not a readable picture or is damaged"),
        (_saved(GREY.convert("RGBA").point(lambda level: level // 2)), "picture 2 has transparent pixels"),
        (_saved(Image.new("1", (9000, 9000))), "9,000 × 9,000 pixels; scale it down"),
        (_deep(), "more than 8 bits"),
        (_saved(GREY.resize((64, 32))), "64 × 32 pixels; cut it square"),
        ("face.png", "not str"),
    ],
)
def test_a_picture_that_cannot_be_read_as_a_face_is_refused_in_a_sentence(content: bytes, said: str) -> None:
    with pytest.raises(FacesError, match=said):
        read_percepts(FacePerception.load(), [_saved(GREY), content])


def test_a_stored_face_and_one_that_a_camera_turned_are_read_as_opencv_reads_them() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    for content in (_saved(picture, "jpeg"), _saved(picture, "jpeg", exif=turned)):
        expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert np.array_equal(decode_face(content), expected)


def test_what_was_read_before_is_given_for_the_same_picture() -> None:
    faces = [_saved(Image.new("RGB", (64, 64), colour)) for colour in ("grey", "tan", "navy")]
    n_read: list[int] = []
    percepts = Percepts()
    percepts.of(faces[:2], n_read.append)
    again = percepts.of([faces[2], faces[0], faces[2]], n_read.append)
    expected = read_percepts(FacePerception.load(), [faces[2], faces[0], faces[2]])
    assert np.allclose(again, expected, atol=1e-4)
    assert n_read == [0, 2, 2, 1]  # of three, one was known and one came twice


def test_faces_of_several_sizes_and_files_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(_saved(GREY))
    perception = FacePerception.load()
    readings = read_percepts(perception, [tmp_path / "a.png", _saved(GREY), _saved(GREY.resize((128, 128)))])
    assert np.array_equal(readings[0], readings[1])
    assert np.allclose(readings[0], readings[2], atol=0.05)
    with pytest.raises(FacesError, match="no picture"):
        read_percepts(perception, [])
