"""Simulated people as the benchmark needs them: exact expectations, and a differentiable population."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from advisor.simulation.simulated_participant import SimulatedParticipant
from data.tasks.applications import Applications


class PeopleSample:
    """P fresh people and N applications: what each would do under each condition, with the same looks.

    Args:
        people: simulated participants.
        applications: what they decide on.
        rng: draws the noise of their looks, once for all conditions, so that conditions are paired.
    """

    def __init__(
        self, people: list[SimulatedParticipant], applications: Applications, rng: np.random.Generator
    ) -> None:
        self._people = people
        self._features: dict[int, np.ndarray] = {}
        for person in people:
            if id(person.judgement) not in self._features:
                self._features[id(person.judgement)] = person.judged_features(applications.frame)
        n_axes = len(people[0].coefficients().face)
        self._noise = rng.normal(size=(len(people), len(applications), n_axes)).astype(np.float32)

    def probabilities(
        self, readings: np.ndarray | None = None, scores: np.ndarray | None = None
    ) -> np.ndarray:
        """P(approve) of each person on each application, lapses included, float [P, N].

        Args:
            readings: what their eyes read in the N faces, float [N, K], before noise; None: no face.
            scores: repayment probabilities float [N]; None: no score.
        """
        rows = []
        for person, noise in zip(self._people, self._noise, strict=True):
            seen = None if readings is None else readings + noise * person.coefficients().reading_noise_sd
            rows.append(person.approve_probability(self._features[id(person.judgement)], seen, scores))
        return np.array(rows)


class SimulatedPopulation(nn.Module):
    """A sample of simulated people as a frozen, differentiable response to (readings, features).

    It stands where ĥ stands when the oracle is trained. The noise of a look is averaged over by the probit
    approximation of the logistic-normal integral (MacKay 1992, eq. 26).

    Args:
        people: simulated participants; they must judge by the same features.
    """

    def __init__(self, people: list[SimulatedParticipant]) -> None:
        super().__init__()
        known = [person.coefficients() for person in people]
        own = np.array([c.own for c in known])
        offsets = np.array([p.judgement.offset for p in people])

        def tensor(values: object) -> Tensor:
            return torch.tensor(np.array(values), dtype=torch.float32)

        self.register_buffer("own", tensor(own))
        self.register_buffer("bias", tensor([c.bias for c in known]) - tensor((own * offsets).sum(1)))
        self.register_buffer("face", tensor([c.face for c in known]))
        self.register_buffer("lapse", tensor([c.lapse for c in known]))
        self.register_buffer("noise_sd", tensor([c.reading_noise_sd for c in known]))

    own: Tensor
    bias: Tensor
    face: Tensor
    lapse: Tensor
    noise_sd: Tensor

    def parts(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """What the people make of the applications and what the faces add, log odds float [P, B] each."""
        n_axes = self.face.shape[1]
        return self.own @ inputs[:, n_axes:].T + self.bias[:, None], self.face @ inputs[:, :n_axes].T

    def member_probabilities(self, inputs: Tensor) -> Tensor:
        """P(approve) averaged over the people, float [1, B], of inputs [B, K + F]: readings, then features."""
        own, added = self.parts(inputs)
        log_odds = own + added
        variance = (self.noise_sd**2 * self.face.square().sum(1))[:, None]
        p = torch.sigmoid(log_odds / torch.sqrt(1 + torch.pi / 8 * variance))
        return (self.lapse[:, None] / 2 + (1 - self.lapse[:, None]) * p).mean(0, keepdim=True)


def expected_correct(probabilities: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    """Chance of a right decision, float [P, N], of P(approve) [P, N] and outcomes [N], 1 = repaid."""
    return np.where(outcomes == 1, probabilities, 1 - probabilities)
