"""A learned quantiser of all LLRs of a channel use: three numbers a stream, decoded exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_bool, check_positive_int, invalid
from mimolearn.foundation.tensors.layers import ResidualLayers
from mimolearn.quantizers.base import Quantizer
from mimolearn.quantizers.codes import entropy_bits
from mimolearn.quantizers.levels import (
    StreamWords,
    from_uniform,
    join_words,
    read_levels,
    split_words,
    to_uniform,
)

_MOST_STREAMS = 64
_MOST_WIDTH = 4096
_LATENTS = 3
# Initial scales of the decoder. Levels of unit-energy QAM are below 1.3. Log precisions from -3 to
# 6 cover estimates without information up to certain ones.
_REACH = 1.6
_PRECISION = (1.5, 4.5)

_LEAST_SUM = 1e-35
# Codes beside the nearest one that the encoder tries. The nearest comes first and wins a tie.
_BESIDE = (0, -1, 1)


def _axis_llr(constellation: Constellation, values: Tensor, precision: Tensor) -> Tensor:
    """Compute LLRs (..., K/2) of axes in noise of variance 0.5 / precision, up to about 80 nats.

    The same as ``Constellation.axes_llr``, but backpropagation passes a fifth of the operations:
    one product gives both sums of every bit.

    Args:
        constellation: of the symbols.
        values: (...) real.
        precision: broadcastable to values.
    """
    axis = constellation.axis(values.dtype, values.device)
    metric = -(values.unsqueeze(-1) - axis.levels).square() * precision.unsqueeze(-1)
    weights = torch.exp(metric - metric.detach().amax(-1, keepdim=True))
    ones = axis.bits.to(values.dtype)
    sums = (weights @ torch.cat([ones, 1 - ones], -1)).clamp_min(_LEAST_SUM).log()
    return sums[..., : ones.shape[-1]] - sums[..., ones.shape[-1] :]


@final
class EQNet(Quantizer):
    """Joint quantisation of all LLRs of a channel use by a learned encoder.

    Choose it to store or forward LLRs of a known link: it needs about a fifth fewer bits than
    ``max-mi`` for the same block errors. Train one for each constellation and size, at the SNRs of
    its use.

    The encoder is a residual GELU network on tanh(L/2) and clip(L, +-24)/8 of all K Nt LLRs. It
    gives three numbers a stream, each rounded to equidistant levels. The decoder takes them as an
    estimate x_hat and a log precision ln(1/v), and computes the exact LLRs of x_hat = x + CN(0, v).
    Sure estimates have more levels than unsure ones. The encoder tries the nearest code and its
    neighbours, and keeps the one that loses least (smallest KL divergence of bit posteriors).
    By Theorem 2 of Arvinte et al. (EURASIP JWCN 2022), a diagonal channel needs as many features.
    The paper differs: its decoder is one learned network per bit (``eq-net-published``) and its
    loss a weighted square of soft bits; both lose more information.
    Encoding a use takes about 2 K Nt width + (depth - 1) width^2 multiplications and nine Gaussian
    demappings a stream, and decoding a stream takes one.

    Args:
        constellation: a Constellation or its name; not BPSK.
        num_tx_ant: Nt, streams encoded together; default 2. A use of a multiple of Nt streams is
            encoded in slices.
        levels: of the three numbers of a stream, both axes and the precision; default "64,64,64".
            They make the bits of a word, whose axes have levels by precision; those of the axes
            are what they have on average.
        width: of the encoder; default 128.
        depth: hidden layers of the encoder; default 3.
        learned_levels: learn the values of all levels, which helps when they are few; default
            False, equidistant values. Axes then have as many levels at every precision.
        search: keep the code that loses least (default True); False rounds, as LLRs that are not
            true want, for which a fit with an ``aim`` sets it.
        seed: of the initial weights; default 1.

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> EQNet("64-qam", num_tx_ant=2).bits_per_llr
    3.0
    """

    name = "eq-net"
    revision = 2

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 2,
        levels: str | Sequence[int] = "64,64,64",
        width: int = 128,
        depth: int = 3,
        learned_levels: bool = False,
        seed: int = 1,
        search: bool = True,
    ) -> None:
        super().__init__(constellation)
        if self.constellation.is_real:
            raise invalid("constellation", self.constellation.name, "QPSK or larger for 'eq-net'")
        for field, value, most in (
            ("num_tx_ant", num_tx_ant, _MOST_STREAMS),
            ("width", width, _MOST_WIDTH),
            ("depth", depth, 64),
        ):
            if check_positive_int(field, value) > most:
                raise invalid(field, value, f"at most {most}")
        self.num_tx_ant = num_tx_ant
        self.levels = read_levels(levels, _LATENTS)
        num_llr = num_tx_ant * self.constellation.bits_per_symbol
        widths = [2 * num_llr, *[width] * depth, _LATENTS * num_tx_ant]
        self.encoder = ResidualLayers(widths, seed)
        self.reach = nn.Parameter(torch.tensor(_REACH, dtype=torch.float32))
        self.precision = nn.Parameter(torch.tensor(_PRECISION, dtype=torch.float32))
        self.learned_levels = check_bool("learned_levels", learned_levels)
        self.search = check_bool("search", search)
        self.tables = nn.ParameterList()
        if learned_levels:
            self.tables.extend(
                nn.Parameter(torch.zeros(count, dtype=torch.float32)) for count in self.levels
            )
            self.spread_levels()
        words = StreamWords.of(self.levels, alike=self.learned_levels)
        self._num_words = words.num_words
        self.register_buffer("_axes", words.axes, persistent=False)
        self.register_buffer("_starts", words.starts, persistent=False)

    _axes: Tensor
    _starts: Tensor

    def word_levels(self) -> tuple[int, ...]:
        return (self._num_words,)

    def entropy_bits(self, indices: Tensor) -> float:
        """Compute what an ideal entropy coder would take for codes, bits.

        It codes the precision, then the part of its range that each axis is in, as many as the
        least precision has levels. Levels within a part count as equally likely: few samples tell.

        Args:
            indices: (*B, words, 1) int64; words of streams.
        """
        codes = split_words(indices, self._axes, self._starts)
        counts, parts = self._axes[codes[..., 2]], self._axes.amin(0)
        part = codes[..., :2] * parts // counts
        first, after = (-(-edge * counts // parts) for edge in (part, part + 1))
        within = float((after - first).double().log2().sum())
        return entropy_bits(codes[..., 2:]) + entropy_bits(part) + within

    def plain_options(self) -> dict[str, str | int | float | bool]:
        return {
            "num_tx_ant": self.num_tx_ant,
            "levels": ",".join(map(str, self.levels)),
            "width": self.encoder.weights[0].shape[1],
            "depth": len(self.encoder.weights) - 1,
            **({"learned_levels": True} if self.learned_levels else {}),
            **({} if self.search else {"search": False}),
        }

    def streams_per_group(self) -> int:
        return self.num_tx_ant

    def words_per_group(self) -> int:
        return self.num_tx_ant

    def latents(self, llr: Tensor) -> Tensor:
        """Encode LLRs (N, Nt, K) to latents (N, Nt, 3) in (-1, 1)."""
        flat = llr.flatten(1)
        h = torch.cat([torch.tanh(flat / 2), flat.clamp(-24, 24) / 8], -1)
        out = self.encoder(h)
        return torch.tanh(out).unflatten(-1, (self.num_tx_ant, _LATENTS))

    def features(self, z: Tensor) -> Tensor:
        """Scale latents (N, Nt, 3) to estimates of both axes and log precisions, (N, Nt, 3)."""
        return torch.cat([self.reach * z[..., :2], self._log_precision(z[..., 2:])], -1)

    def features_at(self, codes: Tensor) -> Tensor:
        """Return estimates and log precisions (N, Nt, 3) of codes (N, Nt, 3)."""
        precision = codes[..., 2]
        values = self._values(codes[..., :2], precision)
        return torch.cat([values, self._log_precision_at(precision).unsqueeze(-1)], -1)

    def rounded_llr_of(self, z: Tensor) -> Tensor:
        """Decode rounded latents as ``llr_of``; gradients ignore the rounding."""
        fixed = z.detach()
        codes = self._nearest(fixed)
        axes, precision = codes[..., :2], codes[..., 2]
        if not self.learned_levels:
            at_level = torch.cat(
                [
                    from_uniform(axes, self._axes[precision]),
                    from_uniform(precision, self._num_precisions(z)).unsqueeze(-1),
                ],
                -1,
            )
            return self.llr_of(z + (at_level - fixed))
        slope = torch.stack([self.reach, self.reach, self.precision[1]]).detach()
        return self._llr(self.features_at(codes) + slope * (z - fixed))

    def llr_of(self, z: Tensor) -> Tensor:
        """Decode latents (N, Nt, 3) to LLRs (N, Nt, K)."""
        return self._llr(self.features(z))

    def spread_levels(self) -> None:
        """Set learned levels to equidistant values."""
        with torch.no_grad():
            for i, table in enumerate(self.tables):
                z = torch.linspace(-1, 1, len(table), dtype=torch.float32)
                table.copy_(self._log_precision(z) if i == _LATENTS - 1 else self.reach * z)

    def _llr(self, features: Tensor) -> Tensor:
        precision = torch.exp(features[..., 2:])
        llr = _axis_llr(self.constellation, features[..., :2], precision)
        return llr.transpose(-1, -2).flatten(-2)

    def _values(self, axes: Tensor, precision: Tensor) -> Tensor:
        """Estimates (..., 2) of codes (..., 2) of both axes at a precision code (...)."""
        if self.learned_levels:
            return torch.stack([self.tables[i][axes[..., i]] for i in range(2)], -1)
        return self.reach * from_uniform(axes, self._axes[precision])

    def _log_precision(self, z: Tensor) -> Tensor:
        return self.precision[0] + self.precision[1] * z

    def _log_precision_at(self, code: Tensor) -> Tensor:
        if self.learned_levels:
            return self.tables[_LATENTS - 1][code]
        return self._log_precision(from_uniform(code, self._num_precisions(code)))

    def _nearest(self, z: Tensor) -> Tensor:
        """Codes (N, Nt, 3) that are nearest to latents."""
        precision = self._nearest_precision(z)
        axes = to_uniform(z[..., :2], self._axes[precision]).to(torch.int64)
        return torch.cat([axes, precision.unsqueeze(-1)], -1)

    def _nearest_precision(self, z: Tensor) -> Tensor:
        return to_uniform(z[..., 2], self._num_precisions(z)).to(torch.int64)

    def _num_precisions(self, like: Tensor) -> Tensor:
        return torch.tensor(self.levels[2], dtype=torch.int64, device=like.device)

    def _quantize(self, llr: Tensor) -> Tensor:
        z = self.latents(llr)
        if not self.search:
            return join_words(self._nearest(z), self._axes, self._starts)
        posteriors = torch.stack([torch.sigmoid(-llr), torch.sigmoid(llr)])
        # Bits 2i and 2i + 1 are those of the two axes.
        zero, one = posteriors.unflatten(-1, (-1, 2)).transpose(-1, -2)
        nearest = self._nearest_precision(z)
        best = None
        for beside in _BESIDE:
            precision = (nearest + beside).clamp(0, self.levels[2] - 1)
            axes, lost = self._best_axes(z, precision, zero, one)
            codes, total = torch.cat([axes, precision.unsqueeze(-1)], -1), lost.sum(-1)
            if best is not None:
                better = total < best[1]
                codes = torch.where(better.unsqueeze(-1), codes, best[0])
                total = torch.where(better, total, best[1])
            best = codes, total
        assert best is not None
        return join_words(best[0], self._axes, self._starts)

    def _best_axes(
        self, z: Tensor, precision: Tensor, zero: Tensor, one: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Codes (N, Nt, 2) of both axes at a precision code (N, Nt), and the nats that they lose.

        Args:
            z: (N, Nt, 3); latents.
            precision: (N, Nt); code.
            zero: (N, Nt, 2, K/2); P(b = 0).
            one: (N, Nt, 2, K/2); P(b = 1).
        """
        counts = self._axes[precision]
        nearest = to_uniform(z[..., :2], counts).to(torch.int64)
        scale = torch.exp(self._log_precision_at(precision)).unsqueeze(-1)
        best = None
        for beside in _BESIDE:
            axes = torch.minimum((nearest + beside).clamp(min=0), counts - 1)
            llr = _axis_llr(self.constellation, self._values(axes, precision), scale)
            # The cross-entropy as a sum of positive terms, exact for the surest bits too.
            softplus = nn.functional.softplus
            lost = (one * softplus(-llr) + zero * softplus(llr)).sum(-1)
            if best is not None:
                better = lost < best[1]
                axes = torch.where(better, axes, best[0])
                lost = torch.where(better, lost, best[1])
            best = axes, lost
        assert best is not None
        return best

    def _dequantize(self, indices: Tensor) -> Tensor:
        return self._llr(self.features_at(split_words(indices, self._axes, self._starts)))
