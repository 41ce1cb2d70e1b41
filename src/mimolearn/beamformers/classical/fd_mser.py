"""Fully digital beams of least symbol-error rate, a reference for hybrid ones."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.beamformers.base import Beamformer, Beams
from mimolearn.beamformers.classical.descent import normalised
from mimolearn.beamformers.classical.fd_mmse import fd_mmse
from mimolearn.beamformers.classical.mser_gd import mser_descent
from mimolearn.beamformers.classical.start import aligned_start
from mimolearn.beamformers.objective.error_bound import log_bound, observe
from mimolearn.beamformers.objective.samples import samples_for
from mimolearn.constellation import Constellation
from mimolearn.foundation.errors import check_positive_int, check_real
from mimolearn.link.array import HybridArray


class FullyDigitalMser(Beamformer):
    """Fully digital descent on ln SER.

    Choose it as a reference. One descent starts from fully digital MMSE, another from the result of
    ``mser-gd`` with the same iterations and rate. The best iterate counts, so the error rate is
    never above that of ``mser-gd``. V is restricted to the row space of H, which contains its
    optimum: a stream has K Nr unknowns instead of Nt.

    Args:
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: "qpsk" (default) or a square QAM.
        num_iter: steps of each descent; default 300.
        rate: step size of Adam at the start; default 0.02.
        most_samples: largest number of symbol vectors that are averaged over; default 2048.

    >>> h = torch.randn(2, 8, 64, dtype=torch.complex64)
    >>> FullyDigitalMser(num_iter=2)(h, 0.1).f_bb.shape
    torch.Size([64, 6])
    """

    name = "fd-mser"
    fully_digital = True

    def __init__(
        self,
        array: HybridArray | None = None,
        constellation: Constellation | str = "qpsk",
        num_iter: int = 300,
        rate: float = 0.02,
        most_samples: int = 2048,
    ) -> None:
        super().__init__(array, constellation)
        self.num_iter = check_positive_int("num_iter", num_iter, 100_000)
        self.rate = check_real("rate", rate, above=0)
        self.most_samples = check_positive_int("most_samples", most_samples, 2**24)

    def _design(self, h: Tensor, noise_var: Tensor) -> Beams:
        array, users = self.array, h.shape[1]
        streams = users * array.num_streams
        samples = samples_for(self.constellation, streams, self.most_samples, h.real.dtype)
        descent = (samples, self.num_iter, self.rate)
        hybrid = mser_descent(h, noise_var, aligned_start(h, noise_var, array), *descent).beams
        basis = torch.linalg.qr(h.flatten(1, 2).mH).Q
        small = h @ basis.unsqueeze(1)
        plain = fd_mmse(h, noise_var, array.num_streams, 30)
        size, nr = basis.shape[-1], h.shape[-2]
        eye_t = torch.eye(size, dtype=h.dtype, device=h.device).expand(len(h), size, size)
        eye_r = torch.eye(nr, dtype=h.dtype, device=h.device).expand(len(h), users, nr, nr)
        starts = [
            normalised(Beams(eye_t, basis.mH @ sent, eye_r, received))
            for sent, received in (
                (hybrid.transmit(), hybrid.receive()),
                (plain.transmit(), plain.receive()),
            )
        ]
        best = mser_descent(small, noise_var, starts[0], *descent, analog=False)
        other = mser_descent(small, noise_var, starts[1], *descent, analog=False)
        beams = best.improved(other.value, other.beams).beams
        nt = h.shape[-1]
        wide = torch.eye(nt, dtype=h.dtype, device=h.device).expand(len(h), nt, nt)
        digital = Beams(wide, basis @ beams.f_bb, beams.w_rf, beams.w_bb)
        # The projection removes only power that no user receives. Because of rounding, the hybrid
        # may still be slightly better.
        return _not_above(h, noise_var, digital, hybrid, samples)


def _not_above(h: Tensor, noise_var: Tensor, digital: Beams, hybrid: Beams, samples) -> Beams:
    """Choose, for each channel, the better of the digital and the hybrid beams."""
    same = hybrid._replace(
        f_rf=digital.f_rf, f_bb=hybrid.transmit(), w_rf=digital.w_rf, w_bb=hybrid.receive()
    )
    values = [log_bound(observe(h, b, noise_var).x, samples) for b in (digital, same)]
    better = values[0] <= values[1]
    parts = [
        torch.where(better.view(-1, *(1,) * (a.ndim - 1)), a, b)
        for a, b in zip(digital, same, strict=True)
    ]
    return Beams(*parts)
