"""LcgNet's quantisers: hard ones made here, trained ones from the zoo, and their stairs."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.detectors import LcgNetV, QLcgNetV, quantize_lcgnet
from mimolearn.foundation.errors import check_one_of
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel
from mimolearn.zoo import load

_FULL_PRECISION = "lcgnet-v-32x64-bpsk"
_BITS = (3, 4)


def hard(bits: int, top: str = "maximum") -> QLcgNetV:
    """The shipped 32 x 64 BPSK network with a uniform staircase, without training.

    Args:
        bits: of a step size; 2^bits - 1 levels, 0 among them.
        top: where the highest level lies: at the "maximum" step size, or half a step below, so that
            the last "stair" ends there. The paper does not say which.
    """
    check_one_of("top", top, ("maximum", "stair"))
    network = _network()
    if top == "stair":
        return quantize_lcgnet(network, "uniform", bits, tables=1)
    steps = torch.cat([network.alpha.detach(), network.beta.detach()])
    half = (2**bits - 1) // 2
    levels = torch.arange(-half, half + 1, dtype=torch.float64) * float(steps.abs().max()) / half
    quantized = QLcgNetV(network.constellation, network.num_tx_ant, network.num_layers, bits)
    quantized.store([steps], [levels])
    return quantized


def lloyd_max(bits: int) -> QLcgNetV:
    """The same with the levels of least mean-square error, a table for alpha and one for beta."""
    return quantize_lcgnet(_network(), "lloyd-max", bits, tables=2)


def _network() -> LcgNetV:
    network = load(_FULL_PRECISION)
    assert isinstance(network, LcgNetV)
    return network


@python_panel(
    *(
        f"{name}({bits}) {what}"
        for bits in _BITS
        for name in ("hard", "soft")
        for what in ("levels",)
    ),
    *(f"soft({bits}) {what}" for bits in _BITS for what in ("spread", "split", "merged")),
)
def stairs(_: TableRun) -> Table:
    """Levels in use, and how the trained staircases differ from uniform ones.

    spread: the widest step between neighbouring levels over the narrowest; split and merged:
    levels of the hard quantiser whose step sizes went to several trained levels, and trained levels
    that took the step sizes of several hard ones.
    """
    values: dict[str, float] = {}
    rows = []
    network = _network()
    steps = torch.cat([network.alpha.detach(), network.beta.detach()]).flatten()
    for bits in _BITS:
        soft = load(f"qlcgnet-v-32x64-bpsk-{bits}bit")
        assert isinstance(soft, QLcgNetV)
        for name, quantized in (("hard", hard(bits)), ("soft", soft)):
            used = torch.cat([part.flatten() for part in quantized.steps()[:2]]).unique()
            values[f"{name}({bits}) levels"] = float(len(used))
            shown = ", ".join(f"{value:.2f}" for value in used.tolist())
            rows.append((f"{name}({bits})", str(len(used)), f"{quantized.stored_bits():,}", shown))
            if name == "soft":
                gaps = used.diff()
                values[f"soft({bits}) spread"] = float(gaps.max() / gaps.min())
        ours, theirs = _nearest(steps, soft), _nearest(steps, hard(bits))
        pairs = torch.stack([theirs, ours]).unique(dim=1)
        values[f"soft({bits}) split"] = _repeated(pairs[0])
        values[f"soft({bits}) merged"] = _repeated(pairs[1])
    columns = ("quantiser", "levels in use", "stored bits", "the levels")
    note = "Stored bits: codes and the table of levels. 2^bits - 1 levels are there at most."
    return Table(columns, tuple(rows), values, note)


def _nearest(values: Tensor, quantized: QLcgNetV) -> Tensor:
    """Level of each step size in a network's table."""
    levels = quantized.levels[0].unique()
    return torch.bucketize(values, (levels[1:] + levels[:-1]) / 2)


def _repeated(codes: Tensor) -> float:
    """How many codes come more than once."""
    return float((codes.unique(return_counts=True)[1] > 1).sum())
