"""Figure 6: two stages of training against one, and the loss of the second stage."""

from mimolearn.papers.contenders import Network
from mimolearn.papers.eqnet.setting import AXES, PAPER, SMALL, blocks, fewer_errors
from mimolearn.papers.experiment import Check, Experiment, Statement
from mimolearn.training import SoftBitRecipe
from mimolearn.training.recipe import Descent, LossName, PlainValue, SnrMix

_PANEL = "2x2-64qam"
_FIRST = "eq-net-published-2x2-64qam-36"
_STEPS, _SNR_DB = 3_000, 18.0
# Where the good ones still make errors.
_LOW_DB = 14.0


def _network(label: str, loss: LossName, stage_one: str = _FIRST, **options: PlainValue) -> Network:
    name = "eq-net-published-2x2-64qam-" + label.replace(", ", "-").replace(" ", "-")

    def recipe() -> SoftBitRecipe:
        return SoftBitRecipe(
            part="estimator",
            name=name,
            network="eq-net-published",
            scenario=SMALL,
            snr=SnrMix(low_db=12.0, high_db=20.0),
            uses=200_000,
            options={"num_tx_ant": 2, **options},
            stage_one=stage_one,
            fit=Descent(steps=_STEPS, learning_rate=1e-3, loss=loss),
        )

    return Network(label, name, recipe)


def _fewer(worse: str, better: str, snr_db: float = _SNR_DB) -> Check:
    return fewer_errors(_PANEL, snr_db, worse, better)


EXPERIMENT = Experiment(
    name="eqnet/fig6",
    paper=PAPER,
    title="Two stages of training against one",
    shows="Aiming at a quantiser's features ends lower than training encoder and decoder at once.",
    panels=(
        blocks(
            _PANEL,
            "2 x 2 64-QAM, the paper's estimator after as many steps",
            SMALL,
            (
                "ml",
                "lmmse",
                _network("two stages, l1", "l1"),
                _network("two stages, mse", "mse"),
                _network("one stage", "weighted-square", ""),
                _network("one stage, whitened kl", "kl", "", inputs="whitened"),
            ),
            (13.0, 14.0, 16.0, 18.0, 20.0),
            (14.0, 18.0),
        ),
    ),
    statements=(
        Statement(
            "Two stages end with fewer block errors than one after as many steps",
            "section 3.2",
            _fewer("one stage", "two stages, l1"),
        ),
        Statement(
            "In the second stage the mean absolute error is a better loss than the mean square",
            "section 3.3",
            _fewer("two stages, mse", "two stages, l1"),
        ),
        Statement(
            "Whitened inputs and KL make one stage better than the paper's two",
            "target",
            _fewer("two stages, l1", "one stage, whitened kl", _LOW_DB),
            of="library",
        ),
        Statement(
            "After so few steps LMMSE is better than the paper's estimator",
            "target",
            _fewer("two stages, l1", "lmmse", _LOW_DB),
            of="library",
        ),
    ),
    notes=(
        AXES,
        f"{_STEPS:,} steps of 256 uses each, half a million of the paper's billions, from 12 to 20 "
        f"dB; the first stage is {_FIRST}, of 9 000 steps. Rates are "
        f"compared at {_SNR_DB:g} dB, those with better receivers at {_LOW_DB:g}.",
    ),
)
