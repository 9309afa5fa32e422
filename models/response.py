"""ResponseModel ĥ: how likely people are to approve, given the advice they see and the application.

An ensemble whose members are trained side by side as one batch of small networks. A person's choice is

    P(approve) = λ/2 + (1 - λ) · σ(own(features) + h · advised(advice, features) + b + s·z)

with a lapse rate λ and things in which people differ, each drawn once a person: how far they heed advice, h ≥ 0
with mean 1; a readiness to approve, b ~ N(0, τ²); slopes s ~ N(0, diag(v)) on the standardised inputs z; and
whether they take part at all, since some (a share ω) are careless and toss a coin throughout.
`own` is what the average person makes of the application beside average advice, and `advised` is what the advice
that is really shown adds to it. Heed has a free distribution on a grid, since many people heed advice little and a
few much: without it, ĥ would expect of faces stronger than any shown that they move everybody. Heed and readiness
are summed over, both when the model is fitted (marginal likelihood) and when it stands in for people it never saw;
slopes are averaged by the probit approximation σ(f / sqrt(1 + π/8 · v·z²)) (MacKay 1992, eq. 26). An axis that
people read in opposite ways makes them unpredictable, and ĥ knows that it does.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_QUADRATURE_NODES = 11
MAX_LAPSE_RATE = 0.3
LEAST_LAPSE_RATE = 2e-6  # no choice is impossible, so that its logarithm is finite
RAW_CARELESS_PRIOR = -3.0  # log odds: some 5 % of people, before any decision
HEED_GRID = (0.0, 0.5, 1.0, 2.0, 4.0)
# Before any decision: exponentially distributed heed, whose SD is its mean. (People switch to 23-38 % of
# disagreeing advice, with an SD over people of 26-30 points.)
HEED_PRIOR = (0.221, 0.306, 0.249, 0.173, 0.051)


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
        self.raw_careless = nn.Parameter(torch.full((M,), RAW_CARELESS_PRIOR))
        self.register_buffer("heed_grid", torch.tensor(HEED_GRID if n_advice else (1.0,)))
        self.register_buffer("heed_prior", torch.tensor(HEED_PRIOR if n_advice else (1.0,)).log())
        self.heed_logits = nn.Parameter(self.heed_prior.repeat(M, 1))
        nodes, log_weights = quadrature()
        self.register_buffer("nodes", nodes)
        self.register_buffer("log_weights", log_weights)

    input_mean: Tensor
    input_scale: Tensor
    slope_variance: Tensor
    signs: Tensor
    heed_grid: Tensor
    heed_prior: Tensor
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
        return LEAST_LAPSE_RATE + MAX_LAPSE_RATE * torch.sigmoid(self.raw_lapse)

    @property
    def careless_share(self) -> Tensor:
        """[M], share of people who decide without looking at all."""
        return torch.sigmoid(self.raw_careless)

    @property
    def offset_sd(self) -> Tensor:
        """[M], spread of the participants' offsets on the logit scale."""
        return self.log_offset_sd.exp()

    def heed(self) -> tuple[Tensor, Tensor]:
        """How far people heed advice: H values with mean 1, and their log-weights, float [M, H] each."""
        log_weights = torch.log_softmax(self.heed_logits, dim=1)
        mean = (log_weights.exp() * self.heed_grid).sum(1, keepdim=True)
        return self.heed_grid / mean, log_weights

    def logits(self, inputs: Tensor) -> Tensor:
        """float [N, A + F] (advice first) → log odds of someone with average heed and offset, float [M, N]."""
        return self._logits(self._standardised(inputs))

    def parts(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """`logits` as what people make of the application and what the advice adds to it, float [M, N] each."""
        z = self._standardised(inputs)
        with_advice = self._logits(z)
        if self.n_advice == 0:
            return with_advice, torch.zeros_like(with_advice)
        own = self._logits(F.pad(z[:, self.n_advice :], (self.n_advice, 0)))
        return own, with_advice - own

    def _standardised(self, inputs: Tensor) -> Tensor:
        assert inputs.ndim == 2 and inputs.shape[1] == self.n_inputs, (
            f"inputs are {tuple(inputs.shape)}, expected [N, {self.n_inputs}]"
        )
        return (inputs - self.input_mean) / self.input_scale

    def _logits(self, z: Tensor) -> Tensor:
        free = (self.signs == 0).float()
        linear = self.linear * free + F.softplus(self.linear) * self.signs
        zf = z * free
        f = self.bias[:, None] + linear @ z.T + self.square @ (zf.square() - free).T.clamp(max=9)
        hidden = torch.tanh(torch.einsum("mhw,nw->mnh", self.hidden_weight, zf) + self.hidden_bias[:, None])
        return f + torch.einsum("mnh,mh->mn", hidden, self.output_weight)

    def _log_chance_of(
        self, inputs: Tensor, own: Tensor, advised: Tensor, choice: Tensor | float = 1.0
    ) -> Tensor:
        """Log P(choice) of people of every heed and offset, float [M, N, H, Q].

        `own` and `advised` are as of `parts`; `choice` is 1 where approving is asked for and -1 where denying is,
        float [N]. This is most of the work of fitting, hence what looks odd: the logit is flipped since that costs
        less than 1 - P, offsets are added by a matrix product whose gradients need no sums over [M, N, H, Q], and
        λ/2 + (1 - λ)·σ is written (1 - λ)·(σ + λ/(2 - 2λ)).
        """
        heed, _ = self.heed()
        square = self._standardised(inputs).square() * self.slope_variance
        of_advice, of_features = square[:, : self.n_advice].sum(1), square[:, self.n_advice :].sum(1)
        variance = heed.square()[:, None] * of_advice[:, None] + of_features[:, None]
        towards = (
            torch.rsqrt(1 + math.pi / 8 * variance) * torch.as_tensor(choice, device=inputs.device)[..., None]
        )
        average = (heed[:, None, :] * advised[..., None] + own[..., None]) * towards
        spread = towards * self.offset_sd[:, None, None]
        logits = torch.stack([average, spread], -1) @ torch.stack([torch.ones_like(self.nodes), self.nodes])
        lapse = self.lapse_rate[:, None, None, None]
        return (torch.sigmoid(logits) + lapse / (2 - 2 * lapse)).log() + (1 - lapse).log()

    def member_probabilities(self, inputs: Tensor) -> Tensor:
        """P(approve) averaged over people, float [M, N]."""
        p = self._log_chance_of(inputs, *self.parts(inputs)).exp() @ self.log_weights.exp()
        careless = self.careless_share[:, None]
        return careless / 2 + (1 - careless) * torch.einsum("mnh,mh->mn", p, self.heed()[1].exp())

    def forward(self, inputs: Tensor) -> Tensor:
        """P(approve) of people never seen, averaged over members: float [N, A + F] → float [N]."""
        return self.member_probabilities(inputs).mean(0)

    def participant_log_likelihood(
        self,
        inputs: Tensor,
        approved: Tensor,
        participant: Tensor,
        n_participants: int,
        parts: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Log marginal likelihood of each participant's decisions, float [M, P].

        Args:
            inputs: float [N, A + F].
            approved: float [N], 0 or 1.
            participant: long [N], 0 .. n_participants - 1.
            parts: what to use in place of the model's own `parts`, float [M, N] each.
        """
        own, advised = self.parts(inputs) if parts is None else parts
        log_p = self._log_chance_of(inputs, own, advised, 2 * approved - 1)
        per_person = log_p.new_zeros(self.n_members, n_participants, *log_p.shape[2:])
        per_person = per_person.index_add(1, participant, log_p)
        weights = self.heed()[1][:, None, :, None] + self.log_weights
        n_decisions = log_p.new_zeros(n_participants).index_add(
            0, participant, log_p.new_ones(len(participant))
        )
        return torch.logaddexp(
            F.logsigmoid(-self.raw_careless)[:, None] + torch.logsumexp(per_person + weights, dim=(2, 3)),
            F.logsigmoid(self.raw_careless)[:, None] - n_decisions * math.log(2),
        )
