"""`advisor train` under torchrun gives what one process gives, to within noise, and writes everything once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from data.store.decision_store import DecisionStore
from models.checkpoint import file_sha256, load_checkpoint
from tests.support.decided_round import QUICK, DecidedRound, run_main

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[3]
ADVISOR = [sys.executable, "-c", "from advisor.cli import main; main()"]
TORCHRUN = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc_per_node",
    "2",
    "--no-python",
]


def trained(folder: Path, words: tuple[object, ...], launcher: list[str]) -> str:
    """What `advisor train`, without --out, says when it is run in a folder; its run is the folder's var/runs/00000."""
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launcher, *ADVISOR, *map(str, words)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def encoder_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(folder / "var/runs/00000/encoder.safetensors", "feature_encoder")[0]


def answered(decided_round: DecidedRound, folder: Path, store_url: str) -> tuple[object, ...]:
    """Words of `advisor train` on a study of simulated people, imported into a database."""
    decisions = decided_round.answers(folder / "d.csv", decided_round.by_smiles())
    of_study = ("--db", store_url, "--study", "pilot", "--kind", "simulated")
    assert run_main(("import-decisions", decisions, "--trials", decided_round.folder, *of_study)) == 0
    return ("train", "--task", decided_round.task, *of_study, *QUICK)


@pytest.fixture(scope="module")
def alone(decided_round: DecidedRound, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a single process trained."""
    folder = tmp_path_factory.mktemp("single")
    words = answered(decided_round, folder, f"sqlite:///{folder / 'store.db'}")
    trained(folder / "alone", words, [])
    return folder / "alone"


def test_two_processes_end_with_the_weights_of_one_and_write_everything_once(
    store_url: str, alone: Path, decided_round: DecidedRound, tmp_path: Path
) -> None:
    together = tmp_path / "together"
    said = trained(together, answered(decided_round, tmp_path, store_url), TORCHRUN)

    # ĥ is one process's work, and the encoder's gradients are averaged over both
    run = "var/runs/00000"
    assert file_sha256(alone / run / "response.safetensors") == file_sha256(
        together / run / "response.safetensors"
    )
    learned = encoder_of(alone)
    for name, weights in encoder_of(together).items():
        assert torch.allclose(weights, learned[name], atol=2e-3), name

    assert [path.name for path in (together / "var/runs").iterdir()] == ["00000"]
    assert said.count("trained on 80 decisions") == 1
    statistics, of_both = ((folder / run / "metrics.jsonl").read_text() for folder in (alone, together))
    assert len(of_both.splitlines()) == len(statistics.splitlines())
    parts = [json.loads(line)["part"] for line in of_both.splitlines()]
    assert parts.count("response") == 1
    with DecisionStore.open(store_url) as store:
        (entered,) = store.runs("pilot")
    assert entered.run_path == str(together / run)
