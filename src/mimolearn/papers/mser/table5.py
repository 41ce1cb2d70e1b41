"""Table V: a large network on smaller systems."""

from mimolearn.papers.beam_panel import BeamPanel
from mimolearn.papers.effort import Effort
from mimolearn.papers.experiment import Experiment, Statement, within
from mimolearn.papers.mser.setting import GD, MATRIX, NEWTON, PAPER, QPSK, changed

_SIZES = ((2, 64), (1, 64), (2, 32), (1, 32))


def _name(users: int, antennas: int) -> str:
    return f"{users} users, {antennas} antennas"


EXPERIMENT = Experiment(
    name="mser/table5",
    paper=PAPER,
    title="A large network on fewer users and antennas (Table V)",
    shows="A network of 8 users and 128 antennas loses 0.5 to 3 % on smaller systems.",
    panels=tuple(
        BeamPanel(
            name=_name(users, antennas),
            title=f"{_name(users, antennas)}, 15 dB",
            link=changed(QPSK, {"num_users": users, "num_tx_ant": antennas}),
            beams=(GD, NEWTON, MATRIX, "fd-mmse"),
            snr_db=(15.0,),
            quick_snr_db=(15.0,),
            channels=Effort(64, 128, 1024),
        )
        for users, antennas in _SIZES
    ),
    statements=tuple(
        Statement(
            f"{_name(users, antennas)}: the network of 2 users and 64 antennas holds "
            "(90 % of descent)",
            "Table V",
            within(
                lambda f, u=users, n=antennas: f.beam_ratio(_name(u, n), "unfolded-gn", "GD", 15.0),
                at_most=1 / 0.9,
            ),
        )
        for users, antennas in _SIZES
    ),
    notes=(
        "The paper's section V-E has its inequalities reversed, and absent users must be dropped "
        "rather than fed as zeros. The large network here is the one of 2 users and 64 antennas: "
        "its matrices are cut to the users and antennas that are there.",
    ),
)
