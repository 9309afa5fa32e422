"""What readers find in the shipped faces: each axis in every group alike, and the same person at every expression."""

import numpy as np
import torch

from advisor.drawing.rendering import to_pixels
from advisor.faces.corpus.corpus import draw_expression
from advisor.faces.corpus.identity_reader import IdentityReader
from models.face_generator import FaceGenerator
from models.perception import FacePerception

N_EXPRESSIONS = 24  # of each identity, the same for all
N_SHOWN = 6  # of these, to a reader of identities


def shared_expressions() -> torch.Tensor:
    """Expressions float [24, 9] at which every identity is drawn, as a corpus has them."""
    rng = np.random.default_rng(78)
    return torch.from_numpy(np.stack([draw_expression(rng) for _ in range(N_EXPRESSIONS)])).float()


@torch.no_grad()
def slopes_by_group(
    perception: FacePerception, generator: FaceGenerator, groups: list[str]
) -> dict[str, np.ndarray]:
    """Group → slope [9] of what is read on what was drawn, an axis; `groups` names that of every identity."""
    drawn = shared_expressions()
    readings = torch.stack(
        [
            perception(generator(torch.full((len(drawn),), identity), drawn)).float().cpu()
            for identity in range(generator.n_identities)
        ]
    ).numpy()
    known = (drawn - drawn.mean(0)).numpy()
    slopes = np.einsum("nk,ink->ik", known, readings) / np.square(known).sum(0)
    return {
        group: slopes[[k for k, of in enumerate(groups) if of == group]].mean(0)
        for group in sorted(set(groups))
    }


@torch.no_grad()
def share_recognised(generator: FaceGenerator, reader: IdentityReader) -> float:
    """Share of faces whose nearest other face, over all identities and six expressions, is of the same identity."""
    drawn = shared_expressions()[:N_SHOWN]
    descriptors = np.concatenate(
        [
            reader.read(to_pixels(generator(torch.full((len(drawn),), identity), drawn)))
            for identity in range(generator.n_identities)
        ]
    )
    who = np.repeat(np.arange(generator.n_identities), len(drawn))
    between = np.linalg.norm(descriptors[:, None] - descriptors, axis=-1)
    np.fill_diagonal(between, np.inf)
    return float((who[between.argmin(1)] == who).mean())
