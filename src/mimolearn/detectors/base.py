"""The detector contract: work that needs only the channel, then work that needs the vector."""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, get_args, get_type_hints

import torch
from torch import Tensor, nn

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.detection import Detection
from mimolearn.foundation.errors import check_finite, check_positive_int, check_shape, invalid
from mimolearn.foundation.tensors.modes import check_has_values, in_standard_mode
from mimolearn.foundation.tensors.ownership import copy_shared, copy_shared_parts
from mimolearn.kernels.machine.launch import fits, usable

_DTYPES = (torch.complex64, torch.complex128)
# Between these, a noise variance is positive and finite in every precision.
_LEAST_SAFE, _MOST_SAFE = 1e-30, 1e30


class Cost(NamedTuple):
    """Real multiplications (a complex one counts four).

    per_channel: work of ``prepare``. per_vector: work of ``detect`` for one vector, or None when
    it depends on the data; then ``Detection.work`` reports what was spent.
    Divisions, square roots and table look-ups of the demapper are not counted.
    """

    per_channel: int
    per_vector: int | None


class Unprepared(NamedTuple):
    """A channel as it came, (*C, Nr, Nt) and (*C), for a kernel that does both halves at once."""

    h: Tensor
    noise_var: Tensor


class Detector(nn.Module, ABC):
    """A MIMO detector, classical or learned, for y = H x + n.

    Subclasses are final. They set ``name`` and write ``_prepare``, ``_detect`` and ``cost``;
    inputs arrive checked, and h always has its block axis T in y.
    ``prepare`` does everything that needs no y, ``detect`` never sees h: one channel serves many
    vectors.
    """

    name: ClassVar[str]
    # Part of what stored results are keyed by: raise it when a change alters what is detected.
    revision: ClassVar[int] = 1
    soft: ClassVar[bool] = True
    rotation_invariant: bool = False
    """Whether h and y matter through H^H H and H^H y alone: rotating the antennas by Q^H, H = Q R,
    then leaves the output as it is, and simulations may draw (R, Q^H y) in place of (H, y)."""
    # Where the kernel of both halves is faster than PyTorch with a prepared channel, the halves
    # apart use it too: ``prepare`` then keeps the channel as it is.
    fused_halves: ClassVar[bool] = False
    not_in_key: ClassVar[frozenset[str]] = frozenset()
    """Attributes that decide nothing of what is detected, such as caches: stored results of a
    detector object are keyed by all others."""

    def __init__(self, constellation: Constellation | str) -> None:
        super().__init__()
        self.constellation = as_constellation(constellation)

    @in_standard_mode
    def prepare(self, h: Tensor, noise_var: Tensor | float) -> Any:
        """All work that needs no received vector.

        h: (*C, Nr, Nt) complex. noise_var: (*C) real or a number, > 0, total over real and
        imaginary part, per receive antenna. Returns the algorithm's own NamedTuple.
        Raises InvalidInputError on a wrong shape, a non-finite h or a noise_var not above 0.
        """
        self._check_channel(h)
        check_has_values(h=h, noise_var=noise_var)
        given = noise_var
        noise_var = self._check_noise_var(noise_var, h)
        check_finite("h", h)
        if self.fused_halves and usable(h, noise_var) and fits(h):
            return copy_shared(Unprepared(h, noise_var), h, given)
        return copy_shared(self._prepare(h, noise_var), h, given)

    @in_standard_mode
    def detect(self, prepared: Any, y: Tensor) -> Detection:
        """Detect every vector of the prepared channels.

        y: (*C, T, Nr) complex. Returns a Detection over (*C, T, Nt).
        """
        check_shape("y", y, "(*C, T, Nr)", isinstance(y, Tensor) and y.ndim >= 2)
        if not y.is_complex():
            raise invalid("y", f"<dtype {y.dtype}>", "a complex dtype")
        check_has_values(y=y)
        check_finite("y", y)
        if isinstance(prepared, Unprepared):
            h, noise_var = prepared
            fitting = y.shape[:-2] == h.shape[:-2] and y.shape[-1] == h.shape[-2]
            fused = self._one_shot(y, h, noise_var) if fitting and y.dtype == h.dtype else None
            if fused is not None:
                return fused
            prepared = self._prepare(h, noise_var)
        return copy_shared_parts(self._detect(prepared, y), y, prepared)

    def _prepared(self, prepared: Any) -> Any:
        """The algorithm's own tuple, also of a channel that ``prepare`` has kept as it came."""
        return self._prepare(*prepared) if isinstance(prepared, Unprepared) else prepared

    @in_standard_mode
    def forward(self, y: Tensor, h: Tensor, noise_var: Tensor | float) -> Detection:
        """prepare and detect composed. Shapes as there, and y must fit h."""
        self._check_channel(h)
        check_shape("y", y, "(*C, T, Nr)", isinstance(y, Tensor) and y.ndim >= 2)
        shape, y_shape = h.shape, y.shape
        if y_shape[-1] != shape[-2] or y_shape[:-2] != shape[:-2]:
            fitting = f"*C = {tuple(h.shape[:-2])} and Nr = {h.shape[-2]} as in h"
            check_shape("y", y, f"(*C, T, Nr) with {fitting}", False)
        if y.dtype != h.dtype:
            raise invalid("y", f"<dtype {y.dtype}>", f"the dtype of h, {h.dtype}")
        check_has_values(y=y, h=h, noise_var=noise_var)
        noise_var = self._check_noise_var(noise_var, h)
        fused = self._one_shot(y, h, noise_var)
        if fused is not None:
            return fused
        check_finite("h", h)
        check_finite("y", y)
        return copy_shared_parts(self._detect(self._prepare(h, noise_var), y), y, h, noise_var)

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> Detection | None:
        """Both halves in one compiled kernel, or None where there is none for these inputs.

        Inputs are checked but for their finiteness, which the kernel looks at.
        """
        return None

    @abstractmethod
    def _prepare(self, h: Tensor, noise_var: Tensor) -> Any:
        """h: (*C, Nr, Nt) complex, noise_var: (*C) real."""

    @abstractmethod
    def _detect(self, prepared: Any, y: Tensor) -> Detection:
        """y: (*C, T, Nr) complex."""

    def simulated_method(self) -> str | None:
        """The one of ``gaussian_link.SIMULATED_METHODS`` that gives all decisions of this detector.

        A class says so for itself alone: simulations do not ask it of a subclass.
        """
        return None

    @abstractmethod
    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        """Real multiplications for one channel and for one vector."""

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        """Refuse a size that the method cannot handle; the default accepts all."""

    def _check_channel(self, h: Tensor) -> None:
        """Check shape and dtype of h; its values are checked once the method's path is known."""
        check_shape("h", h, "(*C, Nr, Nt)", isinstance(h, Tensor) and h.ndim >= 2)
        if h.dtype not in _DTYPES:
            expected = "complex64 or complex128" if h.is_complex() else "a complex dtype"
            raise invalid("h", f"<dtype {h.dtype}>", expected)
        shape = h.shape
        num_rx_ant, num_tx_ant = shape[-2], shape[-1]
        if num_rx_ant == 0 or num_tx_ant == 0:
            raise invalid("h", f"<shape {tuple(shape)}>", "at least one antenna on each side")
        self._check_size(num_rx_ant, num_tx_ant)

    @classmethod
    def option_names(cls) -> Sequence[str]:
        """Names of the options that ``make_detector`` accepts for this detector."""
        parameters = inspect.signature(cls.__init__).parameters
        return [name for name in parameters if name not in ("self", "constellation")]

    @classmethod
    def detector_option_names(cls) -> Sequence[str]:
        """Names of the options that are detectors, told by their annotations."""
        hints = get_type_hints(cls.__init__)
        return [name for name in cls.option_names() if _allows_detector(hints.get(name))]

    @staticmethod
    def _check_noise_var(noise_var: Tensor | float, h: Tensor) -> Tensor:
        real, blocks, given = h.dtype.to_real(), h.shape[:-2], noise_var
        if type(noise_var) is float and _LEAST_SAFE < noise_var < _MOST_SAFE:
            return torch.full(blocks, noise_var, dtype=real, device=h.device)
        if not isinstance(noise_var, Tensor):
            noise_var = torch.as_tensor(noise_var, dtype=real, device=h.device)
        same_shape = noise_var.shape == blocks
        if not same_shape and noise_var.ndim:
            expected = f"shape (*C) = {tuple(blocks)} as in h, or a number"
            raise invalid("noise_var", f"<shape {tuple(noise_var.shape)}>", expected)
        if noise_var.dtype != real or noise_var.device != h.device:
            if noise_var.is_complex():
                raise invalid("noise_var", f"<dtype {noise_var.dtype}>", "a real dtype")
            # Before the check: a positive float64 may be 0 or infinite as a float32.
            noise_var = noise_var.to(h.device, real)
        num = noise_var.numel()
        # A traced program cannot look at its data.
        if num and not torch.compiler.is_compiling():
            if num == 1:
                least = most = noise_var.item()
            else:
                least, most = (end.item() for end in noise_var.detach().aminmax())
            if not (least > 0 and most < math.inf):
                ok = (noise_var > 0) & torch.isfinite(noise_var)
                value = given
                in_type = "" if noise_var.dtype == torch.float64 else f" in {real}, as h"
                if isinstance(given, Tensor):
                    value = given.expand(ok.shape).to(ok.device)[~ok].flatten()[0].item()
                raise invalid("noise_var", value, f"a finite value above 0{in_type}")
        return noise_var if same_shape else noise_var.expand(blocks)


def _allows_detector(hint: Any) -> bool:
    kinds = get_args(hint) or (hint,)
    return any(isinstance(kind, type) and issubclass(kind, Detector) for kind in kinds)


class IterativeDetector(Detector):
    """A detector of ``num_iter`` fixed iterations that can show each of its estimates."""

    def __init__(self, constellation: Constellation | str, num_iter: int) -> None:
        super().__init__(constellation)
        self.num_iter = check_positive_int("num_iter", num_iter, 10_000)

    @abstractmethod
    def iterates(self, prepared: Any, y: Tensor) -> list[Tensor]:
        """One complex estimate (*C, T, Nt) per iteration, the last being the detector's own."""
