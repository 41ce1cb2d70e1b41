"""A convolutional network for hybrid beams, with which unfolding is compared."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from mimolearn.beamformers.base import Beams, LearnedBeamformer
from mimolearn.beamformers.classical.descent import normalised, rms
from mimolearn.beamformers.classical.start import aligned_start
from mimolearn.beamformers.classical.svd_phase import matched_start, svd_phases
from mimolearn.beamformers.digital import mean_square_error, mmse_receive, mmse_transmit
from mimolearn.beamformers.gains import align_phases
from mimolearn.beamformers.objective.error_bound import log_bound, observe
from mimolearn.beamformers.objective.samples import samples_for
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_one_of, check_positive_int, invalid
from mimolearn.link.array import HybridArray


class Cnn(LearnedBeamformer):
    """Two stacks of convolutions: phases of F and U from H, then V and W from the analog channel.

    Choose it to compare only: it needs far more training channels than unfolded layers.

    After Shi et al., section V-B: 3 x 3 convolutions with batch normalisation on H as 2K real
    planes of Nr x Nt, and fully connected heads. There are four differences. Both analog parts
    share one network, and both digital ones another. Residual connections are added, without which
    17 layers did not train. The noise level is an input, so that one network suits a range of SNRs.
    Phases and V are corrections of ``svd-phase``, and W is the MMSE receiver; without this, the SER
    stayed at 0.3 after 12,000 channels.
    Channels must have the array's users and antennas. One takes depth width^2 9 Nr Nt
    multiplications.

    Args:
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: "qpsk" (default) or a square QAM.
        depth: convolutional layers; default 17.
        width: channels of a layer; default 16.
        hidden: width of the fully connected layers; default 128.
        most_samples: symbol vectors that training averages over, at most; default 2048.
        seed: of the initial weights; default 0.

    >>> h = torch.randn(2, 8, 64, dtype=torch.complex64)
    >>> Cnn(depth=3, width=4).eval()(h, 0.1).f_rf.shape
    torch.Size([64, 8])
    """

    name = "cnn"
    random_start = True

    def __init__(
        self,
        array: HybridArray | None = None,
        constellation: Constellation | str = "qpsk",
        depth: int = 17,
        width: int = 16,
        hidden: int = 128,
        most_samples: int = 2048,
        seed: int = 0,
    ) -> None:
        super().__init__(array, constellation)
        self.num_layers = check_positive_int("depth", depth, 100)
        check_positive_int("width", width, 1024)
        check_positive_int("hidden", hidden, 16_384)
        self.most_samples = check_positive_int("most_samples", most_samples, 2**24)
        a = self.array
        self._chains = a.num_tx_chains, a.num_rx_chains
        planes, users = 2 * a.num_users, a.num_users
        self.trunk = _Trunk(planes, width, depth)
        # A column of H gives the phases of a transmit antenna, a row those of a receive antenna.
        self.f_head = _linear(width * a.num_rx_ant + 1, 2 * a.num_tx_chains)
        self.w_head = _linear(width * a.num_tx_ant + 1, 2 * users * a.num_rx_chains)
        observed = 2 * users * a.num_rx_chains * a.num_tx_chains
        self.digital = nn.Sequential(
            _linear(observed + 1, hidden),
            nn.ReLU(),
            _linear(hidden, hidden),
            nn.ReLU(),
            _linear(hidden, 2 * a.num_tx_chains * a.total_streams),
        )
        self._draw_weights(torch.Generator().manual_seed(seed))

    def _draw_weights(self, generator: torch.Generator) -> None:
        """He's normals from a source of our own; corrections start at a hundredth."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        with torch.no_grad():
            for last in (self.f_head, self.w_head, self.digital[-1]):
                assert isinstance(last, nn.Linear)
                last.weight.mul_(0.01)

    def _check_channel(self, h: Tensor) -> None:
        super()._check_channel(h)
        a = self.array
        if tuple(h.shape[-2:]) != (a.num_rx_ant, a.num_tx_ant):
            expected = f"the array's {a.num_rx_ant} x {a.num_tx_ant} antennas"
            raise invalid("h", f"<{h.shape[-2]} x {h.shape[-1]} antennas>", expected)

    def _design(self, h: Tensor, noise_var: Tensor) -> Beams:
        return align_phases(h, self._beams(h, noise_var))

    def _beams(self, h: Tensor, noise_var: Tensor) -> Beams:
        """Networks work in single precision on all the array's users; fewer leave planes empty."""
        a, users = self.array, h.shape[1]
        real = self.f_head.weight.dtype
        planes = torch.view_as_real(h.resolve_conj()).movedim(-1, 2).flatten(1, 2).to(real)
        missing = 2 * (a.num_users - users)
        planes = nn.functional.pad(planes, (0, 0, 0, 0, 0, missing))
        snr = -noise_var.log10().to(real).clamp(-3, 3)[:, None]
        features = self.trunk(planes)
        columns = features.movedim(-1, 1).flatten(2)
        rows = features.movedim(-2, 1).flatten(2)
        f_start, w_start = (_gauged(m) for m in svd_phases(h, a.num_tx_chains, a.num_rx_chains))
        w_all = _pairs(self.w_head(_with(rows, snr))).unflatten(-1, (a.num_users, -1))
        f_rf = _unit(f_start + _pairs(self.f_head(_with(columns, snr))).to(h.dtype))
        w_rf = _unit(w_start + w_all.movedim(-2, 1)[:, :users].to(h.dtype))
        effective = w_rf.mH @ h @ f_rf.unsqueeze(1)
        inputs = torch.view_as_real(effective).flatten(2).to(real)
        inputs = nn.functional.pad(inputs, (0, 0, 0, a.num_users - users)).flatten(1)
        inputs = inputs / (a.num_tx_ant * a.num_rx_ant) ** 0.5
        out = self.digital(torch.cat([inputs, snr], -1))
        shape = (a.num_tx_chains, a.num_users, a.num_streams, 2)
        learned = torch.view_as_complex(out.unflatten(-1, shape).contiguous())[:, :, :users]
        with torch.no_grad():
            # Singular vectors have no derivative where their phase is free.
            usual = matched_start(h, f_rf, w_rf, a.num_streams)
        w_bb = mmse_receive(h, noise_var, f_rf @ usual, w_rf)
        usual = mmse_transmit(h, noise_var, f_rf, w_rf @ w_bb)
        size = rms(usual).unsqueeze(-1)
        f_bb = usual.unflatten(-1, (users, -1)) + size * learned.to(h.dtype)
        f_bb = f_bb.flatten(2)
        sent = f_rf @ f_bb
        power = (sent.real.square() + sent.imag.square()).sum((-1, -2), keepdim=True)
        f_bb = f_bb * power.rsqrt()
        w_bb = mmse_receive(h, noise_var, f_rf @ f_bb, w_rf)
        return Beams(f_rf, f_bb, w_rf, w_bb)

    def start(self, h: Tensor, noise_var: Tensor) -> Beams:
        """What the other methods start from, for comparison; this one has no start.

        Args:
            h: (N, K, Nr, Nt) complex; the channels.
            noise_var: (N) real; noise variance per receive antenna.
        """
        with torch.no_grad():
            return aligned_start(h, noise_var, self.array)

    def values(
        self,
        h: Tensor,
        noise_var: Tensor,
        criterion: str = "mser",
        truth: Tensor | None = None,
    ) -> list[Tensor]:
        check_one_of("criterion", criterion, ("mser", "mmse"))
        beams = self._beams(h, noise_var)
        h = h if truth is None else truth
        if criterion == "mmse":
            return [mean_square_error(h, beams, noise_var).log()]
        streams = beams.f_bb.shape[-1]
        samples = samples_for(self.constellation, streams, self.most_samples, h.real.dtype)
        return [log_bound(observe(h, normalised(beams), noise_var).x, samples)]


# Layers whose weights ``_draw_weights`` sets: the classes would draw from the global generator.


def _linear(inputs: int, outputs: int) -> nn.Linear:
    made: Any = skip_init(nn.Linear, inputs, outputs, dtype=torch.float32)
    return made


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    made: Any = skip_init(nn.Conv2d, inputs, outputs, 3, padding=1, dtype=torch.float32)
    return made


class _Trunk(nn.Module):
    """Convolutions of constant width, two by two around a shortcut."""

    def __init__(self, planes: int, width: int, depth: int) -> None:
        super().__init__()
        self.first = _convolution(planes, width)
        pairs = max(depth - 1, 0) // 2
        self.blocks = nn.ModuleList(_Block(width) for _ in range(pairs))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return x


class _Block(nn.Sequential):
    def __init__(self, width: int) -> None:
        super().__init__(
            nn.BatchNorm2d(width, dtype=torch.float32),
            nn.ReLU(),
            _convolution(width, width),
            nn.BatchNorm2d(width, dtype=torch.float32),
            nn.ReLU(),
            _convolution(width, width),
        )


def _with(features: Tensor, snr: Tensor) -> Tensor:
    return torch.cat([features, snr.unsqueeze(1).expand(-1, features.shape[1], 1)], -1)


def _pairs(x: Tensor) -> Tensor:
    """Pairs of numbers as complex ones."""
    return torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())


def _unit(x: Tensor) -> Tensor:
    """x / |x|, with a derivative also near 0."""
    size = (x.real.square() + x.imag.square() + 1e-12).sqrt()
    return x / size


def _gauged(x: Tensor) -> Tensor:
    """Columns turned so that their first entry is 1: singular vectors have a free phase."""
    return x * x[..., :1, :].conj()
