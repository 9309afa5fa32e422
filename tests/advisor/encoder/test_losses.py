"""What the encoder is asked for beside good decisions: doubt, things, bound strength, and silence on proxies."""

import pytest
import torch

from advisor.encoder.losses import (
    Told,
    allowed_strength,
    doubt_loss,
    outer_loss,
    protected_loss,
    strength_loss,
    things_loss,
)
from advisor.runs.config import EncoderConfig

N, NOISE_SD = 4000, 0.2
CONFIG = EncoderConfig(looking_noise_sd=NOISE_SD, thing_r2=1, doubt_r2=1, protected_r2=0)


def told(log_odds: torch.Tensor, things: torch.Tensor, sign: float = 1.0) -> Told:
    """Faces about one thing each, told by the second axis; the thing is protected as well."""
    bounds = torch.tensor([[-0.6, 1.0], [0.0, 1.0]])
    axes, signs = torch.tensor([1]), torch.tensor([sign])
    return Told(torch.sigmoid(log_odds), log_odds, things, axes, signs, things, bounds)


def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(N, generator=generator), torch.randn(N, 1, generator=generator)


@pytest.mark.parametrize("spread", [0.05, 0.2, 0.4])
def test_a_thing_is_told_as_well_as_a_look_with_noise_at_its_axis_finds(spread: float) -> None:
    log_odds, things = drawn()
    percept = torch.cat([log_odds[:, None], 0.5 + spread * things], 1)
    _, metrics = things_loss(percept, told(log_odds, things), CONFIG)
    look = percept[:, 1] + NOISE_SD * torch.randn(N, generator=torch.Generator().manual_seed(1))
    measured = float(torch.corrcoef(torch.stack([look, things[:, 0]]))[0, 1] ** 2)
    assert metrics["thing_r2"] == pytest.approx(measured, abs=0.03)


def test_an_axis_that_falls_with_its_thing_does_not_tell_it_where_it_should_rise() -> None:
    log_odds, things = drawn()
    percept = torch.cat([log_odds[:, None], -0.3 * things], 1)
    rising, _ = things_loss(percept, told(log_odds, things), CONFIG)
    falling, _ = things_loss(percept, told(log_odds, things, sign=-1.0), CONFIG)
    assert falling < 1 < rising


def test_two_masks_show_no_doubt_and_a_graded_axis_does() -> None:
    log_odds, things = drawn()
    about = told(log_odds, things)
    masks, of_masks = doubt_loss(torch.sign(log_odds)[:, None].repeat(1, 2), about, CONFIG)
    graded, of_graded = doubt_loss(torch.tanh(log_odds)[:, None].repeat(1, 2), about, CONFIG)
    assert of_masks["doubt_r2"] < 0.02
    assert of_graded["doubt_r2"] > 0.6
    assert graded < masks


def test_differences_in_doubt_that_are_next_to_none_need_not_be_blown_up() -> None:
    log_odds, things = drawn()
    config = CONFIG.model_copy(update={"doubt_r2": 0.55, "doubt_tolerance": 0.3})

    def short(spread: float) -> float:
        about = told(spread * log_odds, things)
        return float(doubt_loss(torch.sign(log_odds)[:, None].repeat(1, 2), about, config)[0])

    assert short(0.1) == 0
    assert 0 < short(0.6) < short(1.5) <= 2 * 0.6


def test_a_proxy_is_punished_and_silence_is_not() -> None:
    log_odds, things = drawn()
    proxy, _ = protected_loss(torch.cat([log_odds[:, None], 0.3 * things], 1), told(log_odds, things), CONFIG)
    silent, _ = protected_loss(log_odds[:, None].repeat(1, 2), told(log_odds, things), CONFIG)
    assert proxy > 0.9
    assert silent < 0.01


def test_the_outer_tenth_of_an_axis_is_for_the_share_of_faces_that_may_go_there() -> None:
    log_odds, things = drawn()
    about = told(log_odds, things)

    def loss(smiling: float, frowning: float) -> tuple[float, float]:
        smile = torch.zeros(N)
        smile[: int(smiling * N)] = 1.0
        smile[N - int(frowning * N) :] = -0.6
        found, metrics = outer_loss(
            torch.stack([smile, torch.full((N,), 0.8)], 1), about, EncoderConfig(outer_share=0.2, reach=0.9)
        )
        return float(found), metrics["outer_share"]

    assert loss(0.1, 0.09) == (0, pytest.approx(0.19))
    assert loss(0.2, 0.2)[0] > 0.02
    assert loss(0.2, 0.2)[1] == pytest.approx(0.4)


def test_strength_may_rise_with_certainty_only_and_is_free_below() -> None:
    log_odds = torch.tensor([-6.0, -1.0, 0.0, 0.2, 1.0, 6.0])
    allowed = allowed_strength(log_odds)
    assert (allowed[2:].diff() > 0).all()
    assert torch.allclose(allowed[:2], allowed[[5, 4]])
    assert allowed[2] == 0
    assert allowed[-1] > 0.99


def test_bound_is_the_strength_of_advice_and_not_what_things_add_to_a_face() -> None:
    log_odds, things = drawn()
    allowed = log_odds.sign() * allowed_strength(log_odds)

    def excess(strength: torch.Tensor) -> float:
        return float(strength_loss(strength, log_odds)[0])

    assert excess(allowed) < 1e-6
    assert excess(allowed / 2) < 1e-6
    assert excess(allowed + 0.2 * things[:, 0]) < 0.002
    assert excess(1.2 * allowed) > 0.02
    assert excess(log_odds.sign()) > 0.05
    assert excess(torch.ones(N)) > 0.05
