"""Figure 10: three numbers of receive antennas at BPSK."""

from mimolearn.papers.experiment import Check, Experiment, Statement, both, contradicted, within
from mimolearn.papers.findings import Findings
from mimolearn.papers.lcgnet.setting import LINEAR, PAPER, READ_DB, bpsk_receivers, rayleigh
from mimolearn.papers.panels import Effort, ErrorRatePanel
from mimolearn.papers.verdict import Measured

_SIZES = (32, 64, 128)
_SNRS = {
    32: (4, 6, 8, 10, 11, 12, 13, 14, 16),
    64: (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
    128: (-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6),
}
_QUICK = {32: (6, 8, 12, 16), 64: (2, 4, 6), 128: (0, 2, 4)}


def _panel(num_rx_ant: int) -> ErrorRatePanel:
    return ErrorRatePanel(
        name=f"32x{num_rx_ant}",
        title=f"32 x {num_rx_ant} BPSK",
        scenario=rayleigh(32, num_rx_ant, "bpsk"),
        contenders=bpsk_receivers(f"32x{num_rx_ant}-bpsk"),
        snr_db=_SNRS[num_rx_ant],
        quick_snr_db=_QUICK[num_rx_ant],
        vectors=Effort(1_024, 25_000, 1_000_000),
        # Gaps of a tenth of a dB are asked for at BER 1e-2.
        min_errors=Effort(60, 1_500, 6_000),
        from_snr_db={"sphere": 4} if num_rx_ant == 32 else {},
    )


# Zero forcing of a square system needs 30 dB: that it is not there at 16 dB is enough.
_zf_fails = within(
    lambda f: f.rate("32x32", "zf", 16), at_least=1e-2, words="zf is at 16 dB still at BER "
)


def _size_statements(num_rx_ant: int) -> tuple[Statement, ...]:
    panel = f"32x{num_rx_ant}"
    return (
        Statement(
            f"{panel}: LcgNetS performs as LMMSE (at BER 1e-2)",
            "section V-B2",
            within(
                lambda f: f.gap(panel, "lcgnet-s", "lmmse", 1e-2),
                at_least=-READ_DB,
                at_most=READ_DB,
            ),
        ),
        Statement(
            f"{panel}: LcgNetV outperforms ZF, LMMSE and CG significantly (0.5 dB at BER 1e-2)",
            "section V-B2",
            both(
                *(
                    within(
                        lambda f, other=other: f.gap(panel, other, "lcgnet-v", 1e-2),
                        at_least=0.5,
                        words=f"over {other}: ",
                    )
                    for other in ("lmmse", "cg", *(("zf",) if num_rx_ant > 32 else ()))
                ),
                *((_zf_fails,) if num_rx_ant == 32 else ()),
            ),
        ),
        Statement(
            f"{panel}: LcgNetV outperforms every detector but the sphere decoder",
            "section V-B2",
            contradicted(
                within(
                    lambda f: f.gap(panel, "wl-lmmse", "lcgnet-v", 1e-2),
                    at_most=0.1,
                    words="lcgnet-v ahead of wl-lmmse: ",
                ),
                LINEAR,
            ),
        ),
    )


def _saved(findings: Findings, num_rx_ant: int, label: str, target: float) -> Measured:
    """How much less SNR LcgNetV needs than a receiver at 32 x 32."""
    return findings.snr("32x32", label, target).minus(
        findings.snr(f"32x{num_rx_ant}", "lcgnet-v", target)
    )


def _beyond_ml(num_rx_ant: int, printed_db: float) -> Check:
    """A difference that small would take a network at 32 x 32 that is better than exact ML."""
    return contradicted(
        both(
            within(
                lambda f: _saved(f, num_rx_ant, "sphere", 1e-4),
                at_least=printed_db,
                words=f"less than exact ML at 32 x 32, at 32 x {num_rx_ant}, by ",
            ),
            within(
                lambda f: _saved(f, num_rx_ant, "lcgnet-v", 1e-4),
                at_least=printed_db,
                words="less than LcgNetV there by ",
            ),
        ),
        "At 32 x 32 LcgNetV would then need less SNR than exact maximum likelihood does.",
    )


EXPERIMENT = Experiment(
    name="lcgnet/fig10",
    paper=PAPER,
    title="BER with 32, 64 and 128 receive antennas, 32 streams, BPSK",
    shows="LcgNetS lies on LMMSE, LcgNetV below it; more antennas help every receiver.",
    panels=tuple(_panel(size) for size in _SIZES),
    statements=(
        *(statement for size in _SIZES for statement in _size_statements(size)),
        Statement(
            "At BER 1e-4 LcgNetV needs 0.38 dB less with 64 antennas than with 32",
            "section V-B2",
            _beyond_ml(64, 0.38),
        ),
        Statement(
            "At BER 1e-4 LcgNetV needs 1.52 dB less with 128 antennas than with 32",
            "section V-B2",
            _beyond_ml(128, 1.52),
        ),
        Statement(
            "32x64: LcgNetV comes within 0.1 dB of the widely linear LMMSE at BER 1e-3",
            "target",
            within(lambda f: f.gap("32x64", "lcgnet-v", "wl-lmmse", 1e-3), at_most=0.1),
            of="library",
        ),
    ),
    notes=(
        "The sphere decoder here is exact ML; the paper's has a radius of 2 Nt sigma^2, and may "
        "miss it. At 32 x 32 it runs from 4 dB on, below which its search is long.",
    ),
)
