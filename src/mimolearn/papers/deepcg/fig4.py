"""Figure 4: EVM over the number of users."""

from mimolearn.link.scenario import Scenario
from mimolearn.papers.contenders import Entry, Network, PerScenario
from mimolearn.papers.deepcg.setting import PAPER, SAME_PERCENT, SNR_NOTE, uplink
from mimolearn.papers.experiment import Check, Experiment, Statement, both, contradicted, within
from mimolearn.papers.panels import AccuracyPanel, Effort
from mimolearn.training import Loss, Recipe, SnrMix, Stage
from mimolearn.training.recipe import Batch

_USERS = (5, 10, 20, 30, 40)
_PANELS = {"per-antenna": "receive_antenna", "per-user": "per_stream"}


def _trained(scenario: Scenario) -> Entry:
    """Twenty layers, trained blindly for a number of users at 20 dB of its SNR definition."""
    kind = "antenna" if scenario.snr_definition == "receive_antenna" else "user"
    name = f"deep-cg-{scenario.num_tx_ant}x128-64qam-20layers-{kind}"

    def recipe() -> Recipe:
        return Recipe(
            name=name,
            network="deep-cg",
            scenario=scenario,
            options={"num_layers": 20},
            snr=SnrMix(low_db=20.0, high_db=20.0),
            loss=Loss(name="residual", over_noise=True),
            batch=Batch(channels=32, vectors=8),
            stage=(Stage(steps=100, learning_rate=0.003),),
            seed=1,
        )

    return Network("deep-cg(20)", name, recipe)


def _deep(scenario: Scenario) -> Entry:
    """log2(64) K layers, as the paper has them, with Chebyshev's steps for this number of users."""
    users = scenario.num_tx_ant
    options = f"num_layers={6 * users},load={users / scenario.num_rx_ant}"
    return f"deep-cg:{options},label=deep-cg(6K untrained)"


def _cgnr(scenario: Scenario) -> Entry:
    return f"cgnr:num_iter={6 * scenario.num_tx_ant},label=cgnr(6K)"


def _panel(name: str, title: str) -> AccuracyPanel:
    return AccuracyPanel(
        name=name,
        title=title,
        scenarios=tuple(uplink(users, snr_definition=_PANELS[name]) for users in _USERS),
        snr_db=(20.0,),
        axis="streams",
        metric="evm",
        contenders=(
            "mrc",
            "zf",
            "cg:num_iter=10,label=cg(10)",
            "cgnr:num_iter=40,label=cgnr(40)",
            PerScenario("cgnr(6K)", _cgnr),
            PerScenario("deep-cg(6K untrained)", _deep),
            PerScenario("deep-cg(20)", _trained),
        ),
        channels=Effort(256, 1_024, 8_192),
    )


def _flat(panel: str, label: str) -> Check:
    """Within 0.5 % up and down of a middle: 1 % between any two."""
    return both(
        *(
            within(
                lambda f, users=users: f.difference(panel, (label, users), (label, 5)),
                at_least=-2 * SAME_PERCENT,
                at_most=2 * SAME_PERCENT,
                words=f"{label}, EVM at {users} users less that at 5: ",
            )
            for users in _USERS[1:]
        )
    )


def _as_zero_forcing(panel: str, label: str) -> Check:
    return both(
        *(
            within(
                lambda f, users=users: f.difference(panel, (label, users), ("zf", users)),
                at_most=SAME_PERCENT,
                words=f"{label} less zf at {users} users: ",
            )
            for users in _USERS
        )
    )


EXPERIMENT = Experiment(
    name="deep-cg/fig4",
    paper=PAPER,
    title="EVM over the number of users at 20 dB, 128 antennas",
    shows="With log2(64) K layers the EVM is flat within 0.5 %.",
    panels=(_panel("per-antenna", "SNR = K/sigma^2"), _panel("per-user", "SNR = 1/sigma^2")),
    statements=(
        *(
            Statement(
                f"The EVM stays within +-0.5 % from 5 to 40 users ({words})",
                "section 4.3",
                both(_flat(panel, "cgnr(6K)"), _flat(panel, "deep-cg(6K untrained)")),
            )
            for panel, words in (
                ("per-user", "SNR of a user fixed"),
                ("per-antenna", "SNR of an antenna fixed"),
            )
        ),
        Statement(
            "The number of layers has to grow as log2(64) K, 240 at 40 users, to hold the EVM",
            "section 4.3",
            contradicted(
                both(*(_as_zero_forcing(panel, "cgnr(40)") for panel in _PANELS)),
                "The iterations depend on the condition number, not on modulation or users: 40 "
                "of CGNR, or 10 of CG, are at zero forcing for all of them.",
            ),
        ),
        Statement(
            "Trained for its users, deep CG of 20 layers holds as well (EVM within 0.5 % of ZF)",
            "check",
            both(*(_as_zero_forcing(panel, "deep-cg(20)") for panel in _PANELS)),
            of="library",
        ),
        Statement(
            "CG gets there in 10 iterations (EVM within 0.5 % of ZF)",
            "check",
            both(*(_as_zero_forcing(panel, "cg(10)") for panel in _PANELS)),
            of="library",
        ),
    ),
    notes=(
        SNR_NOTE,
        "Whether the curve is flat depends on that definition: at fixed K/sigma^2 zero forcing "
        "itself rises as sqrt(K / (128 - K)), at fixed 1/sigma^2 as sqrt(1 / (128 - K)).",
        "Steps are made for a number of users: those of another leave part of the spectrum out, "
        "or cover more of it than there is.",
    ),
)
