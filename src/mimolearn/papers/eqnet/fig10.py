"""Figure 10: quantisation in large systems, of soft bits that are not those of ML."""

from mimolearn.papers.contenders import Entry, Quantized
from mimolearn.papers.eqnet.setting import (
    AXES,
    PAPER,
    SIC,
    TARGET,
    TUNED_SIC,
    blocks,
    fewer_errors,
    square,
)
from mimolearn.papers.experiment import Experiment, Statement, both, within
from mimolearn.papers.panels import ErrorRatePanel

_SCHEMES = ("eq-net", "max-mi", "deep-llr")


def _stored(detector: str) -> tuple[Entry, ...]:
    """Three bits a soft bit; every scheme takes a stream at a time, at all sizes."""
    return tuple(
        Quantized(f"{scheme}, 3 bits", f"{scheme}-16qam-12", detector) for scheme in _SCHEMES
    )


def _small(size: int, snr_db: tuple[float, ...], quick: tuple[float, ...]) -> ErrorRatePanel:
    return blocks(
        f"{size}x{size}",
        f"{size} x {size} 16-QAM, soft bits of MMSE-SIC",
        square(size),
        (SIC, TUNED_SIC, "lmmse", *_stored("mmse-sic:order=sorted")),
        snr_db,
        quick,
    )


def _large(size: int, snr_db: tuple[float, ...], quick: tuple[float, ...]) -> ErrorRatePanel:
    return blocks(
        f"{size}x{size}",
        f"{size} x {size} 16-QAM, soft bits of LMMSE",
        square(size),
        ("lmmse", *_stored("lmmse")),
        snr_db,
        quick,
    )


def _ahead(size: str, other: str, at_least: float, words: str) -> Statement:
    return Statement(
        f"{size}: EQ-Net is {words} {other} at 3 bits a soft bit",
        "section 3.5",
        within(
            lambda f: f.gap(size, f"{other}, 3 bits", "eq-net, 3 bits", TARGET), at_least=at_least
        ),
    )


def _improved(size: str, snr_db: float) -> Statement:
    """Quantising clips, which is what hard-decision cancellation lacks."""
    return Statement(
        f"{size}: every quantiser makes MMSE-SIC better than it is in floating point",
        "section 3.5",
        both(*(fewer_errors(size, snr_db, "mmse-sic", f"{scheme}, 3 bits") for scheme in _SCHEMES)),
    )


def _linear(size: str, snr_db: float) -> Statement:
    return Statement(
        f"{size}: LMMSE is better than MMSE-SIC, scaled and clipped or not",
        "target",
        both(
            *(
                fewer_errors(size, snr_db, other, "lmmse")
                for other in ("mmse-sic", "mmse-sic (tuned)")
            )
        ),
        of="library",
    )


EXPERIMENT = Experiment(
    name="eqnet/fig10",
    paper=PAPER,
    title="Quantised soft bits in large systems",
    shows="EQ-Net surpasses both baselines at 8 x 8 and 16 x 16, and serves 32 x 32 and 64 x 64.",
    panels=(
        _small(8, (5, 6, 7, 8, 9, 10, 12), (5, 6, 8, 9, 10)),
        _small(16, (3, 4, 5, 6, 7, 8, 10), (3, 4, 6, 7, 8)),
        _large(32, (-2, -1, 0, 1, 2, 3), (0, 1, 2)),
        _large(64, (0, 1, 2, 3, 4, 5), (2, 3, 4)),
    ),
    statements=(
        *(
            _ahead(size, other, 0.0, "better than")
            for size in ("8x8", "16x16")
            for other in ("max-mi", "deep-llr")
        ),
        _improved("8x8", 8),
        _improved("16x16", 6),
        *(_ahead(size, "deep-llr", 0.0, "better than") for size in ("32x32", "64x64")),
        *(_ahead(size, "max-mi", -0.1, "as good within 0.1 dB as") for size in ("32x32", "64x64")),
        _linear("8x8", 6),
        _linear("16x16", 4),
    ),
    notes=(
        AXES,
        "All three are fitted once, to soft bits of LMMSE at 16 x 16, and take a stream at a time: "
        "what LMMSE and MMSE-SIC know of a stream is three numbers (theorem 3). The paper's EQ-Net "
        "takes 16 streams together and is fitted to MMSE-SIC, whose LLRs are far too confident: "
        "levels of precision that serve them are missing where LMMSE needs them. At 64 x 64 a "
        "block has room for two channel uses: 136 of its 648 bits are punctured.",
    ),
)
