"""Why soft bits are quantised at all: a second transmission, and what the first left behind."""

from mimolearn.link.harq import Harq
from mimolearn.papers.eqnet.setting import (
    ERRORS,
    PAPER,
    SMALL,
    VECTORS,
    fewer_errors,
    link,
    quantized,
)
from mimolearn.papers.experiment import Experiment, Statement, both, within
from mimolearn.papers.panels import ErrorRatePanel

_TARGET = 1e-2
_TWICE = link(SMALL, "eqnet-2x2-64qam-harq", harq=Harq(transmissions=2, combining="chase"))

EXPERIMENT = Experiment(
    name="eqnet/harq",
    paper=PAPER,
    title="Block errors after a second transmission against stored bits",
    shows="The use of quantisation (figure 3): soft bits of a failed block wait for the next one.",
    panels=(
        ErrorRatePanel(
            name="chase",
            title="2 x 2 64-QAM, chase combining of stored ML soft bits",
            scenario=_TWICE,
            contenders=(
                "ml",
                *(
                    quantized(scheme, "2x2-64qam", bits)
                    for bits in (36, 30, 24)
                    for scheme in ("eq-net", "max-mi")
                ),
                quantized("deep-llr", "2x2-64qam", 36),
            ),
            snr_db=(8.5, 9, 9.5, 10, 10.5, 11),
            quick_snr_db=(9.5, 10, 10.5),
            metric="bler",
            target=_TARGET,
            vectors=VECTORS,
            min_errors=ERRORS,
        ),
    ),
    statements=(
        Statement(
            "At 24 stored bits a use EQ-Net is better than maximum MI after combining",
            "target",
            fewer_errors("chase", 9.5, "max-mi 24", "eq-net 24"),
            of="library",
        ),
        Statement(
            "36 and 30 stored bits a use by EQ-Net cost less than 0.1 dB after combining",
            "target",
            both(
                *(
                    within(
                        lambda f, bits=bits: f.gap("chase", f"eq-net {bits}", "ml", _TARGET),
                        at_most=0.1,
                        words=f"{bits} bits: ",
                    )
                    for bits in (36, 30)
                )
            ),
            of="library",
        ),
    ),
    notes=(
        "The first decoding, and the soft bits of the second transmission, are not quantised; what "
        "is stored of the first is, and is added to it. The quantisers were fitted at 11 to "
        "16 dB, above the SNRs where a second transmission is worth most.",
    ),
)
