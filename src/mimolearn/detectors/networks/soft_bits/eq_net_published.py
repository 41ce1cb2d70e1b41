"""The estimator of EQ-Net as it was published."""

from __future__ import annotations

from typing import NamedTuple, final

import torch
from torch import Tensor, nn

from mimolearn.constellation import Constellation
from mimolearn.detection import LLRDetection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost, Detector
from mimolearn.foundation.errors import check_one_of, check_positive_int, invalid
from mimolearn.foundation.tensors.layers import Layers, glorot
from mimolearn.foundation.tensors.linalg import qr

# Blocks of the paper's two sizes, for low latency and for performance.
_FORMS = {"L": 1, "P": 3}
_MOST = 64
_SOFT_MOST = 1 - 1e-6
_BLOCK_LAYERS = 9


class Prepared(NamedTuple):
    """What needs no y.

    Attributes:
        scale: (*C, 1, 1) real; divisor of y.
        q: (*C, Nr, Nt) complex, which y is multiplied by; None if y is read as it is.
        known: (*C, 1, 2h) real; the first layers of the channel and of the noise.
    """

    scale: Tensor
    q: Tensor | None
    known: Tensor


@final
class EQNetPublishedEstimator(Detector):
    """The paper's estimator: features of the soft bits from raw (y, H, sigma), and one net a bit.

    Choose it to reproduce the paper; ``eq-net`` is trained in a minute and far better.

    f_E: a dense ReLU layer of width h = 16 K Nt for each of y, vec(H) and the noise, then blocks of
    u <- relu(A_i u), r_i = relu(C_i u) for i = 0, 1, 2 and u <- relu(D_i u + r_i) for i = 0, 1, 2,
    then 3 Nt features; g_Q: the decoder of the quantiser ``eq-net-published``, which gives soft
    bits, LLRs being 2 atanh of them (Arvinte et al., EURASIP JWCN 2022, figure 2). Differs: y, H
    and sigma are divided by the root mean square of H, so that the unit of y does not matter; more
    than Nt antennas are first reduced to Nt by Q of H = QR; soft bits are clipped at 1 - 1e-6.

    Cost: as many multiplications as weights: 411 462 for f_E (L) at 2x2 64-QAM, 117 516 for g_Q.

    Args:
        constellation: QPSK or larger, or its name.
        num_tx_ant: number of streams Nt that the network is for; default 2.
        form: "L" (default; 1 block) or "P" (3).
        inputs: "raw" (default) or "whitened" (Q^H y / sigma, R / sigma and ln sigma^2).
        noise: "variance" (default), as in the authors' code, or "deviation", as in the paper.
        num_latents: d; default 0, which stands for 3 Nt.
        hidden: layers of g_Q; default 5.
        seed: of the initial weights; default 1.

    Raises:
        InvalidInputError: for a value that is not allowed, and for a channel of other than Nt
            streams.

    >>> net = EQNetPublishedEstimator("64-qam")
    >>> sum(p.numel() for p in net.estimator_parameters())
    411462
    """

    name = "eq-net-published"

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int = 2,
        form: str = "L",
        inputs: str = "raw",
        noise: str = "variance",
        num_latents: int = 0,
        hidden: int = 5,
        seed: int = 1,
    ) -> None:
        super().__init__(constellation)
        if self.constellation.is_real:
            name = self.constellation.name
            raise invalid("constellation", name, "QPSK or larger for 'eq-net-published'")
        for field, value in (("num_tx_ant", num_tx_ant), ("hidden", hidden)):
            if check_positive_int(field, value) > _MOST:
                raise invalid(field, value, f"at most {_MOST}")
        if not isinstance(num_latents, int) or not 0 <= num_latents <= 3 * num_tx_ant:
            raise invalid("num_latents", num_latents, f"0 to {3 * num_tx_ant}")
        self.num_tx_ant = num_tx_ant
        self.form = check_one_of("form", form, _FORMS)
        self.inputs = check_one_of("inputs", inputs, ("raw", "whitened"))
        self.noise = check_one_of("noise", noise, ("variance", "deviation"))
        self.num_latents = num_latents or 3 * num_tx_ant
        num_llr = num_tx_ant * self.constellation.bits_per_symbol
        width = 16 * num_llr
        generator = torch.Generator().manual_seed(seed)
        shapes = _shapes(num_tx_ant, width, _FORMS[form], self.num_latents)
        self.weights = nn.ParameterList(glorot(*shape, generator=generator) for shape in shapes)
        self.biases = nn.ParameterList(
            nn.Parameter(torch.zeros(shape[1], dtype=torch.float32)) for shape in shapes
        )
        inner = [4 * num_llr] * hidden
        self.decoder = Layers([self.num_latents, *inner, 1], seed + 1, branches=num_llr)

    def estimator_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of f_E; the others are of g_Q."""
        return [*self.weights, *self.biases]

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        if num_tx_ant != self.num_tx_ant:
            had = f"<{num_tx_ant} streams>"
            raise invalid("h", had, f"{self.num_tx_ant} streams, which the network is made for")

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        rows, n = h.shape[-2:]
        power = h.abs().square().sum((-2, -1)) / n**2
        power = torch.where(power > 0, power, torch.ones_like(power))[..., None, None]
        noise_var = noise_var[..., None, None]
        q = None
        if rows > n or self.inputs == "whitened":
            q, h = qr(h)
        if self.inputs == "whitened":
            scale, noise = noise_var.sqrt(), torch.log(noise_var / power)
        else:
            scale, noise = power.sqrt(), noise_var / power
            noise = noise.sqrt() if self.noise == "deviation" else noise
        # Antennas that receive nothing fill up fewer antennas than streams.
        h = nn.functional.pad(h, (0, 0, 0, n - h.shape[-2]))
        channel = torch.view_as_real((h / scale).resolve_conj()).flatten(-3).unsqueeze(-2)
        known = torch.cat([self._layer(1, channel), self._layer(2, noise)], -1)
        return Prepared(scale, q, known)

    def _detect(self, prepared: Prepared, y: Tensor) -> LLRDetection:
        z = self.features(prepared, y)
        soft = torch.tanh(self.raw_llr_of(z) / 2).clamp(-_SOFT_MOST, _SOFT_MOST)
        return LLRDetection(self.constellation, 2 * torch.atanh(soft))

    def features(self, prepared: Prepared, y: Tensor) -> Tensor:
        """Apply f_E: return (*C, T, d)."""
        if prepared.q is not None:
            y = y @ prepared.q.conj()
        y = nn.functional.pad(y / prepared.scale, (0, self.num_tx_ant - y.shape[-1]))
        received = torch.view_as_real(y.resolve_conj()).flatten(-2)
        first = self._layer(0, received)
        known = prepared.known.expand(*first.shape[:-1], -1)
        u = torch.cat([first, known], -1)
        for start in range(3, 3 + _BLOCK_LAYERS * _FORMS[self.form], _BLOCK_LAYERS):
            skipped = []
            for i in range(3):
                u = self._layer(start + i, u)
                skipped.append(self._layer(start + 3 + i, u))
            for i, skip in enumerate(skipped):
                u = self._layer(start + 6 + i, u, skip)
        return u @ self.weights[-1].to(u.dtype) + self.biases[-1].to(u.dtype)

    def raw_llr_of(self, z: Tensor) -> Tensor:
        """Apply g_Q: return (*C, T, Nt, K) of features (*C, T, d); soft bits are tanh of half."""
        flat = z.reshape(1, -1, z.shape[-1]).expand(len(self.decoder.weights[0]), -1, -1)
        llr = 2 * self.decoder(flat).squeeze(-1).T
        bits = self.constellation.bits_per_symbol
        return llr.reshape(*z.shape[:-1], self.num_tx_ant, bits)

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        num_llr = num_tx_ant * self.constellation.bits_per_symbol
        latents = self.num_latents * num_tx_ant // self.num_tx_ant
        shapes = _shapes(num_tx_ant, 16 * num_llr, _FORMS[self.form], latents)
        first, channel, noise, *rest = (a * b for a, b in shapes)
        inner = len(self.decoder.weights) - 2
        branch = 4 * num_llr * (latents + inner * 4 * num_llr + 1)
        prepare, detect = channel + noise, first + sum(rest) + num_llr * branch
        if num_rx_ant > num_tx_ant or self.inputs == "whitened":
            prepare += counting.qr(num_rx_ant, num_tx_ant)
            detect += counting.matvec(num_tx_ant, num_rx_ant)
        return Cost(prepare, detect)

    def _layer(self, number: int, x: Tensor, added: Tensor | None = None) -> Tensor:
        weight, bias = self.weights[number].to(x.dtype), self.biases[number].to(x.dtype)
        out = x @ weight + bias
        return torch.relu(out if added is None else out + added)


def _shapes(num_tx_ant: int, width: int, blocks: int, num_latents: int) -> list[tuple[int, int]]:
    """Return inputs and outputs of the layers of f_E: of y, H and the noise, blocks, the last."""
    first = [(2 * num_tx_ant, width), (2 * num_tx_ant**2, width), (1, width)]
    inner = [(width, width)] * (blocks * _BLOCK_LAYERS - 1)
    return [*first, (3 * width, width), *inner, (width, num_latents)]
