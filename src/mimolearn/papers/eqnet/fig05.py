"""Figure 5: how many numbers a channel use need be kept, none of them rounded."""

from mimolearn.papers.contenders import Quantized
from mimolearn.papers.eqnet.setting import AXES, PAPER, SMALL, TARGET, blocks, fewer_errors, recipe
from mimolearn.papers.experiment import Experiment, Statement, both, within

_BASE = "eq-net-published-2x2-64qam-36"
_PANEL = "2x2-64qam"
_OURS = "eq-net, 6"
# With few numbers the block error rate has a floor above 1e-2: rates at one SNR are compared.
_SNR_DB = 15.0


def _latents(count: int) -> Quantized:
    """The published networks with so many latents, at ten bits each: as good as not rounded."""
    name = f"eq-net-published-2x2-64qam-latents-{count}"
    options = {"loss": "kl", "num_latents": count, "steps": 5_000}
    made = recipe(_BASE, name, bits=10 * count / 12, options=options)
    return Quantized(_label(count), name, recipe=made)


def _label(count: int) -> str:
    return f"published networks, {count}"


EXPERIMENT = Experiment(
    name="eqnet/fig5",
    paper=PAPER,
    title="Latent size: numbers kept of the twelve soft bits of a use",
    shows="Six numbers, three a stream, lose less than 0.1 dB; with fewer the loss grows.",
    panels=(
        blocks(
            _PANEL,
            "2 x 2 64-QAM, ML soft bits, latents not rounded",
            SMALL,
            ("ml", Quantized(_OURS, "eq-net-2x2-64qam"), *(_latents(n) for n in (6, 5, 4, 3))),
            (12.5, 13.0, 13.5, 14.0, 14.5, 15.0, 16.0, 18.0),
            (13.0, 14.0),
        ),
    ),
    statements=(
        Statement(
            "Six numbers a use, three a stream, cost less than 0.1 dB",
            "section 3.1",
            within(lambda f: f.gap(_PANEL, _OURS, "ml", TARGET), at_most=0.1),
        ),
        Statement(
            "Fewer than six cost more, the more the fewer",
            "section 3.1",
            both(*(fewer_errors(_PANEL, _SNR_DB, _label(n), _label(n + 1)) for n in (5, 4, 3))),
        ),
        Statement(
            "The paper's own networks, trained a minute on KL, lose 0.1 dB more than ours with six",
            "target",
            within(lambda f: f.gap(_PANEL, _label(6), _OURS, TARGET), at_least=0.1),
            of="library",
        ),
    ),
    notes=(
        AXES,
        "The networks of the ablation are the paper's, trained alike: 5 000 steps of 256 uses on "
        "the KL divergence of bit posteriors, which serves them far better than the paper's loss "
        "in so few. Their latents are kept with ten bits each.",
    ),
)
