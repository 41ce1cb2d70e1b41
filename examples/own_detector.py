"""Add your own detector in 30 lines, and let it compete with those that are there.

Gradient descent on ||y - Hx||^2 inside the box that the QPSK points span: no matrix is inverted,
and the box keeps out what no symbol can be.
"""

from typing import NamedTuple, final

from torch import Tensor

import mimolearn as ml
from mimolearn.detectors import Cost
from mimolearn.foundation.tensors.linalg import gram, matched_filter


class Prepared(NamedTuple):
    """h: (*C, Nr, Nt); gram: (*C, Nt, Nt); step: (*C, 1, 1)."""

    h: Tensor
    gram: Tensor
    step: Tensor


@final
class BoxDescent(ml.Detector):
    """num_iter steps of projected gradient descent, all of one length that cannot diverge."""

    name = "box-descent"
    soft = False

    def __init__(self, constellation: ml.Constellation | str, num_iter: int = 20) -> None:
        super().__init__(constellation)
        self.num_iter = num_iter
        self.edge = float(self.constellation.points.real.max())

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        matrix = gram(h)
        # The largest eigenvalue is at most the largest sum of absolute values in a row.
        step = 1 / matrix.abs().sum(-1).amax(-1)
        return Prepared(h, matrix, step[..., None, None])

    def _detect(self, prepared: Prepared, y: Tensor) -> ml.HardDetection:
        target = matched_filter(prepared.h, y)
        x = target * 0
        for _ in range(self.num_iter):
            x = x - prepared.step * (x @ prepared.gram.mT - target)
            x.real.clamp_(-self.edge, self.edge)
            x.imag.clamp_(-self.edge, self.edge)
        return ml.HardDetection(self.constellation, self.constellation.nearest(x))

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        product = 4 * num_rx_ant * num_tx_ant
        return Cost(product * num_tx_ant, product + self.num_iter * 4 * num_tx_ant**2)


def main(min_errors: int = 1000) -> ml.Comparison:
    """Compare it with LMMSE and expectation propagation, times included."""
    scenario = ml.Scenario(
        num_tx_ant=8,
        num_rx_ant=16,
        constellation="qpsk",
        channel_reuse=14,
        snr_definition="received",
    )
    # An object competes like a name; it runs in this process only.
    mine = ml.Contender.from_detector("box-descent", BoxDescent("qpsk"))
    result = ml.compare(
        scenario, ["lmmse", mine, "ep"], snr_db=[2, 5, 8], target=1e-2, min_errors=min_errors
    )
    for curve in result.curves:
        rates = ", ".join(f"{p.rate('ber'):.2e} at {p.snr_db:g} dB" for p in curve.points)
        time_us = result.timings[curve.label].vector_us
        print(f"{curve.label:12} BER {rates}; {time_us:.2f} us a vector")
    return result


if __name__ == "__main__":
    main()
