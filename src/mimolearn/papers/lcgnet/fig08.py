"""Figure 8: mean square error over layers at 5 and 10 dB."""

from mimolearn.papers.contenders import Network
from mimolearn.papers.experiment import Experiment, Statement, both, contradicted, within
from mimolearn.papers.lcgnet.setting import LINEAR, PAPER, READ_DB, rayleigh, trained_here
from mimolearn.papers.panels import AccuracyPanel, Effort, TrainingLog

_SCENARIO = rayleigh(32, 64, "bpsk")
_GAIN_DB = {5: 3.35, 10: 3.08}


def _panel(snr_db: int) -> AccuracyPanel:
    return AccuracyPanel(
        name=f"{snr_db}dB",
        title=f"NMSE at {snr_db} dB",
        scenarios=(_SCENARIO,),
        snr_db=(float(snr_db),),
        contenders=(
            "lmmse:biased=true,label=lmmse",
            "wl-lmmse",
            "cg:num_iter=15,label=cg",
            "wl-cg:num_iter=15,label=wl-cg",
            Network("lcgnet-s", "lcgnet-s-32x64-bpsk"),
            Network("lcgnet-v(15)", "lcgnet-v-32x64-bpsk"),
            trained_here(
                "lcgnet-v",
                f"lcgnet-v-32x64-bpsk-6layers-{snr_db}db",
                _SCENARIO,
                (float(snr_db), float(snr_db)),
                num_layers=6,
            ),
            Network("lcgnet-m", "lcgnet-m-32x64-bpsk"),
            Network("lcgnet-v(layerwise)", "lcgnet-v-32x64-bpsk-layerwise"),
        ),
        channels=Effort(512, 4_096, 32_768),
        shrunk=("wl-lmmse",),
        logged=(TrainingLog("lcgnet-v(layer by layer)", "lcgnet-v-32x64-bpsk-layerwise"),),
    )


def _statements(snr_db: int) -> tuple[Statement, ...]:
    panel, gain = f"{snr_db}dB", _GAIN_DB[snr_db]
    return (
        Statement(
            f"At {snr_db} dB, LcgNetV with 6 layers is {gain} dB better than LMMSE",
            "section V-A",
            within(
                lambda f: f.difference(panel, ("lmmse", None), ("lcgnet-v", 6)),
                at_least=gain,
            ),
        ),
        Statement(
            f"At {snr_db} dB, 6 layers come within 0.1 dB of the widely linear LMMSE (lcgnet-m)",
            "target",
            within(
                lambda f: f.difference(panel, ("lcgnet-m", 6), ("wl-lmmse", None)),
                at_most=0.1,
            ),
            of="library",
        ),
        Statement(
            f"At {snr_db} dB the gain over LMMSE is the learning power of a deep network",
            "section V-A",
            contradicted(
                both(
                    within(
                        lambda f: f.difference(panel, ("lmmse", None), ("wl-cg", 6)),
                        at_least=gain,
                        words="wl-cg, 6 iterations, untrained, gains over lmmse: ",
                    ),
                    within(
                        lambda f: f.difference(panel, ("lcgnet-v(15)", 15), ("wl-lmmse", None)),
                        at_least=0.0,
                        words="lcgnet-v, 15 layers, against wl-lmmse: ",
                    ),
                ),
                LINEAR,
            ),
        ),
    )


EXPERIMENT = Experiment(
    name="lcgnet/fig8",
    paper=PAPER,
    title="NMSE over layers at 5 and 10 dB, 32 x 64, BPSK",
    shows="A few layers of LcgNetV pass LMMSE by 3 dB; CG and LcgNetS end at LMMSE.",
    panels=(_panel(5), _panel(10)),
    statements=(
        *_statements(5),
        *_statements(10),
        Statement(
            "LcgNetS converges like conjugate gradient, to LMMSE",
            "section V-A",
            within(
                lambda f: f.difference("10dB", ("lcgnet-s", None), ("lmmse", None)),
                at_least=-READ_DB,
                at_most=READ_DB,
            ),
        ),
    ),
    notes=(
        "A network trained as a whole is made for its last layer: the layers before it are not "
        "networks of fewer layers. lcgnet-v(layer by layer) is the log of the paper's own "
        "training: what each depth had reached when it was the last.",
    ),
)
