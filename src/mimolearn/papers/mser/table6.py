"""Table VI: 16-QAM at 25 dB."""

from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import CHANNEL_NOTE, PAPER, QAM16

EXPERIMENT = Experiment(
    name="mser/table6",
    paper=PAPER,
    title="16-QAM: iterations and layers at 25 dB (Table VI)",
    shows="Descent reaches 9.8e-3 in 500 iterations, the unfolded network 1.01e-2 in 15 layers.",
    panels=(
        BeamPanel(
            name="16-QAM",
            title="Mean SER over channels, 16-QAM",
            link=QAM16,
            beams=(
                "mser-gd:num_iter=300,most_samples=1024,label=GD",
                "unfolded-mser-16qam:label=unfolded",
                "mo",
                "fd-mmse",
            ),
            snr_db=(25.0,),
            quick_snr_db=(25.0,),
        ),
    ),
    statements=(
        Statement(
            "Descent reaches 9.8e-3 at 25 dB (within a factor of 2)",
            "Table VI",
            within(lambda f: f.beam_rate("16-QAM", "GD", 25.0), at_most=2 * 9.8e-3),
        ),
        Statement(
            "The unfolded network is within 5 % of descent",
            "Table VI",
            within(lambda f: f.beam_ratio("16-QAM", "unfolded", "GD", 25.0), at_most=1.05),
        ),
        Statement(
            "Descent on the error rate beats manifold optimisation",
            "section VI-D",
            within(lambda f: f.beam_ratio("16-QAM", "GD", "mo", 25.0), at_most=1.0),
        ),
    ),
    notes=(CHANNEL_NOTE, "Descent averages over 1024 drawn symbol vectors of 4^11."),
)
