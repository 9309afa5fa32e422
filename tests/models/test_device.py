"""Networks on a GPU that is not there: fake tensors compute shapes and devices, and raise where devices mix."""

import sys
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from advisor.cli import main
from advisor.encoder.composition import AdviceComposition, pixel_path
from advisor.encoder.train_encoder import EncoderData
from advisor.faces.training.image_losses import reconstruction_loss
from advisor.response.decision_tensors import FittedDecisions
from advisor.response.fit_response import _penalty
from advisor.runs.config import ResponseConfig
from models.device import (
    DEVICE_VARIABLE,
    LEAST_SHARED_BY_THREADS,
    best_device,
    fast_dtype,
    threads_worth,
)
from models.distilled_percept import DistilledPercept
from models.encoder import FeatureEncoder
from models.expression import EXPRESSION_BOUNDS, coupling_matrix
from models.face_generator import BlendNetwork, FaceGenerator
from models.observer import SimulatedObserver
from models.perception import FacePerception
from models.response import ResponseModel
from models.stylegan2 import freeze

CUDA = torch.device("cuda")
N_PEOPLE, N_FEATURES, B = 6, 4, 3
ModuleT = TypeVar("ModuleT", bound=nn.Module)


def test_the_device_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    assert best_device() == torch.device("cpu")
    monkeypatch.delenv(DEVICE_VARIABLE)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device().type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert fast_dtype(best_device()) == torch.float32


@pytest.mark.parametrize("named", ["cuda", "mps", "gpu"])
def test_a_device_that_is_not_there_is_one_sentence(
    named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if named == best_device().type:
        pytest.skip("this machine has one")
    monkeypatch.setattr(
        sys, "argv", ["advisor", "faces", "--out", str(tmp_path / "faces"), "--device", named]
    )
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("advisor: ")
    assert named in said
    assert said.count("\n") == 1
    assert not (tmp_path / "faces").exists()


def test_fake_tensors_raise_where_devices_mix() -> None:
    with FakeTensorMode(), pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, device=CUDA) + torch.zeros(2)


def on_gpu(module: ModuleT, mode: FakeTensorMode) -> ModuleT:
    """The module with all that it holds on the GPU; what it makes beside that lies on the processor and raises."""
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            fake = mode.from_tensor(parameter).to(CUDA).detach()
            part._parameters[name] = nn.Parameter(fake, requires_grad=parameter.requires_grad)
        for name, buffer in part.named_buffers(recurse=False):
            part._buffers[name] = mode.from_tensor(buffer).to(CUDA)
    return module


def small_generator() -> FaceGenerator:
    network = BlendNetwork(16, N_PEOPLE, 4, 16, latent_dim=32)
    freeze(network.synthesis)
    return FaceGenerator(network, torch.zeros(2, 2 * N_PEOPLE))


def devices(*tensors: Tensor) -> set[str]:
    return {tensor.device.type for tensor in tensors}


def test_faces_are_drawn_and_read_on_the_gpu_from_inputs_on_the_processor() -> None:
    generator, readers = small_generator(), (FacePerception().eval(), SimulatedObserver())
    with FakeTensorMode() as mode:
        expressions = torch.zeros(B, 9)
        faces = on_gpu(generator, mode).draw(torch.zeros(B, dtype=torch.long), expressions)
        read = [on_gpu(reader, mode)(faces) for reader in readers]
        assert devices(faces, *read) == {"cuda"}


@pytest.mark.parametrize("path", ["distilled", "pixels"])
def test_an_encoder_learns_on_the_gpu_with_data_from_the_processor(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        FaceGenerator, "forward", FaceGenerator.draw
    )  # a fake tensor has no values to look at
    generator, perception, distilled = (
        small_generator(),
        FacePerception().eval(),
        DistilledPercept(N_PEOPLE, 9),
    )
    encoder = FeatureEncoder(N_FEATURES, torch.tensor(EXPRESSION_BOUNDS), 8, coupling_matrix())
    composition = AdviceComposition(
        encoder,
        ResponseModel(9, 2, 2),
        lambda identities, expressions: along(identities, expressions),
        torch.zeros(B, 2),
        torch.tensor(EXPRESSION_BOUNDS),
    )
    with FakeTensorMode() as mode:
        exact = pixel_path(on_gpu(generator, mode), on_gpu(perception, mode))
        along = exact if path == "pixels" else on_gpu(distilled, mode)
        composition = on_gpu(composition, mode)
        part = torch.zeros(B)
        things = torch.zeros(B, 0)
        data = EncoderData(
            torch.zeros(B, N_FEATURES), torch.zeros(B, 2), part, part, part, things, things
        ).to(CUDA)
        composed = composition(
            data.features, data.seen_features, torch.zeros(B, dtype=torch.long, device=CUDA)
        )
        missed = composed.strength - data.log_odds, composed.member_probabilities - data.risk_scores
        assert devices(composed.expression, composed.percept, *missed) == {"cuda"}


def test_a_response_model_is_fitted_on_the_gpu_to_decisions_from_the_processor() -> None:
    rng = np.random.default_rng(0)
    people, approved = np.arange(12) % 4, np.arange(12) % 2
    decisions = FittedDecisions.of(
        rng.normal(size=(12, 9)), rng.normal(size=(12, 2)), approved, people, 2, rng
    )
    model = ResponseModel(9, 2, 2)
    with FakeTensorMode() as mode:
        parts = (getattr(decisions, field.name) for field in fields(decisions))
        moved = FittedDecisions(*map(mode.from_tensor, parts)).to(CUDA)
        on_gpu(model, mode).start_from(*(torch.zeros(size, device=CUDA) for size in ((2, 11), (2,), (11,))))
        loss = moved.loss(model, _penalty(model, ResponseConfig()))
        assert devices(loss, model.member_probabilities(moved.inputs)) == {"cuda"}


def test_a_generator_and_a_perception_take_a_step_on_the_gpu() -> None:
    network, perception = BlendNetwork(32, N_PEOPLE, 4, 16, latent_dim=32), FacePerception()
    with FakeTensorMode() as mode:
        codes, expressions = (torch.zeros(B, n, device=CUDA) for n in (2 * N_PEOPLE, 9))
        drawn = on_gpu(network, mode)(codes, expressions)
        weights = torch.ones(1, 1, 32, 32, device=CUDA)
        loss, _ = reconstruction_loss(drawn, torch.zeros(B, 3, 32, 32, device=CUDA), weights, 1.0)
        wrong = on_gpu(perception, mode)(torch.zeros(B, 3, 128, 128)) - expressions
        assert devices(loss, wrong) == {"cuda"}


@pytest.mark.skipif(best_device().type == "cpu", reason="needs a GPU")
def test_a_gpu_draws_and_reads_what_the_processor_does(monkeypatch: pytest.MonkeyPatch) -> None:
    identities, expressions = torch.arange(4), torch.zeros(4, 9)
    expressions[:, 0] = torch.tensor([-0.5, 0.0, 0.5, 0.9])
    drawn, read = {}, {}
    for device in ("cpu", best_device().type):
        monkeypatch.setenv(DEVICE_VARIABLE, device)
        drawn[device] = FaceGenerator.load()(identities, expressions).cpu()
        read[device] = FacePerception.load()(drawn[device]).cpu()
    ours, theirs = drawn
    assert (drawn[ours] - drawn[theirs]).abs().mean() < 0.01
    assert (read[ours] - read[theirs]).abs().max() < 0.05


def test_little_is_computed_in_one_thread_and_the_setting_comes_back() -> None:
    usual = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with threads_worth(2400):
            assert torch.get_num_threads() == 1
        with threads_worth(LEAST_SHARED_BY_THREADS):
            assert torch.get_num_threads() == 2
        with pytest.raises(KeyError), threads_worth(1):
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(usual)
