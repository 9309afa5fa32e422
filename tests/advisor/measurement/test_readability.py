"""Readings are right on planted linear face codes, and two masks say nothing but which."""

import json

import numpy as np
import pandas as pd
import pytest

from advisor.measurement.readability import (
    Readability,
    measure_readability,
    n_beyond_risk,
    outer_tenth,
    protected_r2,
)

AXES = ["smile", "lid_raise", "head_tilt"]
BOUNDS = np.array([[-0.6, 1.0], [0.0, 1.0], [-1.0, 1.0]])
N = 1500
NOISE_SD = 0.2


def planted(code: str) -> Readability:
    """Faces of applications with three independent things; `hidden` is not shown, `age` goes with it."""
    rng = np.random.default_rng(0)
    things = pd.DataFrame(rng.normal(size=(N, 3)), columns=["income", "hidden", "amount"])
    log_odds = things.sum(axis=1).to_numpy()
    risk = np.tanh(log_odds)
    if code == "masks":
        values = np.column_stack([np.sign(risk), (risk < 0) * 1.0, np.sign(risk)])
    else:  # the hidden thing beyond the risk lifts the lids, with a spread of 0.3
        rest = things["hidden"] - log_odds / 3
        values = np.column_stack([0.6 * risk, 0.5 + 0.3 * rest / rest.std(), np.zeros(N)])
    protected = pd.DataFrame(
        {"age": things["hidden"] + rng.normal(size=N), "group": rng.choice(["a", "b"], N)}
    )
    expressions = pd.DataFrame(values, columns=AXES)
    return measure_readability(
        expressions, values, BOUNDS, log_odds, things, {"income", "amount"}, protected, rng, NOISE_SD
    )


def test_a_thing_is_read_from_its_axis_as_well_as_its_noise_lets_it() -> None:
    found = planted("linear")
    assert [(t.column, t.axis, t.rises, t.is_shown) for t in found.things] == [
        ("hidden", "lid_raise", True, False)
    ]
    assert found.things[0].r2 == pytest.approx(0.3**2 / (0.3**2 + NOISE_SD**2), abs=0.05)
    assert found.unseen_things == found.things
    assert found.n_things_possible == 2  # the third is what the log odds leave once two are known
    assert found.doubt_r2["safe"] is not None
    assert found.doubt_r2["safe"] > 0.3


def test_the_luck_of_one_look_decides_nothing() -> None:
    rng = np.random.default_rng(0)
    n = 150
    things = pd.DataFrame(rng.normal(size=(n, 2)), columns=["income", "amount"])
    log_odds = things.sum(axis=1).to_numpy()
    rest = (things["income"] - log_odds / 2).to_numpy()
    values = np.column_stack([0.3 * np.tanh(log_odds), 0.5 + 0.3 * rest, np.zeros(n)])
    found = [
        measure_readability(
            pd.DataFrame(values, columns=AXES),
            values,
            BOUNDS,
            log_odds,
            things,
            set(),
            pd.DataFrame(),
            np.random.default_rng(seed),
            NOISE_SD,
        )
        for seed in range(6)
    ]
    assert len({measured.things for measured in found}) == 1
    doubt = [measured.doubt_r2["safe"] or 0.0 for measured in found]
    assert np.std(doubt) < found[0].doubt_error["safe"] / 2
    assert found[0].doubt_error["safe"] < 0.2


def test_what_a_thing_tells_of_a_protected_column_is_found() -> None:
    found = planted("linear").protected_r2
    assert found["age"] is not None
    assert found["age"] > 0.15
    assert found["group"] is not None
    assert found["group"] < 0.05


def test_two_masks_tell_which_half_and_no_doubt_and_no_thing() -> None:
    found = planted("masks")
    assert found.things == ()
    for half in ("safe", "risky"):
        r2 = found.doubt_r2[half]
        assert r2 is not None
        assert r2 < 0.05
    assert found.doubt_r2["all"] is not None
    assert found.doubt_r2["all"] > 0.5
    assert found.outer_tenth["smile"] == 1.0


def test_one_fact_under_two_names_counts_once() -> None:
    rng = np.random.default_rng(1)
    value, log_odds = rng.normal(size=N), rng.normal(size=N)
    things = pd.DataFrame({"euro": value, "cents": 100 * value})
    expressions = pd.DataFrame({"smile": 0 * value, "lid_raise": 0.5 + 0.2 * value, "head_tilt": 0.4 * value})
    found = measure_readability(
        expressions, expressions.to_numpy(), BOUNDS, log_odds, things, set(), pd.DataFrame(), rng, NOISE_SD
    )
    assert len(found.things) == found.n_things_possible == 1


def test_a_machine_with_one_column_has_nothing_beyond_the_risk() -> None:
    income = np.random.default_rng(0).normal(size=N)
    assert n_beyond_risk(2 * income, pd.DataFrame({"income": income})) == 0


def test_rest_is_not_an_end_and_both_ends_of_a_two_sided_axis_are() -> None:
    values = pd.DataFrame({"smile": [-0.6, 0, 1], "lid_raise": [0, 0, 0.95], "head_tilt": [0.8, -0.8, 0]})
    assert outer_tenth(values, BOUNDS) == pytest.approx({"smile": 2 / 3, "lid_raise": 1 / 3, "head_tilt": 0})


def test_too_few_faces_and_small_groups_are_not_judged() -> None:
    rng = np.random.default_rng(0)
    few = pd.Series(["a"] * 20 + ["b"] * 5)
    assert protected_r2(rng.normal(size=(25, 3)), rng.normal(size=25), few, rng) is None


def test_it_is_stored_as_json_and_said_in_words() -> None:
    found = planted("linear")
    assert Readability.from_dict(json.loads(json.dumps(found.to_dict()))) == found
    assert "1 of 2, 1 of them not among the facts shown: hidden from lid_raise" in found.sentences()[1]
