"""The decisions that ĥ is fitted to, and which of its members learns from which people."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from models.response import ResponseModel


def participant_folds(n_participants: int, n_members: int, rng: np.random.Generator) -> np.ndarray:
    """Which member holds out which participant, bool [M, P].

    Each participant is held out by exactly one member where there are at least as many participants as
    members; with fewer, participants are held out in turn, so that every member still has one to stop by.
    """
    order = rng.permutation(n_participants)
    held_out = np.zeros((n_members, n_participants), dtype=bool)
    for k in range(max(n_members, n_participants)):
        held_out[k % n_members, order[k % n_participants]] = True
    return held_out


@dataclass(frozen=True)
class FittedDecisions:
    """N decisions of P people as tensors, and what each of M members learns from.

    Attributes:
        inputs: advice, then features, float [N, A + F].
        approved: 0 or 1, float [N].
        person: who decided, long [N].
        held_out: which member holds out which person, bool [M, P].
    """

    inputs: Tensor
    approved: Tensor
    person: Tensor
    held_out: Tensor

    @classmethod
    def of(
        cls,
        advice: np.ndarray,
        features: np.ndarray,
        approved: np.ndarray,
        participants: np.ndarray,
        n_members: int,
        rng: np.random.Generator,
    ) -> FittedDecisions:
        """Arrays as `fit_response` takes them; `rng` decides who holds out whom."""
        participant, codes = pd.factorize(np.asarray(participants))  # by appearance: names decide nothing
        assert len(codes) >= 2, "early stopping needs two participants"
        assert 0 < approved.mean() < 1, "both choices must occur"
        return cls(
            torch.tensor(np.hstack([advice, features]), dtype=torch.float32),
            torch.tensor(approved, dtype=torch.float32),
            torch.tensor(participant, dtype=torch.long),
            torch.tensor(participant_folds(len(codes), n_members, rng)),
        )

    def to(self, device: torch.device) -> FittedDecisions:
        """The same on another device."""
        return FittedDecisions(*(getattr(self, field.name).to(device) for field in fields(self)))

    @cached_property  # asked for at every step
    def held_rows(self) -> Tensor:
        """Which member does not learn from which decision, bool [M, N]."""
        return self.held_out[:, self.person]

    def log_likelihood(self, model: ResponseModel, parts: tuple[Tensor, Tensor] | None = None) -> Tensor:
        """Of each person's decisions together, float [M, P]."""
        return model.participant_log_likelihood(
            self.inputs, self.approved, self.person, self.held_out.shape[1], parts
        )

    def loss(
        self, model: ResponseModel, penalty: Tensor, parts: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """Negative log-likelihood of what each member learns from, with its penalty [M], a decision; their sum."""
        likelihood = self.log_likelihood(model, parts)
        n_kept = (~self.held_rows).sum(1).clamp(min=1)
        return ((-(likelihood * ~self.held_out).sum(1) + penalty) / n_kept).sum()
