"""Figure 8: all schemes over SNR, QPSK."""

from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import (
    CHANNEL_NOTE,
    CNN,
    CNN_MMSE,
    GD,
    NEWTON,
    PAPER,
    QPSK,
    QUICK,
    SCALAR,
    SNRS,
)

EXPERIMENT = Experiment(
    name="mser/fig8",
    paper=PAPER,
    title="SER versus SNR of all schemes (Fig. 8)",
    shows=(
        "MSER designs beat MMSE designs, the fully digital one included; the unfolded network "
        "approaches descent and beats the CNN."
    ),
    panels=(
        BeamPanel(
            name="QPSK",
            title="Mean SER over channels, QPSK",
            link=QPSK,
            beams=(
                "fd-mmse",
                "mmse-gd",
                "omp",
                "omp-mmse",
                "mo",
                "fd-mser:num_iter=500,label=fd-mser",
                GD,
                CNN_MMSE,
                CNN,
                SCALAR,
                NEWTON,
            ),
            snr_db=SNRS,
            quick_snr_db=QUICK,
        ),
    ),
    statements=(
        *(
            Statement(
                f"Hybrid MSER is below fully digital MMSE at {snr:g} dB",
                "section VI-C",
                within(lambda f, snr=snr: f.beam_ratio("QPSK", "GD", "fd-mmse", snr), at_most=1.0),
            )
            for snr in SNRS
        ),
        *(
            Statement(
                f"Fully digital MSER is not above hybrid MSER at {snr:g} dB",
                "check",
                within(lambda f, snr=snr: f.beam_ratio("QPSK", "fd-mser", "GD", snr), at_most=1.0),
                of="library",
            )
            for snr in (5.0, 15.0)
        ),
        Statement(
            "The unfolded network beats the CNN at 5 dB",
            "section VI-C",
            within(lambda f: f.beam_ratio("QPSK", "unfolded-gn", "CNN", 5.0), at_most=1.0),
        ),
        Statement(
            "At high SNR the CNN is much better than fully digital MMSE",
            "section VI-C",
            within(lambda f: f.beam_ratio("QPSK", "CNN", "fd-mmse", 25.0), at_most=1.0),
        ),
        Statement(
            "OMP is the worst of the MMSE designs at 15 dB",
            "Fig. 8",
            within(lambda f: f.beam_ratio("QPSK", "omp", "mo", 15.0), at_least=1.0),
        ),
    ),
    notes=(CHANNEL_NOTE,),
)
