"""The optimizer for weight matrices: what it makes of a matrix, and that shares do not change the result."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from advisor.faces.training.muon import Muon, _owners, orthogonalise


@given(st.integers(2, 24), st.integers(2, 40), st.integers(0, 99))
def test_an_orthogonalised_matrix_turns_and_hardly_stretches(m: int, n: int, seed: int) -> None:
    # Singular values far below the largest are not lifted all the way, so the matrix is well conditioned.
    generator = torch.Generator().manual_seed(seed)
    left, _ = torch.linalg.qr(torch.randn(m, m, generator=generator))
    right, _ = torch.linalg.qr(torch.randn(n, n, generator=generator))
    rank = min(m, n)
    values = torch.linspace(0.5, 1, rank)
    made = orthogonalise(left[:, :rank] * values @ right[:rank])
    stretch = torch.linalg.svdvals(made)
    assert made.shape == (m, n) and made.dtype == torch.float32
    assert 0.6 < float(stretch.min()) <= float(stretch.max()) < 1.3


def test_it_fits_a_linear_map_and_leaves_what_has_no_gradient() -> None:
    torch.manual_seed(0)
    truth, kernel = torch.randn(6, 4), torch.zeros(6, 4, requires_grad=True)
    still = torch.ones(3, 3, requires_grad=True)
    optimizer = Muon([kernel, still], lr=0.3)
    inputs = torch.randn(64, 4)
    errors = []
    for step in range(200):
        optimizer.param_groups[0]["lr"] = 0.3 * (1 - step / 200)
        loss = (inputs @ kernel.T - inputs @ truth.T).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        errors.append(loss.item())
    assert errors[-1] < 0.01 * errors[0]
    assert torch.equal(still, torch.ones(3, 3))


def test_work_is_shared_evenly_and_by_all() -> None:
    matrices = [torch.zeros(8, 8 * k) for k in range(1, 9)]
    owners = np.array(_owners(matrices, 2))
    costs = np.array([8 * m.numel() for m in matrices])
    assert set(owners) == {0, 1}
    assert abs(costs[owners == 0].sum() - costs[owners == 1].sum()) <= costs.max()
