"""Training under torchrun gives what one process gives, to within noise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.checkpoint import load_checkpoint

SCRIPT = """
import sys
from pathlib import Path

import numpy as np
import torch

from advisor.composition import AdviceComposition
from advisor.config import EncoderConfig
from advisor.run_dir import RunDirectory
from advisor.train_encoder import EncoderData, train_encoder, training_processes
from models.checkpoint import save_checkpoint
from models.encoder import FeatureDecoder, FeatureEncoder
from models.response import ResponseModel

torch.set_num_threads(1)
out = Path(sys.argv[1])
rng = np.random.default_rng(0)
features = torch.tensor(rng.normal(size=(400, 4)), dtype=torch.float32)
scores = torch.sigmoid(2 * features[:, 0])
outcomes = (torch.tensor(rng.random(400), dtype=torch.float32) < scores).float()
data = EncoderData(features, features, outcomes, scores)
response = ResponseModel(2, 4, n_members=2)
with torch.no_grad():
    response.linear[:, 0], response.linear[:, 1] = 2.0, -1.0
torch.manual_seed(0)
bounds = torch.tensor([[-1.0, 1.0], [0.0, 1.0]])
encoder, decoder = FeatureEncoder(4, bounds, hidden=8), FeatureDecoder(2, 4)
composition = AdviceComposition(encoder, decoder, response, lambda identities, e: e)
config = EncoderConfig(n_steps=60, batch_size=64)
assert training_processes().num_processes == int(__import__("os").environ.get("WORLD_SIZE", 1))
with training_processes().main_process_first():
    run = RunDirectory.start(out, {})
train_encoder(composition, data, 3, config, 0, run)
if int(__import__("os").environ.get("RANK", 0)) == 0:
    save_checkpoint(out / "encoder.safetensors", "feature_encoder", encoder.state_dict(), encoder.config)
"""


def trained(out: Path, n_processes: int) -> dict[str, torch.Tensor]:
    script = out.parent / "train.py"
    script.write_text(SCRIPT)
    launch = [sys.executable, str(script)]
    if n_processes > 1:
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node"]
        launch = [*launcher, str(n_processes), str(script)]
    root = str(Path(__file__).parent.parent)
    environment = os.environ | {"PYTHONPATH": root, "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launch, str(out)], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return load_checkpoint(out / "encoder.safetensors", "feature_encoder")[0]


@pytest.mark.slow
def test_two_processes_end_with_the_weights_of_one(tmp_path: Path) -> None:
    alone, together = trained(tmp_path / "one", 1), trained(tmp_path / "two", 2)
    for name, weights in alone.items():
        assert torch.allclose(weights, together[name], atol=2e-3), name
    assert any(not torch.equal(weights, torch.zeros_like(weights)) for weights in alone.values())
