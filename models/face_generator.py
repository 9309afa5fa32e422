"""(identity, expression) to a face: a StyleGAN2 told what to draw.

`BlendNetwork` is what this project trains: it takes any blend of pictured people. `LatentNetwork` steers a
StyleGAN2 that was trained elsewhere, on pictures alone. `FaceGenerator` is what is shipped and used: either
of them, frozen, with a fixed list of identities.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.checkpoint import facts_of, load_checkpoint, load_into, save_checkpoint, shipped_weights
from models.device import best_device, fast_dtype
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS
from models.stylegan2 import FastGenerator, StyleVectorizer, freeze, initialise, lay_out

Shape = dict[str, Any]

WEIGHTS_KIND = "face generator"

# Scales of the parts of the mapping network's input, and the squared norm that a filler number keeps it at:
# the network normalises its input, and without the filler a strong expression would dim the identity.
BLEND_SCALE, DONOR_SCALE, EXPRESSION_SCALE = 2.0, 1.0, 0.7
INPUT_NORM_SQUARED = 12.0

# What is known also reaches every layer's style directly, beside what the mapping network makes of it. A blend
# is nearly linear in the pictures it is made of; without this the networks learn it half as fast.
DIRECT_SCALE = 3.0


class BlendNetwork(nn.Module):
    """Draws a blend of `n_people` pictured people at an expression.

    `forward(codes [B, 2 n_people], expressions [B, 9])` gives images [B, 3, S, S], about in [0, 1] and not
    clipped. A code is the people's weights, then a one in the place of the person whose hair it has.
    Mapping network and generator are those of StyleGAN2 (arXiv 1912.04958).
    """

    def __init__(
        self,
        image_size: int,
        n_people: int,
        network_capacity: int,
        fmap_max: int,
        latent_dim: int = 256,
        n_mapping_layers: int = 4,
    ) -> None:
        super().__init__()
        assert latent_dim > 2 * n_people + len(EXPRESSION_AXES), (latent_dim, n_people)
        self.shape: Shape = {
            "image_size": image_size,
            "n_people": n_people,
            "network_capacity": network_capacity,
            "fmap_max": fmap_max,
            "latent_dim": latent_dim,
            "n_mapping_layers": n_mapping_layers,
        }
        self.mapping = StyleVectorizer(latent_dim, n_mapping_layers, lr_mul=0.1)
        self.synthesis = FastGenerator(
            image_size, latent_dim, network_capacity=network_capacity, fmap_max=fmap_max
        )
        initialise(self.mapping, self.synthesis, latent_dim)
        lay_out(self.synthesis)

    def forward(self, codes: Tensor, expressions: Tensor) -> Tensor:
        """Images [B, 3, S, S]."""
        weights, donors = codes.chunk(2, dim=1)
        known = torch.cat(
            [BLEND_SCALE * weights, DONOR_SCALE * donors, EXPRESSION_SCALE * expressions], dim=1
        )
        filler = (INPUT_NORM_SQUARED - known.square().sum(1, keepdim=True)).clamp(min=0.01).sqrt()
        latent = torch.cat([known, filler], dim=1)
        latent = F.pad(latent, (0, self.shape["latent_dim"] - latent.shape[1]))
        direct = F.pad(DIRECT_SCALE * known, (0, self.shape["latent_dim"] - known.shape[1]))
        styles = self.mapping(latent) + direct
        images: Tensor = self.synthesis(styles[:, None].expand(-1, self.synthesis.num_layers, -1))
        return images


class LatentNetwork(nn.Module):
    """A StyleGAN2 trained on pictures alone, steered along directions of its style space.

    `forward(codes [B, latent], expressions [B, 9])` draws the style `code + expression @ directions`; a code
    is the style of an identity at rest.
    """

    directions: Tensor

    def __init__(
        self,
        image_size: int,
        network_capacity: int,
        fmap_max: int,
        latent_dim: int,
        attn_layers: Sequence[int] = (),
        no_const: bool = False,
    ) -> None:
        super().__init__()
        options = {
            "network_capacity": network_capacity,
            "fmap_max": fmap_max,
            "attn_layers": list(attn_layers),
            "no_const": no_const,
        }
        self.shape: Shape = {"image_size": image_size, "latent_dim": latent_dim, **options}
        self.synthesis = FastGenerator(image_size, latent_dim, **options)
        lay_out(self.synthesis)
        self.register_buffer("directions", torch.zeros(len(EXPRESSION_AXES), latent_dim))

    def forward(self, codes: Tensor, expressions: Tensor) -> Tensor:
        """Images [B, 3, S, S]."""
        styles = codes + expressions @ self.directions
        images: Tensor = self.synthesis(styles[:, None].expand(-1, self.synthesis.num_layers, -1))
        return images


NETWORKS: dict[str, type[BlendNetwork] | type[LatentNetwork]] = {
    "blend": BlendNetwork,
    "latent": LatentNetwork,
}


class FaceGenerator(nn.Module):
    """The shipped generator: frozen weights, `n_identities` synthetic people, nine expression axes."""

    axes = EXPRESSION_AXES
    identity_codes: Tensor
    axis_bounds: Tensor

    def __init__(self, network: BlendNetwork | LatentNetwork, identity_codes: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("identity_codes", identity_codes.float())
        self.register_buffer("axis_bounds", torch.tensor(EXPRESSION_BOUNDS))
        self.requires_grad_(False)
        self.eval()

    @property
    def n_identities(self) -> int:
        """How many synthetic people there are."""
        return len(self.identity_codes)

    @property
    def device(self) -> torch.device:
        """Where it draws."""
        return self.identity_codes.device

    @property
    def image_size(self) -> int:
        """Width and height of a face in pixels."""
        return int(self.network.shape["image_size"])

    def train(self, mode: bool = True) -> "FaceGenerator":  # noqa: ARG002
        """Stay in evaluation mode: the generator is frozen."""
        return super().train(False)

    def forward(self, identities: Tensor, expressions: Tensor) -> Tensor:
        """Faces float32 [B, 3, S, S] in [0, 1] of identities (long [B]) at expressions (float [B, 9]).

        The faces lie on the generator's device, wherever the inputs do. Differentiable in the expressions, which must
        lie within `axis_bounds`.
        """
        n_axes = len(self.axes)
        assert identities.ndim == 1 and not identities.is_floating_point(), (
            f"identities must be long [B], found {identities.dtype} {tuple(identities.shape)}"
        )
        assert expressions.shape == (len(identities), n_axes), (
            f"expressions must be [{len(identities)}, {n_axes}], found {tuple(expressions.shape)}"
        )
        assert (
            not len(identities) or 0 <= int(identities.min()) <= int(identities.max()) < self.n_identities
        ), f"identities must lie in 0..{self.n_identities - 1}"
        low, high = self.axis_bounds.to(expressions.device).T
        inside = (expressions >= low - 1e-4) & (expressions <= high + 1e-4)
        assert bool(inside.all()), "an expression lies outside axis_bounds"
        return self.draw(identities, expressions)

    def draw(self, identities: Tensor, expressions: Tensor) -> Tensor:
        """`forward` without looking at the values of its inputs."""
        codes = self.identity_codes[identities.to(self.device)]
        images: Tensor = self.network(codes, expressions.to(self.device).float())
        return images.float().clamp(0, 1)

    def save(self, path: Path, facts: dict[str, object]) -> None:
        """Write fp16 weights with facts for the card."""
        parameters = {name for name, _ in self.network.named_parameters()}
        tensors = {
            # Buffers are few, and directions may be too long for fp16.
            f"network.{name}": value.half() if name in parameters else value
            for name, value in self.network.state_dict().items()
        }
        tensors["identity_codes"] = self.identity_codes
        (kind,) = (name for name, network in NETWORKS.items() if type(self.network) is network)
        save_checkpoint(path, WEIGHTS_KIND, tensors, {"network": kind, "shape": self.network.shape, **facts})

    @classmethod
    def load(cls, path: Path | None = None, dtype: torch.dtype | None = None) -> "FaceGenerator":
        """The shipped generator (see `shipped_weights`), or one from a file that `save` wrote.

        It draws on `best_device`. `dtype` is what the synthesis network computes in: bfloat16 where that device
        multiplies it in hardware, otherwise float32.

        Raises:
            CheckpointError: the file is absent, damaged, foreign, or of another size.
        """
        path = path or shipped_weights("face_generator")
        tensors, facts = load_checkpoint(path, WEIGHTS_KIND)
        with facts_of(path):
            network = NETWORKS[facts["network"]](**facts["shape"])
            codes = tensors.pop("identity_codes")
            if codes.ndim != 2:
                raise ValueError(f"identity codes {tuple(codes.shape)}, not [N, latent]")
        load_into(network, {name.removeprefix("network."): t.float() for name, t in tensors.items()}, path)
        device = best_device()
        freeze(network.synthesis.to(dtype or fast_dtype(device)))
        return cls(network, codes).to(device)
