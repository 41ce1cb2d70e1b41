"""WeSNet: DetNet with a part of its hidden units, weighed by a falling profile."""

from __future__ import annotations

from typing import final

from mimolearn.constellation import Constellation
from mimolearn.detectors.networks.fully_connected.detnet_family import Form, FullyConnected
from mimolearn.detectors.networks.fully_connected.wesnet_cut import Cut


@final
class WeSNet(FullyConnected):
    """DetNet whose layers keep a share ``width`` of their units; the rest does not exist.

    Choose it to reproduce the paper. ``slim-wesnet`` sets width and depth when it detects.

    Version 1 of ``detnet`` with beta_j on the hidden units, cut after a share of them (Mohammad,
    Masouros and Andreopoulos 2020, eqs 20 to 26). The paper leaves open which axis beta scales.
    Reading "hidden": W1 loses rows, W2 and W3 columns, which gives the paper's savings of 49.92,
    69.89 and 79.88 % of the parameters at 50, 30 and 20 %. Reading "output": W3 and so the state v
    lose rows besides. Reading "input" (eqs 25 and 26 to the letter): W1 loses columns, of which the
    first fifth is H^T y alone, so that at 20 % no layer sees H; W3 loses columns. Up to 50 % the
    half-exponential profile is all ones: such a WeSNet is a DetNet of fewer hidden units.

    Cost: that of ``detnet`` with fewer units.

    Args:
        constellation: of the symbols, or its name.
        num_tx_ant: number of streams Nt that the parameters are for; default 30.
        num_layers: number of layers; default 20.
        width: share of the units, above 0, at most 1; default 0.5.
        profile: "half-exponential" (default), "linear" or "uniform".
        reading: "hidden" (default), "output" or "input".
        output: "soft-sign" (default) or "logits", as in ``detnet``.
        residual: r, 0 to 0.99; default 0.9.
        activation: "relu" (default) or "gelu".
        start: "zero" (default) or "lmmse".
        init_seed: of the weights before training; default 0.

    Raises:
        InvalidInputError: for a value that is not allowed, and for a channel of other than Nt
            streams.

    >>> full = WeSNet("bpsk", width=1.0, num_layers=1).stack().num_numbers()
    >>> round(1 - WeSNet("bpsk", width=0.5, num_layers=1).stack().num_numbers() / full, 4)
    0.4992
    """

    name = "wesnet"

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 30,
        num_layers: int = 20,
        width: float = 0.5,
        profile: str = "half-exponential",
        reading: str = "hidden",
        output: str = "soft-sign",
        residual: float = 0.9,
        activation: str = "relu",
        start: str = "zero",
        init_seed: int = 0,
    ) -> None:
        form = Form(output=output, residual=residual, activation=activation, start=start)
        cut = Cut(width, profile, reading)
        super().__init__(constellation, num_tx_ant, num_layers, form, cut, init_seed)
