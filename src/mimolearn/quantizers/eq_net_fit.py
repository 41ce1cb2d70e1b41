"""How the learned quantiser ``eq-net`` is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import invalid
from mimolearn.quantizers.descent import Fit, Phase, kl_loss
from mimolearn.quantizers.eq_net import EQNet
from mimolearn.quantizers.levels import word_bits_of

_CLIP_NORM = 0.1


class EQNetFit(Fit):
    """Encoder and scales under way: first without rounding, then with.

    The loss is the KL divergence of bit posteriors; gradients pass the rounding as if it were not
    there.
    """

    def __init__(
        self,
        llr: Tensor,
        constellation: Constellation,
        bits: float,
        *,
        start: EQNet | None = None,
        levels: str | Sequence[int] | None = None,
        width: int = 128,
        depth: int = 3,
        steps: int = 8_000,
        tuning_steps: int = 3_000,
        batch: int = 128,
        learning_rate: float = 1e-2,
        learned_levels: bool = False,
        streams: int = 0,
        seed: int = 1,
        aim: Tensor | None = None,
    ) -> None:
        """Before the first step.

        Args:
            llr: (n, Nt, K) float32; calibrated LLRs.
            constellation: of their symbols.
            bits: stored a soft bit.
            start: a trained one, to be tuned to other levels alone, with its width and depth.
            levels: of the three numbers of a stream; by default as many as ``bits`` allows.
            width: of the encoder.
            depth: of the encoder.
            steps: without rounding.
            tuning_steps: with rounding, at half the learning rate.
            batch: channel uses a step.
            learning_rate: of the first step.
            learned_levels: learn what the decoder reads at each level.
            streams: taken together, 0 for all of a use; 1 serves soft bits of receivers that know
                three numbers of each stream (Theorem 3), at any size, where a net for a large use
                would not train.
            seed: of the network and of the choice of samples.
            aim: (n, Nt, K) float32; what decoded LLRs shall be like. Default None, llr. Large ones
                with the signs of the sent bits serve LLRs that are not calibrated.

        Raises:
            InvalidInputError: for streams that do not divide Nt, or a start that does not fit.
        """
        if levels is None:
            levels = levels_of_stream(bits * constellation.bits_per_symbol)
        streams = streams or llr.shape[-2]
        if not isinstance(streams, int) or streams < 1 or llr.shape[-2] % streams:
            raise invalid("streams", streams, f"a divisor of {llr.shape[-2]}")
        self._llr = llr.reshape(-1, streams, llr.shape[-1])
        self._aim = self._llr if aim is None else aim.reshape(self._llr.shape)
        if start is not None:
            width, depth = start.encoder.weights[0].shape[1], len(start.encoder.weights) - 1
        self._net = EQNet(
            constellation, streams, levels, width, depth, learned_levels, seed, search=aim is None
        )
        word_bits_of(bits, constellation.bits_per_symbol)
        if start is not None:
            self._take_over(start, learned_levels)
        first = Phase(steps, batch, learning_rate, seed, clip_norm=_CLIP_NORM)
        phases = [first] if start is None else []
        self._num_unrounded = len(phases)
        if tuning_steps:
            phases += [
                replace(first, steps=tuning_steps, learning_rate=learning_rate / 2, seed=seed + 1)
            ]
        super().__init__(self._net, len(self._llr), phases)

    def _take_over(self, start: EQNet, learned_levels: bool) -> None:
        net = self._net
        if start.num_tx_ant != net.num_tx_ant or start.constellation != net.constellation:
            had = f"<{start.num_tx_ant} streams of {start.constellation.name}>"
            raise invalid("start", had, f"{net.num_tx_ant} streams of {net.constellation.name}")
        shared = {k: v for k, v in start.state_dict().items() if not k.startswith("tables.")}
        net.load_state_dict(shared, strict=not learned_levels)
        net.spread_levels()

    def begin(self, number: int) -> None:
        super().begin(number)
        if number >= self._num_unrounded:
            # Scales have moved since learned levels were spread.
            self._net.spread_levels()

    def loss(self, number: int, chosen: Tensor) -> Tensor:
        net = self._net
        z = net.latents(self._llr[chosen])
        decoded = net.rounded_llr_of(z) if number >= self._num_unrounded else net.llr_of(z)
        return kl_loss(decoded, self._aim[chosen]).mean()


def levels_of_stream(word_bits: float) -> tuple[int, int, int]:
    """Choose the levels of both axes of x_hat, and half as many of the precision, for a word.

    >>> levels_of_stream(12), levels_of_stream(15)
    ((20, 20, 10), (40, 40, 20))
    """
    most = 2**word_bits * (1 + 1e-9)
    axis = int((2 * most) ** (1 / 3))
    precision = int(most / axis**2)
    return axis, axis, precision
