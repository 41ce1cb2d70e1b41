"""Wrong blocks of receivers over a resource grid: estimate, detect, decode, feed back.

All receivers see the same channels, noise and interference. Estimates that several share are
computed once, and so are the soft bits of a detector and the earlier passes of its feedback.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors import Detector
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.kernels.link import symbol_errors
from mimolearn.link.estimators import Estimator
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.slots import Received, SlotReceiver
from mimolearn.plans.contender import Contender
from mimolearn.plans.counts import BLOCK_METRICS, ESTIMATE_SCALE, Counts, ErrorPositions
from mimolearn.studies.kinds.base import Kind, Task
from mimolearn.studies.kinds.calibration import CALIBRATION_CHUNK, Fit, FittedScales
from mimolearn.studies.kinds.chunk import ChunkResult
from mimolearn.studies.kinds.coded import gmi_loss, reliability
from mimolearn.studies.kinds.counts import build_detectors
from mimolearn.studies.kinds.receivers import (
    Parts,
    SoftBits,
    check_receiver,
    most_passes_first,
    parted,
)
from mimolearn.studies.kinds.seeds import chunk_generator
from mimolearn.studies.kinds.slot_chunk import Delivered, SlotChunk, estimate_errors

_CHUNK_BYTES = 2**24
_MAX_SLOTS = 16
# Receivers of one SNR are kept for so many SNRs.
_KEPT_SNRS = 4


class SlotResult(ChunkResult):
    """What one contender did on a chunk of slots; all errors of a slot are of one cluster."""

    def cluster_errors(self, metric: str) -> np.ndarray:
        counts, wrong = self.counts, self.positions
        size = counts.vectors // counts.channels
        if metric in BLOCK_METRICS and self.blocks is not None:
            wrong, size = self.blocks, counts.blocks // counts.channels
        errors = wrong.per_channel(metric, counts.channels, size)
        return errors[errors > 0]


class SlotCounts(Kind):
    """Wrong blocks, bits and symbols of receivers over a resource grid; the unit is the slot."""

    name: ClassVar[str] = "slots"
    words: ClassVar[str] = "counts"
    result = SlotResult

    def __init__(self, scenario: GridScenario, contenders: Sequence[Any]) -> None:
        super().__init__(scenario, contenders)
        self._link, self._code = scenario.link, scenario.slot_code
        self._points = scenario.points()
        self._scales = FittedScales()
        # Filters of estimators, by SNR.
        self._fronts: dict[str, dict[str, SlotReceiver]] = {}

    @property
    def chunk_channels(self) -> int:
        """Slots in a chunk."""
        return chunk_slots(self.scenario)

    @property
    def chunk_vectors(self) -> int:
        return self.chunk_channels * self._link.grid.num_data

    def measure(self, task: Task) -> list[ChunkResult]:
        with clean_torch():
            built = [self.built[i] for i in task.contenders]
            built = self._scales.resolved(task.snr, built, lambda: self._fit(task.snr))
            chunk, indices = self.draw(task.snr, task.chunk)
            order = most_passes_first(built)
            results = {i: self._measured(chunk, indices, *built[i]) for i in order}
            return [results[i] for i in range(len(built))]

    def _fit(self, snr: str) -> Fit:
        """What fits factors at an SNR."""
        chunk, _ = self.draw(snr, CALIBRATION_CHUNK)

        def fit(label: str, parts: Parts) -> tuple[Tensor, Tensor]:
            estimator = parts.receiver.estimator_for(self.scenario.estimator)
            soft = chunk.soft_bits(label, parts.detector, estimator)
            return chunk.link.grid.to_codewords(soft.llr).flatten(), chunk.bits.sent.flatten()

        return fit

    def draw(self, snr: str, number: int) -> tuple[SlotChunk, Tensor]:
        """Draw a chunk; with the indices (N, D, S) of what was sent."""
        scenario, num = self.scenario, self.chunk_channels
        noise_var = scenario.noise_var(float(snr))
        # The same channels, noise and interference for every MCS.
        generator = chunk_generator(scenario.draw_key(), snr, number)
        h = self._link.draw_channels(num, generator)
        bits = self._code.draw(num, chunk_generator(scenario.bits_key(), snr, number))
        indices = self._mapped(bits.sent)
        received = self._link.receive(h, self._points.map(indices), noise_var, generator)

        def transmit(attempt: int) -> Received:
            later = self._link.draw_channels(num, generator)
            again = self._mapped(self._code.retransmitted(bits, attempt))
            return self._link.receive(later, self._points.map(again), noise_var, generator)

        def front(estimator: Estimator) -> SlotReceiver:
            return self._front(snr, noise_var, estimator)

        link, code, points = self._link, self._code, self._points
        parts = link, code, points, bits, received, front
        return SlotChunk(*parts, scenario.harq, scenario.coding, transmit), indices

    def _mapped(self, sent: Tensor) -> Tensor:
        """Symbol indices (N, D, S) of transmitted bits (N, U, G)."""
        bits = sent.unflatten(-1, (-1, self._points.bits_per_symbol))
        return self._link.grid.to_layers(self._points.bits_to_indices(bits))

    def _front(self, snr: str, noise_var: float, estimator: Estimator) -> SlotReceiver:
        if snr not in self._fronts and len(self._fronts) >= _KEPT_SNRS:
            del self._fronts[next(iter(self._fronts))]
        kept = self._fronts.setdefault(snr, {})
        key = estimator.model_dump_json()
        if key not in kept:
            kept[key] = SlotReceiver(self._link, estimator, noise_var)
        return kept[key]

    def _measured(
        self, chunk: SlotChunk, sent: Tensor, label: str, detector: Detector
    ) -> ChunkResult:
        detector, receiver, quantizer, _ = parted(detector)
        estimator = receiver.estimator_for(self.scenario.estimator)
        soft = chunk.soft_bits(label, detector, estimator)
        delivered = chunk.delivered(label, detector, receiver, estimator, quantizer)
        errors = estimate_errors(chunk, estimator)
        llr, bits = receiver.adjusted(soft.llr), 0.0
        if quantizer is not None:
            codes = quantizer.indices(llr)
            llr, bits = quantizer.from_indices(codes), quantizer.entropy_bits(codes)
        streams, truth = chunk.link.grid.to_codewords(llr), chunk.bits.sent
        told = reliability(streams, truth) if self.scenario.has_blocks else ()
        loss = gmi_loss(streams.flatten(1), truth.flatten(1))
        counted = _counted(chunk, sent, label, self._points, soft, delivered, errors, loss)
        counts = replace(counted.counts, stored_bits=round(bits), reliability=told)
        return counted._replace(counts=counts)

    def _build(self) -> list[tuple[str, Detector]]:
        built = build_detectors(self.scenario, self.contenders)
        for label, detector in built:
            check_receiver(
                label, detector, coded=self.scenario.has_blocks, grid=True, harq=self.scenario.harq
            )
        return built

    @classmethod
    def scenario_from(cls, content: Mapping[str, Any]) -> GridScenario:
        return GridScenario(**content)

    @classmethod
    def contender_from(cls, content: Mapping[str, Any]) -> Contender:
        return Contender.from_dict(content)


def chunk_slots(scenario: GridScenario) -> int:
    """Compute the slots in a chunk, a power of two up to 16 that depends on the scenario alone."""
    raster = scenario.link.grid.raster
    elements = raster.num_symbols * raster.num_subcarriers
    slot_bytes = 8 * elements * scenario.num_rx_ant * (scenario.num_tx_ant + 1)
    return 2 ** int(np.log2(min(max(_CHUNK_BYTES // slot_bytes, 1), _MAX_SLOTS)))


def _counted(
    chunk: SlotChunk,
    sent: Tensor,
    label: str,
    points: Constellation,
    soft: SoftBits,
    delivered: Delivered,
    errors: np.ndarray,
    loss: np.ndarray,
) -> ChunkResult:
    """Integers of one contender.

    A block is wrong when any of its bits is, whatever the receiver takes it for, and so is one with
    a vector of no finite output.
    """
    bits, symbols, inside = symbol_errors.count_errors(
        sent, soft.indices, soft.valid, points.bits_per_symbol
    )
    if not inside:
        last = points.num_points - 1
        raise InvalidInputError(f"contender {label!r}: decided an index outside 0..{last}")
    bits, symbols = bits.numpy().ravel(), symbols.numpy().ravel()
    wrong = np.flatnonzero(symbols)
    info, outcome = chunk.bits.info, delivered.outcome
    wrong_bits = (outcome.info != info).sum(-1).flatten(1)
    wrong_bits[delivered.lost] = chunk.code.block_bits
    wrong_bits = wrong_bits.numpy().ravel()
    blocks = np.flatnonzero(wrong_bits)
    num_slots, num_symbols = len(sent), sent.numel()
    per_slot = chunk.code.num_blocks
    counts = Counts(
        chunks=1,
        channels=num_slots,
        vectors=symbols.size,
        symbols=num_symbols,
        bits=num_symbols * points.bits_per_symbol,
        bit_errors=int(bits.sum()),
        symbol_errors=int(symbols.sum()),
        vector_errors=len(wrong),
        nonfinite=int((~soft.valid).sum()),
        incomplete=soft.incomplete,
        work=soft.work,
        blocks=wrong_bits.size,
        info_bits=info.numel(),
        block_errors=len(blocks),
        info_bit_errors=int(wrong_bits.sum()),
        gmi_loss=per_slot * int(loss.sum()),
        gmi_squares=per_slot * int((loss.astype(object) ** 2).sum()),
        decoder_runs=outcome.runs,
        decoder_iterations=int(outcome.iterations.sum()),
        estimate_error=int(np.rint(errors[0] * ESTIMATE_SCALE).sum()),
        estimate_claim=int(np.rint(errors[1] * ESTIMATE_SCALE).sum()),
        resent=delivered.resent,
    )
    positions = ErrorPositions(wrong.astype(np.int64), bits[wrong], symbols[wrong])
    wrong_info = wrong_bits[blocks].astype(np.int64)
    return SlotResult(
        counts, positions, ErrorPositions(blocks.astype(np.int64), wrong_info, wrong_info)
    )
