"""Figure 12: transfer to Gaussian channels, 16-QAM."""

from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.effort import Effort
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import GAUSSIAN, PAPER, changed

EXPERIMENT = Experiment(
    name="mser/fig12",
    paper=PAPER,
    title="16-QAM on Gaussian channels (Fig. 12)",
    shows="The unfolded network stays close to descent on channels it was not trained on.",
    panels=(
        BeamPanel(
            name="Gaussian",
            title="16-QAM, Gaussian channels, network of mmWave channels",
            link=changed(GAUSSIAN, constellation="16-qam"),
            beams=(
                "mser-gd:num_iter=300,most_samples=1024,label=GD",
                "unfolded-mser-16qam:label=unfolded",
                "mmse-gd",
                "fd-mmse",
            ),
            snr_db=(10.0, 12.0, 14.0),
            quick_snr_db=(12.0,),
            channels=Effort(64, 64, 512),
        ),
    ),
    statements=(
        Statement(
            "The network is close to descent at 12 dB (within 25 %)",
            "section VI-D",
            within(lambda f: f.beam_ratio("Gaussian", "unfolded", "GD", 12.0), at_most=1.25),
        ),
        Statement(
            "MSER descent beats MMSE descent at 12 dB",
            "section VI-D",
            within(lambda f: f.beam_ratio("Gaussian", "GD", "mmse-gd", 12.0), at_most=1.0),
        ),
    ),
    notes=("No layer is retrained here; the paper retrains its last five.",),
)
