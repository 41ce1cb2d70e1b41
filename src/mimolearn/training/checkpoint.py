"""The state of a training run on disk: enough to go on bit for bit, and nothing pickled."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

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
    """How far a run is.

    Attributes:
        recipe_key: of the recipe.
        start: digest of the weights that the run began with, or "".
        stage: its number, from 0.
        stage_step: finished steps of the stage.
        step: finished steps in all.
        best_loss: least validation loss of the stage.
        best_step: where that was.
        seconds: of processor time.
        start_loss: validation loss of the last stage before the first step.
        loss: validation loss of the parameters that the last finished stage, or a problem that
            keeps its last parameters, has arrived at.
        moved: whether any step was kept.
    """

    recipe_key: str
    start: str = ""
    stage: int = 0
    stage_step: int = 0
    step: int = 0
    best_loss: float = float("inf")
    best_step: int = 0
    seconds: float = 0.0
    start_loss: float | None = None
    loss: float | None = None
    moved: bool = False


def save_checkpoint(
    path: Path,
    position: Position,
    model: nn.Module,
    best: dict[str, Tensor],
    optimizer: Adam,
    problem: dict[str, Tensor],
) -> None:
    """Write everything into one file, at once or not at all.

    Args:
        path: of the file.
        position: how far the run is.
        model: with the parameters of the last step.
        best: those of the least validation loss, where they are kept.
        optimizer: of the stage.
        problem: what the problem keeps beside all that, as states of generators.

    Raises:
        OSError: the file that was there is left as it was.
    """
    tensors = {f"model/{key}": value for key, value in model.state_dict().items()}
    tensors |= {f"best/{key}": value for key, value in best.items()}
    tensors |= {f"problem/{key}": value for key, value in problem.items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"adam/{index}/{key}": value for key, value in state.items()}
    content = {key: value.detach().clone().contiguous() for key, value in tensors.items()}
    metadata = {_STATE: json.dumps(asdict(position))}
    write_atomically(path, save_safetensors(content, metadata))


def load_checkpoint(
    path: Path, recipe_key: str, model: nn.Module, optimizer_of: Callable[[int], Adam]
) -> tuple[Position, dict[str, Tensor], Adam, dict[str, Tensor]]:
    """Restore a run of the same recipe.

    Args:
        path: of the file.
        recipe_key: of the recipe.
        model: takes the parameters.
        optimizer_of: makes the optimiser of a stage, by its number.

    Returns:
        How far the run is, the best parameters, the optimiser, and what the problem keeps.

    Raises:
        InvalidInputError: for a file that is damaged or of another recipe.
    """
    try:
        data = path.read_bytes()
        tensors = load_safetensors(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        position = Position(**json.loads(header["__metadata__"][_STATE]))
        groups: dict[str, dict[str, Tensor]] = {"model": {}, "best": {}, "adam": {}, "problem": {}}
        for key, tensor in tensors.items():
            group, _, rest = key.partition("/")
            groups[group][rest] = tensor
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InvalidInputError(f"{path}: not a training checkpoint: {error}") from None
    if position.recipe_key != recipe_key:
        raise InvalidInputError(
            f"{path}: belongs to another recipe ({position.recipe_key}); use another --out, or "
            "remove it"
        )
    model.load_state_dict(groups["model"])
    optimizer = optimizer_of(position.stage)
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in groups["adam"].items():
        index, _, field = key.partition("/")
        state.setdefault(int(index), {})[field] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return position, groups["best"], optimizer, groups["problem"]
