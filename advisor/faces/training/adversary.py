"""A discriminator that learns to tell drawn faces from pictures, and what a generator learns from it.

The losses are StyleGAN2's (arXiv 1912.04958): non-saturating logistic loss, and the R1 penalty of Mescheder
et al. 2018 (arXiv 1801.04406) on every sixteenth step.
"""

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from models.device import fast_math
from models.stylegan2 import Discriminator

R1_EVERY = 16


class Adversary:
    """The package's discriminator on square crops of side `crop`, with its own optimizer.

    Crops are what makes it affordable without a GPU: skin and hair are local. It does not know what a face
    should show; whoever draws known expressions adds that loss.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        crop: int,
        network_capacity: int,
        fmap_max: int,
        learning_rate: float,
        r1_weight: float,
    ) -> None:
        self.crop, self.r1_weight = crop, r1_weight
        self._accelerator = accelerator
        self.network = Discriminator(crop, network_capacity=network_capacity, fmap_max=fmap_max)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=learning_rate, betas=(0.5, 0.9))
        self._model, self._prepared = accelerator.prepare(self.network, self.optimizer)

    def learn(self, drawn: Tensor, pictures: Tensor, step: int, rng: np.random.Generator) -> dict[str, float]:
        """One step of the discriminator on images [B, 3, S, S]; its metrics."""
        self.network.requires_grad_(True)
        top, left = self._corner(pictures, rng)
        real, false = self._cut(pictures, top, left), self._cut(drawn.detach(), top, left)
        penalised = step % R1_EVERY == 0
        real = real.requires_grad_(penalised)
        logits_real, logits_false = self._judge(real), self._judge(false)
        loss = F.softplus(logits_false).mean() + F.softplus(-logits_real).mean()
        if penalised:
            (gradient,) = torch.autograd.grad(logits_real.sum(), real, create_graph=True)
            loss = loss + self.r1_weight * R1_EVERY / 2 * gradient.square().sum((1, 2, 3)).mean()
        self._prepared.zero_grad()
        self._accelerator.backward(loss)
        self._prepared.step()
        return {"discriminator": float(loss.detach())}

    def generator_loss(self, drawn: Tensor, rng: np.random.Generator) -> Tensor:
        """How surely drawn images [B, 3, S, S] are told from pictures; gradient to the images."""
        self.network.requires_grad_(False)
        return F.softplus(-self._judge(self._cut(drawn, *self._corner(drawn, rng)))).mean()

    def _judge(self, crops: Tensor) -> Tensor:
        with fast_math(self._accelerator.device):
            logits, _ = self._model(crops)
        judged: Tensor = logits.float().reshape(-1)
        return judged

    def _corner(self, images: Tensor, rng: np.random.Generator) -> tuple[int, int]:
        top, left = rng.integers(0, images.shape[-1] - self.crop + 1, size=2)
        return int(top), int(left)

    def _cut(self, images: Tensor, top: int, left: int) -> Tensor:
        # Contiguous, since on some processors the gradient of the discriminator's first 1x1 convolution of stride 2
        # writes beyond its memory when one thread is given pictures that are channels-last.
        return images[:, :, top : top + self.crop, left : left + self.crop].contiguous()
