"""Figure 5: residual over layers, and how many layers are enough."""

from mimolearn.papers.contenders import Network
from mimolearn.papers.deepcg.setting import PAPER, SAME_PERCENT, SNR_NOTE, uplink
from mimolearn.papers.experiment import Experiment, Statement, both, contradicted, within
from mimolearn.papers.panels import AccuracyPanel, Effort

_CONSTELLATIONS = ("16-qam", "64-qam", "256-qam")


def _residual(constellation: str) -> AccuracyPanel:
    return AccuracyPanel(
        name=constellation,
        title=f"Residual at 25 dB, {constellation.upper()}",
        scenarios=(uplink(20, constellation),),
        snr_db=(25.0,),
        metric="residual",
        contenders=(
            "cg:num_iter=30,label=cg",
            "cgnr:num_iter=30,label=cgnr",
            "deep-cg:num_layers=30,label=deep-cg(untrained)",
        ),
        channels=Effort(512, 1_024, 8_192),
    )


EXPERIMENT = Experiment(
    name="deep-cg/fig5",
    paper=PAPER,
    title="Residual over layers at 25 dB, and EVM over layers at 20 dB",
    shows="The residual decays fast, at a pace that depends on the modulation.",
    panels=(
        *(_residual(constellation) for constellation in _CONSTELLATIONS),
        AccuracyPanel(
            name="evm",
            title="EVM at 20 dB, 64-QAM",
            scenarios=(uplink(20),),
            snr_db=(20.0,),
            metric="evm",
            contenders=(
                "zf",
                "cg:num_iter=20,label=cg",
                "cgnr:num_iter=120,label=cgnr",
                "gauss-seidel:num_iter=8,start=zero,label=gauss-seidel",
                "neumann:num_terms=10,label=neumann",
                "deep-cg:num_layers=120,label=deep-cg(120 untrained)",
                Network("deep-cg", "deep-cg-20x128-64qam"),
            ),
            channels=Effort(512, 2_048, 16_384),
        ),
    ),
    statements=(
        Statement(
            "The residual decays fast (20 dB in 8 layers at 64-QAM)",
            "section 4.4",
            within(lambda f: f.level("64-qam", "cgnr", 8), at_most=-20.0),
        ),
        Statement(
            "How fast depends on the modulation",
            "section 4.4",
            contradicted(
                both(
                    *(
                        within(
                            lambda f, layer=layer: f.level("256-qam", "cgnr", layer).minus(
                                f.level("16-qam", "cgnr", layer)
                            ),
                            at_least=-1.0,
                            at_most=1.0,
                            words=f"256-QAM less 16-QAM after {layer} layers: ",
                        )
                        for layer in (4, 8)
                    )
                ),
                "At equal symbol energy the residual of a linear system does not know how many "
                "points a constellation has; only the EVM that is needed differs.",
            ),
        ),
        Statement(
            "log2(64) K = 120 layers are needed",
            "section 4.3",
            contradicted(
                both(
                    within(
                        lambda f: f.difference("evm", ("cgnr", 15), ("cgnr", 120)),
                        at_most=SAME_PERCENT,
                        words="EVM % that 105 more layers of CGNR gain over 15: ",
                    ),
                    within(
                        lambda f: f.difference("evm", ("cg", 7), ("zf", None)),
                        at_most=SAME_PERCENT,
                        words="CG after 7 iterations less ZF: ",
                    ),
                ),
                "15 to 20 layers are at the limit; 120 are six times the work for nothing.",
            ),
        ),
        Statement(
            "Fixed steps are stable at 120 layers, started from Chebyshev's",
            "check",
            within(
                lambda f: f.difference("evm", ("deep-cg(120 untrained)", 120), ("zf", None)),
                at_most=0.1,
            ),
            of="library",
        ),
    ),
    notes=(SNR_NOTE, "Residual: of the normal equations, relative to their right-hand side."),
)
