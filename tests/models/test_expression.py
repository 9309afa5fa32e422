"""What a face can express: couplings only ever hold back, and an encoder's expressions keep them."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from advisor.faces.corpus.corpus import draw_expression
from models.encoder import FeatureEncoder
from models.expression import (
    COUPLINGS,
    EXPRESSION_AXES,
    EXPRESSION_BOUNDS,
    coupling_matrix,
    random_expressions,
    within_couplings,
)

BOUNDS = torch.tensor(EXPRESSION_BOUNDS)


def most_taken(expressions: torch.Tensor) -> float:
    """How much of the fullest coupling is taken up by the expression that takes most."""
    return float(
        max(
            sum(
                abs(share) * (np.sign(share) * row[EXPRESSION_AXES.index(axis)]).clamp(min=0)
                for axis, share in members
            )
            for row in expressions.detach()
            for members in COUPLINGS
        )
    )


def test_every_axis_alone_reaches_its_ends() -> None:
    for side in (0, 1):
        alone = torch.diag(BOUNDS[:, side])
        assert (within_couplings(alone, coupling_matrix()) == alone).all()


@given(st.integers(0, 2**32))
def test_couplings_hold_back_what_is_too_much_and_leave_the_rest(seed: int) -> None:
    rng = np.random.default_rng(seed)
    asked = torch.tensor(rng.uniform(*np.array(EXPRESSION_BOUNDS).T, size=(8, 9)), dtype=torch.float32)
    made = within_couplings(asked, coupling_matrix())
    assert most_taken(made) <= 1 + 1e-5
    assert (made * asked >= 0).all()
    assert (made.abs() <= asked.abs() + 1e-6).all()
    torch.testing.assert_close(within_couplings(made, coupling_matrix()), made)


def test_a_corpus_an_exploring_round_and_an_encoder_keep_the_couplings() -> None:
    rng = np.random.default_rng(0)
    corpus = torch.tensor(np.stack([draw_expression(rng) for _ in range(300)]))
    explored = random_expressions(300, BOUNDS, rng)
    torch.manual_seed(0)
    encoder = FeatureEncoder(4, BOUNDS, couplings=coupling_matrix())
    torch.nn.init.normal_(encoder.linear.weight, std=20)
    features = torch.randn(300, 4)
    advised = encoder(features)
    loose = FeatureEncoder(4, BOUNDS)
    loose.load_state_dict(encoder.state_dict())
    assert most_taken(loose(features)) > 1.2
    for expressions in (corpus, explored, advised):
        assert most_taken(expressions) <= 1 + 1e-5
        assert ((expressions >= BOUNDS[:, 0] - 1e-6) & (expressions <= BOUNDS[:, 1] + 1e-6)).all()


def test_an_encoder_starts_at_rest_on_axes_with_two_sides() -> None:
    encoder = FeatureEncoder(4, BOUNDS, couplings=coupling_matrix())
    torch.nn.init.zeros_(encoder.linear.weight)
    start = encoder(torch.zeros(1, 4))[0]
    two_sided = BOUNDS[:, 0] < 0
    torch.testing.assert_close(start[two_sided], torch.zeros(int(two_sided.sum())))
    assert (start[~two_sided] > 0).all()
