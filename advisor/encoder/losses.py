"""Losses of the encoder; each returns `(loss, metrics)`.

People look with noise: what they read in an axis is its percept plus normal noise. How much one such look tells is a
share of variance in closed form, since the noise adds to the variance of what is read and to nothing else (errors in
variables; Fuller 1987, Measurement Error Models, section 1.1). No look is drawn, and no decoder is learned.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

from advisor.encoder.composition import Composed
from advisor.runs.config import EncoderConfig

Loss = tuple[Tensor, dict[str, float]]

STEEPNESS, GRADED_SHARE = 4.0, 0.15  # of `allowed_strength`
NEIGHBOURS = 16  # on either side, whose mean strength is bound: a sixteenth of the usual batch
OUTER_MARGIN = 0.01  # of an axis's range, by which faces are to stay clear of the end of their reach


@dataclass(frozen=True)
class Told:
    """What a batch of B faces is about.

    Attributes:
        target: float [B]; 1 should be approved, 0 denied, or a probability in between.
        log_odds: the machine's, float [B].
        things: beyond the risk, float [B, J]; `axes` long [J] tell them, rising with them where `signs` [J] are 1 and
            falling where they are -1.
        protected: what must not be told beyond the risk, float [B, P].
        axis_bounds: of the expressions, float [K, 2].
    """

    target: Tensor
    log_odds: Tensor
    things: Tensor
    axes: Tensor
    signs: Tensor
    protected: Tensor
    axis_bounds: Tensor

    def of(self, index: Tensor) -> Told:
        """What some of these faces are about, by their places, long [b]."""
        return replace(
            self,
            target=self.target[index],
            log_odds=self.log_odds[index],
            things=self.things[index],
            protected=self.protected[index],
        )


def decision_loss(member_probabilities: Tensor, target: Tensor) -> Loss:
    """Share of wrong decisions that ĥ expects of people, averaged over its members.

    It is the error itself and not a cross-entropy: a cross-entropy would have faces pull confident people
    back to calibrated approval rates, even where their decisions are right.

    Args:
        member_probabilities: P(approve) float [M, B], participants' offsets already averaged over.
        target: float [B]; 1 should be approved, 0 denied, or a probability in between.
    """
    assert member_probabilities.shape[1:] == target.shape, f"{member_probabilities.shape} and {target.shape}"
    p = member_probabilities
    loss = (target * (1 - p) + (1 - target) * p).mean()
    return loss, {"expected_error": loss.item()}


def expression_prior(expression: Tensor, told: Told) -> Loss:
    """Mean square, summed over the axes that tell things: how far these are from rest.

    People read an axis each in their own way, so that one that is away from rest in every face biases them, each
    differently, whatever it tells. ĥ knows less of this than there is.
    """
    loss = expression[:, told.axes].square().mean(0).sum()
    return loss, {"thing_energy": loss.item()}


def outer_loss(expression: Tensor, told: Told, config: EncoderConfig) -> Loss:
    """By how much axes go beyond `config.reach`, summed over axes, in all faces but the share that may.

    Which faces these are, the encoder finds; where advice is bound to certainty, it is the most certain ones.
    """
    low, high = told.axis_bounds.T
    end = torch.where(expression > 0, high, low)
    gone = expression / torch.where(end == 0, torch.ones_like(end), end)  # 0 at rest, 1 at either end
    n_bound = len(gone) - int(len(gone) * config.outer_share)
    beyond = (gone.sort(0).values[:n_bound] - (config.reach - OUTER_MARGIN)).clamp(min=0)
    return beyond.mean(0).sum(), {"outer_share": (gone > config.reach).float().mean(0).max().item()}


def things_loss(percept: Tensor, told: Told, config: EncoderConfig) -> Loss:
    """By how much one look at each thing's own axis falls short of telling it with an R² of `config.thing_r2`.

    An axis that moves against its sign counts as telling nothing, so that the axis means the thing itself.
    """
    axes = percept[:, told.axes]
    axes, things = axes - axes.mean(0), told.things - told.things.mean(0)
    covariance = (axes * things).mean(0)
    noisy = axes.square().mean(0) + config.looking_noise_sd**2
    r2 = covariance.square() / (things.square().mean(0) * noisy).clamp(min=1e-8)
    r2 = r2 * torch.sign(covariance.detach()) * told.signs
    loss = (config.thing_r2 - r2).clamp(min=0).sum()
    return loss, {"thing_r2": r2.mean().item() if r2.numel() else 0.0}


def doubt_loss(percept: Tensor, told: Told, config: EncoderConfig) -> Loss:
    """By how much one look falls short of telling the log odds in either half as well as is asked for.

    That is with an R² of `config.doubt_r2`, or with an error of `config.doubt_tolerance` where log odds differ so
    little that the error is smaller than that: faces need not blow up differences that are next to none.
    """
    halves = [half for half in (told.log_odds > 0, told.log_odds <= 0) if half.sum() > 2]
    variance = sum(float(told.log_odds[half].var()) for half in halves) / max(1, len(halves))
    enough = min(config.doubt_r2, 1 - config.doubt_tolerance**2 / max(variance, 1e-8))
    found = [_told_r2(percept[half], told.log_odds[half], config.looking_noise_sd**2) for half in halves]
    known = torch.stack([r2 for r2 in found if r2 is not None] or [percept.new_tensor(enough)])
    return (enough - known).clamp(min=0).sum(), {"doubt_r2": known.min().item()}


def protected_loss(expression: Tensor, told: Told, config: EncoderConfig) -> Loss:
    """By how much expressions tell protected columns beyond the risk above an R² of `config.protected_r2`."""
    found = [_told_r2(expression, column, 1e-4) for column in told.protected.T]
    r2 = torch.stack([one for one in found if one is not None] or [expression.new_zeros(())])
    return (r2 - config.protected_r2).clamp(min=0).sum(), {"protected_r2": r2.max().item()}


def allowed_strength(log_odds: Tensor) -> Tensor:
    """How strong advice may be, 0 to 1, of the machine's (calibrated) log odds: the same in every task.

    A coin's toss is a neutral face, 55 % allow .57, 60 % .79, 80 % .94, and full strength is for what is certain.
    """
    certainty = (2 * torch.sigmoid(log_odds) - 1).abs()
    return torch.tanh(STEEPNESS * log_odds.abs()) * (1 - GRADED_SHARE + GRADED_SHARE * certainty)


def strength_loss(strength: Tensor, log_odds: Tensor) -> Loss:
    """Mean square by which the strength of the advice [B] exceeds what the machine's certainty allows.

    What is bound is the strength that applications of like risk have on average. What faces tell beyond the risk makes
    each of them a little stronger or weaker; bound one by one, faces would have to stay clear of the bound by as much.
    """
    order = log_odds.argsort()
    allowed = log_odds.sign() * allowed_strength(log_odds)
    excess = (_among_neighbours(strength[order]).abs() - _among_neighbours(allowed[order]).abs()).clamp(min=0)
    return excess.square().mean(), {"strength_excess": excess.mean().item()}


def _among_neighbours(values: Tensor) -> Tensor:
    """Running means of values [B] over `NEIGHBOURS` on either side, fewer at the ends."""
    reach = min(NEIGHBOURS, (len(values) - 1) // 2)
    means = avg_pool1d(values[None], 2 * reach + 1, stride=1, padding=reach, count_include_pad=False)
    return means[0]


def encoder_loss(composed: Composed, told: Told, config: EncoderConfig) -> Loss:
    """The weighted sum that the encoder is trained on."""
    loss = composed.expression.new_zeros(())
    metrics: dict[str, float] = {}
    for weight, (part, of_part) in (
        (config.decision_weight, decision_loss(composed.member_probabilities, told.target)),
        (config.prior_weight, expression_prior(composed.expression, told)),
        (config.outer_weight, outer_loss(composed.expression, told, config)),
        (config.thing_weight, things_loss(composed.percept, told, config)),
        (config.doubt_weight, doubt_loss(composed.percept, told, config)),
        (config.strength_weight, strength_loss(composed.strength, told.log_odds)),
        (config.protected_weight, protected_loss(composed.expression, told, config)),
    ):
        loss = loss + weight * part
        metrics |= of_part
    assert torch.isfinite(loss), f"loss is {loss.item()}"
    return loss, {"loss": loss.item(), **metrics}


def _told_r2(read: Tensor, target: Tensor, noise_variance: float) -> Tensor | None:
    """Adjusted R² of a target [n] by linear regression on readings [n, K] with noise; None for too few or one value."""
    n, k = read.shape
    if n <= 2 * k or target.std() < 1e-6:
        return None
    read, target = read - read.mean(0), target - target.mean()
    gram = read.T @ read / n + noise_variance * torch.eye(k, device=read.device)
    covariance = read.T @ target / n
    r2 = covariance @ torch.linalg.solve(gram, covariance) / target.square().mean()
    return 1 - (1 - r2) * (n - 1) / (n - k - 1)
