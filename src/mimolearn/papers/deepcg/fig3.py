"""Figure 3: EVM over SNR."""

from mimolearn.papers.contenders import Network
from mimolearn.papers.deepcg.setting import PAPER, SAME_PERCENT, SNR_NOTE, uplink
from mimolearn.papers.experiment import Check, Experiment, Statement, both, within
from mimolearn.papers.panels import AccuracyPanel, Effort

_SNRS = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)


def _alike(panel: str, label: str, other: str, snr_db: tuple[float, ...] = _SNRS) -> list[Check]:
    return [
        within(
            lambda f, snr=snr: f.difference(panel, (label, snr), (other, snr)),
            at_least=-SAME_PERCENT,
            at_most=SAME_PERCENT,
            words=f"at {snr:g} dB ",
        )
        for snr in snr_db
    ]


EXPERIMENT = Experiment(
    name="deep-cg/fig3",
    paper=PAPER,
    title="EVM over SNR, 20 users on 128 antennas, 64-QAM",
    shows="CG is as good as ZF where NSE and GS are not yet; deep CG is as good as CG.",
    panels=(
        AccuracyPanel(
            name="classical",
            title="(a) Classical receivers",
            scenarios=(uplink(20),),
            snr_db=_SNRS,
            axis="snr",
            metric="evm",
            contenders=(
                "mrc",
                "zf",
                "lmmse:biased=true,label=lmmse",
                "neumann:num_terms=4,label=neumann",
                "gauss-seidel:num_iter=3,start=zero,label=gauss-seidel",
                "cg:num_iter=7,label=cg",
                "cgnr:num_iter=12,label=cgnr",
            ),
            channels=Effort(512, 2_048, 16_384),
        ),
        AccuracyPanel(
            name="deep",
            title="(b) Deep CG",
            scenarios=(uplink(20),),
            snr_db=_SNRS,
            axis="snr",
            metric="evm",
            contenders=(
                "zf",
                "cgnr:num_iter=15,label=cgnr",
                Network("deep-cg", "deep-cg-20x128-64qam"),
                "deep-cg:num_layers=15,label=deep-cg(untrained)",
            ),
            channels=Effort(512, 2_048, 16_384),
        ),
    ),
    statements=(
        Statement(
            "CG is almost optimal (7 iterations, EVM at most 0.5 % above ZF at every SNR)",
            "section 4.2",
            both(
                *(
                    within(
                        lambda f, snr=snr: f.difference("classical", ("cg", snr), ("zf", snr)),
                        at_most=SAME_PERCENT,
                        words=f"at {snr:g} dB ",
                    )
                    for snr in _SNRS
                )
            ),
        ),
        Statement(
            "It is ahead of the Neumann series, Gauss-Seidel and MRC at 20 dB",
            "figure 3a",
            both(
                *(
                    within(
                        lambda f, other=other: f.difference("classical", (other, 20), ("cg", 20)),
                        at_least=0.0,
                        words=f"less than {other} by ",
                    )
                    for other in ("neumann", "gauss-seidel", "mrc")
                )
            ),
        ),
        Statement(
            "Deep CG of 15 layers performs as CG at 20 dB (EVM within 0.5 %)",
            "section 4.2",
            both(*_alike("deep", "deep-cg", "cgnr", (20.0,))),
        ),
        Statement(
            "Trained at 20 dB, it does so over all SNRs",
            "section 4.2",
            both(*_alike("deep", "deep-cg", "cgnr")),
        ),
        Statement(
            "Zero forcing is at 4.31 % at 20 dB, as sqrt(K / (M - K)) / 10 predicts in the limit",
            "check",
            within(lambda f: f.level("classical", "zf", 20), at_least=4.2, at_most=4.4),
            of="library",
        ),
    ),
    notes=(
        SNR_NOTE,
        "The paper does not say how many terms and sweeps it takes: 4 and 3 here.",
        "The text gives no EVM; what it calls the same in section 4.3, 0.5 %, is the tolerance.",
    ),
)
