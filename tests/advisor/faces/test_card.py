"""The card says what was measured, and leaves nothing out that must be said."""

import json
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest
import torch

from advisor.faces.card import measure_generator, write_card
from advisor.faces.corpus.corpus import build_corpus, read_identities
from advisor.faces.training.training_data import identity_codes
from data.errors import FacesError
from models.expression import EXPRESSION_AXES
from models.face_generator import BlendNetwork, FaceGenerator
from models.perception import FacePerception
from tests.support.drawn_people import write_people


@pytest.mark.training
def test_a_card_holds_figures_counts_and_attribution(tmp_path: Path) -> None:
    build_corpus(
        write_people(tmp_path / "pictures", 8), tmp_path / "corpus", 8, 32, n_processes=1, shard_size=8
    )
    codes = identity_codes(read_identities(tmp_path / "corpus"))
    torch.manual_seed(0)
    network = BlendNetwork(32, codes.shape[1] // 2, network_capacity=2, fmap_max=16, latent_dim=64)
    generator = FaceGenerator(network, codes)
    weights = tmp_path / "weights"
    generator.save(weights / "face_generator.safetensors", {"step": 7, "options": {"seed": 3}})
    FacePerception().save(weights / "face_perception.safetensors", {})
    card = write_card(tmp_path / "corpus", weights).read_text()
    figures = measure_generator(
        FaceGenerator.load(weights / "face_generator.safetensors"), tmp_path / "corpus"
    )
    assert f"{figures['psnr_db']:.2f} dB" in card
    assert '"seed": 3' in card
    assert "10.6084/m9.figshare.5047666" in card
    assert "CC-BY 4.0" in card
    assert "these faces have 32" in card
    assert "generated` faces: smile" in card
    assert all(axis in card for axis in EXPRESSION_AXES)
    with pytest.raises(FacesError, match="no corpus"):
        write_card(tmp_path, weights)


def test_the_shipped_identities_are_those_listed_and_nobody_is_in_more_than_three() -> None:
    rows = json.loads(files("models").joinpath("weights/identities.json").read_text())
    codes = FaceGenerator.load().identity_codes
    weights = codes[:, : codes.shape[1] // 2]
    assert [sorted(row["weights"].values()) for row in rows] == [
        pytest.approx(sorted(w[w > 0].tolist()), abs=1e-3) for w in weights
    ]
    assert int((weights > 0).sum(0).max()) <= 3
    assert (weights > 0).sum(1).min() >= 3
    assert weights.max() <= 0.45
    cells = Counter((row["gender"], row["ethnicity_of_donor"]) for row in rows)
    groups = ("black", "east_asian", "west_asian", "white")
    assert cells == {(gender, group): 3 for gender in ("female", "male") for group in groups}
