"""Figure 15: quantised step sizes."""

from mimolearn.papers.contenders import Derived, Network
from mimolearn.papers.experiment import Experiment, Statement, both, contradicted, within
from mimolearn.papers.lcgnet.setting import FULL_PRECISION, PAPER, quantized, rayleigh
from mimolearn.papers.panels import Effort, ErrorRatePanel


def _quantized(scheme: str, bits: int) -> Derived:
    return Derived(f"{scheme}({bits})", (FULL_PRECISION,), lambda: quantized(scheme, bits))


EXPERIMENT = Experiment(
    name="lcgnet/fig15",
    paper=PAPER,
    title="BER of quantised LcgNetV, 32 x 64, BPSK",
    shows="A trained 3-bit soft staircase beats a uniform 4-bit quantiser and loses 0.55 dB.",
    panels=(
        ErrorRatePanel(
            name="32x64",
            title="32 x 64 BPSK",
            scenario=rayleigh(32, 64, "bpsk"),
            contenders=(
                "lmmse",
                "wl-lmmse",
                "wl-cg",
                Network("lcgnet-v", FULL_PRECISION),
                *(_quantized("uniform", bits) for bits in (3, 4)),
                *(Network(f"soft({bits})", f"qlcgnet-v-32x64-bpsk-{bits}bit") for bits in (3, 4)),
                *(_quantized("lloyd-max", bits) for bits in (3, 4)),
                "sphere",
            ),
            snr_db=(2, 3, 4, 5, 6, 7, 8),
            quick_snr_db=(2, 4, 6),
            vectors=Effort(2_048, 100_000, 2_500_000),
            # A twentieth of a dB is asked for at BER 1e-4.
            min_errors=Effort(60, 150, 6_000),
        ),
    ),
    statements=(
        *(
            Statement(
                f"At BER 1e-4 the {bits}-bit soft quantiser loses {loss} dB",
                "section V-D",
                within(
                    lambda f, bits=bits: f.gap("32x64", f"soft({bits})", "lcgnet-v", 1e-4),
                    at_most=loss,
                ),
            )
            for bits, loss in ((3, 0.55), (4, 0.27))
        ),
        Statement(
            "The 3-bit soft quantiser is better than the 4-bit uniform one",
            "section V-D",
            within(lambda f: f.gap("32x64", "uniform(4)", "soft(3)", 1e-2), at_least=0.0),
        ),
        Statement(
            "A trained staircase is what it takes to quantise well in few bits",
            "section IV-B",
            contradicted(
                both(
                    *(
                        within(
                            lambda f, bits=bits: f.gap(
                                "32x64", f"lloyd-max({bits})", "lcgnet-v", 1e-3
                            ),
                            at_most=0.1,
                            words=f"loss of {bits} bits of Lloyd-Max, untrained: ",
                        )
                        for bits in (3, 4)
                    )
                ),
                "Lloyd-Max levels of the trained step sizes (Lloyd 1957, Max 1960) lose next to "
                "nothing and need no training; the paper compares with a uniform quantiser only.",
            ),
        ),
        *(
            Statement(
                f"{bits} bits of Lloyd-Max lose at most 0.05 dB at BER 1e-4",
                "target",
                within(
                    lambda f, bits=bits: f.gap("32x64", f"lloyd-max({bits})", "lcgnet-v", 1e-4),
                    at_most=0.05,
                ),
                of="library",
            )
            for bits in (3, 4)
        ),
    ),
    notes=("Soft quantisers are evaluated hard: what is stored is one of 2^bits levels.",),
)
