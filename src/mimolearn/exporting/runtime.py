"""Exported detectors, run by ONNX Runtime as detectors of this library."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from mimolearn.detection import AxisLogitDetection
from mimolearn.detectors import Cost, Detector
from mimolearn.detectors.files import register_reader
from mimolearn.exporting.extra import needed
from mimolearn.foundation.errors import InvalidInputError, check_positive_int, invalid, user_path

_INPUTS = dict.fromkeys(("y", "h", "noise_var"), "tensor(float)")
_OUTPUTS = {"llr": "tensor(float)", "indices": "tensor(int64)"}


class Kept(NamedTuple):
    """A channel as the graph takes it.

    Attributes:
        h: (C, Nr, Nt) complex.
        noise_var: (C) real.
        blocks: *C, the shape of the block axes before they were joined.
    """

    h: Tensor
    noise_var: Tensor
    blocks: torch.Size


_PROVIDERS = ["CPUExecutionProvider"]
_MOST_BYTES = 2**31 - 1


def read_model(path: str | Path) -> bytes:
    """Read the bytes of a file; InvalidInputError if it cannot be read or is too large."""
    try:
        with user_path(path).open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read: {error.strerror}") from None
    if not 0 < len(data) <= _MOST_BYTES:
        raise InvalidInputError(f"{path}: not a model that runs: it has {len(data)} bytes")
    return data


def session(path: str | Path, num_threads: int = 1, data: bytes | None = None) -> Any:
    """Open an ONNX Runtime session on the CPU.

    Args:
        path: of the file.
        num_threads: default 1.
        data: the bytes of the file, if they were read before. A model with weights in other files
            is refused.

    Raises:
        InvalidInputError: for a file that is no model.
    """
    runtime = needed("onnxruntime", "onnxruntime")
    data = read_model(path) if data is None else data
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = num_threads
    # Errors are raised; other messages are not shown.
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(data, options, providers=_PROVIDERS)
    except Exception as error:  # the runtime's own kinds share no base but this
        raise InvalidInputError(f"{path}: not a model that runs: {first_line(error)}") from None


def first_line(error: Exception) -> str:
    """Return the first line of an error, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]


@final
class OnnxDetector(Detector):
    """A detector that runs a file written by ``export``.

    Choose it to check or time an exported file on the same draws as other detectors. All work is in
    ``detect``: the graph keeps nothing for a channel. Without channels or vectors, the result is
    empty and the graph is not run.

    Args:
        path: of the .onnx file.
        num_threads: threads of ONNX Runtime; default 1.

    Raises:
        InvalidInputError: for a file that is not a detector's, and for sizes other than its.
    """

    name = "onnx"

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        data = read_model(path)
        opened = session(path, check_positive_int("num_threads", num_threads), data)
        try:
            metadata = opened.get_modelmeta().custom_metadata_map
        except UnicodeDecodeError:
            raise InvalidInputError(f"{path}: its metadata are not UTF-8") from None
        if metadata.get("kind") != "detector":
            raise InvalidInputError(f"{path}: was not exported from a detector")
        try:
            super().__init__(_required(metadata, "constellation"))
            self._cost = _read_cost(_required(metadata, "real_multiplications"))
            self._size = tuple(_read_size(metadata, name) for name in ("num_rx_ant", "num_tx_ant"))
            self._check_interface(opened)
        except InvalidInputError as error:
            raise InvalidInputError(f"{path}: its metadata: {error}") from None
        self._session = opened
        self._sha256 = hashlib.sha256(data).hexdigest()

    def result_key(self) -> str:
        """Return the SHA-256 of the file, which is part of the key of stored results."""
        return self._sha256

    def _check_interface(self, opened: Any) -> None:
        """Raise InvalidInputError unless inputs and outputs are those that ``export`` writes."""
        for what, wanted, present in (
            ("inputs", _INPUTS, opened.get_inputs()),
            ("outputs", _OUTPUTS, opened.get_outputs()),
        ):
            has = {item.name: item.type for item in present}
            if has != wanted:
                raise invalid(what, str(has), str(wanted))

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        if (num_rx_ant, num_tx_ant) != self._size:
            expected = f"{self._size}, which was exported"
            raise invalid("h", f"<shape ({num_rx_ant}, {num_tx_ant})>", expected)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Kept:
        return Kept(h.reshape(-1, *h.shape[-2:]), noise_var.reshape(-1), h.shape[:-2])

    def _detect(self, prepared: Kept, y: Tensor) -> AxisLogitDetection:
        c = self.constellation
        shape = (len(prepared.h), y.shape[-2], prepared.h.shape[-1])
        if 0 in shape:
            # A graph is not made for no channel or no vector at all.
            llr = torch.zeros((*shape, c.bits_per_symbol), dtype=torch.float32)
            indices = torch.zeros(shape, dtype=torch.int64)
        else:
            llr, indices = self._run(prepared, y)
        wanted = ((*shape, c.bits_per_symbol), shape)
        if (tuple(llr.shape), tuple(indices.shape)) != wanted:
            shapes = f"<shapes {tuple(llr.shape)}, {tuple(indices.shape)}>"
            raise invalid("outputs of the ONNX file", shapes, f"shapes {wanted[0]}, {wanted[1]}")
        llr = llr.reshape(*prepared.blocks, *llr.shape[1:])
        indices = indices.reshape(*prepared.blocks, *indices.shape[1:])
        logits = c.logits_to_axis_logits(c.llr_to_logits(llr))
        return AxisLogitDetection(c, logits, indices, llr=llr)

    def _run(self, prepared: Kept, y: Tensor) -> tuple[Tensor, Tensor]:
        inputs = {
            "y": _parts(y.reshape(-1, *y.shape[-2:])),
            "h": _parts(prepared.h),
            "noise_var": prepared.noise_var.to("cpu", torch.float32).numpy(),
        }
        try:
            llr, indices = self._session.run(["llr", "indices"], inputs)
        except Exception as error:  # the runtime's own kinds share no base but this
            raise InvalidInputError(f"ONNX file: does not run: {first_line(error)}") from None
        return torch.from_numpy(llr), torch.from_numpy(indices)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        """Return the cost of the exported detector.

        Args:
            num_rx_ant: number of receive antennas Nr.
            num_tx_ant: number of streams Nt.
        """
        self._check_size(num_rx_ant, num_tx_ant)
        return self._cost


def _required(metadata: Mapping[str, str], name: str) -> str:
    if name not in metadata:
        raise InvalidInputError(f"{name}: missing, a value is required")
    return metadata[name]


def _read_size(metadata: Mapping[str, str], name: str) -> int:
    text = _required(metadata, name)
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 6 and int(text) > 0):
        raise invalid(name, text, "a number of antennas")
    return int(text)


def _read_cost(text: str) -> Cost:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    names = Cost._fields
    numbers = content if isinstance(content, dict) and set(content) == set(names) else {}
    counts = [type(number) is int for name, number in numbers.items() if number is not None]
    if not numbers or numbers["per_channel"] is None or not all(counts):
        raise invalid("real_multiplications", text, "a table of per_channel and per_vector")
    return Cost(**numbers)


def _parts(x: Tensor) -> np.ndarray:
    x = x.detach().to("cpu", torch.complex64).resolve_conj().contiguous()
    return torch.view_as_real(x).numpy()


register_reader(".onnx", OnnxDetector)
