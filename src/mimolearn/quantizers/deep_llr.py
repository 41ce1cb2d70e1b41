"""The learned quantiser of the soft bits of one symbol, published before EQ-Net."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_bool, check_one_of, check_positive_int, invalid
from mimolearn.foundation.tensors.layers import Layers
from mimolearn.quantizers.base import MOST_LLR, Quantizer
from mimolearn.quantizers.descent import kl_loss, minimise, weighted_square
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


def fit_deep_llr(
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
) -> DeepLLR:
    """Train on LLRs.

    Args:
        llr: (n, Nt, K) real; calibrated LLRs.
        constellation: of the LLRs.
        bits: stored bits per LLR; K bits must be a multiple of 3.
        branched: whether each bit has its decoder; default False.
        loss: the paper's "weighted-square" (default), or "kl", which keeps more information.
        eps: of "weighted-square"; default 1e-4.
        steps: gradient steps; default 20 000.
        batch: symbols of each step; default 256.
        learning_rate: at the start; default 1e-3.
        seed: of weights and batches; default 1.
    """
    check_one_of("loss", loss, ("weighted-square", "kl"))
    latent_bits = word_bits_of(bits, constellation.bits_per_symbol) / _LATENTS
    if latent_bits != int(latent_bits):
        raise invalid("bits", bits, "a whole number of bits for each of 3 latents")
    net = DeepLLR(constellation, branched, int(latent_bits), seed)
    rows = llr.flatten(0, 1)

    def loss_of(chosen: Tensor) -> Tensor:
        true = rows[chosen]
        decoded = net.raw_llr_of(net.latents(true))
        loss_of_each = (
            kl_loss(decoded, true) if loss == "kl" else weighted_square(decoded, true, eps)
        )
        return loss_of_each.mean()

    minimise(
        net,
        loss_of,
        len(rows),
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        seed=seed,
        amsgrad=True,
        clip_norm=0.1 if loss == "kl" else None,
    )
    with torch.no_grad():
        net.set_codebooks(net.latents(rows[:_FITTED]))
    return net.requires_grad_(False)
