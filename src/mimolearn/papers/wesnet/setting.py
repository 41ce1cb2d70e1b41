"""What the figures of the WeSNet paper share: the paper, its link, its networks."""

from __future__ import annotations

from collections.abc import Callable

from mimolearn.detectors import Detector, EquiNet, RWeSNet, SlimWeSNet
from mimolearn.detectors.networks.fully_connected.detnet import DetNet
from mimolearn.detectors.networks.fully_connected.l_wesnet import LWeSNet
from mimolearn.link.scenario import Scenario
from mimolearn.papers.contenders import Derived, Entry, Network
from mimolearn.papers.experiment import Paper
from mimolearn.papers.panels import Effort, ErrorRatePanel
from mimolearn.training import Recipe
from mimolearn.training.recipe import PlainValue
from mimolearn.zoo import load

PAPER = Paper(
    "wesnet",
    "Complexity-Scalable Neural Network Based MIMO Detection With Learnable Weight Scaling",
    "Mohammad, Masouros, Andreopoulos",
    2020,
)
LINK = Scenario.shipped("detnet-30x60-bpsk")
FULL, FREE, LAYERS = "detnet-30x60-bpsk", "detnet-30x60-bpsk-short", 20

NOTES = (
    "SNR is the mean column energy of H over the noise variance, per channel, as in DetNet's code.",
    "Networks have 20 layers in place of 90, one logit an axis in place of a soft sign, GELU in "
    "place of ReLU, and normal equations divided by their mean diagonal. All of a figure are "
    "trained alike, as one small layer for all streams, 1500 steps of 256 vectors, a minute each "
    "(their recipes ship); trained on all weights, networks of the same sizes are worse. Only "
    "WeSNet-10 is trained on all weights: it has fewer units than streams.",
)
NARROW = (
    "Up to 50 % the half-exponential profile is all ones: WeSNet-HF-50 % is a DetNet with half of "
    "the hidden units, initialised and trained like one."
)

# The MMSE of the paper, which knows that symbols are real, and ML.
CLASSICAL: tuple[Entry, ...] = ("wl-lmmse", "wl-cg", "sphere")
DETNET = Network("DetNet", FULL)
DETNET_FREE = Network("DetNet, all weights", FREE)


def wesnet(percent: int) -> Network:
    """WeSNet with the half-exponential profile."""
    return Network(f"WeSNet-{percent}", f"wesnet-30x60-bpsk-{percent}")


def l_wesnet(percent: int) -> Network:
    """The same with a learned profile."""
    return Network(f"L-WeSNet-{percent}", f"l-wesnet-30x60-bpsk-{percent}")


def variant(label: str, weights: str, steps: int = 0, **options: PlainValue) -> Network:
    """WeSNet with other options, trained by whoever runs the figure.

    Args:
        label: what the figure calls it.
        weights: name of its weights.
        steps: of a shorter schedule; 0 for that of the recipe.
        **options: of the network.
    """

    def recipe() -> Recipe:
        base = Recipe.shipped("wesnet-30x60-bpsk-50")
        stage = base.stage[0]
        if steps:
            stage = stage.model_copy(update={"steps": steps, "warm_up": steps // 10})
        kept = {key: getattr(base, key) for key in Recipe.model_fields}
        changed = {"name": weights, "options": {**base.options, **options}, "stage": (stage,)}
        return Recipe(**{**kept, **changed})

    return Network(label, weights, recipe)


def of_depth(label: str, weights: str, num_layers: int, *, first: bool = False) -> Derived:
    """The first layers of trained weights, or with ``first`` the last ones."""

    def make() -> Detector:
        network = load(weights)
        if first:
            assert isinstance(network, RWeSNet)
            return network.at(num_layers=num_layers, first=True)
        assert isinstance(network, DetNet | LWeSNet | RWeSNet | EquiNet)
        return network.at(num_layers=num_layers)

    return Derived(label, (weights,), make)


def slim(label: str, width: float, num_layers: int = LAYERS) -> Derived:
    """The slimmable network at a width and depth."""

    def make() -> Detector:
        network = load("slim-wesnet-30x60-bpsk")
        assert isinstance(network, SlimWeSNet)
        return network.at(width=width, num_layers=num_layers)

    return Derived(label, ("slim-wesnet-30x60-bpsk",), make)


def made(label: str, needs: tuple[str, ...], make: Callable[[], Detector]) -> Derived:
    """Any other detector that is made of weights."""
    return Derived(label, needs, make)


def rates(
    name: str,
    title: str,
    contenders: tuple[Entry, ...],
    snr_db: tuple[float, ...] = (8, 9, 10, 11, 12, 13, 14),
    target: float = 1e-3,
    vectors: Effort | None = None,
) -> ErrorRatePanel:
    """Error rates on the paper's link, with MMSE (``wl-lmmse``) and ML (``sphere``)."""
    return ErrorRatePanel(
        name=name,
        title=title,
        scenario=LINK,
        contenders=(*CLASSICAL, *contenders),
        snr_db=snr_db,
        quick_snr_db=tuple(snr for snr in (8, 10, 12) if snr in snr_db),
        target=target,
        vectors=vectors or Effort(1_000, 20_000, 500_000),
        # Gaps of a tenth of a dB are asked for: a fixed number of vectors, common to all.
        min_errors=Effort(400, 20_000, 400_000),
    )
