"""Table II: numbers of users and receive chains."""

from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.effort import Effort
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import CHANNEL_NOTE, GD, NEWTON, PAPER, QPSK, changed

# (K, Rr, streams a user); with Rr = 2 the paper's three streams would have no chains.
_SIZES = ((1, 4, 3), (2, 4, 3), (3, 2, 2), (4, 2, 2))
_PAPER = {(1, 4): 0.9843, (2, 4): 0.9785, (3, 2): 0.9707, (4, 2): 0.9586}


def _name(users: int, chains: int) -> str:
    return f"{users} users, {chains} chains"


EXPERIMENT = Experiment(
    name="mser/table2",
    paper=PAPER,
    title="SER for configurations of the system (Table II)",
    shows="The gap between the unfolded network and descent grows slightly with the users.",
    panels=tuple(
        BeamPanel(
            name=_name(users, chains),
            title=f"{_name(users, chains)}, {streams} streams each, 20 dB",
            link=changed(
                QPSK, {"num_users": users, "num_rx_chains": chains, "num_streams": streams}
            ),
            beams=(GD, NEWTON, "fd-mmse"),
            snr_db=(20.0,),
            quick_snr_db=(20.0,),
            channels=Effort(64, 64, 512),
        )
        for users, chains, streams in _SIZES
    ),
    statements=tuple(
        Statement(
            f"{users} users, {chains} chains: {share:.2%} of descent (at least 90 % here)",
            "Table II",
            within(
                lambda f, u=users, c=chains: f.beam_ratio(_name(u, c), "unfolded-gn", "GD", 20.0),
                at_most=1 / 0.9,
            ),
        )
        for (users, chains), share in _PAPER.items()
    ),
    notes=(
        CHANNEL_NOTE,
        "Table II's two receive chains with three streams a user violate D <= R_r: two streams "
        "are taken there. One network, trained for two users, serves all four systems.",
    ),
)
