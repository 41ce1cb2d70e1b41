"""Successive interference cancellation on the MMSE triangle."""

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
from mimolearn.foundation.errors import check_one_of, check_real
from mimolearn.kernels.linear import calls as linear_kernels


@final
class MMSESIC(Detector):
    """MMSE successive interference cancellation with hard decisions (V-BLAST).

    Choose it for better decisions than ``lmmse`` at about its cost. Do not choose it for soft
    output: ``lmmse`` has better LLRs.

    QR of [H; sigma I] (Wuebben, Boehnke, Kuehn and Kammeyer 2003), streams decided from the last
    row up and subtracted. The unbiased model of a stream is z_i = (r_ii - sigma^2/r_ii) x_i +
    CN(0, sigma^2 (1 - sigma^2/r_ii^2)). EQ-Net prints sigma^2 I for sigma I, an error; its model,
    z_i = r_ii x_i + CN(0, sigma^2 ||q_i||^2), is there as model "published": it is biased, and
    takes no account of the streams still to come.
    BPSK runs on [Re H; Im H] with noise_var/2, so that it knows its symbols to be real.
    LLRs take every earlier decision for right, and are far too confident when one is wrong:
    ``llr_scale`` and ``llr_clip`` decide the coded result. Raw by default; EQ-Net's code has 0.5
    and 6, after its own noise scaling.

    One call on complex64 without gradients runs in compiled code, on a Cholesky factor in place of
    the QR, but not with order "sorted" or model "published".
    Cost: a QR of Nr + Nt rows per channel; 4 Nr Nt + 2 Nt (Nt + 1) per vector.

    Args:
        constellation: of the symbols, or its name.
        order: "none" (default), the last stream first, as published anchors have it; or "sorted",
            the stream of the highest post-detection SNR first, then among the rest.
        demapping: "exact" (default) or "max-log".
        llr_scale: factor of the LLRs, above 0; default 1.
        llr_clip: largest magnitude of a scaled LLR; default None, no limit.
        model: "unbiased" (default) or "published".

    Raises:
        InvalidInputError: for a value that is not allowed.

    >>> import torch
    >>> h, y = torch.eye(2, dtype=torch.complex64), torch.ones(1, 2, dtype=torch.complex64)
    >>> MMSESIC("bpsk")(y, h, 0.1).bits().flatten().tolist()
    [0, 0]
    """

    name = "mmse-sic"
    any_points = True
    axis_kernel = True
    revision = 2
    rotation_invariant = True

    def __init__(
        self,
        constellation: Constellation | str,
        order: str = "none",
        demapping: str = "exact",
        llr_scale: float = 1.0,
        llr_clip: float | None = None,
        model: str = "unbiased",
    ) -> None:
        super().__init__(constellation)
        self.order = check_one_of("order", order, ORDERS)
        self.model = check_one_of("model", model, ("unbiased", "published"))
        self.demapping = check_one_of("demapping", demapping, ("exact", "max-log"))
        self.llr_scale = check_real("llr_scale", llr_scale, above=0)
        self.llr_clip = None if llr_clip is None else check_real("llr_clip", llr_clip, above=0)

    def _fuses(self, h: Tensor, y: Tensor) -> bool:
        plain = self.order == "none" and self.model == "unbiased"
        return plain and super()._fuses(h, y)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> GaussianDetection:
        solved = linear_kernels.successive(y, h, noise_var, self.constellation)
        return GaussianDetection(
            self.constellation, *solved, self.demapping, self.llr_scale, self.llr_clip
        )

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Triangle:
        return triangle(
            h,
            noise_var,
            self.constellation,
            order=self.order,
            mmse=True,
            published=self.model == "published",
        )

    def _detect(self, prepared: Triangle, y: Tensor) -> GaussianDetection:
        return cancel(
            prepared, y, self.constellation, self.demapping, self.llr_scale, self.llr_clip
        )

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        return Cost(
            *cancellation_cost(
                self.constellation, num_rx_ant, num_tx_ant, order=self.order, mmse=True
            )
        )
