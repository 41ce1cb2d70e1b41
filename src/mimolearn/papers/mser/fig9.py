"""Figure 9: imperfect channel knowledge."""

from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import CHANNEL_NOTE, GD, NEWTON, PAPER, QPSK, SCALAR, changed

_VARIANCES = (0.0, 0.01, 0.1)

EXPERIMENT = Experiment(
    name="mser/fig9",
    paper=PAPER,
    title="Imperfect channel knowledge at 20 dB (Fig. 9)",
    shows="All degrade with the error; the unfolded network is the most robust, above descent.",
    panels=tuple(
        BeamPanel(
            name=f"error {variance:g}",
            title=f"Error variance {variance:g} an entry",
            link=changed(QPSK, csi_error_var=variance),
            beams=(GD, SCALAR, NEWTON, "mmse-gd", "fd-mmse"),
            snr_db=(20.0,),
            quick_snr_db=(20.0,),
        )
        for variance in _VARIANCES
    ),
    statements=(
        *(
            Statement(
                f"At error variance {v:g} descent on the error rate beats descent on the MSE",
                "section VI-C",
                within(
                    lambda f, v=v: f.beam_ratio(f"error {v:g}", "GD", "mmse-gd", 20.0), at_most=1.0
                ),
            )
            for v in _VARIANCES
        ),
        *(
            Statement(
                f"At error variance {v:g} the unfolded network is better than descent",
                "section VI-C",
                within(
                    lambda f, v=v: f.beam_ratio(f"error {v:g}", "unfolded-gn", "GD", 20.0),
                    at_most=1.0,
                ),
            )
            for v in _VARIANCES[1:]
        ),
    ),
    notes=(
        CHANNEL_NOTE,
        "Designs see h + e; rates are those of h. The error adds power and rank to what is known, "
        "which the paper does not normalise either; here it is left in.",
    ),
)
