"""The autoencoder of EQ-Net as it was published."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_positive_int, invalid
from mimolearn.foundation.tensors.layers import Layers
from mimolearn.quantizers.base import MOST_LLR, Quantizer
from mimolearn.quantizers.descent import Fit, Phase, kl_loss, weighted_square
from mimolearn.quantizers.levels import k_means, nearest_level, word_bits_of

_LATENT_NOISE = 1e-3
_ROUNDS = 12
_FITTED = 100_000
_SOFT_MOST = 1 - 1e-6


@final
class EQNetPublished(Quantizer):
    """The paper's autoencoder: an encoder of soft bits to latents, and one decoder per bit.

    Choose it to reproduce the paper; ``eq-net`` loses a quarter of the information that this loses.

    f_Q: ReLU layers of width 4 K Nt, then d tanh units; g_Q: K Nt separate networks d -> 4 K Nt ->
    ... -> 1 with tanh ends (Arvinte et al., EURASIP JWCN 2022, section 2.4). Each latent has a
    scalar k-means codebook. The paper mentions six hidden layers; its code, which is followed here,
    has five and the output. One thing differs: soft bits are clipped at 1 - 1e-6 before they become
    LLRs. There are as many multiplications as weights: at 2x2 64-QAM 10 326 to encode and 117 516
    to decode.

    Args:
        constellation: a Constellation or its name.
        num_tx_ant: Nt, streams encoded together; default 2.
        num_latents: d; default 0, which means 3 Nt.
        bits: of a latent, 1 to 10; default 6.
        hidden: hidden layers of each network; default 5.
        seed: of the initial weights; default 1.

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> sum(p.numel() for p in EQNetPublished("64-qam").encoder.parameters())
    10326
    """

    name = "eq-net-published"

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 2,
        num_latents: int = 0,
        bits: int = 6,
        hidden: int = 5,
        seed: int = 1,
    ) -> None:
        super().__init__(constellation)
        for field, value, most in (("num_tx_ant", num_tx_ant, 64), ("hidden", hidden, 64)):
            if check_positive_int(field, value) > most:
                raise invalid(field, value, f"at most {most}")
        if not isinstance(num_latents, int) or not 0 <= num_latents <= 3 * num_tx_ant:
            raise invalid("num_latents", num_latents, f"0 to {3 * num_tx_ant}")
        if check_positive_int("bits", bits) > 10:
            raise invalid("bits", bits, "1 to 10")
        self.num_tx_ant = num_tx_ant
        self.num_latents = num_latents or 3 * num_tx_ant
        self.bits = bits
        num_llr = num_tx_ant * self.constellation.bits_per_symbol
        inner = [4 * num_llr] * hidden
        self.encoder = Layers([num_llr, *inner, self.num_latents], seed)
        self.decoder = Layers([self.num_latents, *inner, 1], seed + 1, branches=num_llr)
        self.register_buffer(
            "codebooks", torch.full((self.num_latents, 2**bits), torch.nan, dtype=torch.float32)
        )

    codebooks: Tensor

    def word_levels(self) -> tuple[int, ...]:
        # Words of equal size, each of one stream if the latents divide evenly.
        share = self.num_latents // math.gcd(self.num_latents, self.num_tx_ant)
        return (2**self.bits,) * share

    def plain_options(self) -> dict[str, str | int | float | bool]:
        return {
            "num_tx_ant": self.num_tx_ant,
            "num_latents": self.num_latents,
            "bits": self.bits,
            "hidden": len(self.encoder.weights) - 1,
        }

    def streams_per_group(self) -> int:
        return self.num_tx_ant

    def words_per_group(self) -> int:
        return math.gcd(self.num_latents, self.num_tx_ant)

    def latents(self, llr: Tensor) -> Tensor:
        """Encode LLRs (N, Nt, K) to latents (N, d) in [-1, 1]."""
        return torch.tanh(self.encoder(torch.tanh(llr.flatten(1) / 2)))

    def llr_of(self, z: Tensor) -> Tensor:
        """Decode latents (N, d) to LLRs (N, Nt, K)."""
        branches = self.decoder(z.expand(len(self.decoder.weights[0]), *z.shape))
        soft = torch.tanh(branches.squeeze(-1).T).clamp(-_SOFT_MOST, _SOFT_MOST)
        return 2 * torch.atanh(soft).unflatten(-1, (self.num_tx_ant, -1))

    def raw_llr_of(self, z: Tensor) -> Tensor:
        """Decode as ``llr_of``, without the clipping of soft bits, for gradients."""
        branches = self.decoder(z.expand(len(self.decoder.weights[0]), *z.shape))
        return 2 * branches.squeeze(-1).T.unflatten(-1, (self.num_tx_ant, -1))

    def set_codebooks(self, latents: Tensor) -> None:
        """Set the codebook of each latent by k-means of samples (n, d)."""
        self.codebooks = torch.stack([k_means(column, 2**self.bits) for column in latents.T])

    def _quantize(self, llr: Tensor) -> Tensor:
        codes = nearest_level(self.latents(llr.clamp(-MOST_LLR, MOST_LLR)), self.codebooks)
        return codes.unflatten(-1, (self.words_per_group(), -1))

    def _dequantize(self, indices: Tensor) -> Tensor:
        return self.llr_of(self.codebooks.gather(1, indices.flatten(1).T).T)


class EQNetPublishedFit(Fit):
    """Both nets under way in twelve rounds, then one codebook a latent.

    After each round the bits are weighted anew, in proportion to their loss. Latents carry Gaussian
    noise of 1e-3 in training.
    """

    def __init__(
        self,
        llr: Tensor,
        constellation: Constellation,
        bits: float,
        *,
        num_latents: int = 0,
        loss: str = "weighted-square",
        eps: float = 1e-3,
        steps: int = 12_000,
        batch: int = 256,
        learning_rate: float = 1e-3,
        seed: int = 1,
    ) -> None:
        """Before the first round.

        Args:
            llr: (n, Nt, K) float32; LLRs of channel uses.
            constellation: of their symbols.
            bits: stored a soft bit.
            num_latents: 0 for 3 Nt.
            loss: the paper's "weighted-square", or "kl".
            eps: of the weighted square.
            steps: of all rounds.
            batch: channel uses a step.
            learning_rate: of the first step of a round; the last two have half of it.
            seed: of the networks, the noise and the choice of samples.

        Raises:
            InvalidInputError: for an unknown loss, or bits that the latents cannot share.
        """
        if loss not in ("weighted-square", "kl"):
            raise invalid("loss", loss, "'weighted-square' or 'kl'")
        streams, num_llr = llr.shape[-2], llr.shape[-2] * llr.shape[-1]
        latents = num_latents or 3 * streams
        latent_bits = word_bits_of(bits, num_llr) / latents
        if latent_bits != int(latent_bits):
            raise invalid("bits", bits, f"a whole number of bits for each of {latents} latents")
        self._net = EQNetPublished(constellation, streams, num_latents, int(latent_bits), seed=seed)
        self._llr, self._is_kl, self._eps = llr, loss == "kl", eps
        self._noise = torch.Generator().manual_seed(seed)
        self._weights = torch.ones(num_llr, dtype=torch.float32)
        rounds = [
            Phase(
                max(steps // _ROUNDS, 1),
                batch,
                learning_rate * (1 if number < _ROUNDS - 2 else 0.5),
                seed + number,
                amsgrad=True,
            )
            for number in range(_ROUNDS)
        ]
        super().__init__(self._net, len(llr), rounds)

    def loss(self, number: int, chosen: Tensor) -> Tensor:
        return (self._of_bits(chosen, noisy=True) * self._weights).mean()

    def validation_loss(self, number: int) -> Tensor:
        return self._of_bits(self.validated(), noisy=False).mean()

    def end(self, number: int) -> None:
        super().end(number)
        with torch.no_grad():
            each = self._of_bits(torch.arange(min(len(self._llr), 8192)), noisy=True)
            self._weights = each / each.mean()

    def finish(self) -> EQNetPublished:
        with torch.no_grad():
            self._net.set_codebooks(self._net.latents(self._llr[:_FITTED]))
        return super().finish()

    def state(self) -> dict[str, Tensor]:
        return super().state() | {"noise": self._noise.get_state(), "weights": self._weights}

    def load_state(self, state: dict[str, Tensor]) -> None:
        super().load_state(state)
        self._noise.set_state(state["noise"])
        self._weights = state["weights"].clone()

    def _of_bits(self, chosen: Tensor, *, noisy: bool) -> Tensor:
        """(Nt K) mean losses of the bits."""
        true = self._llr[chosen]
        z = self._net.latents(true)
        if noisy:
            noise = torch.randn(z.shape, generator=self._noise, dtype=torch.float32)
            z = z + _LATENT_NOISE * noise
        found = self._net.raw_llr_of(z)
        one = kl_loss(found, true) if self._is_kl else weighted_square(found, true, self._eps)
        return one.flatten(1).mean(0)
