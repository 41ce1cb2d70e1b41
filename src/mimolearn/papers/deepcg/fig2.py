"""Figure 2: how many training symbols are needed."""

from mimolearn.papers.deepcg.setting import PAPER, SAME_PERCENT, SNR_NOTE, uplink
from mimolearn.papers.experiment import Experiment, Statement, contradicted, within
from mimolearn.papers.panels import AccuracyPanel, Effort

_SYMBOLS = (10, 50, 100, 500, 1000)

EXPERIMENT = Experiment(
    name="deep-cg/fig2",
    paper=PAPER,
    title="EVM over the number of training symbols, 20 users, 20 dB",
    shows="100 symbols are best; with more, the EVM rises again.",
    panels=(
        AccuracyPanel(
            name="symbols",
            title="Blind training per channel, 10 layers, frames of 2000 symbols",
            scenarios=(uplink(20, channel_reuse=2000),),
            snr_db=(20.0,),
            axis="option",
            option="num_symbols",
            metric="evm",
            contenders=(
                "zf",
                "cg:num_iter=8,label=cg",
                "deep-cg:num_layers=10,label=deep-cg(untrained)",
                *(
                    f"deep-cg-online:num_layers=10,num_symbols={n},label=deep-cg-online({n})"
                    for n in _SYMBOLS
                ),
            ),
            channels=Effort(4, 16, 100),
        ),
    ),
    statements=(
        Statement(
            "100 training symbols are enough (EVM within 0.5 % of that of 1000)",
            "section 4.1",
            within(
                lambda f: f.difference(
                    "symbols", ("deep-cg-online", 100), ("deep-cg-online", 1000)
                ),
                at_most=SAME_PERCENT,
            ),
        ),
        Statement(
            "With more than 100 symbols the EVM rises, by overfitting",
            "section 4.1",
            contradicted(
                within(
                    lambda f: f.difference(
                        "symbols", ("deep-cg-online", 1000), ("deep-cg-online", 100)
                    ),
                    at_most=SAME_PERCENT,
                    words="EVM at 1000 symbols less that at 100: ",
                ),
                "19 step sizes, trained with exact gradients, do not overfit. The gradients that "
                "the paper prints are not those of its loss (see deep-cg/table1).",
            ),
        ),
        Statement(
            "Training on the channel improves on Chebyshev's untrained steps",
            "check",
            within(
                lambda f: f.difference(
                    "symbols", ("deep-cg(untrained)", None), ("deep-cg-online", 100)
                ),
                at_least=0.0,
            ),
            of="library",
        ),
    ),
    notes=(
        SNR_NOTE,
        "The text gives no EVM; what it calls the same in section 4.3, 0.5 %, is the tolerance.",
        "10 layers, where training still matters: with the paper's 120 there is nothing to learn. "
        "The paper's frame has 16 800 symbols; the EVM does not depend on that.",
    ),
)
