"""Figure 8: BER over the number of layers."""

from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.panels import Effort
from mimolearn.papers.verdict import Measured
from mimolearn.papers.wesnet.setting import FULL, NOTES, PAPER, of_depth, rates

_KEPT = (4, 6, 8, 10, 12, 16, 20)
_L = "l-wesnet-30x60-bpsk-50"

EXPERIMENT = Experiment(
    name="wesnet/fig8",
    paper=PAPER,
    title="BER over the number of layers at 12 and 14 dB",
    shows="BER falls off quickly with the first layers, then stays.",
    panels=(
        rates(
            "rates",
            "The first layers of DetNet, of L-WeSNet-50 and of the equivariant network",
            (
                *(of_depth(f"DetNet-{k}", FULL, k) for k in _KEPT),
                *(of_depth(f"L-WeSNet-{k}", _L, k) for k in _KEPT),
                *(of_depth(f"EquiNet-{k}", "equi-net-bpsk", k) for k in (2, 4, 6, 8, 10)),
            ),
            (10, 12, 14),
            1e-5,
            Effort(1_000, 60_000, 1_000_000),
        ),
    ),
    statements=(
        Statement(
            "At 12 dB a third of the layers may go without a significant change (14 of 20 kept, "
            "here 12: BER below 2e-3)",
            "section VI-E",
            within(lambda f: f.rate("rates", "DetNet-12", 12), at_most=2e-3),
        ),
        Statement(
            "The BER rises sharply when most layers go (4 of 20: more than ten times, at 12 dB)",
            "section VI-E",
            within(
                lambda f: f.rate("rates", "DetNet-4", 12).minus(
                    _times(f.rate("rates", "DetNet-20", 12), 10)
                ),
                at_least=0.0,
                words="more than ten times by ",
            ),
        ),
        Statement(
            "L-WeSNet-50 at 14 dB is at 3e-5 or below with all layers",
            "section VI-E",
            within(lambda f: f.rate("rates", "L-WeSNet-20", 14), at_most=3e-5),
        ),
    ),
    notes=NOTES,
)


def _times(measured: Measured, factor: float) -> Measured:
    """A rate and its interval, multiplied."""
    value, low, high = (factor * number for number in measured[:3])
    return measured._replace(value=value, low=low, high=high)
