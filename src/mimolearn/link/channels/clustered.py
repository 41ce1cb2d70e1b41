"""Clustered millimetre-wave channels between two uniform linear arrays."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from mimolearn.foundation.plainmodel import Count, Real
from mimolearn.link.channels.base import ChannelModel, chunk_lengths
from mimolearn.link.randomness import RandomSource, complex_normal, uniform


class Clustered(ChannelModel):
    """A few paths in clusters of similar direction, so that channels have low rank.

    Choose it for millimetre waves and hybrid beamforming.

    H = sqrt(1/(C R)) sum over C clusters and R rays of a_il ar(phi_il) at(theta_il)^H with
    a_il ~ CN(0, 1) and steering vectors ar_n = e^(j pi n sin phi), half-wavelength arrays of
    |ar_n| = 1 (El Ayach et al. 2014, in azimuth only). A cluster's mean angle is uniform
    over the circle; its rays deviate from it by a Laplacian of standard deviation
    angle_spread_deg. So E||H||_F^2 = Nr Nt entry_variance, and one draw may be far from it.

    Attributes:
        model: "clustered".
        entry_variance: mean E|h_ij|^2: "1" (default), "1/Nr" or "1/Nt".
        num_clusters: C; default 5.
        num_rays: R, rays of each cluster; default 10.
        angle_spread_deg: standard deviation of the angles in a cluster, degrees; default 7.5.

    >>> model = Clustered(num_clusters=2, num_rays=10, angle_spread_deg=7.5)
    >>> model.draw(3, 64, 128, torch.Generator().manual_seed(1)).shape
    torch.Size([3, 64, 128])
    """

    model: Literal["clustered"] = "clustered"
    num_clusters: Annotated[Count, Field(le=1000)] = 5
    num_rays: Annotated[Count, Field(le=1000)] = 10
    angle_spread_deg: Annotated[Real, Field(ge=0, le=180)] = 7.5

    def draw(
        self,
        num_channels: int,
        num_rx_ant: int,
        num_tx_ant: int,
        generator: RandomSource,
        dtype: torch.dtype = torch.complex64,
    ) -> Tensor:
        sizes = num_rx_ant, num_tx_ant
        num_paths = self.num_clusters * self.num_rays
        lengths = chunk_lengths(num_channels, num_paths * sum(sizes) + num_rx_ant * num_tx_ant)
        scale = math.sqrt(self.entry_var(*sizes) / num_paths)
        chunks = [self._draw_chunk(length, sizes, generator, dtype) for length in lengths]
        return torch.cat(chunks).mul_(scale)

    def _draw_chunk(
        self, length: int, sizes: tuple[int, int], generator: RandomSource, dtype: torch.dtype
    ) -> Tensor:
        rx, tx = (_steering(self._angles(length, generator), num_ant) for num_ant in sizes)
        gain = complex_normal((length, 1, rx.shape[-1]), generator, dtype)
        return (rx.to(dtype) * gain) @ tx.to(dtype).mH

    def _angles(self, length: int, generator: RandomSource) -> Tensor:
        """(length, paths) directions in radians; float64, as they enter phases of many turns."""
        clusters = (length, self.num_clusters)
        mean = 2 * math.pi * uniform((*clusters, 1), generator, torch.float64)
        u = 2 * uniform((*clusters, self.num_rays), generator, torch.float64) - 1
        # Inverse of the Laplacian distribution; u = -1, which would give infinity, is possible.
        deviation = -torch.sign(u) * torch.log1p(-u.abs().clamp(max=1 - 2**-53))
        return (mean + math.radians(self.angle_spread_deg) / math.sqrt(2) * deviation).flatten(1)


def _steering(angles_rad: Tensor, num_ant: int) -> Tensor:
    """(length, paths) to (length, num_ant, paths) of unit-modulus entries."""
    position = torch.arange(num_ant, dtype=torch.float64, device=angles_rad.device)
    phase = math.pi * position[:, None] * torch.sin(angles_rad)[:, None, :]
    return torch.polar(torch.ones_like(phase), phase)
