"""What a round asks: menus whose probabilities are exact, exploring where ĥ is unsure and on training cases alone."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from advisor.bundles.draw_trials import draw_trials
from advisor.publishing.exploration import Menu, exploring_menu, only_explore
from models.expression import EXPRESSION_BOUNDS
from models.response import ResponseModel
from tests.support.tiny_study import write_task, write_tiny_bundle

BOUNDS = torch.tensor(EXPRESSION_BOUNDS)
N_AXES = len(BOUNDS)


def seen_as_meant(identities: Tensor, expressions: Tensor) -> Tensor:  # noqa: ARG001
    return expressions


def unsure_about_the_second_axis() -> ResponseModel:
    response = ResponseModel(N_AXES, 1, n_members=2)
    with torch.no_grad():
        response.linear[:, 1] = torch.tensor([-2.0, 2.0])
    return response.requires_grad_(False)


def menu_of(n: int, m: int, share: float, seed: int) -> tuple[Menu, np.ndarray]:
    rng = np.random.default_rng(seed)
    trains = rng.random(n) < 0.5
    menu = exploring_menu(
        torch.zeros(n, N_AXES),
        torch.tensor(rng.integers(3, size=n * m)),
        trains,
        torch.zeros(n, 1),
        rng.random(n),
        unsure_about_the_second_axis(),
        seen_as_meant,
        BOUNDS,
        share,
        rng,
    )
    return menu, trains


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(4, 40),
    m=st.integers(1, 4),
    share=st.just(0.0) | st.floats(0.01, 0.9),
    seed=st.integers(0, 99),
)
def test_chances_of_an_applications_faces_sum_to_one_and_none_is_impossible_by_accident(
    n: int, m: int, share: float, seed: int
) -> None:
    menu, trains = menu_of(n, m, share, seed)
    chances = menu.propensities.reshape(n, m)
    assert np.allclose(chances.sum(1), 1)
    assert (chances > 0).all() or share == 0
    assert not menu.explores.reshape(n, m)[~trains].any()
    assert not menu.expressions.reshape(n, m, N_AXES)[~trains].any()


def test_it_explores_where_the_members_disagree_and_as_often_as_asked() -> None:
    menu, trains = menu_of(300, 2, 0.3, 0)
    explored = menu.expressions[torch.from_numpy(menu.explores)]
    assert len(explored) == trains.sum()
    assert explored[:, 1].mean() > 0.7  # at random, half of the draws are at rest and the rest uniform
    assert abs(menu.propensities[menu.explores].mean() - 0.3) < 0.02


def test_round_0_explores_everywhere() -> None:
    menu = only_explore(10, 2, BOUNDS, np.random.default_rng(0))
    assert menu.explores.all()
    assert (menu.propensities == 0.5).all()


def test_trials_show_faces_as_often_as_their_propensity_says(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(write_task(tmp_path / "task"), tmp_path / "round_0" / "bundle")
    faces = bundle.images[bundle.images["condition"] == "face"]
    rare = faces.assign(propensity=0.2, image=faces["image"] + "?rare")
    twice = pd.concat([faces.assign(propensity=0.8), rare], ignore_index=True)
    two_faced = type(bundle)(bundle.path, bundle.manifest, bundle.applications, twice)
    rng, outcomes = np.random.default_rng(0), bundle.outcomes()
    trials = [t for _ in range(60) for t in draw_trials(two_faced, outcomes, "face", 20, 0.0, rng)]
    rarely = [t for t in trials if t.image is not None and t.image.endswith("?rare")]
    assert abs(len(rarely) / len(trials) - 0.2) < 0.04
    assert {t.propensity for t in rarely} == {0.2}
    assert {t.propensity for t in trials} == {0.2, 0.8}
