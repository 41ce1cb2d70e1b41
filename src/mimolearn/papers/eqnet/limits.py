"""What storing soft bits costs at least, and what quantisers take (figure 9)."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from mimolearn.detectors import make_detector
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.link.scenario import Scenario
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel
from mimolearn.quantizers import bound_together, limit_one_by_one
from mimolearn.quantizers.descent import kl_loss
from mimolearn.quantizers.trained import load_quantizer

_LINK, _SNR_DB = "eqnet-2x2-64qam-coded", 13.5
_SHARE = 0.01
_USES_A_CALL = 16_384
_SCHEMES = ("eq-net", "max-mi")
_BITS = (36, 30, 24)


def _soft_bits(scenario: Scenario, uses: int, seed: int) -> Tensor:
    """Exact LLRs (uses, Nt, K) of channels of one vector each."""
    generator, teacher = Generator().manual_seed(seed), make_detector("ml", scenario.points())
    parts = []
    for start in range(0, uses, _USES_A_CALL):
        count = min(_USES_A_CALL, uses - start)
        h = scenario.channel.draw(count, scenario.num_rx_ant, scenario.num_tx_ant, generator)
        block = scenario.transmit(h, scenario.noise_var(_SNR_DB, h), 1, generator)
        llr = teacher(block.y, block.h_hat, block.noise_var).llr()
        parts.append(llr[:, 0].to(torch.float32))
    return torch.cat(parts)


@python_panel(
    *("one by one", "together", "together loses", "gmi"),
    *(
        f"{name} {bits} {what}"
        for name in _SCHEMES
        for bits in _BITS
        for what in ("loses", "coded")
    ),
)
def stored(run: TableRun) -> Table:
    """Bits a soft bit, and the millibits of GMI that each way to store them loses.

    coded: bits a soft bit that an ideal entropy coder would take for the codes.
    """
    scenario = Scenario.shipped(_LINK)
    with clean_torch():
        llr = _soft_bits(scenario, 2 * run.draws, 1)
        one = torch.sigmoid(llr.double())
        own = torch.nn.functional.softplus(llr.double()) - one * llr.double()
        gmi = 1 - float(own.mean()) / math.log(2)
        streams = llr.reshape(-1, llr.shape[-1])
        # Bits 2i and 2i + 1 are alike, those of the two axes.
        positions = streams.unflatten(-1, (-1, 2)).transpose(1, 2).flatten(0, 1)
        alone = limit_one_by_one(positions, _SHARE * gmi)
        half = len(streams) // 2
        both = bound_together(streams[:half], streams[half:], _SHARE * gmi, scenario.points())
        values = {
            "one by one": alone.bits,
            "together": both.bits,
            "together loses": 1000 * both.lost,
            "gmi": gmi,
        }
        rows = []
        for name in _SCHEMES:
            for bits in _BITS:
                quantizer = load_quantizer(f"{name}-2x2-64qam-{bits}")
                codes = quantizer.indices(llr)
                lost = kl_loss(quantizer.from_indices(codes), llr).double().mean()
                values[f"{name} {bits} loses"] = loss = 1000 * float(lost) / math.log(2)
                values[f"{name} {bits} coded"] = coded = quantizer.entropy_bits(codes) / llr.numel()
                rows.append(_row(f"{name} {bits}", quantizer.bits_per_llr, coded, loss, gmi))
    rows.append(_row("limit, one by one", alone.bits, alone.bits, 1000 * alone.lost, gmi))
    rows.append(_row("enough, a stream's together", both.bits, both.bits, 1000 * both.lost, gmi))
    columns = ("store", "bits a soft bit", "with an entropy coder", "GMI lost [mbit]", "GMI kept")
    note = (
        f"{len(llr):,} uses of {_LINK} at {_SNR_DB:g} dB, exact soft bits. Limits are of "
        "rate-distortion, for a loss of 1 %: single soft bits, and an upper bound for the six of a "
        "stream as a vector."
    )
    return Table(columns, tuple(rows), values, note)


def _row(name: str, bits: float, coded: float, lost: float, gmi: float) -> tuple[str, ...]:
    kept = 1 - lost / 1000 / gmi
    return name, f"{bits:.2f}", f"{coded:.2f}", f"{lost:.2f}", f"{100 * kept:.2f} %"
