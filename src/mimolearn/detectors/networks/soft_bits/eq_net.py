"""A learned correction of classical soft bits towards maximum likelihood."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import AxisGaussianDetection, LLRDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.linear.lmmse import apply_lmmse, prepare_lmmse
from mimolearn.detectors.message_passing.ep import ExpectationPropagation
from mimolearn.detectors.networks.soft_bits import eq_net_latency
from mimolearn.foundation.errors import check_one_of, check_positive_int, invalid
from mimolearn.foundation.tensors.layers import ResidualLayers

# Width and number of hidden layers of the paper's two sizes, small and large.
_FORMS = {"L": (192, 4), "P": (384, 6)}
_MOST_STREAMS = 64
_MOST_LLR = 24.0


class Prepared(NamedTuple):
    """A channel with its streams in descending order of energy.

    Attributes:
        order: (*C, Nt) int64; the stream of each column.
        h: (*C, Nr, Nt) complex, in that order.
        energy: (*C, 1, Nt) real; ||h_k||^2.
        noise_var: (*C, 1, 1) real.
        lmmse: of ``prepare_lmmse``.
        known: (*C, 1, F) real; cues that need no y.
        ep: of expectation propagation, or None.
    """

    order: Tensor
    h: Tensor
    energy: Tensor
    noise_var: Tensor
    lmmse: Any
    known: Tensor
    ep: Any


class Cues(NamedTuple):
    """What the network reads, and what it corrects.

    Attributes:
        features: (*C, T, F) real.
        base: (*C, T, Nt, K) real; LLRs.
    """

    features: Tensor
    base: Tensor


@final
class EQNetEstimator(Detector):
    """Soft bits near maximum likelihood by one small network on top of classical ones.

    Choose it for small systems of a known size and constellation, if a channel serves few vectors:
    at 2x2 64-QAM it is within a tenth of a dB of ``ml``, and its cost depends neither on the data
    nor on the constellation's size. Without training it is ``lmmse``, or with cues "ep" it is
    ``ep``.

    The streams are sorted by energy. The network reads the LMMSE estimate, its error variances and
    correlations, LMMSE's LLRs, those of each stream after the hard decisions of all others are
    cancelled, and what each such decision leaves of y. With cues "ep" the decisions are those of
    expectation propagation, whose last cavity is read too. Its outputs, zero at first, scale the
    LLRs of LMMSE (or EP) and add to them. After EQ-Net (Arvinte, Vishwanath, Tewfik and Dimakis,
    EURASIP JWCN 2022). Differs: the paper's encoder reads raw (y, H, sigma) and aims at the
    features of a quantiser, which fails on a steep waterfall; this one reads statistics, and trains
    on KL against exact soft bits.

    Up to 64 vectors a call are one compiled kernel (with "ep", two).
    Cost: that of LMMSE, of Nt cancellations, and of the network's weights a vector.

    Args:
        constellation: QPSK or larger, or its name.
        num_tx_ant: number of streams Nt that the network is for; default 2.
        form: "L" (default; 4 layers of 192) or "P" (6 of 384).
        cues: "sic" (default) or "ep".
        num_iter: iterations of EP; default 3.
        seed: of the initial weights; default 1.

    Raises:
        InvalidInputError: for a value that is not allowed, and for a channel of other than Nt
            streams.

    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> EQNetEstimator("qpsk")(y, h, 0.5).bits().flatten().tolist()
    [0, 0, 0, 0]
    """

    name = "eq-net"
    revision = 2
    # Made of the parameters, and made anew after any change of theirs.
    _packed: eq_net_latency.Packed | None = None
    not_in_key = frozenset({"_packed"})

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 2,
        form: str = "L",
        cues: str = "sic",
        num_iter: int = 3,
        seed: int = 1,
    ) -> None:
        super().__init__(constellation)
        if self.constellation.is_real:
            raise invalid("constellation", self.constellation.name, "QPSK or larger for 'eq-net'")
        if check_positive_int("num_tx_ant", num_tx_ant) > _MOST_STREAMS:
            raise invalid("num_tx_ant", num_tx_ant, f"at most {_MOST_STREAMS}")
        check_positive_int("num_iter", num_iter, 10_000)
        self.num_tx_ant = num_tx_ant
        self.form = check_one_of("form", form, _FORMS)
        self.cues = check_one_of("cues", cues, ("sic", "ep"))
        self.ep = ExpectationPropagation(constellation, num_iter) if cues == "ep" else None
        width, depth = _FORMS[form]
        n, bits = num_tx_ant, self.constellation.bits_per_symbol
        # Estimate, variances, correlations; residuals; two views of each kind of LLR.
        num_features = 2 * n + n + n * (n - 1) + n + 4 * n * bits
        if self.ep is not None:
            num_features += 4 * n + 2 * n * bits
        widths = [num_features, *[width] * depth, 2 * n * bits]
        self.network = ResidualLayers(widths, seed, silent=True)

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        if num_tx_ant != self.num_tx_ant:
            had = f"<{num_tx_ant} streams>"
            raise invalid("h", had, f"{self.num_tx_ant} streams, which the network is made for")

    def _fuses(self, h: Tensor, y: Tensor) -> bool:
        few = 0 < y.shape[:-1].numel() <= eq_net_latency.MOST_VECTORS
        return few and (self.ep is None or self.ep._fuses(h, y))

    def _learned(self) -> Sequence[Tensor]:
        return eq_net_latency.parameters_of(self.network)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> LLRDetection:
        cavity = None
        if self.ep is not None:
            last = self.ep._one_shot(y, h, noise_var)
            cavity = last.values, last.error_var
        state = eq_net_latency.state_of(self._learned())
        if self._packed is None or self._packed.state != state:
            self._packed = eq_net_latency.pack(self.network, self.constellation, state)
        llr = eq_net_latency.run(self._packed, self.constellation, y, h, noise_var, cavity)
        if llr is None:
            return self._detect(self._prepare(h, noise_var), y)
        return LLRDetection(self.constellation, llr)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        energy = h.abs().square().sum(-2)
        order = energy.argsort(-1, descending=True)
        h = h.gather(-1, order.unsqueeze(-2).expand(h.shape))
        lmmse = prepare_lmmse(h, noise_var)
        return Prepared(
            order,
            h,
            # The matched output of a stream that is not received is 0, and a tiny divisor keeps it.
            energy.gather(-1, order).unsqueeze(-2).clamp(min=torch.finfo(energy.dtype).tiny),
            noise_var[..., None, None],
            lmmse,
            _channel_cues(lmmse.inverse, lmmse.error_var),
            None if self.ep is None else self.ep.prepare(h, noise_var),
        )

    def _detect(self, prepared: Prepared, y: Tensor) -> LLRDetection:
        cues = self.read(prepared, y)
        llr = self.corrected(cues)
        order = prepared.order[..., None, :, None].expand(llr.shape)
        return LLRDetection(self.constellation, torch.empty_like(llr).scatter(-2, order, llr))

    def corrected(self, cues: Cues) -> Tensor:
        """Return the LLRs (*C, T, Nt, K) of the sorted streams."""
        change = self.network(cues.features).unflatten(-1, (2, *cues.base.shape[-2:]))
        return cues.base * (1 + change[..., 0, :, :]) + change[..., 1, :, :]

    def read(self, prepared: Prepared, y: Tensor) -> Cues:
        """Return the cues of y (*C, T, Nr), streams in ``prepared.order``."""
        c = self.constellation
        x_hat = apply_lmmse(prepared.lmmse, y)
        base = lmmse_llr = c.llr(x_hat, prepared.lmmse.error_var)
        decided = c.map(c.nearest(x_hat), y.dtype)
        more: list[Tensor] = []
        if self.ep is not None:
            last = self.ep.detect(prepared.ep, y)
            assert isinstance(last, AxisGaussianDetection)
            base = last.llr()
            decided = c.map(last.indices(), y.dtype)
            values = last.values.flatten(-2).clamp(-3, 3)
            variance = torch.log(last.error_var.expand_as(last.values)).flatten(-2) / 3
            more = [values, variance, *_views(base)]
        # z_k: y less all others' decisions, matched to stream k.
        left = y - decided @ prepared.h.mT
        z = decided + left @ prepared.h.conj() / prepared.energy
        sic_llr = c.llr(z, prepared.noise_var / prepared.energy)
        again = c.map(c.nearest(z), y.dtype) - decided
        # ||left - h_k again_k||^2, each stream decided anew by itself.
        cross = (again.conj() * (z - decided)).real * prepared.energy
        total = left.abs().square().sum(-1, keepdim=True)
        residual = total - 2 * cross + again.abs().square() * prepared.energy
        parts = [
            torch.view_as_real(x_hat.resolve_conj()).flatten(-2).clamp(-3, 3),
            prepared.known.expand(*x_hat.shape[:-1], -1),
            torch.log1p((residual / prepared.noise_var).clamp(min=0)),
            *_views(lmmse_llr),
            *_views(sic_llr),
            *more,
        ]
        return Cues(torch.cat(parts, -1), base.clamp(-_MOST_LLR, _MOST_LLR))

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        n, rx = num_tx_ant, num_rx_ant
        network = sum(weight.numel() for weight in self.network.weights)
        prepare = counting.gram(rx, n) + counting.hermitian_inverse(n)
        detect = 3 * counting.matvec(rx, n) + counting.matvec(n, n) + network
        if self.ep is not None:
            ep = self.ep.cost(rx, n)
            assert ep.per_vector is not None
            prepare, detect = prepare + ep.per_channel, detect + ep.per_vector
        return Cost(prepare, detect)


def _channel_cues(inverse: Tensor, error_var: Tensor) -> Tensor:
    """Return log error variances and correlations of the errors, (*C, 1, Nt + Nt (Nt - 1))."""
    n = inverse.shape[-1]
    scale = inverse.diagonal(dim1=-2, dim2=-1).real.rsqrt()
    correlation = inverse * scale.unsqueeze(-1) * scale.unsqueeze(-2)
    rows, columns = torch.triu_indices(n, n, 1, device=inverse.device)
    upper = torch.view_as_real(correlation[..., rows, columns].resolve_conj()).flatten(-2)
    spread = torch.log(error_var.clamp(math.exp(-12), math.exp(6))).squeeze(-2) / 3
    return torch.cat([spread, upper], -1).unsqueeze(-2)


def _views(llr: Tensor) -> tuple[Tensor, Tensor]:
    """Return the soft bits, which resolve doubt, and the clipped LLRs, which resolve certainty."""
    flat = llr.flatten(-2)
    return torch.tanh(flat / 2), flat.clamp(-_MOST_LLR, _MOST_LLR) / 8
