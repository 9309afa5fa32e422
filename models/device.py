"""Where networks are trained, in what number format and by how many threads: decided here for every stage."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

DEVICE_VARIABLE = "COUNTENANCE_DEVICE"
LEAST_SHARED_BY_THREADS = 5000  # decisions or applications at a time


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


def fast_math(device: torch.device) -> torch.autocast:
    """A context in which networks compute in `fast_dtype`; accelerate would have one number format for a process."""
    dtype = fast_dtype(device)
    return torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32)


@contextmanager
def threads_worth(n_rows: int) -> Iterator[None]:
    """Compute in a single thread where only `n_rows` decisions or applications are gone through at a time.

    On so few, the small networks of ĥ and the encoder take microseconds an operation: as long as threads take to meet,
    and a hundredth of what they take beside a busy process.
    """
    usual = torch.get_num_threads()
    torch.set_num_threads(usual if n_rows >= LEAST_SHARED_BY_THREADS else 1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
