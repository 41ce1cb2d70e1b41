"""Figure 3: EVM over SNR."""

from mimolearn.experiments.contenders import Network
from mimolearn.experiments.deepcg.setting import PAPER, SNR_NOTE, uplink
from mimolearn.experiments.experiment import Experiment, Statement, within
from mimolearn.experiments.panels import AccuracyPanel, Effort

_SNRS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)

EXPERIMENT = Experiment(
    name="deep-cg/fig3",
    paper=PAPER,
    title="EVM over SNR, 20 users on 128 antennas, 64-QAM",
    shows="CG is as good as ZF where NSE and GS are not yet; deep CG is as good as CG.",
    panels=(
        AccuracyPanel(
            name="classical",
            title="(a) Classical receivers",
            scenarios=(uplink(20),),
            snr_db=_SNRS,
            axis="snr",
            metric="evm",
            contenders=(
                "mrc",
                "zf",
                "lmmse:biased=true,label=lmmse",
                "neumann:num_terms=4,label=neumann",
                "gauss-seidel:num_iter=3,start=zero,label=gauss-seidel",
                "cg:num_iter=7,label=cg",
                "cgnr:num_iter=12,label=cgnr",
            ),
            channels=Effort(512, 2_048, 16_384),
        ),
        AccuracyPanel(
            name="deep",
            title="(b) Deep CG",
            scenarios=(uplink(20),),
            snr_db=_SNRS,
            axis="snr",
            metric="evm",
            contenders=(
                "zf",
                "cgnr:num_iter=15,label=cgnr",
                Network("deep-cg", "deep-cg-20x128-64qam"),
                "deep-cg:num_layers=15,label=deep-cg(untrained)",
            ),
            channels=Effort(512, 2_048, 16_384),
        ),
    ),
    statements=(
        Statement(
            "CG is almost optimal (7 iterations within 0.1 % EVM of ZF at 20 dB)",
            "section 4.2",
            within(
                lambda f: f.difference("classical", ("cg", 20), ("zf", 20)),
                at_most=0.1,
            ),
        ),
        Statement(
            "It is ahead of the Neumann series (4 terms) and of MRC at 20 dB",
            "figure 3a",
            within(
                lambda f: f.difference("classical", ("neumann", 20), ("cg", 20)),
                at_least=1.0,
            ),
        ),
        Statement(
            "Deep CG performs as CG (15 layers, within 0.2 % EVM at 20 dB)",
            "section 4.2",
            within(
                lambda f: f.difference("deep", ("deep-cg", 20), ("cgnr", 20)),
                at_least=-0.2,
                at_most=0.2,
            ),
        ),
        Statement(
            "Trained at 20 dB, deep CG holds over all SNRs (within 0.2 % EVM at 30 dB)",
            "section 4.2",
            within(
                lambda f: f.difference("deep", ("deep-cg", 30), ("cgnr", 30)),
                at_least=-0.2,
                at_most=0.2,
            ),
        ),
        Statement(
            "Zero forcing is at 4.31 % at 20 dB, as sqrt(K / (M - K)) / 10 predicts in the limit",
            "check",
            within(lambda f: f.level("classical", "zf", 20), at_least=4.2, at_most=4.4),
            of="library",
        ),
    ),
    notes=(
        SNR_NOTE,
        "The paper does not say how many terms and sweeps it takes: 4 and 3 here.",
    ),
)
