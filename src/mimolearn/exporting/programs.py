"""What is written: a detector or one half of a quantiser, as a program on example inputs."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mimolearn.detectors import Detector
from mimolearn.exporting.pairs import ExportError
from mimolearn.exporting.realform import RealForm
from mimolearn.quantizers import Quantizer

# Neither is 0 or 1, which tracing takes for fixed sizes.
BATCH, VECTORS = 6, 3


# Kinds and words of PyTorch's errors that say why a program has no trace.
_ON_DATA = frozenset({"GuardOnDataDependentSymNode", "DataDependentOutputException"})
_DATA_SIGNS = ("data-dependent", "data dependent", "aten._local_scalar_dense", ".item()")
_OUTSIDE_SIGNS = (".numpy()", "data_ptr", "data pointer", "numpy")


class Program(NamedTuple):
    """What is written as a graph.

    Attributes:
        real: the module, on real tensors.
        example: its inputs.
        inputs: their names.
        outputs: names of the outputs.
        free: for each input, names of the leading axes that may have any size.
    """

    real: nn.Module
    example: tuple[Tensor, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    free: tuple[tuple[str, ...], ...]


class _Detect(nn.Module):
    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, y: Tensor, h: Tensor, noise_var: Tensor) -> tuple[Tensor, Tensor]:
        # Without the checks of ``forward``, which look at the data.
        detection = self.detector._detect(self.detector._prepare(h, noise_var), y)
        return detection.llr(), detection.indices()


class _Encode(nn.Module):
    def __init__(self, quantizer: Quantizer) -> None:
        super().__init__()
        self.quantizer = quantizer

    def forward(self, llr: Tensor) -> Tensor:
        return self.quantizer._quantize(llr)


class _Decode(nn.Module):
    def __init__(self, quantizer: Quantizer) -> None:
        super().__init__()
        self.quantizer = quantizer

    def forward(self, codes: Tensor) -> Tensor:
        return self.quantizer._dequantize(codes)


def detector_program(detector: Detector, num_rx_ant: int, num_tx_ant: int) -> Program:
    """A detector as a program from y, h and noise_var to llr and indices.

    Args:
        detector: what is exported.
        num_rx_ant: Nr of y (batch, vectors, Nr, 2).
        num_tx_ant: Nt of h (batch, Nr, Nt, 2).

    Raises:
        ExportError: the detector's steps depend on its data.
    """
    if not detector.soft:
        raise ExportError(
            f"export: {detector.name!r} makes hard decisions in a search, whose steps depend on "
            "the data: a graph has as many for all"
        )
    detector.prepare(torch.eye(num_rx_ant, num_tx_ant, dtype=torch.complex64), 1.0)
    generator = torch.Generator().manual_seed(1)
    h = torch.randn((BATCH, num_rx_ant, num_tx_ant), generator=generator, dtype=torch.complex64)
    y = torch.randn((BATCH, VECTORS, num_rx_ant), generator=generator, dtype=torch.complex64)
    example = (y, h, torch.full((BATCH,), 0.5, dtype=torch.float32))
    module, free = _Detect(detector), (("batch", "vectors"), ("batch",), ("batch",))
    # Tables are made when they are first needed, which must not be while tracing.
    with torch.enable_grad():
        module(y, h.clone().requires_grad_(), example[2])
    real = real_form(module, example, free, detector.name)
    example = (torch.view_as_real(y), torch.view_as_real(h), example[2])
    return Program(real, example, ("y", "h", "noise_var"), ("llr", "indices"), free)


def encoder_program(quantizer: Quantizer) -> Program:
    """codes (batch, words, n) int64 of llr (batch, streams, K)."""
    shape = (BATCH, quantizer.streams_per_group(), quantizer.constellation.bits_per_symbol)
    llr = torch.linspace(-9, 9, BATCH * shape[1] * shape[2], dtype=torch.float32).reshape(shape)
    return _quantizer_program(_Encode(quantizer), llr, "llr", "codes", quantizer.name)


def decoder_program(quantizer: Quantizer) -> Program:
    """llr (batch, streams, K) of codes (batch, words, n)."""
    levels = torch.tensor(quantizer.word_levels(), dtype=torch.int64)
    steps = torch.arange(BATCH * quantizer.words_per_group())
    codes = (steps.unsqueeze(-1) % levels).reshape(BATCH, -1, len(levels))
    return _quantizer_program(_Decode(quantizer), codes, "codes", "llr", quantizer.name)


def _quantizer_program(
    module: nn.Module, example: Tensor, takes: str, gives: str, name: str
) -> Program:
    with torch.no_grad():
        module(example)
    real = real_form(module, (example,), (("batch",),), name)
    return Program(real, (example,), (takes,), (gives,), (("batch",),))


def real_form(
    module: nn.Module, example: tuple[Tensor, ...], free: tuple[tuple[str, ...], ...], name: str
) -> RealForm:
    """Trace a module, and return it on real tensors.

    Args:
        module: what is traced.
        example: its inputs.
        free: for each, names of the leading axes that may have any size.
        name: of the part, for the error.

    Raises:
        ExportError: PyTorch cannot trace it.
    """
    try:
        with torch.no_grad(), _quiet():
            traced = torch.export.export(
                module.eval(), example, dynamic_shapes=free_axes(free), strict=False
            )
    except (RuntimeError, NotImplementedError, TypeError, AttributeError, ValueError) as error:
        raise ExportError(
            f"export: {name!r} cannot be written as a graph: {_cause(error)}"
        ) from None
    return RealForm(traced.module(check_guards=False))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the graph that PyTorch prints and logs of a program that it cannot trace."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _cause(error: Exception) -> str:
    """What kept a program from being traced, in one line with PyTorch's own words."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = " ".join((lines[0] if lines else type(error).__name__).split())[:200]
    text = str(error)
    if kinds & _ON_DATA or any(sign in text for sign in _DATA_SIGNS):
        return f"what it does depends on the data, as in a search ({words})"
    if any(sign in text for sign in _OUTSIDE_SIGNS):
        return f"a part of it runs outside PyTorch, as in a search ({words})"
    return f"{type(error).__name__}: {words}"


def free_axes(free: tuple[tuple[str, ...], ...]) -> tuple[dict[int, Any], ...]:
    """The leading axes of each input as torch.export wants them."""
    return tuple(dict.fromkeys(range(len(axes)), torch.export.Dim.DYNAMIC) for axes in free)
