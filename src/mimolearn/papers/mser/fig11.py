"""Figure 11: all schemes over SNR, 16-QAM."""

from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.effort import Effort
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import CHANNEL_NOTE, PAPER, QAM16

_SNRS = (15.0, 20.0, 25.0)

EXPERIMENT = Experiment(
    name="mser/fig11",
    paper=PAPER,
    title="SER versus SNR, 16-QAM (Fig. 11)",
    shows="As for QPSK: MSER designs beat MMSE designs, the unfolded network nears descent.",
    panels=(
        BeamPanel(
            name="16-QAM",
            title="Mean SER over channels, 16-QAM",
            link=QAM16,
            beams=(
                "mser-gd:num_iter=300,most_samples=1024,label=GD",
                "unfolded-mser-16qam:label=unfolded",
                "mmse-gd",
                "mo",
                "omp-mmse",
                "fd-mmse",
            ),
            snr_db=_SNRS,
            quick_snr_db=(15.0,),
            channels=Effort(64, 128, 1024),
        ),
    ),
    statements=(
        *(
            Statement(
                f"MSER descent beats MMSE descent at {snr:g} dB",
                "section VI-D",
                within(
                    lambda f, snr=snr: f.beam_ratio("16-QAM", "GD", "mmse-gd", snr), at_most=1.0
                ),
            )
            for snr in _SNRS
        ),
        Statement(
            "The unfolded network beats fully digital MMSE at 15 dB",
            "section VI-D",
            within(lambda f: f.beam_ratio("16-QAM", "unfolded", "fd-mmse", 15.0), at_most=1.0),
        ),
    ),
    notes=(CHANNEL_NOTE,),
)
