"""Networks on a GPU that is not there: fake tensors compute shapes and devices, and raise where devices mix."""

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call

from advisor.encoder.composition import AdviceComposition
from advisor.encoder.train_encoder import EncoderData
from models.device import (
    DEVICE_VARIABLE,
    LEAST_SHARED_BY_THREADS,
    best_device,
    fast_dtype,
    threads_worth,
)
from models.distilled_percept import DistilledPercept
from models.encoder import FeatureDecoder, FeatureEncoder
from models.expression import EXPRESSION_BOUNDS, coupling_matrix
from models.face_generator import BlendNetwork
from models.observer import SimulatedObserver
from models.perception import FacePerception
from models.response import ResponseModel

CUDA = torch.device("cuda")
N_PEOPLE, N_FEATURES, B = 6, 4, 3


def test_the_device_that_is_named_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    assert best_device() == torch.device("cpu")
    monkeypatch.delenv(DEVICE_VARIABLE)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert best_device().type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert fast_dtype(best_device()) == torch.float32


def test_fake_tensors_raise_where_devices_mix() -> None:
    with FakeTensorMode(), pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, device=CUDA) + torch.zeros(2)


def moved(module: nn.Module, mode: FakeTensorMode) -> dict[str, Tensor]:
    """All that a module holds, on the GPU; what it computes with beside that is on the processor and raises."""
    held = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: mode.from_tensor(tensor).to(CUDA) for name, tensor in held.items()}


def test_drawing_and_reading_stay_on_the_gpu() -> None:
    network = BlendNetwork(16, N_PEOPLE, 4, 16, latent_dim=32)
    readers = [FacePerception().eval(), SimulatedObserver()]
    with FakeTensorMode() as mode:
        codes, expressions = (torch.zeros(B, n, device=CUDA) for n in (2 * N_PEOPLE, 9))
        faces = functional_call(network, moved(network, mode), (codes, expressions))
        read = [functional_call(reader, moved(reader, mode), (faces,)) for reader in readers]
    assert {one.device.type for one in (faces, *read)} == {"cuda"}


def test_an_encoder_is_trained_on_the_gpu_with_data_from_the_processor() -> None:
    composition = AdviceComposition(
        FeatureEncoder(N_FEATURES, torch.tensor(EXPRESSION_BOUNDS), 8, coupling_matrix()),
        FeatureDecoder(9, N_FEATURES),
        ResponseModel(9, 2, 2),
        DistilledPercept(N_PEOPLE, 9),
    )
    with FakeTensorMode() as mode:
        part = torch.zeros(B)
        data = EncoderData(torch.zeros(B, N_FEATURES), torch.zeros(B, 2), part, part).to(CUDA)
        identities = torch.zeros(B, dtype=torch.long, device=CUDA)
        composed = functional_call(
            composition, moved(composition, mode), (data.features, data.seen_features, identities)
        )
        missed = composed.reconstruction - data.features, composed.member_probabilities - data.risk_scores
    assert {one.device.type for one in (composed.expression, *missed)} == {"cuda"}


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
