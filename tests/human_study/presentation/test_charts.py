"""Figures: that they say what they must, stand alone, and draw only what they should."""

import re

import numpy as np
import pandas as pd
import pytest

from human_study.analysis import decision_statistics
from human_study.presentation import charts


def accuracy_rows(conditions=("none", "face"), rounds=(0, 1)) -> pd.DataFrame:
    rows = [(number, condition, 8, 160, 0.6, 0.5, 0.7) for number in rounds for condition in conditions]
    columns = ["round_number", "condition", "n_participants", "n_decisions", "accuracy", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=columns)


def participant_rows(n: int) -> pd.DataFrame:
    return pd.DataFrame({"round_number": 0, "condition": "face", "accuracy": np.linspace(0.3, 0.9, n)})


def drawn_datasets(chart) -> list[int]:
    return sorted(len(rows) for rows in chart.to_dict()["datasets"].values())


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_decisions_are_named_so_in_the_picture_itself(simulated: bool) -> None:
    times = pd.DataFrame(
        {"round_number": [0], "condition": ["face"], "n_decisions": [9]}
        | {name: [1000.0 * (place + 1)] for place, name in enumerate(("p10", "p25", "median", "p75", "p90"))}
    )
    for chart in (
        charts.accuracy_chart(accuracy_rows(), participant_rows(5), {0: 0.65, 1: 0.65}, simulated=simulated),
        charts.response_time_chart(times, simulated=simulated),
    ):
        assert ("SIMULATED" in charts.chart_svg(chart)) is simulated


def test_the_accuracy_figure_names_conditions_rounds_chance_and_the_machine() -> None:
    chart = charts.accuracy_chart(accuracy_rows(), participant_rows(5), {0: 0.651, 1: 0.651}, simulated=False)
    svg = charts.chart_svg(chart)
    for words in ("No advice", "Face", "Round 0", "Round 1", "chance 50%", "machine alone 65%"):
        assert f">{words}<" in svg
    assert not re.findall(r'(?:href|src)="(?!#)', svg)
    assert "<script" not in svg


def test_png_is_a_picture_for_print() -> None:
    chart = charts.accuracy_chart(accuracy_rows(), participant_rows(5), {}, simulated=False)
    content = charts.chart_png(chart)
    assert content.startswith(b"\x89PNG")
    assert int.from_bytes(content[16:20], "big") > 1800


def test_a_cell_without_a_figure_is_left_out_but_keeps_its_round() -> None:
    rows = accuracy_rows()
    rows.loc[rows["round_number"] == 1, ["accuracy", "ci_low", "ci_high"]] = np.nan
    svg = charts.chart_svg(charts.accuracy_chart(rows, participant_rows(0), {}, simulated=False))
    assert ">Round 1<" in svg
    assert "NaN" not in svg


def test_a_condition_keeps_its_colour_whichever_others_are_shown() -> None:
    def colour_of_face(conditions):
        chart = charts.accuracy_chart(accuracy_rows(conditions), participant_rows(2), {}, simulated=False)
        scale = chart.to_dict()["layer"][-1]["encoding"]["color"]["scale"]
        return dict(zip(scale["domain"], scale["range"], strict=True))["Face"]

    assert colour_of_face(("face",)) == colour_of_face(("none", "score", "face", "shuffled", "risk_to_smile"))


def test_thousands_of_participants_are_not_drawn_one_by_one() -> None:
    few = charts.accuracy_chart(accuracy_rows(), participant_rows(900), {}, simulated=False)
    many = charts.accuracy_chart(accuracy_rows(), participant_rows(5000), {}, simulated=False)
    assert drawn_datasets(few)[-1] == 900
    assert drawn_datasets(many)[-1] < 20


def test_response_times_are_drawn_in_seconds() -> None:
    decisions = pd.DataFrame(
        {
            "round_number": 0,
            "condition": ["face"] * 101 + ["none"],
            "response_time_ms": [*np.linspace(1000, 3000, 101), np.nan],
        }
    )
    table = decision_statistics.response_time_table(decisions)
    assert table[["n_decisions", "p10", "median", "p90"]].to_numpy().tolist() == [[101, 1200, 2000, 2800]]
    (rows,) = charts.response_time_chart(table, simulated=False).to_dict()["datasets"].values()
    assert rows[0]["median"] == pytest.approx(2.0)
