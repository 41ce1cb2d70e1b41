"""Trained parameters on disk: a safetensors file with a JSON card beside it.

Nothing is unpickled. Files are not trusted: sizes, digest, names, shapes, types and values are
checked, and every error is one line that names the file.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import InvalidInputError, check_one_of, user_path
from mimolearn.foundation.plainmodel import PlainModel, Real
from mimolearn.foundation.shipped import shipped_folder, shipped_names

CARD_SCHEMA = 1

_MAX_CARD_BYTES = 2**20
_MAX_WEIGHTS_BYTES = 2**28
# A network may hold this many numbers beside those of its file, for tables and the like, and may
# take this many steps to build: small files need no more, and nothing fills the memory.
_SPARE_NUMBERS = 2**22
_MOST_STEPS = 200_000
# Of layout "small", where a file says the weights of one unknown for all.
_MOST_SPREAD_NUMBERS = 2**24
# What constructors raise for sizes and types that nobody foresaw.
_UNBUILDABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)
# These take a number of entries, or of entries on a side.
_BY_COUNT = {"arange": 1, "linspace": 1, "logspace": 1, "randperm": 1, "eye": 2}
_BY_SHAPE = frozenset(
    (
        *("empty", "zeros", "ones", "rand", "randn", "full", "randint", "repeat", "expand"),
        *("new_empty", "new_zeros", "new_ones", "new_full", "broadcast_to", "tile"),
    )
)
_VERSIONED = ("mimolearn", "torch", "numpy", "safetensors")


class MeasuredSoftBits(PlainModel):
    """The loss of soft bits at one SNR, on channels that were not used for training.

    Attributes:
        snr_db: SNR, dB.
        kl_mbit: KL divergence of bit posteriors from the true ones, thousandths of a bit per bit.
        gmi: generalised mutual information per bit.
        gmi_true: the same of the true soft bits.
        uses: channel uses.
    """

    snr_db: Real
    kl_mbit: Real
    gmi: Real
    gmi_true: Real
    uses: int


class Measured(PlainModel):
    """Errors of a network at one SNR, on channels that were not used for training.

    Attributes:
        snr_db: SNR, dB.
        nmse_db: E||x_hat - x||^2 / E||x||^2 of the last estimate, dB.
        ber: bit-error rate.
        ser: symbol-error rate.
        vectors: counted vectors.
    """

    snr_db: Real
    nmse_db: Real
    ber: Real
    ser: Real
    vectors: int


class DepthLosses(PlainModel):
    """Validation losses of a training layer by layer, at one SNR.

    Attributes:
        snr_db: SNR, dB.
        losses: of 1, 2, ... layers, each when it was the last one.
    """

    snr_db: Real
    losses: tuple[Real, ...]


class BeamMeasured(PlainModel):
    """Error rates of a beamformer at one SNR, on channels that were not used for training.

    Attributes:
        snr_db: SNR, dB.
        ser: exact symbol-error rate, mean over channels.
        geometric_ser: the same, geometric mean over channels.
        start_ser: symbol-error rate of the beams that the layers start from.
        channels: counted channels.
    """

    snr_db: Real
    ser: Real
    geometric_ser: Real
    start_ser: Real
    channels: int


class Card(PlainModel):
    """Description of trained weights: the network, its training, and what was measured.

    Attributes:
        name: of the weights.
        kind: "detector", "beamformer" or "quantizer".
        network: registered name of the network.
        constellation: its name.
        options: of the network's constructor.
        layout: of the tensors in the file; "small" holds the weights of one unknown, for a network
            that has the same weights for all.
        recipe: of the training.
        recipe_key: digest of the recipe.
        start: digest of the weights from which the training started.
        best_step: step of the best validation loss.
        seconds: processor time of the training on one thread, s.
        depths: validation losses of a training layer by layer, per SNR.
        sha256: digest of the weights file.
    """

    card_schema: Literal[1] = CARD_SCHEMA
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,79}$")]
    kind: Literal["detector", "beamformer", "quantizer"] = "detector"
    network: Annotated[str, Field(max_length=80)]
    constellation: Annotated[str, Field(max_length=20)]
    options: dict[str, bool | int | Real | str] = Field(default_factory=dict)
    layout: Literal["whole", "small"] = "whole"
    recipe: dict[str, Any]
    recipe_key: str
    seed: int
    start: str = ""
    steps: int
    best_step: int
    validation_loss: Real
    seconds: Real
    measured: tuple[Measured, ...] = ()
    depths: tuple[DepthLosses, ...] = ()
    beams_measured: tuple[BeamMeasured, ...] = ()
    soft_bits: tuple[MeasuredSoftBits, ...] = ()
    versions: dict[str, str] = Field(default_factory=dict)
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Weights(NamedTuple):
    """Trained weights: their card, and the tensors by name, as stored."""

    card: Card
    tensors: dict[str, Tensor]


def shipped_weights() -> tuple[str, ...]:
    """Names of the weights that come with the library."""
    return shipped_names("data/weights/receivers", ".safetensors")


def shipped_beams() -> tuple[str, ...]:
    """Names of the trained beamformers that come with the library."""
    return shipped_names("data/weights/beamformers", ".safetensors")


def is_weights_name(name: str) -> bool:
    """True for a shipped name or the path of a .safetensors file."""
    return name.endswith(".safetensors") or name in shipped_weights()


def read_card(name: str | Path) -> Card:
    """Read the card of shipped weights, or of a .safetensors file."""
    return _parse_card(_locate(name)[1], str(name))


def read_weights(name: str | Path) -> Weights:
    """Read weights.

    Args:
        name: a shipped name, or a .safetensors file with its card beside it.

    Raises:
        InvalidInputError: for a file that cannot be read, is too large, is no safetensors file, or
            is not the one that its card describes.
    """
    file, card_file = _locate(name)
    card = _parse_card(card_file, str(name))
    data = _read(file, _MAX_WEIGHTS_BYTES, str(name))
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise InvalidInputError(f"{name}: the weights are not those that its card describes")
    try:
        return Weights(card, load_safetensors(data))
    except (SafetensorError, ValueError, KeyError) as error:
        raise InvalidInputError(f"{name}: not a safetensors file: {error}") from None


def round_to(module: nn.Module, dtype: torch.dtype) -> None:
    """Round real parameters to the values of a smaller type, and keep their type."""
    with torch.no_grad():
        for value in module.state_dict().values():
            if value.dtype.is_floating_point:
                value.copy_(value.to(dtype))


def write_weights(
    folder: Path,
    module: nn.Module,
    fields: dict[str, Any],
    dtype: torch.dtype | None = None,
    small: Mapping[str, Tensor] | None = None,
) -> Card:
    """Write NAME.safetensors and NAME.json, each completely or not at all; returns the card.

    ``fields`` are those of the card, without the layout, the digest and the versions. ``dtype`` is
    the stored type of real numbers; by default it is unchanged. ``small`` are tensors to store
    instead of the module's, in layout "small".
    """
    tensors = {
        key: (value.to(dtype) if dtype and value.dtype.is_floating_point else value)
        .detach()
        .contiguous()
        for key, value in (module.state_dict() if small is None else small).items()
    }
    layout = "whole" if small is None else "small"
    data = save_safetensors(tensors)
    digest = hashlib.sha256(data).hexdigest()
    card = Card(**fields, layout=layout, versions=library_versions(), sha256=digest)
    write_atomically(folder / f"{card.name}.safetensors", data)
    text = json.dumps(card.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"
    write_atomically(folder / f"{card.name}.json", text)
    return card


class OversizedError(InvalidInputError):
    """The options of a card ask for a network that is much larger than its file."""


@contextmanager
def bounded_by(weights: Weights) -> Iterator[None]:
    """Refuse tensors much larger than the file's, while the network of a card is built.

    Raises:
        OversizedError: if options ask for a larger tensor.
        InvalidInputError: if options do not describe a network.
    """
    stored = sum(tensor.numel() for tensor in weights.tensors.values())
    most = _SPARE_NUMBERS + 4 * stored
    if weights.card.layout == "small":
        most = max(most, _MOST_SPREAD_NUMBERS)
    try:
        with _Bounded(most):
            yield
    except InvalidInputError:
        raise
    except _UNBUILDABLE as error:
        reason = str(error).partition("\n")[0][:120] or type(error).__name__
        raise InvalidInputError(
            f"options describe no network that can be built: {reason}"
        ) from None


class _Bounded(TorchFunctionMode):
    """Checks the sizes that an operation asks for, before it is run."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most, self._steps = most, 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self._steps += 1
        given = (*args, *(kwargs or {}).values())
        if self._steps > _MOST_STEPS or _numbers(func.__name__, given) > self._most:
            raise OversizedError(
                "options ask for a network far larger than the weights that the file holds"
            )
        return func(*args, **(kwargs or {}))


def _numbers(name: str, args: tuple[Any, ...]) -> float:
    """Entries that an operation takes or makes, as far as its arguments say."""
    entries = [arg.numel() for arg in args if isinstance(arg, Tensor)]
    lists = [arg for arg in args if isinstance(arg, list | tuple)]
    numbers = [abs(arg) for arg in args if isinstance(arg, int | float)]
    if name in _BY_COUNT:
        return float(max(numbers, default=0)) ** _BY_COUNT[name]
    if name not in _BY_SHAPE:
        parts = (part.numel() for items in lists for part in items if isinstance(part, Tensor))
        return max([*entries, sum(parts)], default=0)
    # A shape is one list or several numbers.
    shapes = [x for x in lists if all(isinstance(size, int) for size in x)] or [numbers]
    wanted = max(math.prod(shape) for shape in shapes)
    return wanted * max(entries, default=1) if name == "repeat" else max([wanted, *entries])


def load_into(module: nn.Module, weights: Weights) -> None:
    """Copy tensors into a network, in its own types; names and shapes must be its own."""
    if weights.card.layout != "whole":
        raise InvalidInputError(
            f"{weights.card.name}: its card: layout: got {weights.card.layout!r}, expected 'whole' "
            f"for {weights.card.network}"
        )
    check_tensors(weights, module.state_dict())
    module.load_state_dict(weights.tensors)


def check_tensors(weights: Weights, wanted: Mapping[str, Tensor]) -> None:
    """Raise InvalidInputError unless names, shapes and types are those wanted, and all finite."""
    name = weights.card.name
    if set(wanted) != set(weights.tensors):
        difference = sorted(set(wanted) ^ set(weights.tensors))
        raise InvalidInputError(f"{name}: tensors {', '.join(difference)[:80]} do not match")
    # A safetensors file has no order of its own; the first complaint should be the same always.
    for key, tensor in sorted(weights.tensors.items()):
        if tensor.shape != wanted[key].shape:
            raise InvalidInputError(
                f"{name}: tensor {key} has shape {tuple(tensor.shape)}, the network that its card "
                f"describes has {tuple(wanted[key].shape)}"
            )
        if tensor.dtype != wanted[key].dtype and not (
            tensor.dtype.is_floating_point and wanted[key].dtype.is_floating_point
        ):
            raise InvalidInputError(
                f"{name}: tensor {key} is {tensor.dtype}, expected {wanted[key].dtype}"
            )
        if tensor.dtype.is_floating_point and not bool(torch.isfinite(tensor).all()):
            raise InvalidInputError(f"{name}: tensor {key} holds NaN or infinite values")


def library_versions() -> dict[str, str]:
    """Versions of what decides a training's result."""
    python = ".".join(map(str, sys.version_info[:3]))
    return {"python": python} | {name: metadata.version(name) for name in _VERSIONED}


def _locate(name: str | Path) -> tuple[Traversable | Path, Traversable | Path]:
    if str(name).endswith(".safetensors"):
        path = user_path(name)
        return path, path.with_suffix(".json")
    beams = shipped_beams()
    check_one_of("weights", str(name), (*shipped_weights(), *beams))
    folder = (
        shipped_folder("data/weights/beamformers")
        if str(name) in beams
        else shipped_folder("data/weights/receivers")
    )
    return folder / f"{name}.safetensors", folder / f"{name}.json"


def _parse_card(file: Traversable | Path, name: str) -> Card:
    data = _read(file, _MAX_CARD_BYTES, name)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{name}: its card is not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise InvalidInputError(f"{name}: its card is not a JSON object")
    try:
        return Card(**content)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: its card: {error}") from None


def _read(file: Traversable | Path, limit: int, name: str) -> bytes:
    try:
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise InvalidInputError(f"{name}: {file.name} cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise InvalidInputError(f"{name}: {file.name} is larger than {limit} bytes")
    return data
