"""Figure 7: mean square error over layers at 30 dB."""

from mimolearn.link.channels import Rayleigh
from mimolearn.link.scenario import Scenario
from mimolearn.papers.contenders import Network
from mimolearn.papers.experiment import Experiment, Reference, Statement, both, contradicted, within
from mimolearn.papers.lcgnet.setting import LINEAR, PAPER, PRINTED_DB, rayleigh, trained_here
from mimolearn.papers.panels import AccuracyPanel, Effort, TrainingLog
from mimolearn.training import Stage

_SCENARIO = rayleigh(32, 64, "bpsk")
_PRINTED = Scenario(**{**dict(_SCENARIO), "channel": Rayleigh(entry_variance="1/Nt"), "name": ""})

_SCALAR = trained_here(
    "lcgnet-s",
    "lcgnet-s-32x64-bpsk-14layers-30db",
    _SCENARIO,
    (30.0, 30.0),
    num_layers=14,
    network="lcgnet-s",
    start="",
    stage=Stage(steps=300, learning_rate=0.005),
)

_PANELS = (
    AccuracyPanel(
        name="30dB",
        title="NMSE at 30 dB",
        scenarios=(_SCENARIO,),
        snr_db=(30.0,),
        contenders=(
            "lmmse:biased=true,label=lmmse",
            "wl-lmmse",
            "cg:num_iter=20,label=cg",
            "wl-cg:num_iter=20,label=wl-cg",
            _SCALAR,
            Network("lcgnet-v", "lcgnet-v-32x64-bpsk-30db"),
            Network("lcgnet-m", "lcgnet-m-32x64-bpsk-30db"),
            Network("lcgnet-v(layerwise)", "lcgnet-v-32x64-bpsk-layerwise"),
        ),
        channels=Effort(2_048, 8_192, 32_768),
        shrunk=("wl-lmmse",),
        logged=(TrainingLog("lcgnet-v(layer by layer)", "lcgnet-v-32x64-bpsk-layerwise"),),
    ),
    AccuracyPanel(
        name="printed-variance",
        title="NMSE at 30 dB with the printed variance 1/Nt",
        scenarios=(_PRINTED,),
        snr_db=(30.0,),
        contenders=("cg:num_iter=20,label=cg",),
        channels=Effort(1_024, 4_096, 16_384),
    ),
)

EXPERIMENT = Experiment(
    name="lcgnet/fig7",
    paper=PAPER,
    title="NMSE over layers at 30 dB, 32 x 64, BPSK",
    shows="LcgNetV converges in half as many layers as conjugate gradient and ends below LMMSE.",
    panels=_PANELS,
    notes=(
        "A network trained as a whole is made for its last layer: the layers before it are not "
        "networks of fewer layers. lcgnet-v(layerwise) is trained as the paper does, layer after "
        "layer and SNR after SNR down to 0 dB, where it ends as a specialist. Its log, what each "
        "depth had reached when it was the last, is the curve of lcgnet-v(layer by layer).",
        "Levels printed as whole dB are taken to 0.5 dB, all other numbers as they are printed.",
        "The mean square runs over all 2Nt real entries, Im s = 0 included, as in the paper.",
    ),
    references=(
        Reference("30dB", "cg", 7, -23.28, PRINTED_DB, "section V-A: -30 dB, gain 6.72 dB"),
        Reference("30dB", "cg", 14, -30.0, PRINTED_DB, "section V-A"),
        Reference("30dB", "lcgnet-s", 14, -30.0, PRINTED_DB, "section V-A"),
    ),
    statements=(
        Statement(
            "LcgNetV reaches -30 dB with 7 layers",
            "section V-A",
            within(lambda f: f.level("30dB", "lcgnet-v", 7), at_most=-30.0),
        ),
        Statement(
            "At 7 layers LcgNetV is 6.72 dB better than conjugate gradient",
            "section V-A",
            within(
                lambda f: f.difference("30dB", ("cg", 7), ("lcgnet-v", 7)),
                at_least=6.72,
            ),
        ),
        Statement(
            "Supervised learning takes LcgNetV below LMMSE, the bound of linear detection",
            "section V-A",
            contradicted(
                both(
                    within(
                        lambda f: f.difference("30dB", ("wl-lmmse", None), ("lmmse", None)),
                        at_most=0.0,
                        words="wl-lmmse, untrained and linear, against lmmse: ",
                    ),
                    within(
                        lambda f: f.difference("30dB", ("lcgnet-v", 7), ("wl-lmmse", None)),
                        at_least=0.0,
                        words="lcgnet-v against wl-lmmse: ",
                    ),
                ),
                LINEAR,
            ),
        ),
        Statement(
            "The entries of the channel have variance 1/Nt",
            "section V-A",
            contradicted(
                both(
                    within(
                        lambda f: f.level("30dB", "cg", 14),
                        at_least=-30.0 - PRINTED_DB,
                        at_most=-30.0 + PRINTED_DB,
                        words="CG at 14 iterations with 1/Nr: ",
                    ),
                    within(
                        lambda f: f.level("printed-variance", "cg", 14).minus(
                            f.level("30dB", "cg", 14)
                        ),
                        at_most=-PRINTED_DB,
                        words="change with 1/Nt: ",
                    ),
                ),
                "The paper's own numbers come out with variance 1/Nr, which its code uses.",
            ),
        ),
        Statement(
            "An unfolded network reaches -33 dB with 7 layers (lcgnet-m)",
            "target",
            within(lambda f: f.level("30dB", "lcgnet-m", 7), at_most=-33.0),
            of="library",
        ),
        Statement(
            "Widely linear CG passes the network's -30 dB in 7 iterations without training",
            "target",
            within(lambda f: f.level("30dB", "wl-cg", 7), at_most=-30.0),
            of="library",
        ),
    ),
)
