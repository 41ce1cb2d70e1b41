"""The check of an exported file against the library: LLRs and errors on the same frames."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, final

import torch
from torch import Tensor

from mimolearn.detection import LLRDetection
from mimolearn.detectors import Cost, Detector, ListNet
from mimolearn.detectors.text import detector_from_text
from mimolearn.exporting.frames import Subject
from mimolearn.exporting.list_head import OnnxListNet
from mimolearn.exporting.runtime import OnnxDetector, session
from mimolearn.link.randomness import CounterGenerator
from mimolearn.link.scenario import Block
from mimolearn.plans.plan import canonical_snr
from mimolearn.plans.quantized import Inner, QuantizedDetector
from mimolearn.quantizers import Quantizer
from mimolearn.studies.kinds.chunk import chunk_channels
from mimolearn.studies.kinds.run_chunk import run_chunk
from mimolearn.studies.kinds.seeds import chunk_seed

# Enough errors to show a difference, in a short time.
_MOST_CHUNKS, _ENOUGH_ERRORS = 8, 200
_STEP_DB, _LEAST_SNR_DB = 5.0, -20.0
# LLRs that differ by less than this share of their median are the same but for rounding.
_ROUNDING = 2e-3


class Counted(NamedTuple):
    """Errors of one implementation.

    Attributes:
        bit_errors: wrong bits.
        symbol_errors: wrong symbols.
        vector_errors: vectors with a wrong symbol.
        nonfinite: vectors whose output was not finite.
    """

    bit_errors: int
    symbol_errors: int
    vector_errors: int
    nonfinite: int


class Check(NamedTuple):
    """An exported file compared with the library.

    Attributes:
        snr_db: SNR of the frames, dB.
        bits: counted bits.
        vectors: counted vectors.
        library: errors of the library.
        onnx: errors of the file.
        llr_difference: largest difference of an LLR.
        llr_size: median magnitude of an LLR.
        different_codes: words that an exported quantiser encodes differently.
        ties: bits that the two decide otherwise where both LLRs are 0 but for rounding.
        different: bits that they decide otherwise elsewhere.
    """

    snr_db: float
    bits: int
    vectors: int
    library: Counted
    onnx: Counted
    llr_difference: float
    llr_size: float
    different_codes: int = 0
    ties: int = 0
    different: int = 0

    @property
    def same(self) -> bool:
        """Whether the error counts are the same, but for ties."""
        all_ties = self.ties > 0 and self.different == 0
        return self.library == self.onnx or (
            all_ties and self.library.nonfinite == self.onnx.nonfinite
        )


def check_detector(subject: Subject, path: Path) -> Check:
    """Run chunks of the scenario's simulation on both.

    Args:
        subject: the detector with its link and SNR.
        path: of its ONNX file.
    """
    assert isinstance(subject.part, Detector)
    return _check(subject, subject.part, OnnxDetector(path))


def check_list_head(subject: Subject, path: Path) -> Check:
    """Run chunks of the simulation with the search of the library before the file.

    Args:
        subject: the ``list-net`` with its link and SNR.
        path: of the ONNX file of its network.
    """
    assert isinstance(subject.part, ListNet)
    return _check(subject, subject.part, OnnxListNet(subject.part, path))


def check_quantizer(subject: Subject, encoder: Path, decoder: Path) -> Check:
    """Run chunks of the simulation with soft bits that pass encoder and decoder.

    Args:
        subject: the quantiser with its link and SNR.
        encoder: the ONNX file of its encoder.
        decoder: the ONNX file of its decoder.
    """
    assert isinstance(subject.part, Quantizer)
    teacher = detector_from_text(subject.teacher, subject.scenario.points())
    theirs = OnnxQuantized(teacher, subject.part, encoder, decoder)
    check = _check(subject, QuantizedDetector(teacher, subject.part), theirs)
    block = _block(subject)
    llr = teacher(block.y, block.h_hat, block.noise_var).llr()
    ours = subject.part.indices(llr).reshape(-1, len(subject.part.word_levels()))
    words = theirs.codes(llr).reshape(ours.shape)
    return check._replace(different_codes=int((words != ours).any(-1).sum()))


@final
class OnnxQuantized(Detector):
    """A detector whose soft bits pass an exported encoder and decoder."""

    name = "onnx-quantized"

    def __init__(
        self, detector: Detector, quantizer: Quantizer, encoder: Path, decoder: Path
    ) -> None:
        super().__init__(detector.constellation)
        self.detector = detector
        self._group = quantizer.streams_per_group(), quantizer.constellation.bits_per_symbol
        self._encoder, self._decoder = session(encoder), session(decoder)

    def codes(self, llr: Tensor) -> Tensor:
        """(groups, words, n) of LLRs (*B, Nt, K)."""
        rows = llr.to(torch.float32).reshape(-1, *self._group).numpy()
        return torch.from_numpy(self._encoder.run(None, {"llr": rows})[0])

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Inner:
        return Inner(self.detector.prepare(h, noise_var))

    def _detect(self, prepared: Inner, y: Tensor) -> LLRDetection:
        llr = self.detector.detect(prepared.prepared, y).llr()
        kept = self._decoder.run(None, {"codes": self.codes(llr).numpy()})[0]
        return LLRDetection(self.constellation, torch.from_numpy(kept).reshape(llr.shape))

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return self.detector.cost(num_rx_ant, num_tx_ant)


def _check(subject: Subject, library: Detector, onnx: Detector) -> Check:
    totals, bits, vectors, chunk = [Counted(0, 0, 0, 0)] * 2, 0, 0, 0
    contenders = (("library", library), ("onnx", onnx))
    for chunk in range(_MOST_CHUNKS):
        results = run_chunk(subject.scenario, canonical_snr(subject.snr_db), chunk, contenders)
        for i, result in enumerate(results):
            new = (getattr(result.counts, name) for name in Counted._fields)
            totals[i] = Counted(*(a + b for a, b in zip(totals[i], new, strict=True)))
        bits, vectors = bits + results[0].counts.bits, vectors + results[0].counts.vectors
        if totals[0].bit_errors >= _ENOUGH_ERRORS:
            break
    if not (totals[0].bit_errors or subject.is_asked or subject.snr_db < _LEAST_SNR_DB):
        # Without errors there is nothing to compare.
        return _check(subject._replace(snr_db=subject.snr_db - _STEP_DB), library, onnx)
    block = _block(subject)
    with torch.no_grad():
        llr, other = (
            detector(block.y, block.h_hat, block.noise_var).llr() for detector in (library, onnx)
        )
    difference = float((llr - other).abs().max())
    size = float(llr.abs().median())
    check = Check(subject.snr_db, bits, vectors, totals[0], totals[1], difference, size)
    if check.same:
        return check
    counted = [
        _decided_otherwise(library, onnx, _block(subject, number, chunk_channels(subject.scenario)))
        for number in range(chunk + 1)
    ]
    ties, different = (sum(numbers) for numbers in zip(*counted, strict=True))
    return check._replace(ties=ties, different=different)


def _decided_otherwise(library: Detector, onnx: Detector, block: Block) -> tuple[int, int]:
    """Count bits that two detectors decide otherwise: at ties, and elsewhere."""
    inputs = block.y, block.h_hat, block.noise_var
    with torch.no_grad():
        first, second = library(*inputs), onnx(*inputs)
        ours, theirs = first.llr(), second.llr()
    otherwise = first.bits() != second.bits()
    limit = _ROUNDING * max(float(ours.abs().median()), 1.0)
    ties = otherwise & (ours.abs() <= limit) & (theirs.abs() <= limit)
    return int(ties.sum()), int((otherwise & ~ties).sum())


def _block(subject: Subject, chunk: int = 0, most: int = 256) -> Block:
    """Draw the frames of a chunk, at most some of them."""
    snr = canonical_snr(subject.snr_db)
    generator = CounterGenerator(chunk_seed(subject.scenario.key(), snr, chunk))
    num_channels = min(chunk_channels(subject.scenario), most)
    return subject.scenario.draw(subject.snr_db, num_channels, generator)
