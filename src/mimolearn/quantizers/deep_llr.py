"""The learned quantiser of the soft bits of one symbol, published before EQ-Net."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_bool, check_one_of, check_positive_int, invalid
from mimolearn.foundation.tensors.layers import Layers
from mimolearn.quantizers.base import MOST_LLR, Quantizer
from mimolearn.quantizers.descent import Fit, Phase, kl_loss, weighted_square
from mimolearn.quantizers.levels import (
    from_uniform,
    k_means,
    nearest_level,
    to_uniform,
    word_bits_of,
)

_LATENTS = 3
# The largest of the paper's equidistant levels.
_REACH = 0.8
_FITTED = 100_000
_SOFT_MOST = 1 - 1e-6


@final
class DeepLLR(Quantizer):
    """An autoencoder of the K soft bits of one symbol, stream by stream.

    Choose it as the published baseline of EQ-Net; ``eq-net`` is better at every rate.

    Encoder K -> 4K -> 4K -> 4K -> 3, ReLU, tanh at the end; the decoder mirrors it, or with
    ``branched`` there is one for each bit (Arvinte, Tewfik and Vishwanath 2019). Levels of the
    three latents are equidistant on [-0.8, 0.8]; those of the branched form come from k-means.
    The published LLRs have half the true scale; train on calibrated ones. A stream takes as many
    multiplications as there are weights: 1 351 at 16-QAM, 2 889 at 64-QAM; branched 3 175 and
    9 369.

    Args:
        constellation: a Constellation or its name.
        branched: whether each bit has its decoder; default False.
        bits: of a latent, 1 to 10; default 6.
        seed: of the initial weights; default 1.

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> sum(p.numel() for p in DeepLLR("16-qam").parameters())
    1351
    """

    name = "deep-llr"

    def __init__(
        self,
        constellation: Constellation | str,
        branched: bool = False,
        bits: int = 6,
        seed: int = 1,
    ) -> None:
        super().__init__(constellation)
        self.branched = check_bool("branched", branched)
        if check_positive_int("bits", bits) > 10:
            raise invalid("bits", bits, "1 to 10")
        self.bits = bits
        k = self.constellation.bits_per_symbol
        inner = [4 * k] * 3
        self.encoder = Layers([k, *inner, _LATENTS], seed)
        out, branches = (1, k) if branched else (k, 0)
        self.decoder = Layers([_LATENTS, *inner, out], seed + 1, branches=branches)
        levels = torch.full((_LATENTS, 2**bits), torch.nan, dtype=torch.float32)
        if not branched:
            codes = torch.arange(2**bits).expand_as(levels)
            levels = from_uniform(codes, torch.tensor(2**bits, dtype=torch.int64), _REACH)
        self.register_buffer("codebooks", levels)

    codebooks: Tensor

    def word_levels(self) -> tuple[int, ...]:
        return (2**self.bits,) * _LATENTS

    def plain_options(self) -> dict[str, str | int | float | bool]:
        return {"branched": self.branched, "bits": self.bits}

    def streams_per_group(self) -> int:
        return 1

    def latents(self, llr: Tensor) -> Tensor:
        """Encode LLRs (N, K) to latents (N, 3) in [-1, 1]."""
        return torch.tanh(self.encoder(torch.tanh(llr / 2)))

    def raw_llr_of(self, z: Tensor) -> Tensor:
        """Decode latents (N, 3) to LLRs (N, K), before soft bits are clipped."""
        if not self.branched:
            return 2 * self.decoder(z)
        return 2 * self.decoder(z.expand(len(self.decoder.weights[0]), *z.shape)).squeeze(-1).T

    def set_codebooks(self, latents: Tensor) -> None:
        """Set the levels of the branched form by k-means of samples (n, 3), per latent."""
        if self.branched:
            self.codebooks = torch.stack([k_means(column, 2**self.bits) for column in latents.T])

    def _quantize(self, llr: Tensor) -> Tensor:
        z = self.latents(llr[:, 0].clamp(-MOST_LLR, MOST_LLR))
        if self.branched:
            return nearest_level(z, self.codebooks).unsqueeze(1)
        levels = torch.tensor(2**self.bits, dtype=torch.int64, device=z.device)
        return to_uniform(z, levels, _REACH).to(torch.int64).unsqueeze(1)

    def _dequantize(self, indices: Tensor) -> Tensor:
        z = self.codebooks.gather(1, indices[:, 0].T).T
        soft = torch.tanh(self.raw_llr_of(z) / 2).clamp(-_SOFT_MOST, _SOFT_MOST)
        return (2 * torch.atanh(soft)).unsqueeze(1)


class DeepLLRFit(Fit):
    """An autoencoder under way, on the soft bits of single symbols."""

    def __init__(
        self,
        llr: Tensor,
        constellation: Constellation,
        bits: float,
        *,
        branched: bool = False,
        loss: str = "weighted-square",
        eps: float = 1e-4,
        steps: int = 20_000,
        batch: int = 256,
        learning_rate: float = 1e-3,
        seed: int = 1,
    ) -> None:
        """Before the first step.

        Args:
            llr: (n, Nt, K) float32; each row of K is a sample.
            constellation: of their symbols.
            bits: stored a soft bit.
            branched: one decoder a bit.
            loss: the paper's "weighted-square", or "kl", which loses a fraction of the information
                in as many steps.
            eps: of the weighted square.
            steps: of Adam.
            batch: symbols a step.
            learning_rate: of the first step.
            seed: of the networks and of the choice of samples.

        Raises:
            InvalidInputError: for an unknown loss, or bits that three latents cannot share.
        """
        check_one_of("loss", loss, ("weighted-square", "kl"))
        latent_bits = word_bits_of(bits, constellation.bits_per_symbol) / _LATENTS
        if latent_bits != int(latent_bits):
            raise invalid("bits", bits, "a whole number of bits for each of 3 latents")
        self._net = DeepLLR(constellation, branched, int(latent_bits), seed)
        self._rows, self._is_kl, self._eps = llr.flatten(0, 1), loss == "kl", eps
        clip_norm = 0.1 if self._is_kl else 0.0
        phase = Phase(steps, batch, learning_rate, seed, amsgrad=True, clip_norm=clip_norm)
        super().__init__(self._net, len(self._rows), [phase])

    def loss(self, number: int, chosen: Tensor) -> Tensor:
        true = self._rows[chosen]
        found = self._net.raw_llr_of(self._net.latents(true))
        of_bits = kl_loss(found, true) if self._is_kl else weighted_square(found, true, self._eps)
        return of_bits.mean()

    def finish(self) -> DeepLLR:
        with torch.no_grad():
            self._net.set_codebooks(self._net.latents(self._rows[:_FITTED]))
        return super().finish()
