"""Faces as pictures: drawn once, light, and the same to whoever looks."""

import cv2
import numpy as np
import pytest
import torch

from advisor.drawing.rendering import as_images, decode_face, draw_once, encode_face, render_faces
from data.errors import TrainingError
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
