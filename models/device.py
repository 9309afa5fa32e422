"""Where networks are trained, and in what number format they compute: decided here for every stage."""

import os

import torch

DEVICE_VARIABLE = "COUNTENANCE_DEVICE"


def best_device() -> torch.device:
    """The device that COUNTENANCE_DEVICE names (cpu, cuda, mps), else a CUDA GPU, else Apple's, else the processor."""
    named = os.environ.get(DEVICE_VARIABLE)
    if named:
        return torch.device(named)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where that device multiplies it in hardware, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type != "cpu":
        return torch.float32
    has_bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if has_bf16 else torch.float32
