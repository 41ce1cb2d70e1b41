"""Theorems 1 to 3: how many real numbers hold all soft bits of a channel use."""

from __future__ import annotations

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detectors import make_detector
from mimolearn.foundation.tensors.state import clean_torch
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel

_NAME, _NT, _NR = "64-qam", 2, 4
_SNR_DB = 12.0


def _largest(llr: Tensor, other: Tensor) -> float:
    """The largest distance between soft bits, tanh(L / 2)."""
    return float((torch.tanh(llr / 2) - torch.tanh(other / 2)).abs().max())


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    parts = torch.randn(*shape, 2, generator=generator, dtype=torch.float64)
    return torch.view_as_complex(parts) / 2**0.5


@python_panel(
    *("theorem 1", "theorem 2", "theorem 3"),
    *("numbers 1", "numbers 2", "numbers 3", "soft bits"),
)
def theorems(run: TableRun) -> Table:
    """Largest change of a soft bit that is made anew from as few numbers as a theorem says."""
    count, points = run.draws, Constellation(_NAME)
    generator = torch.Generator().manual_seed(1)
    index = torch.randint(len(points.points), (count, _NT), generator=generator)
    x = points.map(index).to(torch.complex128)
    h, noise = _normal(generator, count, _NR, _NT), _normal(generator, count, _NR)
    noise_var = torch.full((count,), 10 ** (-_SNR_DB / 10), dtype=torch.float64)
    deviation = noise_var.sqrt()[:, None]
    ml, sic = make_detector("ml", _NAME), make_detector("mmse-sic", _NAME)
    with clean_torch():
        y = (h @ x[..., None])[..., 0] + deviation * noise
        exact = ml(y[:, None], h, noise_var).llr()
        # Theorem 1: Q^H y / sigma and R / sigma, whose diagonal is real.
        q, r = torch.linalg.qr(h)
        turn = torch.sgn(r.diagonal(dim1=-2, dim2=-1)).conj()
        r = turn[..., None] * r / deviation[..., None]
        rotated = turn * (q.mH @ y[..., None])[..., 0] / deviation
        first = ml(rotated[:, None], r, torch.ones_like(noise_var)).llr()
        # Theorem 2: the transmitter precodes with V, so that streams are scalar channels.
        u, s, vh = torch.linalg.svd(h, full_matrices=False)
        precoded = h @ vh.mH
        y = (precoded @ x[..., None])[..., 0] + deviation * noise
        diagonal = ml(y[:, None], precoded, noise_var).llr()
        x_hat, error_var = (u.mH @ y[..., None])[..., 0] / s, noise_var[:, None] / s**2
        second = points.llr(x_hat.to(torch.complex64), error_var.float())
        # Theorem 3: what cancellation knows of a stream is an estimate and its variance.
        y = (h @ x[..., None])[..., 0] + deviation * noise
        found = sic(y[:, None], h, noise_var)
        cancelled, third = found.llr(), points.llr(found.x_hat, found.error_var)
    values = {
        "theorem 1": _largest(exact, first),
        "theorem 2": _largest(diagonal[:, 0], second),
        "theorem 3": _largest(cancelled, third),
        "numbers 1": float(2 * _NT + _NT + _NT * (_NT - 1)),
        "numbers 2": 3.0 * _NT,
        "numbers 3": 3.0 * _NT,
        "soft bits": float(_NT * points.bits_per_symbol),
    }
    kinds = ("ML, any channel", "ML, diagonal channel", "MMSE-SIC, any channel")
    rows = tuple(
        (f"{n} ({kind})", f"{values[f'numbers {n}']:g}", f"{values[f'theorem {n}']:.1e}")
        for n, kind in enumerate(kinds, 1)
    )
    note = f"{count:,} uses of {_NT} streams of {_NAME}, {_NR} antennas, at {_SNR_DB:g} dB."
    return Table(("theorem", "numbers a use", "largest change of a soft bit"), rows, values, note)
