"""Muon, an optimizer for weight matrices: momentum, made orthogonal before it is applied.

K. Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks". Torch's own takes 2-D
parameters only; here a kernel counts as the matrix [out, in * window]. Adam needs
more steps to draw the same faces. Under several processes each one makes its share of the matrices orthogonal.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
N_ITERATIONS = 5
RMS_OF_ADAM = 0.2  # so that its learning rates mean about what Adam's mean


class Muon(torch.optim.Optimizer):
    """Takes parameters of two or more dimensions; gradients must be the same in every process."""

    def __init__(self, params: Iterable[Any], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        assert closure is None
        work: list[tuple[Tensor, Tensor, float]] = []
        for group in self.param_groups:
            for parameter in (p for p in group["params"] if p.grad is not None):
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                state["momentum"].mul_(group["momentum"]).add_(parameter.grad)
                ahead = parameter.grad.add(state["momentum"], alpha=group["momentum"])
                rate = group["lr"] * RMS_OF_ADAM * max(len(ahead), ahead[0].numel()) ** 0.5
                work.append((parameter, ahead, rate))
        for (parameter, ahead, rate), update in zip(work, _share_out([w[1] for w in work]), strict=True):
            parameter.sub_(update.reshape(ahead.shape), alpha=rate)


def orthogonalise(matrix: Tensor) -> Tensor:
    """The matrix [m, n] with its singular values moved near 1, float32 (Newton-Schulz, quintic)."""
    a, b, c = NEWTON_SCHULZ
    x = matrix.T if len(matrix) > matrix.shape[1] else matrix
    x = (x / (x.norm() + 1e-7)).bfloat16()
    for _ in range(N_ITERATIONS):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if len(matrix) > matrix.shape[1] else x).float()


def _share_out(updates: list[Tensor]) -> list[Tensor]:
    """Every update orthogonalised as a matrix, each by one process and sent to the others."""
    matrices = [update.reshape(len(update), -1) for update in updates]
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return [orthogonalise(matrix) for matrix in matrices]
    owners = _owners(matrices, dist.get_world_size())
    # One's own share is worked out before anyone waits for another's.
    shares = []
    for rank in range(dist.get_world_size()):
        theirs = [k for k, owner in enumerate(owners) if owner == rank]
        share = matrices[0].new_empty(sum(matrices[k].numel() for k in theirs))
        if rank == dist.get_rank():
            torch.cat([orthogonalise(matrices[k]).flatten() for k in theirs], out=share)
        shares.append((theirs, share))
    done: list[Tensor] = [torch.empty(0)] * len(matrices)
    for rank, (theirs, share) in enumerate(shares):
        dist.broadcast(share, src=rank)
        for k, piece in zip(theirs, share.split([matrices[k].numel() for k in theirs]), strict=True):
            done[k] = piece
    return done


def _owners(matrices: list[Tensor], n_processes: int) -> list[int]:
    """Who orthogonalises which matrix: the costliest first, each to whom has the least to do."""
    costs = [min(m.shape) * m.numel() for m in matrices]
    load = [0] * n_processes
    owners = [0] * len(matrices)
    for k in sorted(range(len(matrices)), key=lambda k: -costs[k]):
        owners[k] = load.index(min(load))
        load[owners[k]] += costs[k]
    return owners
