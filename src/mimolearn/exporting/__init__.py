"""Trained receivers as ONNX files, for machines that have neither PyTorch nor this library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mimolearn.detectors import Detector
from mimolearn.exporting.checking import Check, Counted, check_detector, check_quantizer
from mimolearn.exporting.extra import needed
from mimolearn.exporting.frames import Subject, subject
from mimolearn.exporting.graph import write_graph
from mimolearn.exporting.metadata import detector_metadata, quantizer_metadata
from mimolearn.exporting.pairs import ExportError
from mimolearn.exporting.programs import decoder_program, detector_program, encoder_program
from mimolearn.exporting.runtime import OnnxDetector
from mimolearn.foundation.errors import invalid, user_path
from mimolearn.link.scenario import Scenario
from mimolearn.quantizers import Quantizer


@dataclass(frozen=True)
class Exported:
    """files: that were written; check: what they did on the library's own frames."""

    files: tuple[Path, ...]
    check: Check


def export(
    part: str | Path | Detector | Quantizer,
    path: str | Path,
    *,
    scenario: Scenario | None = None,
    snr_db: float | None = None,
) -> Exported:
    """Write a detector or quantiser as ONNX and compare the file with the library.

    part: a shipped name, a .safetensors file, a detector as text ("ep:num_iter=5"), or an object.
    path: of the .onnx file; of a quantiser it gets the encoder, and NAME-decoder.onnx beside it the
    decoder. scenario: decides antennas and constellation, and is what the file is checked on; by
    default that of the training. snr_db: of the check; by default one of the card's, lowered where
    there are no errors at it.

    The graph works on real float32 numbers with any batch and number of vectors: inputs y
    (batch, vectors, Nr, 2), h (batch, Nr, Nt, 2), noise_var (batch); outputs llr and indices. It is
    the detector's own program, recorded by PyTorch and run on pairs of real numbers;
    factorisations are unrolled for the size. ``metadata_props`` say the rest.
    Raises InvalidInputError for what is not known, ExportError where the packages of the extra
    ``onnx`` are missing or where there is no such graph.
    """
    path = user_path(path)
    if path.suffix != ".onnx":
        raise invalid("path", str(path), "a file that ends in .onnx")
    if not path.parent.is_dir():
        raise invalid("path", str(path), "a file in a folder that is there")
    needed("onnx")
    needed("onnxruntime")
    found = subject(part, scenario, snr_db)
    if isinstance(found.part, Quantizer):
        return _export_quantizer(found, found.part, path)
    program = detector_program(found.part, found.scenario.num_rx_ant, found.scenario.num_tx_ant)
    metadata = detector_metadata(found.part, *_weights(found), found.scenario)
    write_graph(program, path, metadata)
    return Exported((path,), check_detector(found, path))


def _export_quantizer(found: Subject, quantizer: Quantizer, path: Path) -> Exported:
    other = path.with_name(f"{path.stem}-decoder.onnx")
    for half, program, file in (
        ("encoder", encoder_program(quantizer), path),
        ("decoder", decoder_program(quantizer), other),
    ):
        metadata = quantizer_metadata(quantizer, half, *_weights(found), found.scenario)
        write_graph(program, file, metadata)
    return Exported((path, other), check_quantizer(found, path, other))


def _weights(found: Subject) -> tuple[str, str]:
    return ("", "") if found.card is None else (found.card.name, found.card.sha256)


__all__ = [
    "Check",
    "Counted",
    "ExportError",
    "Exported",
    "OnnxDetector",
    "export",
]
