"""A network of unfolded blocks that estimate, gate and try again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Generator, Tensor, nn

from mimolearn.constellation import Constellation
from mimolearn.detection import AxisLogitDetection, Detection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.learned import UnfoldedDetector, check_streams
from mimolearn.foundation.errors import check_positive_int, invalid
from mimolearn.foundation.tensors.layers import linear
from mimolearn.foundation.tensors.linalg import gram, matched_filter

_DROPOUT = 0.2
_MOST_WIDTH = 4096


class Prepared(NamedTuple):
    """The channel and its scaled Gram matrix.

    Attributes:
        h: (*C, Nr, Nt) complex.
        gram: (*C, Nt, Nt) complex; H^H H over energy.
        energy: (*C, 1, 1) real; mean of ||h_k||^2.
    """

    h: Tensor
    gram: Tensor
    energy: Tensor


class _Dropout(nn.Module):
    """In training, sets a fifth of the entries to 0; a generator chooses them."""

    generator: Generator | None = None
    not_in_key = frozenset({"generator"})

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        chance = torch.rand(x.shape, generator=self.generator, dtype=x.dtype, device=x.device)
        return x * (chance >= _DROPOUT) / (1 - _DROPOUT)


class _Block(nn.Module):
    """Logits of all levels of all axes from x, H^H y and H^H H x; gates if a block follows."""

    def __init__(
        self,
        num_axes: int,
        levels: int,
        first: int,
        second: int,
        gated: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            linear(3 * num_axes, first, generator),
            nn.BatchNorm1d(first, dtype=torch.float32),
            nn.ReLU(),
            _Dropout(),
            linear(first, second, generator),
            nn.BatchNorm1d(second, dtype=torch.float32),
            nn.ReLU(),
            linear(second, num_axes * levels, generator),
        )
        self.new = linear(num_axes, num_axes, generator, bias=False) if gated else None
        self.old = linear(num_axes, num_axes, generator, bias=False) if gated else None


@final
class NNDet(UnfoldedDetector):
    """Blocks of dense layers on (x, H^H y, H^H H x), each with a gated update of x.

    Choose it as the published baseline that EQ-Net is compared with. It does not know the noise
    variance and has to be trained for one size and one SNR.

    A block gives P(level) for each real axis. All but the last update x by sigmoid(W_T x) * x~ + (1
    - sigmoid(W_C x)) * x, x~ the mean level (Sholev, Permuter, Ben-Dror and Liang 2020, as built by
    EQ-Net's authors). Differs: x starts at zero, not at noise; H^H y and H^H H are divided by the
    mean energy of a column, so that the unit of y does not matter.

    Cost: a Gram matrix per channel; the weights and a product with it per block and vector. 139 660
    parameters for 3 blocks at 2x2 64-QAM, 297 832 for 6 at 4x4 16-QAM.

    Args:
        constellation: QPSK or larger, or its name.
        num_layers: number of blocks; default 4.
        num_tx_ant: number of streams Nt that the parameters are for; default 2.
        first_width: units of the first layer of a block; default 250.
        second_width: units of the second layer; default 150.

    Raises:
        InvalidInputError: for a value that is not allowed, and for a channel of other than Nt
            streams.

    >>> sum(p.numel() for p in NNDet("64-qam", num_tx_ant=2, num_layers=3).parameters())
    139660
    """

    name = "nn-det"
    random_start = True

    def __init__(
        self,
        constellation: Constellation | str,
        num_layers: int = 4,
        num_tx_ant: int = 2,
        first_width: int = 250,
        second_width: int = 150,
    ) -> None:
        super().__init__(constellation, num_layers)
        if self.constellation.is_real:
            raise invalid("constellation", self.constellation.name, "QPSK or larger for 'nn-det'")
        self.num_tx_ant = check_streams(num_tx_ant)
        for field, width in (("first_width", first_width), ("second_width", second_width)):
            if check_positive_int(field, width) > _MOST_WIDTH:
                raise invalid(field, width, f"at most {_MOST_WIDTH}")
        generator = torch.Generator().manual_seed(1)
        self.blocks = nn.ModuleList(
            _Block(
                2 * num_tx_ant,
                self.constellation.num_levels,
                first_width,
                second_width,
                gated=i < num_layers - 1,
                generator=generator,
            )
            for i in range(num_layers)
        )
        # Dropout and batch statistics are for training, which asks for them.
        self.eval()

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        if num_tx_ant != self.num_tx_ant:
            had = f"<{num_tx_ant} streams>"
            raise invalid("h", had, f"{self.num_tx_ant} streams, which the network is made for")

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        system = gram(h)
        energy = system.diagonal(dim1=-2, dim2=-1).real.mean(-1)[..., None, None]
        return Prepared(h, system / energy, energy)

    def _detect(self, prepared: Prepared, y: Tensor) -> AxisLogitDetection:
        *_, logits = self._logits(prepared, y)
        return self._detection(logits)

    def layers(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        for logits in self._logits(prepared, y):
            yield torch.view_as_complex(self._mean(logits).contiguous())

    def layer_detections(self, prepared: Any, y: Tensor) -> Iterator[Detection]:
        return (self._detection(logits) for logits in self._logits(prepared, y))

    def views(self, generator: Generator | None) -> Sequence[tuple[UnfoldedDetector, int | None]]:
        # Dropout draws from the generator of the step, so that training repeats bit for bit.
        for part in self.modules():
            if isinstance(part, _Dropout):
                part.generator = generator
        return super().views(generator)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        weights = sum(p.numel() for p in self.parameters() if p.ndim == 2)
        per_block = counting.matvec(num_tx_ant, num_tx_ant)
        first = counting.matvec(num_rx_ant, num_tx_ant)
        return Cost(
            counting.gram(num_rx_ant, num_tx_ant), first + weights + self.num_layers * per_block
        )

    def _logits(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        """Yield the logits (*C, T, Nt, 2, L) of each block."""
        matched = matched_filter(prepared.h, y) / prepared.energy
        x = torch.zeros_like(matched)
        for block in self.blocks:
            assert isinstance(block, _Block)
            parts = [_stacked(v) for v in (x, matched, x @ prepared.gram.mT)]
            flat = _in_dtype_of(block.body, torch.cat(parts, -1).flatten(0, -2))
            logits = flat.reshape(*matched.shape, 2, self.constellation.num_levels)
            yield logits
            if block.new is not None and block.old is not None:
                now = parts[0]
                take = torch.sigmoid(_in_dtype_of(block.new, now))
                keep = 1 - torch.sigmoid(_in_dtype_of(block.old, now))
                update = take * self._mean(logits).flatten(-2) + keep * now
                x = torch.view_as_complex(update.unflatten(-1, (-1, 2)).contiguous())

    def _mean(self, logits: Tensor) -> Tensor:
        levels = self.constellation.axis(logits.dtype, logits.device).levels
        return torch.softmax(logits, -1) @ levels

    def _detection(self, logits: Tensor) -> AxisLogitDetection:
        axis = self.constellation.axis(logits.dtype, logits.device)
        best = axis.to_index[logits.argmax(-1)]
        return AxisLogitDetection(self.constellation, logits, best[..., 0] + (best[..., 1] >> 1))


def _in_dtype_of(module: nn.Module, x: Tensor) -> Tensor:
    """Return module(x), with its numbers in the precision of x."""
    if x.dtype == torch.float32:
        return module(x)
    state = {k: v.to(x.dtype) if v.is_floating_point() else v for k, v in _state(module)}
    return torch.func.functional_call(module, state, (x,))


def _state(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _stacked(values: Tensor) -> Tensor:
    """Return complex (..., N) as real (..., 2N), real and imaginary parts in turn."""
    return torch.view_as_real(values.resolve_conj()).flatten(-2)
