"""The corpus: who may be in a face, what an expression moves, and what is done with bad pictures."""

import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from advisor.faces.corpus.blend import FaceRenderer
from advisor.faces.corpus.corpus import (
    build_corpus,
    draw_expression,
    load_corpus,
    read_identities,
    read_manifest,
)
from advisor.faces.corpus.identities import (
    MAX_OTHER_GENDER,
    MAX_WEIGHT,
    Identity,
    IdentitySampler,
    NeighbourDistance,
    draw_weights,
)
from advisor.faces.corpus.landmarks import (
    LOWER_INNER_LIP,
    PUPIL_DISTANCE,
    UPPER_INNER_LIP,
    part_lips,
    to_canonical,
)
from advisor.faces.corpus.photographs import People, read_people
from advisor.faces.corpus.shipped_identities import MAX_USES, choose_identities, given_identities
from data.errors import FacesError, SetupError
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS
from tests.support.decided_round import Call
from tests.support.drawn_people import N_PEOPLE, face_points, write_people

BUILD: dict[str, Any] = {"n_images": 24, "image_size": 32, "seed": 3, "n_processes": 1, "shard_size": 12}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("pictures"))


@pytest.fixture(scope="module")
def people(pictures: Path) -> People:
    return read_people(pictures)[0]


@pytest.fixture(scope="module")
def renderer(people: People) -> FaceRenderer:
    return FaceRenderer(people, 64)


@pytest.fixture(scope="module")
def corpus(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("corpus")
    build_corpus(pictures, out, **BUILD)
    return out


@given(st.integers(0, 2**32), st.integers(3, 5))
def test_no_blend_is_mostly_one_person(seed: int, n_parts: int) -> None:
    weights = draw_weights(n_parts, np.random.default_rng(seed))
    assert len(weights) == n_parts
    assert weights.sum() == pytest.approx(1)
    assert 0.05 <= weights.min() <= weights.max() <= MAX_WEIGHT


@given(st.integers(0, 2**32))
def test_expressions_stay_within_their_bounds(seed: int) -> None:
    low, high = np.array(EXPRESSION_BOUNDS).T
    expression = draw_expression(np.random.default_rng(seed))
    assert expression.shape == (len(EXPRESSION_AXES),)
    assert ((low <= expression) & (expression <= high)).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_sampled_identities_are_blends_of_one_gender_and_the_donor_is_in_them(
    people: People, renderer: FaceRenderer, seed: int
) -> None:
    sampler = IdentitySampler(people, renderer.skin_lab, np.arange(N_PEOPLE))
    identity = sampler.draw(np.random.default_rng(seed))
    parts = np.nonzero(identity.weights)[0]
    assert 3 <= len(parts) <= 5
    assert identity.donor in parts
    assert len({people.genders[n] for n in parts}) == 1
    assert not people.poor_surround[identity.donor]


def test_shipped_identities_keep_the_rules(people: People, corpus: Path) -> None:
    identities = read_identities(corpus)
    uses = sum((one.weights > 0).astype(int) for one in identities)
    groups = np.array(people.ethnicities)
    assert uses.max() <= MAX_USES
    for one in identities:
        assert (one.weights > 0).sum() >= 3
        assert one.weights.max() <= MAX_WEIGHT
        assert one.weights[one.donor] > 0
        assert one.weights[groups == groups[one.donor]].sum() >= 0.5 - 1e-6
    cells = Counter((people.genders[one.donor], people.ethnicities[one.donor]) for one in identities)
    assert len(cells) >= 3  # twelve people run out before every cell has its three
    assert max(cells.values()) == 3


def test_identities_that_are_given_cannot_be_kept_apart_too(
    call: Call, pictures: Path, corpus: Path, tmp_path: Path
) -> None:
    given = ("--identities", corpus / "identities.json", "--keep-apart")
    result = call("build-corpus", pictures, "--images", 30, "--out", tmp_path / "corpus", *given)
    assert result.status == 2
    assert "leave one of both away" in result.err
    assert not (tmp_path / "corpus").exists()


def test_identities_keep_away_from_everyone_pictured_as_far_as_they_can(
    people: People, renderer: FaceRenderer
) -> None:
    def choose(least: float, n_variations: int = 40) -> list[float]:
        # Somebody who sees the blend's weights: an even blend of many is the furthest from everybody.
        distance = NeighbourDistance(lambda one: one.weights, np.eye(N_PEOPLE), least)
        rng = np.random.default_rng(0)
        chosen = choose_identities(
            people, renderer.skin_lab, np.arange(N_PEOPLE), 1, rng, distance, n_variations
        )
        genders = np.array(people.genders)
        assert {(people.genders[one.donor], people.ethnicities[one.donor]) for one in chosen} == {
            (gender, group) for gender in ("female", "male") for group in ("a", "b")
        }
        for one in chosen:
            assert one.weights[genders != genders[one.donor]].sum() <= MAX_OTHER_GENDER
            assert one.weights.max() <= MAX_WEIGHT
        return [distance.facts(distance.read(one))["nearest_picture"] for one in chosen]

    unvaried, varied, never = choose(0.0, 0), choose(0.9), choose(2.0)
    assert len(unvaried) == len(varied) == len(never) == 4  # numbers are kept, and the distance gives way
    assert np.mean(varied) > np.mean(unvaried)


def test_given_identities_are_taken_or_the_broken_rule_is_named(
    people: People, pictures: Path, corpus: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.json"

    def build(rows: object, out: str) -> Path:
        mine.write_text(json.dumps(rows))
        build_corpus(pictures, tmp_path / out, **BUILD | {"n_images": 6, "shard_size": 6}, identities=mine)
        return tmp_path / out

    rows = json.loads((corpus / "identities.json").read_text())[:2]
    assert [one.donor for one in read_identities(build(rows, "taken"))] == [
        one.donor for one in read_identities(corpus)[:2]
    ]
    with pytest.raises(FacesError, match="no list of identities"):
        build({"a": 1}, "refused")
    with pytest.raises(FacesError, match="no file"):
        build_corpus(pictures, tmp_path / "refused", identities=tmp_path / "absent.json")
    first, *others = rows[0]["weights"]
    group_of = dict(zip(people.ids, people.ethnicities, strict=True))
    strangers = [person for person in people.ids if group_of[person] != group_of[first]]
    for weights, rule in (
        ({first: 0.5, others[0]: 0.5}, "fewer than three"),
        ({first: 0.6, others[0]: 0.2, others[1]: 0.2}, "weighs more than"),
        ({first: 0.3, others[0]: 0.3, others[1]: 0.3}, "sum to 1"),
        ({"nobody": 0.4, others[0]: 0.3, others[1]: 0.3}, "not among the pictures"),
        ({first: 0.4, strangers[0]: 0.3, strangers[1]: 0.3}, "group weigh less than"),
    ):
        mine.write_text(json.dumps([rows[0] | {"weights": weights, "donor": next(iter(weights))}]))
        with pytest.raises(FacesError, match=rule):
            given_identities(mine, people, [])
    mine.write_text(json.dumps([rows[0]] * 4))
    with pytest.raises(FacesError, match="more than 3 identities"):
        given_identities(mine, people, [])


def test_pupils_are_levelled_and_centred() -> None:
    points = face_points(np.random.default_rng(0)) @ np.array([[0.9, 0.3], [-0.3, 0.9]]) * 200
    matrix, offset = to_canonical(points)
    right, left = (points @ matrix.T + offset)[[468, 473]]
    assert left - right == pytest.approx([PUPIL_DISTANCE, 0])
    assert (left + right) / 2 == pytest.approx([0.5, 0.425])


def test_lips_never_cross() -> None:
    points = face_points(np.random.default_rng(0))
    points[LOWER_INNER_LIP[1:-1], 1] -= 0.05
    parted = part_lips(points)
    assert (parted[LOWER_INNER_LIP[1:-1], 1] > parted[UPPER_INNER_LIP[1:-1], 1]).all()


@pytest.mark.parametrize("axis", range(len(EXPRESSION_AXES)))
def test_every_axis_changes_the_face_and_zero_is_neutral(
    people: People, renderer: FaceRenderer, axis: int
) -> None:
    identity = IdentitySampler(people, renderer.skin_lab, np.arange(N_PEOPLE)).draw(np.random.default_rng(1))
    neutral = renderer.render(identity, np.zeros(9)).astype(int)
    moved = renderer.render(identity, np.eye(9)[axis]).astype(int)
    assert np.abs(moved - neutral).mean() > 0.1
    assert (renderer.render(identity, np.zeros(9)) == neutral).all()


def test_skin_takes_the_donors_colour(renderer: FaceRenderer) -> None:
    weights = np.zeros(N_PEOPLE, np.float32)
    weights[[1, 3, 5]] = [0.3, 0.35, 0.35]
    faces = [renderer.render(Identity(weights, donor), np.zeros(9)).astype(float) for donor in (1, 3)]
    cheek = (slice(34, 40), slice(14, 20))
    for donor, face in zip((1, 3), faces, strict=True):
        assert face[cheek].mean((0, 1)) == pytest.approx(renderer.skin_rgb[donor], abs=10)


def test_an_interrupted_build_goes_on_and_a_seed_repeats(pictures: Path, corpus: Path) -> None:
    first = load_corpus(corpus, "train")
    for path in corpus.glob("train-0001*"):
        path.unlink()
    build_corpus(pictures, corpus, **BUILD)
    again = load_corpus(corpus, "train")
    assert first.images.shape == (24, 32, 32, 3)
    assert (again.images == first.images).all()
    assert (again.expressions == first.expressions).all()
    assert not list(corpus.glob("*.tmp*"))
    with pytest.raises(FacesError, match="other seed"):
        build_corpus(pictures, corpus, **BUILD | {"seed": 4})


def test_held_out_blends_are_not_trained_on(corpus: Path) -> None:
    trained = {row.tobytes() for row in load_corpus(corpus, "train").weights}
    assert not trained & {row.tobytes() for row in load_corpus(corpus, "held_out").weights}


def test_bad_pictures_are_skipped_and_named(tmp_path: Path) -> None:
    folder = write_people(tmp_path / "some", 14)
    (folder / "003_neutral.jpg").write_bytes(b"not a picture")
    (folder / "004_smiling.jpg").unlink()
    stored = dict(np.load(folder / "landmarks.npz"))
    stored["005_neutral"] = stored["005_neutral"][:100]
    stored["006_neutral"] = stored["006_neutral"] * 0.4 + 0.55  # lands on the background
    del stored["007_smiling"]
    np.savez(folder / "landmarks.npz", **stored)
    people, skipped = read_people(folder)
    assert sorted(skipped) == ["003", "004", "005", "006", "007"]
    assert "not a readable picture" in skipped["003"]
    assert "missing" in skipped["004"]
    assert "478" in skipped["005"]
    assert "do not fit" in skipped["006"]
    assert len(people.ids) == 9


def test_damaged_transparent_and_huge_pictures_are_skipped_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_people(tmp_path / "some", 14)
    jpeg = (folder / "003_neutral.jpg").read_bytes()
    (folder / "003_neutral.jpg").write_bytes(jpeg[: len(jpeg) // 3])
    for person, alpha in (("004", 128), ("005", 255)):
        picture = Image.open(folder / f"{person}_neutral.jpg").convert("RGBA")
        picture.putalpha(alpha)
        (folder / f"{person}_neutral.jpg").unlink()
        picture.save(folder / f"{person}_neutral.png")
    png = (folder / "005_neutral.png").read_bytes()
    huge = bytearray(png)
    huge[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height in the header
    huge[29:33] = zlib.crc32(huge[12:29]).to_bytes(4, "big")
    (folder / "006_neutral.jpg").unlink()
    (folder / "006_neutral.png").write_bytes(huge)
    large = cv2.resize(cv2.imread(str(folder / "007_smiling.jpg")), (900, 900))
    cv2.imwrite(str(folder / "007_smiling.jpg"), large)
    monkeypatch.setattr("advisor.drawing.picture_files.MAX_PIXELS", 800_000)
    people, skipped = read_people(folder)
    assert sorted(skipped) == ["003", "004", "006", "007"]
    assert "003_neutral.jpg is not a readable picture or is damaged" in skipped["003"]
    assert "004_neutral.png has transparent pixels" in skipped["004"]
    assert "006_neutral.png has far too many pixels" in skipped["006"]
    assert "007_smiling.jpg has 900 × 900 pixels" in skipped["007"]
    assert "005" in people.ids


def test_folders_without_faces_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FacesError, match="no folder"):
        read_people(tmp_path / "absent")
    with pytest.raises(FacesError, match="no pictures"):
        read_people(tmp_path)
    folder = write_people(tmp_path / "few", 4)
    with pytest.raises(FacesError, match="4 people"):
        read_people(folder)
    (folder / "landmarks.npz").write_bytes(b"nothing")
    with pytest.raises(FacesError, match="landmarks"):
        read_people(folder)
    with pytest.raises(FacesError, match="no corpus"):
        read_manifest(tmp_path)


def test_a_full_disk_is_noticed_before_the_work(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="make room"):
        build_corpus(pictures, tmp_path / "corpus", n_images=10**12)
