"""`advisor train`, killed in each of its stages and given again, ends with the weights of a run that nobody killed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.encoder.distillation import DISTILLED_KIND
from advisor.encoder.learning_step import DISTILLED_FILE
from advisor.encoder.train_encoder import CHECKPOINT_FILE, CHECKPOINT_KIND
from advisor.runs.run_dir import RunDirectory
from advisor.runs.run_tables import ENCODER_FILE
from models.checkpoint import file_sha256, load_checkpoint, save_checkpoint, shipped_weights
from tests.support.decided_round import DecidedRound

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[3]
# The command, with fewer faces to distil from: thousands take minutes, and none of them is what is tested.
ADVISOR = "import advisor.encoder.distillation as d; d.N_DISTILLED_FACES = 150; from advisor.cli import main; main()"
N_STEPS = 400
SLOW_ENCODER = ("--set", f"encoder.n_steps={N_STEPS}", "--set", "encoder.checkpoint_steps=20")


def started(words: tuple[object, ...], weights: Path) -> subprocess.Popen[str]:
    """`advisor WORDS` as a process of its own, with a weights folder whose distilled path fits nothing."""
    return subprocess.Popen(
        [sys.executable, "-c", ADVISOR, *map(str, words)],
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COUNTENANCE_WEIGHTS": str(weights)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_when(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    """Kill the process (SIGKILL) as soon as it has reached a stage."""
    while not reached():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode == -9


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=1200)
    assert process.returncode == 0, errors


def test_killed_in_every_stage_and_given_again_a_run_ends_with_the_same_weights(
    decided_round: DecidedRound, tmp_path: Path
) -> None:
    weights = tmp_path / "weights"
    tensors, facts = load_checkpoint(shipped_weights(DISTILLED_KIND), DISTILLED_KIND)
    foreign = {**facts, "pair": "of other faces"}
    save_checkpoint(weights / f"{DISTILLED_KIND}.safetensors", DISTILLED_KIND, tensors, foreign)
    decisions = decided_round.answers(tmp_path / "d.csv", decided_round.by_smiles())

    def start(name: str) -> subprocess.Popen[str]:
        return started(decided_round.training(decisions, tmp_path / name / "run", *SLOW_ENCODER), weights)

    finish(start("straight"))
    straight, killed = (RunDirectory(tmp_path / name / "run") for name in ("straight", "killed"))

    kill_when(start("killed"), lambda: killed.has("risk_model.json"))
    assert not killed.has("response_figures.json")  # it was fitting ĥ
    kill_when(start("killed"), lambda: killed.has("response_figures.json"))
    assert not (tmp_path / "killed" / DISTILLED_FILE).exists()  # it was distilling
    kill_when(start("killed"), lambda: killed.has(CHECKPOINT_FILE))
    _, progress = load_checkpoint(killed.file(CHECKPOINT_FILE), CHECKPOINT_KIND)
    assert progress["step"] < N_STEPS  # it was training the encoder
    assert not killed.has(ENCODER_FILE)
    finish(start("killed"))

    for name in ("response.safetensors", ENCODER_FILE, f"../{DISTILLED_FILE}"):
        assert file_sha256(killed.file(name)) == file_sha256(straight.file(name)), name
    assert killed.read_json("summary.json") == straight.read_json("summary.json")
    encoder_lines = [
        line["step"]
        for line in map(json.loads, killed.file("metrics.jsonl").read_text().splitlines())
        if line["part"] == "encoder"
    ]
    assert encoder_lines[-1] == N_STEPS
