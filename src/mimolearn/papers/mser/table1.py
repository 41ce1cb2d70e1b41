"""Table I: error rate against SNR for descent, CNN and the unfolded network."""

from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.effort import Effort
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import (
    CHANNEL_NOTE,
    CHEAP,
    CNN,
    GD,
    MATRIX,
    NEWTON,
    PAPER,
    QPSK,
    QUICK,
    SCALAR,
    SNRS,
)

_TABLE = {5.0: (4.11e-2, 4.27e-2), 15.0: (1.06e-2, 1.09e-2), 25.0: (1.09e-3, 1.11e-3)}


EXPERIMENT = Experiment(
    name="mser/table1",
    paper=PAPER,
    title="SER versus SNR (Table I)",
    shows="15 layers of the unfolded network reach 97 % of 500 iterations of descent.",
    panels=(
        BeamPanel(
            name="rates",
            title="Mean SER over channels, QPSK",
            link=QPSK,
            beams=(
                GD,
                "mser-gd:num_iter=300,label=GD-300",
                "mser-gd:num_iter=1000,label=GD-1000",
                SCALAR,
                MATRIX,
                CHEAP,
                NEWTON,
                CNN,
                "fd-mmse",
            ),
            snr_db=SNRS,
            quick_snr_db=QUICK,
            channels=Effort(64, 512, 2048),
        ),
    ),
    statements=(
        *(
            Statement(
                f"Descent reaches {values[0]:.3g} at {snr:g} dB (within a factor of 2)",
                "Table I",
                within(
                    lambda f, snr=snr: f.beam_rate("rates", "GD", snr),
                    at_most=2 * values[0],
                ),
            )
            for snr, values in _TABLE.items()
        ),
        *(
            Statement(
                f"The unfolded network is within 4 % of 500 iterations of descent at {snr:g} dB",
                "Table I",
                within(
                    lambda f, snr=snr: f.beam_ratio("rates", "unfolded-gn", "GD", snr),
                    at_most=1.04,
                ),
            )
            for snr in _TABLE
        ),
        *(
            Statement(
                f"Gauss-Newton layers reach 97 % of 300 iterations at {snr:g} dB",
                "target",
                within(
                    lambda f, snr=snr: f.beam_ratio("rates", "unfolded-gn", "GD-300", snr),
                    at_most=1 / 0.97,
                ),
                of="library",
            )
            for snr in SNRS
        ),
        *(
            Statement(
                f"Newton-CG layers, the cheap ones, reach 91 % of 300 iterations at {snr:g} dB",
                "target",
                within(
                    lambda f, snr=snr: f.beam_ratio("rates", "unfolded-cg", "GD-300", snr),
                    at_most=1 / 0.91,
                ),
                of="library",
            )
            for snr in SNRS
        ),
        Statement(
            "Gauss-Newton layers reach 93 % of 1000 iterations at 5 dB",
            "target",
            within(
                lambda f: f.beam_ratio("rates", "unfolded-gn", "GD-1000", 5.0), at_most=1 / 0.93
            ),
            of="library",
        ),
        Statement(
            "Scalar steps reach 91 % of 300 iterations at 5 dB",
            "target",
            within(lambda f: f.beam_ratio("rates", "unfolded", "GD-300", 5.0), at_most=1 / 0.91),
            of="library",
        ),
        Statement(
            "The CNN is worse than descent at 5 dB by 1.4 times",
            "Table I",
            within(lambda f: f.beam_ratio("rates", "CNN", "GD", 5.0), at_least=1.4),
        ),
    ),
    notes=(CHANNEL_NOTE,),
)
