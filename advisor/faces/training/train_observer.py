"""Trains the eyes of simulated participants, on corpus faces alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from advisor.faces.corpus.corpus import load_corpus
from models.device import best_device
from models.expression import EXPRESSION_AXES
from models.observer import INPUT_SIZE, SimulatedObserver

BATCH_SIZE = 128
LEARNING_RATE = 2e-3
PIXEL_NOISE_SD = 0.03


def train_observer(corpus: Path, out: Path, n_steps: int = 4000, seed: int = 1) -> dict[str, float]:
    """Train, write the weights to `out`, and return R² per axis on held-out corpus faces.

    Raises FacesError where there is no corpus.
    """
    train, held_out = load_corpus(corpus, "train"), load_corpus(corpus, "held_out")
    images, expressions = _small(train.images), torch.from_numpy(np.asarray(train.expressions))
    device = best_device()
    scale = expressions.std(0).to(device)
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        observer = SimulatedObserver().to(device)
    optimizer = torch.optim.AdamW(observer.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=LEARNING_RATE, total_steps=n_steps)
    for _ in track(range(n_steps), description="observer"):
        batch = torch.from_numpy(rng.integers(len(images), size=BATCH_SIZE))
        light = torch.from_numpy(rng.uniform(0.8, 1.2, (BATCH_SIZE, 1, 1, 1)).astype(np.float32))
        noise = torch.from_numpy(rng.standard_normal((BATCH_SIZE, *images.shape[1:]), dtype=np.float32))
        seen = images[batch] * light + PIXEL_NOISE_SD * noise
        wrong = observer(seen.expand(-1, 3, -1, -1)) - expressions[batch].to(device)
        loss = (wrong / scale).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        readings = observer.eval()(_small(held_out.images).expand(-1, 3, -1, -1)).cpu()
    truth = torch.from_numpy(np.asarray(held_out.expressions))
    r2 = 1 - (readings - truth).square().sum(0) / (truth - truth.mean(0)).square().sum(0)
    figures = dict(zip(EXPRESSION_AXES, r2.tolist(), strict=True))
    observer.save(out, {"n_steps": n_steps, "seed": seed, "r_squared_held_out": figures})
    return figures


def _small(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 [N, S, S, 3] → grey float [N, 1, 48, 48] in [0, 1]."""
    parts = []
    for k in range(0, len(pixels), 500):
        part = torch.from_numpy(np.ascontiguousarray(pixels[k : k + 500])).float().mean(-1)[:, None] / 255
        parts.append(F.interpolate(part, size=(INPUT_SIZE, INPUT_SIZE), mode="area"))
    return torch.cat(parts)
