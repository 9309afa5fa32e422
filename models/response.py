"""ResponseModel ĥ: how likely people are to approve, given the advice they see and the application.

An ensemble whose members are trained side by side as one batch of small networks. A person's choice is

    P(approve) = λ/2 + (1 - λ) · σ(f(advice, features) + b + s·z),    b ~ N(0, τ²), s ~ N(0, diag(v)) once a person

with a lapse rate λ, a participant offset b and slopes s on the standardised inputs z, in which people differ. The
offset is integrated out by Gauss-Hermite quadrature, both when the model is fitted (marginal likelihood) and when
it stands in for people it never saw; the slopes by the probit approximation σ(f / sqrt(1 + π/8 · v·z²)) (MacKay
1992, eq. 26). An axis that people read in opposite ways makes them unpredictable, and ĥ knows that it does.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_QUADRATURE_NODES = 11
MAX_LAPSE_RATE = 0.3


def quadrature() -> tuple[Tensor, Tensor]:
    """Nodes and log-weights, each [Q], of the standard normal's Gauss-Hermite rule (probabilists')."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_QUADRATURE_NODES)
    return (
        torch.tensor(nodes, dtype=torch.float32),
        torch.tensor(np.log(weights / weights.sum()), dtype=torch.float32),
    )


class ResponseModel(nn.Module):
    """M ensemble members; every member has its own weights, lapse rate and spread of offsets.

    f is linear in advice and features, plus the advice's squares and a small perceptron over everything: with
    few decisions the linear part carries it, and the rest grows only as far as the decisions pay for it.

    Args:
        n_advice: width A of the advice (for faces: FacePerception's reading), may be 0.
        n_features: width F of the application's features, may be 0.
        n_members: M.
        hidden: width of each member's perceptron.
        monotone_signs: per advice column +1 or -1 (approval rises or falls with it), 0 = free; None = all free.
            Signed columns enter only linearly, with a weight of that sign.
    """

    def __init__(
        self,
        n_advice: int,
        n_features: int,
        n_members: int = 5,
        hidden: int = 16,
        monotone_signs: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        signs = monotone_signs or (0,) * n_advice
        assert len(signs) == n_advice, f"{len(signs)} monotone signs for {n_advice} advice columns"
        self.config = {
            "n_advice": n_advice,
            "n_features": n_features,
            "n_members": n_members,
            "hidden": hidden,
            "monotone_signs": list(signs),
        }
        width, M = n_advice + n_features, n_members
        self.n_advice, self.n_inputs, self.n_members = n_advice, width, M
        self.register_buffer("input_mean", torch.zeros(width))
        self.register_buffer("input_scale", torch.ones(width))
        self.register_buffer("slope_variance", torch.zeros(width))
        self.register_buffer("signs", torch.tensor(signs + (0,) * n_features, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(M))
        self.linear = nn.Parameter(torch.zeros(M, width))
        self.square = nn.Parameter(torch.zeros(M, width))
        self.hidden_weight = nn.Parameter(torch.randn(M, hidden, width) / math.sqrt(max(1, width)))
        self.hidden_bias = nn.Parameter(torch.zeros(M, hidden))
        self.output_weight = nn.Parameter(torch.zeros(M, hidden))
        self.log_offset_sd = nn.Parameter(torch.full((M,), math.log(0.5)))
        self.raw_lapse = nn.Parameter(torch.full((M,), -2.5))
        nodes, log_weights = quadrature()
        self.register_buffer("nodes", nodes)
        self.register_buffer("log_weights", log_weights)

    input_mean: Tensor
    input_scale: Tensor
    slope_variance: Tensor
    signs: Tensor
    nodes: Tensor
    log_weights: Tensor

    def start_from(self, weights: Tensor, biases: Tensor, slope_variance: Tensor) -> None:
        """Set the linear part: weights [M, A + F] on standardised inputs, biases [M], variance of slopes [A + F].

        Signed columns keep their sign.
        """
        with torch.no_grad():
            self.slope_variance.copy_(slope_variance)
            along = (weights * self.signs).clamp(min=0.02)
            signed = torch.log(torch.expm1(along))
            self.linear.copy_(torch.where(self.signs == 0, weights, signed))
            self.bias.copy_(biases)

    @property
    def lapse_rate(self) -> Tensor:
        """[M], share of decisions taken without looking."""
        return MAX_LAPSE_RATE * torch.sigmoid(self.raw_lapse)

    @property
    def offset_sd(self) -> Tensor:
        """[M], spread of the participants' offsets on the logit scale."""
        return self.log_offset_sd.exp()

    def logits(self, inputs: Tensor) -> Tensor:
        """float [N, A + F] (advice first) → f of the average person, float [M, N]."""
        assert inputs.ndim == 2 and inputs.shape[1] == self.n_inputs, (
            f"inputs are {tuple(inputs.shape)}, expected [N, {self.n_inputs}]"
        )
        z = (inputs - self.input_mean) / self.input_scale
        free = (self.signs == 0).float()
        linear = self.linear * free + F.softplus(self.linear) * self.signs
        zf = z * free
        f = self.bias[:, None] + linear @ z.T + self.square @ (zf.square() - free).T.clamp(max=9)
        hidden = torch.tanh(torch.einsum("mhw,nw->mnh", self.hidden_weight, zf) + self.hidden_bias[:, None])
        return f + torch.einsum("mnh,mh->mn", hidden, self.output_weight)

    def attenuation(self, inputs: Tensor) -> Tensor:
        """By how much people's differing slopes dampen the log odds of the average person, float [N], at most 1."""
        z = (inputs - self.input_mean) / self.input_scale
        return torch.rsqrt(1 + math.pi / 8 * (z.square() @ self.slope_variance))

    def member_probabilities(self, inputs: Tensor, offsets: Tensor | None = None) -> Tensor:
        """P(approve), float [M, N]; averaged over people, or for people with known `offsets` float [M, N]."""
        f, lapse, dampened = self.logits(inputs), self.lapse_rate[:, None], self.attenuation(inputs)
        if offsets is not None:
            p = torch.sigmoid((f + offsets) * dampened)
        else:
            shifted = (f[..., None] + self.offset_sd[:, None, None] * self.nodes) * dampened[:, None]
            p = (torch.sigmoid(shifted) * self.log_weights.exp()).sum(-1)
        return lapse / 2 + (1 - lapse) * p

    def forward(self, inputs: Tensor) -> Tensor:
        """P(approve) of people never seen, averaged over members: float [N, A + F] → float [N]."""
        return self.member_probabilities(inputs).mean(0)

    def participant_log_likelihood(
        self, inputs: Tensor, approved: Tensor, participant: Tensor, n_participants: int
    ) -> Tensor:
        """Log marginal likelihood of each participant's decisions, float [M, P].

        Args:
            inputs: float [N, A + F].
            approved: float [N], 0 or 1.
            participant: long [N], 0 .. n_participants - 1.
        """
        lapse = self.lapse_rate[:, None, None]
        shifted = self.logits(inputs)[..., None] + self.offset_sd[:, None, None] * self.nodes
        shifted = shifted * self.attenuation(inputs)[:, None]
        p = lapse / 2 + (1 - lapse) * torch.sigmoid(shifted)
        p = p.clamp(1e-6, 1 - 1e-6)
        log_p = torch.where(approved[None, :, None] > 0.5, p.log(), (1 - p).log())
        per_person = log_p.new_zeros(self.n_members, n_participants, len(self.nodes))
        per_person = per_person.index_add(1, participant, log_p)
        return torch.logsumexp(per_person + self.log_weights, dim=-1)
