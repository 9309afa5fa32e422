"""Trains a StyleGAN2 on a folder of pictures alone, as the package's own trainer does, without needing a GPU.

It knows nothing of people or expressions. `advisor.faces.training.adopt` finds readable axes in what it learned.
A run is a folder like that of `advisor.faces.training.train_generator`; the tensors of its checkpoint have the
package's names (`S`, `G`, and their averages `SE`, `GE`).
"""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from rich.progress import Progress, TextColumn, track
from torch import Tensor, nn

from advisor.drawing.contact_sheet import write_png
from advisor.drawing.picture_files import read_picture
from advisor.drawing.rendering import to_pixels
from advisor.faces.training.adversary import Adversary
from advisor.faces.training.run_state import keep_options, load_state, save_state
from data.errors import FacesError
from models.device import best_device
from models.stylegan2 import FastGenerator, StyleVectorizer, lay_out

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MIXED_SHARE = 0.9  # of the batches have two styles, the package's default


class PlainTrainingOptions(BaseModel):
    """What a training run on pictures alone does; saved beside its results."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: int = Field(128, ge=16)
    network_capacity: int = Field(16, ge=2)
    fmap_max: int = Field(512, ge=16)
    latent_dim: int = Field(512, ge=16)
    n_mapping_layers: int = Field(8, ge=1)
    n_steps: int = Field(150_000, ge=1)
    batch_size: int = Field(16, ge=2)
    learning_rate: float = Field(2e-4, gt=0)
    r1_weight: float = Field(10.0, ge=0)
    average_decay: float = Field(0.995, ge=0, lt=1)
    snapshot_every: int = Field(500, ge=1)
    seed: int = 0


def train_plain(pictures: Path, out: Path, options: PlainTrainingOptions | None = None) -> dict[str, str]:
    """Train into the run folder `out`, or go on there; pictures that could not be used, with reasons.

    Raises:
        FacesError: no usable pictures, an image size that is no power of two, or a run with other options.
    """
    options = options or PlainTrainingOptions()
    if options.image_size & (options.image_size - 1):
        raise FacesError(f"image_size is {options.image_size} and must be a power of two, such as 128")
    images, skipped = read_pictures(pictures, options.image_size)
    keep_options(out, options)
    accelerator = Accelerator(cpu=best_device().type == "cpu")
    torch.manual_seed(options.seed)

    # --- networks, each with its average, and the discriminator
    networks = _networks(options)
    trained, averaged = (nn.ModuleList([networks["S" + s], networks["G" + s]]) for s in ("", "E"))
    averaged.load_state_dict(trained.state_dict())
    averaged.requires_grad_(False).to(accelerator.device)
    generator = _Pair(networks["S"], networks["G"])
    optimizer = torch.optim.Adam(trained.parameters(), lr=options.learning_rate, betas=(0.5, 0.9))
    adversary = _adversary(accelerator, options)
    parts = networks | {"D": adversary.network}
    optimizers = {"optimizer": optimizer, "adversary": adversary.optimizer}
    step = load_state(out / "checkpoint.safetensors", parts, optimizers)
    model, prepared = accelerator.prepare(generator, optimizer)

    with Progress(*Progress.get_default_columns(), TextColumn("{task.fields[note]}")) as progress:
        task = progress.add_task("StyleGAN2", total=options.n_steps, completed=step, note="")
        while step < options.n_steps:
            rng = np.random.default_rng([options.seed, step, accelerator.process_index])
            chosen = torch.from_numpy(images[rng.integers(len(images), size=options.batch_size)])
            real = (chosen.permute(0, 3, 1, 2).float() / 255).to(accelerator.device)
            latents = [t.to(accelerator.device) for t in _draw_latents(options, rng)]
            # --- discriminator, then generator, on the same drawn faces
            drawn = model(*latents)
            metrics = adversary.learn(drawn, real, step, rng)
            loss = adversary.generator_loss(drawn, rng)
            prepared.zero_grad()
            accelerator.backward(loss)
            prepared.step()
            # --- average
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(averaged.parameters()), list(trained.parameters()), 1 - options.average_decay
                )
            step += 1
            progress.update(task, completed=step, note=f"loss {loss.item():.3f}")
            # --- save
            due = step % options.snapshot_every == 0 or step == options.n_steps
            if due and accelerator.is_main_process:
                save_state(out / "checkpoint.safetensors", parts, optimizers, step)
                _write_samples(_Pair(networks["SE"], networks["GE"]), options, out / "sheets", step)
                with (out / "statistics.jsonl").open("a") as file:
                    file.write(json.dumps({"step": step, "generator": loss.item(), **metrics}) + "\n")
    return skipped


def _adversary(accelerator: Accelerator, options: PlainTrainingOptions) -> Adversary:
    return Adversary(
        accelerator,
        options.image_size,
        options.network_capacity,
        options.fmap_max,
        2 * options.learning_rate,
        options.r1_weight,
    )


def _networks(options: PlainTrainingOptions) -> dict[str, nn.Module]:
    """Mapping `S` and synthesis `G`, and their averages `SE` and `GE`, at random weights."""
    networks: dict[str, nn.Module] = {}
    for suffix in ("", "E"):
        networks["S" + suffix] = StyleVectorizer(options.latent_dim, options.n_mapping_layers, lr_mul=0.1)
        synthesis = FastGenerator(
            options.image_size,
            options.latent_dim,
            network_capacity=options.network_capacity,
            fmap_max=options.fmap_max,
        )
        networks["G" + suffix] = lay_out(synthesis)
    return networks


class _Pair(nn.Module):
    """Mapping and synthesis as one module, which is what accelerate distributes."""

    def __init__(self, mapping: Any, synthesis: Any) -> None:
        super().__init__()
        self.mapping, self.synthesis = mapping, synthesis

    def forward(self, first: Tensor, second: Tensor, n_first: Tensor, noise: Tensor) -> Tensor:
        n_layers = self.synthesis.num_layers
        styles = [self.mapping(latent)[:, None].expand(-1, n_layers, -1) for latent in (first, second)]
        early = (torch.arange(n_layers, device=first.device) < n_first)[None, :, None]
        images: Tensor = self.synthesis(torch.where(early, styles[0], styles[1]), noise)
        return images


def _draw_latents(options: PlainTrainingOptions, rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Two latents [B, D], how many layers take the first, and noise [B, S, S, 1]."""
    n, size = options.batch_size, options.image_size
    n_layers = int(np.log2(size)) - 1
    n_first = int(rng.integers(1, n_layers)) if rng.random() < MIXED_SHARE else n_layers
    latents = rng.standard_normal((2, n, options.latent_dim), dtype=np.float32)
    noise = rng.random((n, size, size, 1), dtype=np.float32)
    return (*map(torch.from_numpy, latents), torch.tensor(n_first), torch.from_numpy(noise))


@torch.no_grad()
def _write_samples(pair: _Pair, options: PlainTrainingOptions, folder: Path, step: int) -> None:
    rng = np.random.default_rng([options.seed, 0])
    device = next(pair.parameters()).device
    faces = pair(*[t.to(device) for t in _draw_latents(options, rng)]).clamp(0, 1)
    folder.mkdir(parents=True, exist_ok=True)
    write_png(folder / f"step-{step:06d}.png", np.hstack(list(to_pixels(faces))))


def read_pictures(folder: Path, image_size: int) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """All pictures under a folder, cut square and resized, RGB uint8 [n, S, S, 3]; the unusable ones.

    Raises FacesError where there is no folder, or no usable picture in it.
    """
    if not folder.is_dir():
        raise FacesError(f"there is no folder {folder}; pass the folder that holds the pictures")
    images, skipped = [], {}
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    for path in track(paths, description="reading pictures"):
        try:
            picture = read_picture(path)
        except FacesError as problem:
            skipped[str(path.relative_to(folder))] = str(problem)
            continue
        side = min(picture.shape[:2])
        top, left = ((extent - side) // 2 for extent in picture.shape[:2])
        square = picture[top : top + side, left : left + side]
        images.append(cv2.resize(square, (image_size, image_size), interpolation=cv2.INTER_AREA))
    if not images:
        raise FacesError(f"{folder} holds no readable pictures; pass a folder of .jpg or .png files")
    return np.stack(images), skipped
