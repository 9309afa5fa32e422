"""The machine's probabilities are calibrated, and where its features tell nothing it says that they cannot be."""

from pathlib import Path

import numpy as np
import pytest

from advisor.encoder.risk_model import RiskModel
from data.tasks.applications import read_applications
from data.tasks.decision_task import load_task
from tests.support.tiny_table import tiny_table, write_tiny_task


def test_log_odds_are_what_columns_contribute_and_are_calibrated(tmp_path: Path) -> None:
    applications = read_applications(load_task(write_tiny_task(tmp_path, tiny_table(3000))))
    machine = RiskModel.fit(applications)
    assert machine.calibration is not None
    assert machine.calibration.is_possible
    assert abs(machine.calibration.slope - 1) < 3 * machine.calibration.slope_error
    together = machine.contributions(applications.frame).sum(axis=1) + machine.bias
    assert together.to_numpy() == pytest.approx(machine.logits(applications.frame), abs=1e-4)
    assert RiskModel.from_dict(machine.to_dict()).calibration == machine.calibration


def test_a_machine_whose_features_tell_nothing_cannot_be_calibrated(tmp_path: Path) -> None:
    for seed in range(20):  # by chance, some such tables tell a little
        table = tiny_table(400, seed)
        table["repaid"] = np.random.default_rng(seed).choice(["yes", "no"], len(table))
        folder = tmp_path / str(seed)
        machine = RiskModel.fit(read_applications(load_task(write_tiny_task(folder, table))))
        assert machine.calibration is not None
        if not machine.calibration.is_possible:
            assert "cannot be calibrated" in machine.calibration.sentence()
            return
    raise AssertionError("twenty tables of noise were all calibrated")


def test_a_machine_of_the_version_before_is_read_without_its_calibration(tmp_path: Path) -> None:
    machine = RiskModel.fit(read_applications(load_task(write_tiny_task(tmp_path, tiny_table()))))
    before = {name: value for name, value in machine.to_dict().items() if name != "calibration"}
    assert RiskModel.from_dict(before).calibration is None
