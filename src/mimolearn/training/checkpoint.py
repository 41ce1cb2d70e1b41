"""The state of a training run on disk: enough to go on bit for bit, and nothing pickled."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn
from torch.optim import Adam

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import InvalidInputError

_STATE = "state.json"


@dataclass
class Position:
    """How far a run is. Draws depend on the step alone, so no generator has a state to keep.

    stage: its number; stage_step: finished steps of it; step: finished steps in all.
    best_loss, best_step: of the stage. seconds: of processor time. start: digest of the weights
    that the run began with.
    """

    recipe_key: str
    start: str = ""
    stage: int = 0
    stage_step: int = 0
    step: int = 0
    best_loss: float = float("inf")
    best_step: int = 0
    seconds: float = 0.0


def save_checkpoint(
    path: Path, position: Position, model: nn.Module, best: dict[str, Tensor], optimizer: Adam
) -> None:
    """Write everything into one file, at once or not at all."""
    tensors = {f"model/{key}": value for key, value in model.state_dict().items()}
    tensors |= {f"best/{key}": value for key, value in best.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{key}": value for key, value in state.items()}
    content = {key: value.detach().clone().contiguous() for key, value in tensors.items()}
    metadata = {_STATE: json.dumps(asdict(position))}
    write_atomically(path, save_safetensors(content, metadata))


def load_checkpoint(
    path: Path, recipe_key: str, model: nn.Module, optimizer_of: Any
) -> tuple[Position, dict[str, Tensor], Adam]:
    """Restore a run of the same recipe. optimizer_of: the optimiser of a stage, by its number.

    Raises InvalidInputError for a file that is damaged or of another recipe.
    """
    try:
        data = path.read_bytes()
        tensors = load_safetensors(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        position = Position(**json.loads(header["__metadata__"][_STATE]))
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{path}: not a training checkpoint: {error}") from None
    if position.recipe_key != recipe_key:
        raise InvalidInputError(
            f"{path}: belongs to another recipe ({position.recipe_key}); use another --out, or "
            "remove it"
        )
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "adam": {}}
    for key, tensor in tensors.items():
        group, _, rest = key.partition("/")
        groups[group][rest] = tensor
    model.load_state_dict(groups["model"])
    optimizer = optimizer_of(position.stage)
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in groups["adam"].items():
        index, _, field = key.partition("/")
        state.setdefault(int(index), {})[field] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return position, groups["best"], optimizer
