"""Reads and writes weights files: safetensors, with what describes them as JSON in the header.

Nothing is ever unpickled. A file is written beside its place and moved there, so that an interrupt leaves
the last whole one.
"""

import hashlib
import json
import os
import pickle
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from models.errors import CheckpointError

_PROJECT = "countenance"
FORMAT = f"{_PROJECT}/1"


def save_checkpoint(path: Path, kind: str, tensors: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
    """Write tensors and facts (JSON-able) atomically; `kind` names the network that may load them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"format": FORMAT, "kind": kind, "facts": json.dumps(facts)}
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(_with_sorted_header(save(whole, metadata=header)))
        # mkstemp makes private files; a weights file is as readable as any other.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _with_sorted_header(content: bytes) -> bytes:
    """The same file with its header's keys in order, so that equal weights have equal hashes.

    The library writes metadata in an order that differs from run to run. A file is the header's length (8 bytes), the
    header (JSON, padded with spaces to a multiple of 8), and the tensors.
    """
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def load_checkpoint(path: Path, *kinds: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Tensors (on the CPU) and facts that `save_checkpoint` wrote for one of these `kinds`.

    Raises:
        CheckpointError: no such file, a damaged or foreign one, one of another kind or of a later format.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no weights file {path}; train one or pass another path")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError) as problem:
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({problem}); copy or train it again"
        ) from None
    written_by, _, version = header.get("format", "").partition("/")
    if written_by != _PROJECT:
        raise CheckpointError(f"{path} was not written by this project; pass weights that it trained")
    if f"{written_by}/{version}" != FORMAT:
        raise CheckpointError(
            f"{path} is of format {version}, which this version does not know; update the project, or train it again"
        )
    if header.get("kind") not in kinds:
        raise CheckpointError(
            f"{path} holds the weights of a {header.get('kind')}, not of a {' or a '.join(kinds)}; pass another file"
        )
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise CheckpointError(f"{path} holds weights that are not numbers (NaN); copy or train it again")
    with facts_of(path):
        return tensors, dict(json.loads(header["facts"]))


@contextmanager
def facts_of(path: Path) -> Iterator[None]:
    """Turn what using a weights file's facts raises, where one is missing or strange, into one CheckpointError."""
    try:
        yield
    except CheckpointError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as problem:
        raise CheckpointError(
            f"{path} lacks a fact about itself, or has a strange one; copy or train it again"
        ) from problem


def load_package_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a checkpoint that the command line of `stylegan2-pytorch` wrote (`{"GAN": …}`).

    Such a file is a pickle; only tensors are read from it and nothing in it is executed.

    Raises:
        CheckpointError: no such file, a damaged one, or a pickle of anything else.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no weights file {path}; pass a model_N.pt that the package wrote")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of pickles that it then refuses
            stored = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError):
        raise CheckpointError(
            f"{path} holds more than weights, or is damaged, and was not executed; "
            "pass a model_N.pt that stylegan2-pytorch wrote"
        ) from None
    gan = stored.get("GAN") if isinstance(stored, dict) else None
    if not isinstance(gan, dict) or not all(isinstance(value, torch.Tensor) for value in gan.values()):
        raise CheckpointError(f"{path} has no 'GAN' weights; pass a model_N.pt that stylegan2-pytorch wrote")
    return gan


def load_into(module: torch.nn.Module, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Copy tensors into a module (cast to its dtypes); raises CheckpointError where names or shapes differ."""
    own = module.state_dict()
    for name in own.keys() | tensors.keys():
        if name not in tensors:
            raise CheckpointError(f"{path} lacks {name}; it belongs to another network, pass another file")
        if name not in own:
            raise CheckpointError(
                f"{path} holds an unknown {name}; it belongs to another network, pass another file"
            )
        if own[name].shape != tensors[name].shape:
            raise CheckpointError(
                f"{path}: {name} is {tuple(tensors[name].shape)} where this network has {tuple(own[name].shape)}; "
                "pass a file of the same size"
            )
    module.load_state_dict(tensors)


def shipped_weights(name: str) -> Path:
    """Path of a weights file: in the folder that COUNTENANCE_WEIGHTS names if it is there, else the project's.

    Raises:
        CheckpointError: COUNTENANCE_WEIGHTS names no folder, or one without any weights that are used here.
    """
    shipped = Path(__file__).parent / "weights"
    own = os.environ.get("COUNTENANCE_WEIGHTS")
    if own:
        used = {path.name for path in shipped.glob("*.safetensors")}
        if not any((Path(own) / known).is_file() for known in used):
            raise CheckpointError(
                f"COUNTENANCE_WEIGHTS names {own}, where there is none of {', '.join(sorted(used))}; "
                "correct it, or unset it to use the shipped weights"
            )
        if (Path(own) / f"{name}.safetensors").is_file():
            return Path(own) / f"{name}.safetensors"
    return shipped / f"{name}.safetensors"


def file_sha256(path: Path) -> str:
    """SHA-256 of a weights file; raises CheckpointError where it is absent."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        raise CheckpointError(f"there is no weights file {path}; train one or pass another path") from None
