"""Figure 4: EVM over the number of users."""

from mimolearn.experiments.deepcg.setting import PAPER, SNR_NOTE, uplink
from mimolearn.experiments.experiment import Experiment, Statement, contradicted, within
from mimolearn.experiments.panels import AccuracyPanel, Effort

_USERS = (5, 10, 20, 30, 40)


def _panel(name: str, title: str, snr_definition: str) -> AccuracyPanel:
    return AccuracyPanel(
        name=name,
        title=title,
        scenarios=tuple(uplink(users, snr_definition=snr_definition) for users in _USERS),
        snr_db=(20.0,),
        axis="streams",
        metric="evm",
        contenders=(
            "mrc",
            "zf",
            "cg:num_iter=10,label=cg(10)",
            "cgnr:num_iter=20,label=cgnr(20)",
            "cgnr:num_iter=120,label=cgnr(120)",
            "deep-cg:num_layers=20,load=0.3125,label=deep-cg(20 untrained)",
        ),
        channels=Effort(256, 1_024, 8_192),
    )


EXPERIMENT = Experiment(
    name="deep-cg/fig4",
    paper=PAPER,
    title="EVM over the number of users at 20 dB, 128 antennas",
    shows="With log2(64) K layers the EVM is flat within 0.5 %.",
    panels=(
        _panel("per-antenna", "SNR = K/sigma^2", "receive_antenna"),
        _panel("per-user", "SNR = 1/sigma^2", "per_stream"),
    ),
    statements=(
        Statement(
            "The EVM stays within 0.5 % from 5 to 40 users (SNR of a user fixed)",
            "section 4.3",
            within(
                lambda f: f.difference("per-user", ("cgnr(120)", 40), ("cgnr(120)", 5)),
                at_least=-0.5,
                at_most=0.5,
            ),
        ),
        Statement(
            "The number of layers has to grow as log2(64) K, 240 at 40 users, to hold the EVM",
            "section 4.3",
            contradicted(
                within(
                    lambda f: f.difference("per-antenna", ("cgnr(20)", 40), ("zf", 40)),
                    at_most=0.2,
                    words="EVM of 20 iterations less that of ZF, at 40 users: ",
                ),
                "The iterations depend on the condition number, not on modulation or users: 20 "
                "of CGNR, or 10 of CG, are at zero forcing for all of them.",
            ),
        ),
        Statement(
            "CG gets there in 10 iterations at 40 users (within 0.1 % EVM of ZF)",
            "check",
            within(
                lambda f: f.difference("per-antenna", ("cg(10)", 40), ("zf", 40)),
                at_most=0.1,
            ),
            of="library",
        ),
    ),
    notes=(
        SNR_NOTE,
        "Whether the curve is flat depends on that definition: at fixed K/sigma^2 zero forcing "
        "itself rises as sqrt(K / (128 - K)), at fixed 1/sigma^2 as sqrt(1 / (128 - K)).",
    ),
)
