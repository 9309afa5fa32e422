"""Where a training run stands: its networks, its optimizer and its step, in one file that is always whole."""

from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from data.errors import FacesError
from models.checkpoint import load_checkpoint, load_into, save_checkpoint

RUN_KIND = "face training run"


def keep_options(folder: Path, options: BaseModel) -> None:
    """Write options into a run's folder; raises FacesError where a run with other options is there."""
    path = folder / "options.json"
    try:
        is_another = path.is_file() and type(options).model_validate_json(path.read_text()) != options
    except ValueError as error:
        raise FacesError(f"{path} is damaged or of another program; choose another --out") from error
    if is_another:
        raise FacesError(f"{folder} holds a run with other options; pass those of {path}, or another --out")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(options.model_dump_json(indent=1))


def save_state(
    path: Path, modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer], step: int
) -> None:
    """Write modules, the moments of their optimizers, and the number of steps taken."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"{name}.{key}": value for key, value in module.state_dict().items()}
    for name, optimizer in optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            tensors |= {f"{name}/{index}/{key}": value for key, value in moments.items()}
    save_checkpoint(path, RUN_KIND, tensors, {"step": step})


def load_state(
    path: Path, modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> int:
    """Put back what `save_state` wrote; the number of steps taken, 0 where nothing was written yet.

    Raises:
        CheckpointError: a damaged or foreign file, or one of networks of another size.
    """
    if not path.is_file():
        return 0
    tensors, facts = load_checkpoint(path, RUN_KIND)
    for name, module in modules.items():
        load_into(module, part(tensors, name), path)
    for name, optimizer in optimizers.items():
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(f"{name}/"):
                _, index, moment = key.split("/")
                state.setdefault(int(index), {})[moment] = _laid_out_like(parameters[int(index)], value)
        optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return int(facts["step"])


def _laid_out_like(parameter: Tensor, moment: Tensor) -> Tensor:
    """A moment in the memory format of its parameter: fused Adam walks both as they lie in memory."""
    if moment.shape != parameter.shape:
        return moment
    return torch.empty_like(parameter, dtype=moment.dtype, device="cpu").copy_(moment)


def part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors of one module of a state, under their own names."""
    return {
        key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")
    }
