"""The generator as everything else uses it: frozen, bounded, differentiable in the expression."""

from pathlib import Path

import pytest
import torch

from models.checkpoint import save_checkpoint
from models.device import fast_dtype
from models.errors import CheckpointError
from models.expression import EXPRESSION_AXES, EXPRESSION_BOUNDS
from models.face_generator import BlendNetwork, FaceGenerator

N_PEOPLE, N_IDENTITIES = 6, 4


@pytest.fixture
def generator() -> FaceGenerator:
    torch.manual_seed(0)
    codes = torch.full((N_IDENTITIES, 2 * N_PEOPLE), 1 / N_PEOPLE)
    codes[:, N_PEOPLE:] = torch.eye(N_PEOPLE)[:N_IDENTITIES]
    network = BlendNetwork(16, N_PEOPLE, network_capacity=4, fmap_max=16, latent_dim=32, n_mapping_layers=2)
    return FaceGenerator(network, codes)


def test_says_what_it_draws(generator: FaceGenerator) -> None:
    assert generator.axes == EXPRESSION_AXES
    assert (generator.n_identities, generator.image_size) == (N_IDENTITIES, 16)
    assert generator.axis_bounds.shape == (9, 2)
    assert generator.axis_bounds.tolist() == torch.tensor(EXPRESSION_BOUNDS).tolist()
    assert [low < 0 for low, _ in EXPRESSION_BOUNDS] == [
        axis in ("smile", "head_tilt") for axis in EXPRESSION_AXES
    ]


def test_faces_are_images_and_depend_on_identity_and_expression(generator: FaceGenerator) -> None:
    expressions = torch.zeros(4, 9)
    expressions[2, 0] = 1
    faces = generator(torch.tensor([0, 1, 0, 0]), expressions)
    assert faces.shape == (4, 3, 16, 16)
    assert faces.dtype == torch.float32
    assert 0 <= faces.min() <= faces.max() <= 1
    assert torch.allclose(faces[0], faces[3], atol=1e-6)
    assert not torch.allclose(faces[0], faces[1], atol=1e-3)
    assert not torch.allclose(faces[0], faces[2], atol=1e-3)


def test_gradient_reaches_the_expression_and_no_weight(generator: FaceGenerator) -> None:
    expressions = torch.zeros(2, 9, requires_grad=True)
    generator(torch.tensor([0, 1]), expressions).mean().backward()
    assert expressions.grad is not None
    assert expressions.grad.abs().max() > 0
    assert not any(parameter.requires_grad for parameter in generator.parameters())
    assert not generator.train().training


@pytest.mark.parametrize(
    ("identities", "expressions", "message"),
    [
        (torch.zeros(2), torch.zeros(2, 9), "must be long"),
        (torch.zeros(2, dtype=torch.long), torch.zeros(2, 8), r"\[2, 9\]"),
        (torch.tensor([0, N_IDENTITIES]), torch.zeros(2, 9), "0..3"),
        (torch.zeros(1, dtype=torch.long), torch.full((1, 9), -0.5), "axis_bounds"),
        (torch.zeros(1, dtype=torch.long), torch.full((1, 9), torch.nan), "axis_bounds"),
    ],
)
def test_wrong_input_is_named(
    generator: FaceGenerator, identities: torch.Tensor, expressions: torch.Tensor, message: str
) -> None:
    with pytest.raises(AssertionError, match=message):
        generator(identities, expressions)


def test_strength_of_expression_leaves_the_mapping_input_at_one_length(generator: FaceGenerator) -> None:
    seen = []
    generator.network.mapping.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    strongest = torch.tensor([high for _, high in EXPRESSION_BOUNDS])
    generator(torch.zeros(2, dtype=torch.long), torch.stack([torch.zeros(9), strongest]))
    assert torch.allclose(seen[0].norm(dim=1), seen[0].norm(dim=1)[0].expand(2))


def test_saved_and_loaded_it_draws_the_same(generator: FaceGenerator, tmp_path: Path) -> None:
    generator.save(tmp_path / "g.safetensors", {"seed": 1})
    again = FaceGenerator.load(tmp_path / "g.safetensors", dtype=torch.float32)
    asked = torch.tensor([0, 3]), 0.8 * torch.rand(2, 9)
    assert torch.allclose(generator(*asked), again(*asked), atol=5e-3)
    fast = FaceGenerator.load(tmp_path / "g.safetensors")
    assert fast.network.synthesis.initial_conv.weight.dtype == fast_dtype(torch.device("cpu"))
    assert (fast(*asked) - again(*asked)).abs().mean() < 0.02


def test_weights_of_another_size_are_refused(generator: FaceGenerator, tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    shape = {**generator.network.shape, "image_size": 32}
    tensors = {f"network.{name}": value for name, value in generator.network.state_dict().items()}
    tensors["identity_codes"] = torch.zeros(1, 2 * N_PEOPLE)
    save_checkpoint(path, "face generator", tensors, {"network": "blend", "shape": shape})
    with pytest.raises(CheckpointError, match="another network|same size"):
        FaceGenerator.load(path)
    with pytest.raises(CheckpointError, match="no weights file"):
        FaceGenerator.load(tmp_path / "absent.safetensors")
