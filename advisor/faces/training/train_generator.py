"""Trains the generator to draw a corpus: supervised, from blend and expression to picture, then adversarial.

A run is a folder: `options.json`, `statistics.jsonl`, `sheets/`, `checkpoint.safetensors` (network, average,
optimizer; written whole or not at all) and `face_generator.safetensors`, the average in the form that is
shipped. What a step sees follows from seed, step and process, so that a run that was stopped goes on as if
it had not been. The first steps draw at half the size.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from pydantic import BaseModel, ConfigDict, Field
from rich.progress import Progress, TextColumn
from torch import Tensor, nn

from advisor.drawing.contact_sheet import write_sheet
from advisor.faces.training.adversary import Adversary
from advisor.faces.training.image_losses import feature_weights, fidelity, reconstruction_loss, sharpened
from advisor.faces.training.muon import Muon
from advisor.faces.training.run_state import RUN_KIND, keep_options, load_state, part, save_state
from advisor.faces.training.training_data import TrainingData, pick, take
from data.errors import FacesError
from models.checkpoint import load_checkpoint
from models.device import best_device, fast_math
from models.face_generator import WEIGHTS_KIND, BlendNetwork, FaceGenerator

ADVERSARY_LEARNING_RATE = 2e-4
ADVERSARY_R1_WEIGHT = 2.0


class FaceTrainingOptions(BaseModel):
    """What a training run does; saved beside its results. Steps count batches of one process."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network_capacity: int = Field(16, ge=2, description="channels at full size are twice this")
    fmap_max: int = Field(256, ge=16)
    n_half_size_steps: int = Field(2000, ge=0, description="steps at half the size, before growing")
    n_steps: int = Field(8000, ge=1, description="supervised steps at full size")
    n_adversarial_steps: int = Field(0, ge=0, description="steps after those, with a discriminator")
    adversarial_weight: float = Field(0.02, ge=0)
    batch_size: int = Field(16, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
    mapping_learning_rate: float = Field(1e-2, gt=0)
    matrix_learning_rate: float = Field(1e-2, gt=0, description="of kernels and styles, by Muon")
    texture_weight: float = Field(1.0, ge=0)
    sharpening: float = Field(
        0.12, ge=0, description="of the pictures to learn from: networks draw them softer"
    )
    shipped_share: float = Field(0.2, ge=0, le=1, description="share of images of the identities to ship")
    average_decay: float = Field(0.998, ge=0, lt=1)
    snapshot_every: int = Field(250, ge=1)
    seed: int = 0


N_MEASURED = 200  # held-out images


def train_faces(
    corpus: Path, out: Path, options: FaceTrainingOptions | None = None, initial: Path | None = None
) -> dict[str, float]:
    """Train on a corpus into the run folder `out`, or go on with the run that is there.

    `initial` is a checkpoint of another run, whose average to start from, or a generator's weights file.
    Returns the last figures on held-out faces.

    Raises:
        FacesError: no corpus, or `out` holds a run with other options.
        CheckpointError: `initial` or the run's own checkpoint cannot be used.
    """
    options = options or FaceTrainingOptions()
    device = best_device()
    accelerator = Accelerator(cpu=device.type == "cpu")
    data = TrainingData.read(corpus, accelerator)
    if initial is not None:
        _facts(initial)
    keep_options(out, options)
    size = data.image_size
    grown_from = initial
    if options.n_half_size_steps and initial is None:
        half = _Stage(out / "half_size", size // 2, options.network_capacity * 2, options.n_half_size_steps)
        run = _Run(half, options, data, accelerator, None)
        run.train()
        grown_from = half.checkpoint
    full = _Stage(out, size, options.network_capacity, options.n_steps, options.n_adversarial_steps)
    return _Run(full, options, data, accelerator, grown_from).train()


@dataclass(frozen=True)
class _Stage:
    """Training at one size: its folder, its network, how long."""

    folder: Path
    image_size: int
    network_capacity: int
    n_steps: int
    n_adversarial_steps: int = 0

    @property
    def n_all_steps(self) -> int:
        return self.n_steps + self.n_adversarial_steps

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.safetensors"


class _Run:
    """One stage of training with all that a checkpoint holds."""

    def __init__(
        self,
        stage: _Stage,
        options: FaceTrainingOptions,
        data: TrainingData,
        accelerator: Accelerator,
        initial: Path | None,
    ) -> None:
        self.stage, self.options, self.data, self.accelerator = stage, options, data, accelerator
        self.n_people = data.train.weights.shape[1]
        torch.manual_seed(options.seed)
        self.network = BlendNetwork(
            stage.image_size,
            self.n_people,
            stage.network_capacity,
            options.fmap_max,
            latent_dim=max(256, -(-(2 * self.n_people + 16) // 64) * 64),
        )
        for block in self.network.synthesis.blocks:
            block.to_noise1.weight.requires_grad_(False)
            block.to_noise2.weight.requires_grad_(False)
        if initial is not None:
            _carry_over(initial, self.network)
        self.average = BlendNetwork(**self.network.shape).requires_grad_(False).to(accelerator.device)
        self.average.load_state_dict(self.network.state_dict())
        synthesis = [p for p in self.network.synthesis.parameters() if p.requires_grad]
        matrices = [p for p in synthesis if p.ndim > 1 and len(p) > 3]
        chosen = {id(p) for p in matrices}
        groups = [
            {"params": [p for p in synthesis if id(p) not in chosen], "peak": options.learning_rate},
            {"params": list(self.network.mapping.parameters()), "peak": options.mapping_learning_rate},
        ]
        self.optimizer = torch.optim.Adam(groups, lr=options.learning_rate, betas=(0.9, 0.99), fused=True)
        self.muon = Muon([{"params": matrices, "peak": options.matrix_learning_rate}], lr=0.01)
        self.adversary = (
            Adversary(
                accelerator, min(64, stage.image_size), 4, 256, ADVERSARY_LEARNING_RATE, ADVERSARY_R1_WEIGHT
            )
            if stage.n_adversarial_steps
            else None
        )
        self.started_from = _facts(initial) if initial else None
        self.step = load_state(stage.checkpoint, *self._parts())
        self.model, *self.prepared = accelerator.prepare(self.network, self.optimizer, self.muon)
        self.weights = feature_weights(data.shape, stage.image_size).to(accelerator.device)

    def train(self) -> dict[str, float]:
        """Step until the stage is done; figures of the last snapshot."""
        figures: dict[str, float] = {}
        losses: list[float] = []
        columns = (*Progress.get_default_columns(), TextColumn("{task.fields[note]}"))
        with Progress(*columns, disable=not self.accelerator.is_main_process) as progress:
            name = f"{self.stage.image_size} px"
            task = progress.add_task(name, total=self.stage.n_all_steps, completed=self.step, note="")
            while self.step < self.stage.n_all_steps:
                losses.append(self._take_step())
                self.step += 1
                progress.update(task, completed=self.step, note=f"loss {np.mean(losses[-50:]):.4f}")
                if self.step % self.options.snapshot_every == 0 or self.step == self.stage.n_all_steps:
                    figures = self._snapshot(float(np.mean(losses)))
                    losses.clear()
                    if self.accelerator.is_main_process:
                        progress.console.print(f"{name} step {self.step}: {figures}")
        return figures or self._measure()

    def _take_step(self) -> float:
        # --- learning rate: a short warm-up, then a cosine to nearly nothing
        done = min(1.0, self.step / self.stage.n_steps)
        scale = min(1.0, done / 0.03 + 0.02) * (0.5 * (1 + np.cos(np.pi * done)) * 0.98 + 0.02)
        for group in (group for optimizer in self.prepared for group in optimizer.param_groups):
            group["lr"] = group["peak"] * scale
        # --- batch
        rng = np.random.default_rng(
            [self.options.seed, self.stage.image_size, self.step, self.accelerator.process_index]
        )
        n_shipped = int(rng.binomial(self.options.batch_size, self.options.shipped_share))
        parts = [
            pick(self.data.shipped, n_shipped, rng),
            pick(self.data.train, self.options.batch_size - n_shipped, rng),
        ]
        pictures, known = self._tensors([np.concatenate(column) for column in zip(*parts, strict=True)])
        pictures = sharpened(pictures, self.options.sharpening)
        # --- gradients
        with fast_math(self.accelerator.device):
            drawn = self.model(*known)
        drawn = drawn.float()
        loss, _ = reconstruction_loss(drawn, pictures, self.weights, self.options.texture_weight)
        if self.adversary is not None and self.step >= self.stage.n_steps:
            self.adversary.learn(drawn, pictures, self.step, rng)
            loss = loss + self.options.adversarial_weight * self.adversary.generator_loss(drawn, rng)
        for optimizer in self.prepared:
            optimizer.zero_grad()
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.network.parameters(), 5.0)
        for optimizer in self.prepared:
            optimizer.step()
        # --- average
        decay = min(self.options.average_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.network.parameters()), 1 - decay)
        return float(loss.detach())

    def _tensors(self, columns: list[np.ndarray]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Pictures [B, 3, S, S] in [0, 1] at the stage's size, and what the network is told of them."""
        images, weights, donors, expressions = (
            torch.from_numpy(c).to(self.accelerator.device) for c in columns
        )
        pictures = images.permute(0, 3, 1, 2).float() / 255
        pictures = F.avg_pool2d(pictures, pictures.shape[-1] // self.stage.image_size)
        codes = torch.cat([weights, F.one_hot(donors, self.n_people).float()], dim=1)
        return pictures, (codes, expressions)

    @torch.no_grad()
    def _measure(self) -> dict[str, float]:
        drawn, pictures = [], []
        n_images = min(N_MEASURED, len(self.data.held_out.images))
        for chosen in np.array_split(np.arange(n_images), -(-n_images // 20)):
            picture, known = self._tensors(list(take(self.data.held_out, chosen)))
            with fast_math(self.accelerator.device):
                drawn.append(self.average(*known).float().clamp(0, 1))
            pictures.append(picture)
        return fidelity(torch.cat(drawn), torch.cat(pictures))

    def _snapshot(self, loss: float) -> dict[str, float]:
        figures = self._measure()
        if self.accelerator.is_main_process:
            save_state(self.stage.checkpoint, *self._parts(), self.step)
            generator = FaceGenerator(self.average, self.data.identity_codes)
            facts = {"step": self.step, "options": self.options.model_dump(), **figures}
            facts["started_from"] = self.started_from
            generator.save(self.stage.folder / "face_generator.safetensors", facts)
            write_sheet(generator, self.stage.folder / "sheets" / f"step-{self.step:06d}.png", n_identities=6)
            with (self.stage.folder / "statistics.jsonl").open("a") as file:
                file.write(json.dumps({"step": self.step, "loss": loss, **figures}) + "\n")
        self.accelerator.wait_for_everyone()
        return {name: round(value, 4) for name, value in figures.items()}

    def _parts(self) -> tuple[dict[str, nn.Module], dict[str, torch.optim.Optimizer]]:
        modules: dict[str, nn.Module] = {"network": self.network, "average": self.average}
        optimizers: dict[str, torch.optim.Optimizer] = {"optimizer": self.optimizer, "muon": self.muon}
        if self.adversary is not None:
            modules["adversary"], optimizers["adversary"] = self.adversary.network, self.adversary.optimizer
        return modules, optimizers


def _facts(path: Path) -> dict:
    """What a checkpoint or weights file says about its own training, so that a card can tell all of it."""
    _, facts = load_checkpoint(path, RUN_KIND, WEIGHTS_KIND)
    return {name: facts.get(name) for name in ("step", "options", "started_from")}


def _carry_over(path: Path, network: BlendNetwork) -> None:
    """Start from the averaged weights of another run, as far as the shapes agree.

    A network grown by a block starts with that block's colours nearly off.
    """
    tensors, _ = load_checkpoint(path, RUN_KIND, WEIGHTS_KIND)
    own = network.state_dict()
    average = part(tensors, "network" if "identity_codes" in tensors else "average")
    fitting = {name: t for name, t in average.items() if name in own and own[name].shape == t.shape}
    if not fitting:
        raise FacesError(
            f"nothing in {path} fits this network; pass a checkpoint of a run of the same corpus"
        )
    network.load_state_dict(own | fitting)
    if len(fitting) < len(own):
        with torch.no_grad():
            network.synthesis.blocks[-1].to_rgb.conv.weight.mul_(0.1)
