"""Figure 10: transfer from mmWave to Gaussian channels."""

from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import GAUSSIAN, GD, NEWTON, PAPER, SCALAR

_SNRS = (2.0, 4.0, 6.0, 8.0)

EXPERIMENT = Experiment(
    name="mser/fig10",
    paper=PAPER,
    title="Transfer to Gaussian channels (Fig. 10)",
    shows="With its first 10 layers frozen, the unfolded network stays close to descent.",
    panels=(
        BeamPanel(
            name="Gaussian",
            title="Trained on mmWave, first 10 layers frozen, Gaussian channels",
            link=GAUSSIAN,
            beams=(
                GD,
                SCALAR,
                "unfolded-mser-qpsk-gaussian:label=transferred",
                NEWTON,
                "mmse-gd",
                "fd-mmse",
            ),
            snr_db=_SNRS,
            quick_snr_db=(4.0,),
        ),
    ),
    statements=(
        Statement(
            "The transferred network is close to descent (within 25 % at 4 dB)",
            "section VI-C",
            within(lambda f: f.beam_ratio("Gaussian", "transferred", "GD", 4.0), at_most=1.25),
        ),
        Statement(
            "Retraining the last layers helps",
            "section VI-C",
            within(lambda f: f.beam_ratio("Gaussian", "transferred", "unfolded", 4.0), at_most=1.0),
        ),
        Statement(
            "Gauss-Newton layers need no transfer (within 5 % of descent at 4 dB)",
            "target",
            within(lambda f: f.beam_ratio("Gaussian", "unfolded-gn", "GD", 4.0), at_most=1.05),
            of="library",
        ),
    ),
    notes=("Gaussian channels have full rank: errors occur at far lower SNRs than the paper's.",),
)
