"""Trains FacePerception on corpus faces and on generated ones, seen through noise, blur and bad light."""

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from rich.progress import Progress, TextColumn
from torch import Tensor

from advisor.drawing.rendering import to_pixels
from advisor.faces.corpus.corpus import draw_expression, load_corpus
from advisor.faces.training.muon import Muon
from advisor.faces.training.run_state import keep_options, load_state, save_state
from models.device import best_device, fast_math
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS, coupling_matrix, within_couplings
from models.face_generator import FaceGenerator
from models.perception import INPUT_SIZE, FacePerception


class PerceptionTrainingOptions(BaseModel):
    """What a training run of FacePerception does; saved beside its results."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_steps: int = Field(5000, ge=1)
    batch_size: int = Field(64, ge=2)
    learning_rate: float = Field(2e-3, gt=0)
    matrix_learning_rate: float = Field(1e-2, gt=0, description="of kernels, by Muon")
    n_generated: int = Field(8000, ge=0, description="faces drawn by the generator to learn from")
    generated_share: float = Field(0.4, ge=0, le=1)
    snapshot_every: int = Field(250, ge=1)
    seed: int = 0


def train_perception(
    corpus: Path, generator: FaceGenerator, out: Path, options: PerceptionTrainingOptions | None = None
) -> dict[str, dict[str, float]]:
    """Train into the run folder `out`, or go on there; R² an axis on held-out corpus and generated faces.

    Writes `face_perception.safetensors`, `statistics.jsonl` and `checkpoint.safetensors`.

    Raises:
        FacesError: no corpus, or `out` holds a run with other options.
    """
    options = options or PerceptionTrainingOptions()
    data = _Faces.gather(corpus, generator, options)
    keep_options(out, options)
    device = best_device()
    accelerator = Accelerator(cpu=device.type == "cpu")
    torch.manual_seed(options.seed)
    perception = FacePerception().to(memory_format=torch.channels_last)
    optimizers = _optimizers(perception, options)
    step = load_state(out / "checkpoint.safetensors", {"perception": perception}, optimizers)
    model, *prepared = accelerator.prepare(perception, *optimizers.values())

    scale = torch.from_numpy(data.expressions.std(0)).to(accelerator.device)
    figures: dict[str, dict[str, float]] = {}
    with Progress(*Progress.get_default_columns(), TextColumn("{task.fields[note]}")) as progress:
        task = progress.add_task("perception", total=options.n_steps, completed=step, note="")
        while step < options.n_steps:
            # --- learning rate and batch
            done = step / options.n_steps
            for group in (group for optimizer in prepared for group in optimizer.param_groups):
                group["lr"] = group["peak"] * min(1, done / 0.05 + 0.02) * (1 - done)
            rng = np.random.default_rng([options.seed, 3, step, accelerator.process_index])
            pixels, expressions = data.batch(options.batch_size, options.generated_share, rng)
            images = degrade(to_images(pixels), rng).to(accelerator.device)
            # --- gradients
            with fast_math(accelerator.device):
                read = model(images)
            wrong = (read.float() - torch.from_numpy(expressions).to(accelerator.device)) / scale
            loss = wrong.square().mean()
            for optimizer in prepared:
                optimizer.zero_grad()
            accelerator.backward(loss)
            for optimizer in prepared:
                optimizer.step()
            step += 1
            progress.update(task, completed=step, note=f"loss {loss.item():.4f}")
            # --- save
            if (
                step % options.snapshot_every == 0 or step == options.n_steps
            ) and accelerator.is_main_process:
                perception.eval()
                figures = {name: r_squared(perception, *test) for name, test in data.tests.items()}
                perception.save(out / "face_perception.safetensors", {"step": step, "r_squared": figures})
                save_state(out / "checkpoint.safetensors", {"perception": perception}, optimizers, step)
                with (out / "statistics.jsonl").open("a") as file:
                    file.write(json.dumps({"step": step, "loss": loss.item(), **figures}) + "\n")
                worst = {name: round(min(values.values()), 3) for name, values in figures.items()}
                progress.console.print(f"step {step}: lowest R² {worst}")
                perception.train()
    return figures


def _optimizers(
    perception: FacePerception, options: PerceptionTrainingOptions
) -> dict[str, torch.optim.Optimizer]:
    matrices = [p for p in perception.parameters() if p.ndim > 1]
    rest = [p for p in perception.parameters() if p.ndim == 1]
    return {
        "optimizer": torch.optim.Adam([{"params": rest, "peak": options.learning_rate}], lr=0.001),
        "muon": Muon([{"params": matrices, "peak": options.matrix_learning_rate}], lr=0.01),
    }


@dataclass(frozen=True)
class _Faces:
    """Faces uint8 [n, S, S, 3] of the corpus and of the generator with their expressions, and test sets."""

    images: NDArray[np.uint8]
    expressions: NDArray[np.float32]
    drawn_images: NDArray[np.uint8]
    drawn_expressions: NDArray[np.float32]
    tests: dict[str, tuple[NDArray[np.uint8], NDArray[np.float32]]]

    @classmethod
    def gather(cls, corpus: Path, generator: FaceGenerator, options: PerceptionTrainingOptions) -> "_Faces":
        train = load_corpus(corpus, "train")
        held_out, apart = load_corpus(corpus, "held_out"), load_corpus(corpus, "held_out_people")
        # FacePerception makes larger faces as small itself; noise and blur cost a quarter on small ones.
        images = at_input_size(train.images)

        def draw(n: int, part: int, size: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
            return draw_faces_at_random(generator, n, size, np.random.default_rng([options.seed, part]))

        drawn = draw(options.n_generated, 1, images.shape[1])
        tests = {
            "held_out": (held_out.images, held_out.expressions),
            "held_out_people": (apart.images, apart.expressions),
            "generated": draw(500, 2, generator.image_size),
        }
        return cls(images, train.expressions, *drawn, tests)

    def batch(
        self, n: int, drawn_share: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        n_drawn = round(n * drawn_share) if len(self.drawn_images) else 0
        own = rng.integers(len(self.images), size=n - n_drawn)
        drawn = rng.integers(max(1, len(self.drawn_images)), size=n_drawn)
        images = np.concatenate([self.images[own], self.drawn_images[drawn]])
        expressions = np.concatenate([self.expressions[own], self.drawn_expressions[drawn]])
        return mirror(images, expressions, rng.random(n) < 0.5)


@torch.no_grad()
def draw_faces_at_random(
    generator: FaceGenerator, n: int, image_size: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Faces uint8 [n, S, S, 3], S = `image_size`, and their expressions [n, 9].

    Half of the expressions are drawn as for a corpus, half anywhere that a face can go, as an encoder may.
    """
    low, high = np.array(EXPRESSION_BOUNDS).T
    rows = [draw_expression(rng) if k % 2 else rng.uniform(low, high) for k in range(n)]
    drawn_rows = torch.tensor(np.array(rows, np.float32).reshape(n, len(EXPRESSION_AXES)))
    expressions = within_couplings(drawn_rows, coupling_matrix()).numpy()
    identities = torch.from_numpy(rng.integers(generator.n_identities, size=n))
    faces = np.empty((n, image_size, image_size, 3), np.uint8)
    for start in range(0, n, 16):
        part = slice(start, start + 16)
        drawn = generator(identities[part], torch.from_numpy(expressions[part]))
        if drawn.shape[-1] != image_size:
            drawn = F.interpolate(
                drawn, size=(image_size, image_size), mode="bilinear", antialias=True, align_corners=False
            )
        faces[part] = to_pixels(drawn)
    return faces, expressions


def mirror(
    images: NDArray[np.uint8], expressions: NDArray[np.float32], chosen: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The chosen faces seen in a mirror: the head tilts the other way and nothing else changes."""
    images[chosen] = images[chosen, :, ::-1]
    expressions[chosen, EXPRESSION_AXES.index("head_tilt")] *= -1
    return images, expressions


def degrade(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Images [B, 3, S, S] in [0, 1] as a bad camera and screen would show them; the blur is one a batch."""
    n = len(images)

    def per_image(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, 1, 1, 1)).astype(np.float32))

    if rng.random() < 0.5:
        from torchvision.transforms.v2.functional import gaussian_blur  # loads as long as torch itself

        images = gaussian_blur(images, [7, 7], [float(rng.uniform(0.2, 1.6))])
    middle = images.mean((1, 2, 3), keepdim=True)
    images = (images - middle) * per_image(0.75, 1.25) + middle * per_image(0.75, 1.2)
    noise = torch.from_numpy(rng.standard_normal(images.shape, dtype=np.float32))
    return (images + noise * per_image(0, 0.05)).clamp(0, 1)


@torch.no_grad()
def r_squared(
    perception: FacePerception, pixels: NDArray[np.uint8], expressions: NDArray[np.float32]
) -> dict[str, float]:
    """R² of the readings, an axis; pixels uint8 [n, S, S, 3]."""
    device = next(perception.parameters()).device
    readings = torch.cat(
        [perception(to_images(pixels[k : k + 50]).to(device)) for k in range(0, len(pixels), 50)]
    )
    truth = torch.from_numpy(expressions)
    residual = (readings.cpu().float() - truth).square().sum(0)
    explained = 1 - residual / (truth - truth.mean(0)).square().sum(0)
    return dict(zip(EXPRESSION_AXES, explained.tolist(), strict=True))


def at_input_size(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Faces [n, S, S, 3] as they are where S is at most FacePerception's own size, else made that small."""
    if pixels.shape[1] <= INPUT_SIZE:
        return pixels
    size = (INPUT_SIZE, INPUT_SIZE)
    return np.stack([cv2.resize(face, size, interpolation=cv2.INTER_AREA) for face in pixels])


def to_images(pixels: NDArray[np.uint8]) -> Tensor:
    """RGB uint8 [B, S, S, 3] as images [B, 3, S, S] in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255
