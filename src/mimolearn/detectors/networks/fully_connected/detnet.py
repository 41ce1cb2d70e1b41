"""DetNet: projected gradient descent unfolded into fully connected layers."""

from __future__ import annotations

from typing import final

from mimolearn.constellation import Constellation
from mimolearn.detectors.networks.fully_connected.detnet_family import Form, FullyConnected


@final
class DetNet(FullyConnected):
    """Fully connected layers on H^T y, H^T H x, x and a state; trained for one size.

    Choose it to reproduce DetNet. ``equi-net`` has a hundredth of the parameters, serves any number
    of streams and is closer to ML; ``tap-net`` is closer still.

    Version 1 (Samuel, Diskin and Wiesel 2017, eq. 13): u = relu(W1 [H^T y; H^T H x; x; v] + b1), x'
    = psi_t(W2 u + b2), v' = W3 u + b3, psi_t a linear soft sign; x <- r x + (1 - r) x', v alike.
    Version 2 (the same, 2019, eqs 14 to 16): the first two inputs and x are one gradient step x -
    d1 H^T y + d2 H^T H x, the output is one-hot. One network serves all channels of one size.
    Unlike the papers, the normal equations are divided by their mean diagonal (see
    ``normal_equations``): without, training takes days. One-hot outputs are logits, whose softmax
    makes x; the paper has a linear output and squares. The order of inputs is that of WeSNet. The
    shipped weights are alike for all streams (see ``shared_streams``): a minute of training makes
    these better than 12,000 steps on all weights. The network does not know the noise level, except
    for start "lmmse". LLRs come from x or the logits.

    Cost: a Gram matrix per channel; per vector and layer at factors 8 and 2 64 n^2 + n^2 real
    multiplications, n = Nt for BPSK, 2Nt for QAM. 57,931 parameters a layer at n = 30.

    Args:
        constellation: of the symbols, or its name.
        num_tx_ant: number of streams Nt that the parameters are for; default 30.
        num_layers: number of layers; default 20.
        version: 1 (default) or 2.
        output: "soft-sign" (x itself, the default of version 1), "one-hot" (that of version 2) or
            "logits" (one for two levels: x = tanh(logit / 2); r then mixes logits).
        hidden_factor: hidden units per real unknown; default 8, of version 2 4.
        state_factor: entries of the state per real unknown; default 2.
        residual: r, 0 to 0.99; default 0.9.
        activation: "relu" (default) or "gelu".
        start: "zero" (default) or "lmmse".
        init_seed: of the weights before training; default 0.

    Raises:
        InvalidInputError: for a value that is not allowed, and for a channel of other than Nt
            streams.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> DetNet("bpsk", num_tx_ant=2)(y, h, 0.1).bits().shape
    torch.Size([1, 2, 1])
    """

    name = "detnet"

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 30,
        num_layers: int = 20,
        version: int = 1,
        output: str | None = None,
        hidden_factor: int | None = None,
        state_factor: int = 2,
        residual: float = 0.9,
        activation: str = "relu",
        start: str = "zero",
        init_seed: int = 0,
    ) -> None:
        form = Form(
            version,
            output or ("soft-sign" if version == 1 else "one-hot"),
            hidden_factor or (8 if version == 1 else 4),
            state_factor,
            residual,
            activation,
            start,
        )
        super().__init__(constellation, num_tx_ant, num_layers, form, init_seed=init_seed)
