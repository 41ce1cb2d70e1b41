"""What a trained network reaches, beside the classical receiver of its scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mimolearn.detectors import make_detector
from mimolearn.training.measure import measure
from mimolearn.training.recipe import Recipe
from mimolearn.weights import Measured

_ENOUGH_ERRORS = 20
# Rates of two receivers on these few vectors differ by less for no reason.
_ALIKE = 1.25


class BesideClassical(NamedTuple):
    """Bit errors of a network and of a classical receiver on the same vectors.

    Attributes:
        name: of the classical receiver.
        snr_db: dB.
        errors: of the network.
        classical_errors: of the classical receiver.
        bits: that both detected.
    """

    name: str
    snr_db: float
    errors: int
    classical_errors: int
    bits: int

    def __str__(self) -> str:
        ours, theirs = self.errors, self.classical_errors
        rates = f"BER {ours / self.bits:.2e} against {theirs / self.bits:.2e} of {self.name}"
        counts = f"{ours:,} and {theirs:,} errors in the same {self.bits:,} bits"
        start = f"At {self.snr_db:g} dB {rates} ({counts}): "
        if max(ours, theirs) < _ENOUGH_ERRORS:
            return start + "too few errors to tell them apart."
        more, fewer = max(ours, theirs), max(min(ours, theirs), 1)
        if more < _ALIKE * fewer:
            return start + f"about as good as {self.name}, which needs no training."
        if ours > theirs:
            return start + f"{more / fewer:.2g} times the errors of {self.name}; train on."
        return start + f"{self.name} makes {more / fewer:.2g} times as many errors."


def beside_classical(recipe: Recipe, measured: Sequence[Measured]) -> BesideClassical | None:
    """Compare the measurements of a card with the linear receiver on the same draws.

    Args:
        recipe: of the network.
        measured: of its card.

    Returns:
        the numbers at the highest SNR with 20 errors or more, else at the lowest; None where
        nothing was measured.
    """
    if not measured:
        return None
    link = recipe.scenario
    name = "wl-lmmse" if link.points().is_real else "lmmse"
    classical = measure(make_detector(name, link.points()), link, recipe.measure, recipe.seed)
    rows = []
    for ours, theirs in zip(measured, classical, strict=True):
        bits = ours.vectors * link.num_tx_ant * link.points().bits_per_symbol
        errors = round(ours.ber * bits), round(theirs.ber * bits)
        rows.append(BesideClassical(name, ours.snr_db, *errors, bits))
    rows.sort(key=lambda row: row.snr_db)
    telling = [row for row in rows if max(row.errors, row.classical_errors) >= _ENOUGH_ERRORS]
    return telling[-1] if telling else rows[0]
