"""An exported detector, run by ONNX Runtime, as a detector among others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from mimolearn.detection import AxisLogitDetection
from mimolearn.detectors import Cost, Detector
from mimolearn.errors import InvalidInputError, invalid, user_path
from mimolearn.exporting.extra import needed


class Kept(NamedTuple):
    """h: (C, Nr, Nt) and noise_var: (C), with the block shape that they came in."""

    h: Tensor
    noise_var: Tensor
    blocks: torch.Size


_PROVIDERS = ["CPUExecutionProvider"]


def session(path: str | Path, num_threads: int = 1) -> Any:
    """An ONNX Runtime session on the CPU. Raises InvalidInputError for a file that is no model."""
    runtime = needed("onnxruntime", "onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = num_threads
    # Errors are raised; what else it logs is of no use here.
    options.log_severity_level = 3
    try:
        return runtime.InferenceSession(str(user_path(path)), options, providers=_PROVIDERS)
    except (runtime.capi.onnxruntime_pybind11_state.Fail, OSError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise InvalidInputError(f"{path}: not a model that runs: {first[:200]}") from None


@final
class OnnxDetector(Detector):
    """A file that ``export`` has written of a detector.

    Choose it to check or to time an exported file on the same draws as all others.
    Its work is all in ``detect``: the graph has no part that is kept for a channel.
    Errors: InvalidInputError for a file that is not a detector's, and for other sizes than its.
    """

    name = "onnx"

    def __init__(self, path: str | Path, num_threads: int = 1) -> None:
        opened = session(path, num_threads)
        metadata = opened.get_modelmeta().custom_metadata_map
        if metadata.get("kind") != "detector":
            raise InvalidInputError(f"{path}: was not exported from a detector")
        super().__init__(metadata["constellation"])
        self._session = opened
        self._cost = Cost(**json.loads(metadata["real_multiplications"]))
        self._size = int(metadata["num_rx_ant"]), int(metadata["num_tx_ant"])

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        if (num_rx_ant, num_tx_ant) != self._size:
            expected = f"{self._size}, which was exported"
            raise invalid("h", f"<shape ({num_rx_ant}, {num_tx_ant})>", expected)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Kept:
        return Kept(h.reshape(-1, *h.shape[-2:]), noise_var.reshape(-1), h.shape[:-2])

    def _detect(self, prepared: Kept, y: Tensor) -> AxisLogitDetection:
        inputs = {
            "y": _parts(y.reshape(-1, *y.shape[-2:])),
            "h": _parts(prepared.h),
            "noise_var": prepared.noise_var.to(torch.float32).numpy(),
        }
        llr, indices = (
            torch.from_numpy(out) for out in self._session.run(["llr", "indices"], inputs)
        )
        llr = llr.reshape(*prepared.blocks, *llr.shape[1:])
        indices = indices.reshape(*prepared.blocks, *indices.shape[1:])
        c = self.constellation
        logits = c.logits_to_axis_logits(c.llr_to_logits(llr))
        return AxisLogitDetection(c, logits, indices, llr=llr)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        """That of the detector which was exported."""
        self._check_size(num_rx_ant, num_tx_ant)
        return self._cost


def _parts(x: Tensor) -> np.ndarray:
    x = x.detach().to(torch.complex64).resolve_conj().contiguous()
    return torch.view_as_real(x).numpy()
