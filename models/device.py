"""Where networks compute, in what number format and by how many threads: decided here for every stage.

Faces are drawn and read, and ĥ and the encoder are fitted, on `best_device`. Networks that were loaded take their
inputs from wherever they lie, so that whoever asks them may hold data on the processor. Where the device multiplies
bfloat16 in hardware, faces are drawn in it: their pixels differ from those that the processor draws in float32 by less
than a hundredth on average, and readings of an axis by less than a twentieth. All else is computed in float32.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from models.errors import DeviceError

DEVICE_VARIABLE = "COUNTENANCE_DEVICE"  # the option --device sets it, so that processes started later follow
DEVICES = ("cpu", "cuda", "mps")
LEAST_SHARED_BY_THREADS = 5000  # decisions or applications at a time


def best_device() -> torch.device:
    """The device that COUNTENANCE_DEVICE names (cpu, cuda, mps), else a CUDA GPU, else Apple's, else the processor.

    Raises DeviceError where it names none, or one that is not here.
    """
    return _device(os.environ.get(DEVICE_VARIABLE) or next(filter(_is_here, ("cuda", "mps", "cpu"))))


def use_device(named: str | None) -> None:
    """Have everything computed on a device by name; None leaves it to `best_device`. Raises DeviceError at once."""
    if named is None:
        best_device()
    else:
        os.environ[DEVICE_VARIABLE] = _device(named).type


def _is_here(name: str) -> bool:
    if name == "cpu":
        return True
    return torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()


def _device(name: str) -> torch.device:
    if name not in DEVICES:
        raise DeviceError(f"There is no device {name!r}; name one of {', '.join(DEVICES)}.")
    if not _is_here(name):
        raise DeviceError(f"torch finds no device {name} on this machine; leave it out, or name cpu.")
    return torch.device(name)


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
