"""Training on several processes, and on a table as large as the full Lending Club file.

Run: python -m tests.benchmarks.bench_scale. Ratios within one run, and peak memory of a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

N_ROWS = 2_300_000
LIMIT_GIB = 4

STEPS = """
import sys, time
from pathlib import Path
import numpy as np, torch
from advisor.encoder.composition import AdviceComposition
from advisor.drawing.rendering import usable_bounds
from advisor.encoder.distillation import distilled_path
from advisor.runs.config import EncoderConfig
from advisor.runs.run_dir import RunDirectory
from advisor.encoder.train_encoder import EncoderData, train_encoder, training_processes
from models.encoder import FeatureEncoder
from models.face_generator import FaceGenerator
from models.response import ResponseModel

torch.set_num_threads(1)
rng = np.random.default_rng(0)
n = 4000
features = torch.tensor(rng.normal(size=(n, 30)), dtype=torch.float32)
outcomes = torch.tensor(rng.integers(2, size=n), dtype=torch.float32)
log_odds = features.sum(1)
things = features[:, :5]
data = EncoderData(features, features, outcomes, outcomes, log_odds, things, features[:, :0])
generator = FaceGenerator.load()
path, _ = distilled_path(Path(sys.argv[1]) / "distilled.safetensors", lambda k: None)
torch.manual_seed(0)
composition = AdviceComposition(
    FeatureEncoder(30, usable_bounds(generator)),
    ResponseModel(9, 30),
    path,
    features,
    usable_bounds(generator),
)
config = EncoderConfig(n_steps=60, batch_size=4096)
start = time.perf_counter()
with training_processes().main_process_first():
    run = RunDirectory.start(Path(sys.argv[1]) / sys.argv[2], {})
train_encoder(composition, data, generator.n_identities, config, 0, run)
if int(__import__("os").environ.get("RANK", 0)) == 0:
    print(60 * 4096 / (time.perf_counter() - start))
"""

LARGE = """
import resource, sys
from pathlib import Path
import numpy as np, pandas as pd, torch
from advisor.response.training_decisions import TrainingDecisions
from advisor.runs.config import EncoderConfig, TrainConfig
from advisor.publishing.bundle_draft import draw_identities
from advisor.publishing.exploration import only_explore
from advisor.freed_memory import keep_freed_memory
from advisor.drawing.rendering import usable_bounds
from advisor.drawing.rendering import encode_face, render_faces
from advisor.encoder.learning_step import train_advisor
from data.tasks.applications import draw_pool, read_applications
from data.tasks.decision_task import load_task
from models.face_generator import FaceGenerator
import hashlib

keep_freed_memory()  # as the command `advisor` does
task = load_task(sys.argv[1])
rng = np.random.default_rng(0)
applications = read_applications(task)
pool = draw_pool(applications, "train", rng, 200)
del applications
generator = FaceGenerator.load()
identities = draw_identities(len(pool), 1, generator.n_identities, rng)
menu = only_explore(len(pool), 1, usable_bounds(generator), rng)
contents = [encode_face(face) for face in render_faces(generator, identities, menu.expressions)]
names = [hashlib.sha256(c).hexdigest() for c in contents]
k = rng.integers(len(pool), size=800)
frame = pd.DataFrame({
    "participant": [f"p{i // 40}" for i in range(800)], "application_id": [pool[i] for i in k],
    "approved": (rng.random(800) < 0.5 + 0.4 * menu.expressions[k, 0].numpy()).astype(int),
    "image_sha256": [names[i] for i in k], "round_number": 0, "propensity": 1.0,
})
by_name = dict(zip(names, contents))
train_advisor(task, TrainingDecisions(frame, by_name.__getitem__, "simulated", "benchmark"),
              TrainConfig(encoder=EncoderConfig(n_steps=200)), Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""


def _run(command: list[str]) -> float:
    environment = os.environ | {"ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return float(done.stdout.split()[-1])


def write_large_task(folder: Path) -> Path:
    """Lending Club resampled with replacement to the size of the full file; ids count upwards, numbers are jittered."""
    import numpy as np
    import pandas as pd
    import yaml

    from data.tasks.decision_task import load_task

    original = load_task("lending_club")
    rng = np.random.default_rng(0)
    table = pd.read_csv(original.table_path)
    drawn = table.iloc[rng.integers(len(table), size=N_ROWS)].reset_index(drop=True)
    id_column = next(name for name, column in original.columns.items() if column.role == "id")
    drawn[id_column] = np.char.add("L", np.arange(N_ROWS).astype(str))
    drawn["annual_inc"] = (drawn["annual_inc"] * rng.uniform(0.9, 1.1, N_ROWS)).round(2)
    folder.mkdir(parents=True, exist_ok=True)
    drawn.to_parquet(folder / "loans.parquet", index=False)
    content = yaml.safe_load(original.path.read_text()) | {"name": "large", "table": "loans.parquet"}
    (folder / "task.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    return folder / "task.yaml"


def main() -> None:
    """Print throughput by number of processes, and the peak memory of training on the large table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        script = folder / "steps.py"
        script.write_text(STEPS)
        one = _run([sys.executable, str(script), name, "one"])
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
        two = _run([*launcher, str(script), name, "two"])
        print(f"encoder, one process {one:7.0f} applications/s; two {two:7.0f}: {two / one:.2f} x")
        large = folder / "large.py"
        large.write_text(LARGE)
        task = write_large_task(folder / "task")
        memory = _run([sys.executable, str(large), str(task), str(folder / "run")])
        verdict = "within" if memory <= LIMIT_GIB else "ABOVE"
        print(f"training on {N_ROWS:,} rows: peak {memory:.2f} GiB, {verdict} {LIMIT_GIB} GiB")


if __name__ == "__main__":
    main()
