"""Figure 4: soft-bit estimation with an error in the receiver's channel."""

from mimolearn.papers.contenders import Network
from mimolearn.papers.eqnet.setting import (
    AXES,
    PAPER,
    TARGET,
    blocks,
    no_better_rival,
    wrong_channel,
)
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.panels import ErrorRatePanel

_RECEIVERS = (
    "ml",
    Network("eq-net", "eq-net-estimator-2x2-64qam"),
    Network("nn-det", "nn-det-2x2-64qam"),
    Network("oamp-net2", "oamp-net2-2x2-64qam"),
    "lmmse",
    "ep",
)
_FEW, _MANY = (13.0, 13.5, 14.0, 14.5, 15.0, 16.0), (14.0, 15.0, 16.0, 17.3, 18.0, 20.0, 22.0)


def _panel(
    error_var: float, snr_db: tuple[float, ...], quick: tuple[float, ...], *, known: bool = False
) -> ErrorRatePanel:
    told = ", and the receiver knows its variance" if known else ""
    return blocks(
        f"{error_var:g} known" if known else f"{error_var:g}",
        f"2 x 2 64-QAM, channel error of relative variance {error_var:g}{told}",
        wrong_channel(error_var, known=known),
        _RECEIVERS,
        snr_db,
        quick,
    )


EXPERIMENT = Experiment(
    name="eqnet/fig4",
    paper=PAPER,
    title="Soft-bit estimation with an error in the channel estimate",
    shows="EQ-Net is as robust as NN-Det against errors in the receiver's channel.",
    panels=(
        _panel(0.001, _FEW, (13.5, 14.0, 14.5)),
        _panel(0.003, (*_FEW, 17.3), (14.0, 14.5, 15.0, 16.0)),
        _panel(0.01, _MANY, _MANY[2:6]),
        _panel(0.01, _MANY, _MANY[1:5], known=True),
    ),
    statements=(
        Statement(
            "EQ-Net is as robust as NN-Det: with an error of 0.003 it has no more block errors",
            "section 3.6",
            no_better_rival("0.003", 15.0, "nn-det"),
        ),
        Statement(
            "The same with an error of 0.01",
            "section 3.6",
            no_better_rival("0.01", 17.3, "nn-det"),
        ),
        Statement(
            "Trained with perfect channels, EQ-Net is within 0.15 dB of ML with an error of 0.003",
            "target",
            within(lambda f: f.gap("0.003", "eq-net", "ml", TARGET), at_most=0.15),
            of="library",
        ),
        Statement(
            "EQ-Net stays better than LMMSE with an error of 0.01",
            "target",
            within(lambda f: f.gap("0.01", "lmmse", "eq-net", TARGET), at_least=0.0),
            of="library",
        ),
        Statement(
            "A receiver that counts the error of 0.01 as noise needs 0.5 dB less",
            "target",
            within(
                lambda f: f.snr("0.01", "eq-net", TARGET).minus(
                    f.snr("0.01 known", "eq-net", TARGET)
                ),
                at_least=0.5,
                words="eq-net: ",
            ),
            of="library",
        ),
    ),
    notes=(
        AXES,
        "Errors are relative to the mean square of an entry. The paper draws the block error rate "
        "at 17.3 dB over them; here the SNR is the axis, at which receivers can be told apart. "
        "ML with a wrong channel is no longer the optimum. The networks know perfect channels "
        "only. NN-Det has three blocks of 200 and 100 units, and knows no noise variance.",
    ),
)
