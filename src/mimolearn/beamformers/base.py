"""The base of all beamformers: from channels to the four matrices of a hybrid transceiver."""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.foundation.errors import check_finite, check_shape, invalid
from mimolearn.foundation.tensors.linalg import flat_blocks
from mimolearn.foundation.tensors.modes import check_has_values, in_standard_mode
from mimolearn.foundation.tensors.ownership import copy_shared
from mimolearn.link.array import HybridArray


class Beams(NamedTuple):
    """A hybrid transceiver: s_hat_k = w_bb_k^H w_rf_k^H (H_k f_rf f_bb s + n_k).

    A receiver scales its thresholds by the real part of its gain, on the diagonal of
    w_bb^H w_rf^H H f_rf f_bb. In a fully digital design, Rt = Nt, Rr = Nr, and f_rf and w_rf are
    the identity.

    Attributes:
        f_rf: (*C, Nt, Rt) complex; analog precoder, entries of modulus 1.
        f_bb: (*C, Rt, K D) complex; digital precoder, ||f_rf f_bb||_F = 1, columns user by user.
        w_rf: (*C, K, Nr, Rr) complex; analog combiners, entries of modulus 1.
        w_bb: (*C, K, Rr, D) complex; digital combiners, whose scale does not matter.
    """

    f_rf: Tensor
    f_bb: Tensor
    w_rf: Tensor
    w_bb: Tensor

    def transmit(self) -> Tensor:
        """Return f_rf f_bb, (*C, Nt, K D)."""
        return self.f_rf @ self.f_bb

    def receive(self) -> Tensor:
        """Return w_rf w_bb, (*C, K, Nr, D)."""
        return self.w_rf @ self.w_bb


class Beamformer(nn.Module, ABC):
    """A designer of hybrid beams for y_k = H_k F V s + n_k, E|s_i|^2 = 1, total power 1.

    Call it as ``beamformer(h, noise_var)``. Subclasses are final. They set ``name`` and write
    ``_design``, which gets checked inputs with one batch axis and no absent user.

    Args:
        array: numbers of antennas, RF chains, users and streams; default ``HybridArray()``.
        constellation: "qpsk" (default) or a square QAM.

    Raises:
        InvalidInputError: for a real constellation or something that is not an array.
    """

    name: ClassVar[str]
    # Part of the key of stored results: raise it when a change alters the beams.
    revision: ClassVar[int] = 1
    fully_digital: ClassVar[bool] = False
    # Channels that are processed together, few enough to stay in the cache.
    channels_a_call: ClassVar[int] = 64

    def __init__(
        self, array: HybridArray | None = None, constellation: Constellation | str = "qpsk"
    ) -> None:
        super().__init__()
        if array is not None and not isinstance(array, HybridArray):
            raise invalid("array", f"<{type(array).__name__}>", "a HybridArray")
        self.array = array or HybridArray()
        self.constellation = as_constellation(constellation)
        if self.constellation.is_real or not self.constellation.is_separable:
            raise invalid("constellation", self.constellation.name, "qpsk or a square QAM")

    @in_standard_mode
    def forward(self, h: Tensor, noise_var: Tensor | float) -> Beams:
        """Design beams for every channel.

        A user whose channel is all zero is absent, and its streams are zero. A channel whose
        matrices cannot be factored gets NaN.

        Args:
            h: (*C, K, Nr, Nt) complex; up to the array's users and antennas, and antennas at least
                its RF chains.
            noise_var: (*C) real or a number, above 0; per receive antenna.

        Raises:
            InvalidInputError: for other shapes or dtypes, or values that are not allowed.
        """
        self._check_channel(h)
        noise_var = _check_noise_var(noise_var, h)
        check_finite("h", h)
        batch, users = h.shape[:-3], h.shape[-3]
        flat, noise = flat_blocks(h, 3), noise_var.reshape(-1)
        present = (flat != 0).any(-1).any(-1)
        if bool(present.all()):
            beams = self._in_parts(flat, noise)
        else:
            if not bool(present.any(-1).all()):
                raise invalid("h", "<a channel of zeros>", "at least one present user")
            beams = self._without_absent(flat, noise, present)
        shapes = (beams.f_rf, beams.f_bb), (beams.w_rf, beams.w_bb)
        f_rf, f_bb = (part.reshape(*batch, *part.shape[1:]) for part in shapes[0])
        w_rf, w_bb = (part.reshape(*batch, users, *part.shape[2:]) for part in shapes[1])
        # torch refuses to write into an expanded tensor, so every part is made contiguous.
        return Beams(
            *(copy_shared(part.contiguous(), h, noise_var) for part in (f_rf, f_bb, w_rf, w_bb))
        )

    @abstractmethod
    def _design(self, h: Tensor, noise_var: Tensor) -> Beams:
        """h: (N, K, Nr, Nt) complex, every user present; noise_var: (N) real."""

    @property
    def num_parameters(self) -> int:
        """The number of learned numbers."""
        return sum(parameter.numel() for parameter in self.parameters())

    @classmethod
    def option_names(cls) -> Sequence[str]:
        """Return the names of the options that ``make_beamformer`` accepts for this method."""
        parameters = inspect.signature(cls.__init__).parameters
        return [name for name in parameters if name not in ("self", "array", "constellation")]

    def _in_parts(self, h: Tensor, noise_var: Tensor) -> Beams:
        step = self.channels_a_call
        starts = range(0, max(len(h), 1), step)
        parts = [self._design_all(h[i : i + step], noise_var[i : i + step]) for i in starts]
        if len(parts) == 1:
            return parts[0]
        return Beams(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def _design_all(self, h: Tensor, noise_var: Tensor) -> Beams:
        """Design beams, with NaN for the channels whose factorisation fails."""
        try:
            return self._design(h, noise_var)
        except torch.linalg.LinAlgError:  # pyright: ignore[reportPrivateImportUsage] (documented)
            if len(h) > 1:
                # One bad channel must not stop the others.
                each = [self._design_all(h[i : i + 1], noise_var[i : i + 1]) for i in range(len(h))]
                return Beams(*(torch.cat(part) for part in zip(*each, strict=True)))
        (_, users, nr, nt), d = h.shape, self.array.num_streams
        rt = nt if self.fully_digital else self.array.num_tx_chains
        rr = nr if self.fully_digital else self.array.num_rx_chains
        shapes = (1, nt, rt), (1, rt, users * d), (1, users, nr, rr), (1, users, rr, d)
        return Beams(*(h.new_full(shape, math.nan) for shape in shapes))

    def _without_absent(self, h: Tensor, noise_var: Tensor, present: Tensor) -> Beams:
        """Design for the users that are present; absent ones get streams of zero."""
        num, users, nr, nt = h.shape
        d = self.array.num_streams
        rt = nt if self.fully_digital else self.array.num_tx_chains
        rr = nr if self.fully_digital else self.array.num_rx_chains
        f_rf, f_bb = h.new_zeros(num, nt, rt), h.new_zeros(num, rt, users, d)
        w_rf, w_bb = h.new_ones(num, users, nr, rr), h.new_zeros(num, users, rr, d)
        if self.fully_digital:
            w_rf = torch.eye(nr, dtype=h.dtype, device=h.device).expand(num, users, nr, nr).clone()
        for pattern in present.unique(dim=0):
            rows = (present == pattern).all(-1).nonzero().squeeze(-1)
            members = pattern.nonzero().squeeze(-1)
            part = self._in_parts(h[rows][:, members], noise_var[rows])
            index = rows[:, None], members[None, :]
            f_rf[rows] = part.f_rf
            w_rf[index], w_bb[index] = part.w_rf, part.w_bb
            columns = part.f_bb.unflatten(-1, (len(members), d)).movedim(-2, 1)
            f_bb.movedim(-2, 1)[index] = columns
        return Beams(f_rf, f_bb.flatten(-2), w_rf, w_bb)

    def _check_channel(self, h: Tensor) -> None:
        check_shape("h", h, "(*C, K, Nr, Nt)", isinstance(h, Tensor) and h.ndim >= 3)
        if not h.is_complex():
            raise invalid("h", f"<dtype {h.dtype}>", "a complex dtype")
        if h.dtype not in (torch.complex64, torch.complex128):
            raise invalid("h", f"<dtype {h.dtype}>", "complex64 or complex128")
        check_has_values(h=h)
        array, (users, nr, nt) = self.array, h.shape[-3:]
        if not 1 <= users <= array.num_users:
            raise invalid("h", f"<{users} users>", f"1 to {array.num_users}, the array's users")
        if not array.num_rx_chains <= nr <= array.num_rx_ant:
            expected = f"{array.num_rx_chains} to {array.num_rx_ant}: the array's chains, antennas"
            raise invalid("h", f"<{nr} receive antennas>", expected)
        if not array.num_tx_chains <= nt <= array.num_tx_ant:
            expected = f"{array.num_tx_chains} to {array.num_tx_ant}: the array's chains, antennas"
            raise invalid("h", f"<{nt} transmit antennas>", expected)


class LearnedBeamformer(Beamformer):
    """A beamformer with trained parameters."""

    random_start: ClassVar[bool] = False
    """Whether a new network is random. Others begin as a classical method."""
    num_layers: int

    @abstractmethod
    def values(
        self,
        h: Tensor,
        noise_var: Tensor,
        criterion: str = "mser",
        truth: Tensor | None = None,
    ) -> list[Tensor]:
        """Compute the training criterion, at the start and after every layer; differentiable.

        Args:
            h: (N, K, Nr, Nt) complex; channels that the design knows.
            noise_var: (N) real.
            criterion: "mser" (default), the mean of P(re) + P(im) over streams, or "mmse", the sum
                of mean-square errors.
            truth: of the shape of h; the channels over which the criterion is, h by default.

        Returns:
            ln of the criterion, (N) real for each stage.
        """

    @abstractmethod
    def start(self, h: Tensor, noise_var: Tensor) -> Beams:
        """Design the beams that the layers start from, or that the network is compared with.

        Args:
            h: (N, K, Nr, Nt) complex; the channels.
            noise_var: (N) real; noise variance per receive antenna.
        """

    def layered_parameters(self) -> list[Tensor]:
        """Return the parameters whose first axis is the layer; early layers can be frozen."""
        return []

    def start_from(self, other: LearnedBeamformer) -> None:
        """Copy the parameters of another network of the same shape.

        Args:
            other: the network whose parameters are copied.
        """
        target, source = self.state_dict(), other.state_dict()
        fits = target.keys() == source.keys() and all(
            target[key].shape == source[key].shape for key in target
        )
        if not fits:
            raise invalid("start_from", f"<{other.name}>", "a network of the recipe's own shape")
        self.load_state_dict(source)


def _check_noise_var(noise_var: Tensor | float, h: Tensor) -> Tensor:
    real, given = h.dtype.to_real(), noise_var
    if not isinstance(noise_var, Tensor):
        noise_var = torch.as_tensor(noise_var, dtype=real, device=h.device)
    if noise_var.is_complex():
        raise invalid("noise_var", f"<dtype {noise_var.dtype}>", "a real dtype")
    if noise_var.ndim and noise_var.shape != h.shape[:-3]:
        expected = f"shape (*C) = {tuple(h.shape[:-3])} as in h, or a number"
        raise invalid("noise_var", f"<shape {tuple(noise_var.shape)}>", expected)
    check_has_values(noise_var=noise_var)
    # Before the check: a positive float64 may be 0 or infinite as a float32.
    noise_var = noise_var.to(h.device, real)
    good = (noise_var > 0) & (noise_var < math.inf)
    if not bool(good.all()):
        value = given
        in_type = "" if real == torch.float64 else f" in {real}, as h"
        if isinstance(given, Tensor):
            value = given.to(good.device)[~good].flatten()[0].item()
        raise invalid("noise_var", value, f"a finite value above 0{in_type}")
    return noise_var.expand(h.shape[:-3])
