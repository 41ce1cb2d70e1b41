"""Trained receivers as ONNX files, for machines that have neither PyTorch nor this library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mimolearn.detectors import Detector, ListNet
from mimolearn.exporting.checking import (
    Check,
    Counted,
    check_detector,
    check_list_head,
    check_quantizer,
)
from mimolearn.exporting.extra import needed
from mimolearn.exporting.frames import Subject, find_subject
from mimolearn.exporting.graph import write_graph
from mimolearn.exporting.list_head import head_program
from mimolearn.exporting.metadata import (
    detector_metadata,
    list_head_metadata,
    quantizer_metadata,
)
from mimolearn.exporting.pairs import ExportError
from mimolearn.exporting.programs import decoder_program, detector_program, encoder_program
from mimolearn.exporting.runtime import OnnxDetector
from mimolearn.foundation.errors import invalid, user_path
from mimolearn.link.scenario import Scenario
from mimolearn.quantizers import Quantizer


@dataclass(frozen=True)
class Exported:
    """Written ONNX files and their check.

    Attributes:
        files: paths of the written files.
        check: the files against the library, on the same frames.
    """

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

    The graph works on real float32 numbers, for any batch and number of vectors: inputs y
    (batch, vectors, Nr, 2), h (batch, Nr, Nt, 2), noise_var (batch); outputs llr and indices. It is
    the program of the detector, recorded by PyTorch and run on pairs of real numbers, with
    factorisations unrolled for the size. ``metadata_props`` describe it. Of ``list-net`` the file
    holds what follows the tree search: its inputs are the list, the evidence beside it, and the
    LLRs of ``lmmse`` and ``ep``.

    Args:
        part: a shipped name, a .safetensors file, a detector as text ("ep:num_iter=5"), or an
            object.
        path: of the .onnx file. For a quantiser it is the encoder; the decoder is written beside it
            as NAME-decoder.onnx.
        scenario: gives antennas and constellation, and the link of the check; default that of the
            training.
        snr_db: SNR of the check, dB; default one of the card's, lowered if it gives no errors.

    Raises:
        InvalidInputError: for an unknown name or a path that cannot be written.
        ExportError: if packages of the extra ``onnx`` are missing, or ONNX has no such graph.
    """
    path = user_path(path)
    if path.suffix != ".onnx":
        raise invalid("path", str(path), "a file that ends in .onnx")
    if not path.parent.is_dir():
        raise invalid("path", str(path), "a file in a folder that is there")
    needed("onnx")
    needed("onnxruntime")
    subject = find_subject(part, scenario, snr_db)
    if isinstance(subject.part, Quantizer):
        return _export_quantizer(subject, subject.part, path)
    if isinstance(subject.part, ListNet):
        return _export_list_head(subject, subject.part, path)
    program = detector_program(
        subject.part, subject.scenario.num_rx_ant, subject.scenario.num_tx_ant
    )
    metadata = detector_metadata(subject.part, *_weights(subject), subject.scenario)
    write_graph(program, path, metadata)
    return Exported((path,), check_detector(subject, path))


def _export_list_head(subject: Subject, net: ListNet, path: Path) -> Exported:
    program = head_program(net, subject.scenario.num_tx_ant)
    write_graph(program, path, list_head_metadata(net, *_weights(subject), subject.scenario))
    return Exported((path,), check_list_head(subject, path))


def _export_quantizer(subject: Subject, quantizer: Quantizer, path: Path) -> Exported:
    decoder = path.with_name(f"{path.stem}-decoder.onnx")
    for half, program, file in (
        ("encoder", encoder_program(quantizer), path),
        ("decoder", decoder_program(quantizer), decoder),
    ):
        metadata = quantizer_metadata(quantizer, half, *_weights(subject), subject.scenario)
        write_graph(program, file, metadata)
    return Exported((path, decoder), check_quantizer(subject, path, decoder))


def _weights(subject: Subject) -> tuple[str, str]:
    return ("", "") if subject.card is None else (subject.card.name, subject.card.sha256)


__all__ = [
    "Check",
    "Counted",
    "ExportError",
    "Exported",
    "OnnxDetector",
    "export",
]
