"""Successive interference cancellation on the plain triangle."""

from __future__ import annotations

from typing import final

from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import GaussianDetection
from mimolearn.detectors.base import Cost, Detector
from mimolearn.detectors.cancellation.successive import (
    ORDERS,
    Triangle,
    cancel,
    cancellation_cost,
    triangle,
)
from mimolearn.foundation.errors import check_one_of, check_real, invalid


@final
class ZFSIC(Detector):
    """Zero-forcing successive interference cancellation with hard decisions.

    Choose it to reproduce published baselines; ``mmse-sic`` costs as much and decides better.

    QR of H. Streams are decided from the last row up and subtracted (Wolniansky, Foschini, Golden
    and Valenzuela 1998): z_i = r_ii x_i + CN(0, sigma^2). BPSK runs on [Re H; Im H] with
    noise_var/2, so that it uses that its symbols are real. LLRs assume that every earlier decision
    is right, and are far too confident when one is wrong: ``llr_scale`` and ``llr_clip`` decide the
    coded result.

    Cost: a QR per channel; 4 Nr Nt + 2 Nt (Nt + 1) per vector.

    Args:
        constellation: of the symbols, or its name.
        order: "none" (default; the last stream first, as in published anchors) or "sorted" (the
            stream of the highest SNR after cancellation first, then among the rest).
        demapping: "exact" (default) or "max-log".
        llr_scale: factor of the LLRs, above 0; default 1.
        llr_clip: largest magnitude of a scaled LLR; default None, no limit.

    Raises:
        InvalidInputError: for a value that is not allowed, and for Nt > Nr (BPSK: Nt > 2Nr).

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> ZFSIC("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "zf-sic"
    any_points = True
    revision = 2
    rotation_invariant = True

    def __init__(
        self,
        constellation: Constellation | str,
        order: str = "none",
        demapping: str = "exact",
        llr_scale: float = 1.0,
        llr_clip: float | None = None,
    ) -> None:
        super().__init__(constellation)
        self.order = check_one_of("order", order, ORDERS)
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))
        self.llr_scale = check_real("llr_scale", llr_scale, above=0)
        self.llr_clip = None if llr_clip is None else check_real("llr_clip", llr_clip, above=0)

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        rows = num_rx_ant * (2 if self.constellation.is_real else 1)
        if num_tx_ant > rows:
            bound = "Nt <= 2Nr" if self.constellation.is_real else "Nt <= Nr"
            raise invalid(
                "h",
                f"<{num_tx_ant} streams on {num_rx_ant} antennas>",
                f"{bound} for 'zf-sic' with {self.constellation.name}; use 'mmse-sic'",
            )

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Triangle:
        return triangle(h, noise_var, self.constellation, order=self.order, mmse=False)

    def _detect(self, prepared: Triangle, y: Tensor) -> GaussianDetection:
        return cancel(
            prepared, y, self.constellation, self.demapping, self.llr_scale, self.llr_clip
        )

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return Cost(
            *cancellation_cost(
                self.constellation, num_rx_ant, num_tx_ant, order=self.order, mmse=False
            )
        )
