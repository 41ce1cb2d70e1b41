"""Figure 10: quantisation in large systems, of soft bits that are not those of ML."""

from mimolearn.experiments.contenders import Entry, Quantized
from mimolearn.experiments.eqnet.setting import (
    AXES,
    CLIPPED_SIC,
    FEWER,
    PAPER,
    SIC,
    TARGET,
    blocks,
    square,
)
from mimolearn.experiments.experiment import Experiment, Statement, both, contradicted, within

_SCHEMES = ("eq-net", "max-mi", "deep-llr")
_TRAINED = {8: 8, 16: 16, 32: 16, 64: 16}


def _stored(size: int, detector: str) -> tuple[Entry, ...]:
    """Three bits a soft bit; above 16 antennas the quantisers of 16, in slices of 16 streams."""
    made_for = _TRAINED[size]
    bits = made_for * 4 * 3
    return tuple(
        Quantized(f"{scheme}, 3 bits", f"{scheme}-{made_for}x{made_for}-16qam-{bits}", detector)
        for scheme in _SCHEMES
    )


def _small(size: int, *snr_db: float) -> object:
    return blocks(
        f"{size}x{size}",
        f"{size} x {size} 16-QAM, soft bits of MMSE-SIC",
        square(size),
        (SIC, CLIPPED_SIC, "lmmse", *_stored(size, "mmse-sic:order=sorted")),
        snr_db,
        snr_db[1:3],
        FEWER,
    )


def _large(size: int, *snr_db: float) -> object:
    return blocks(
        f"{size}x{size}",
        f"{size} x {size} 16-QAM, soft bits of LMMSE, quantised 16 streams at a time",
        square(size),
        ("lmmse", *_stored(size, "lmmse")),
        snr_db,
        snr_db[1:3],
        FEWER,
    )
