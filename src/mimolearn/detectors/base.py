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
from mimolearn.detectors.priors import check_prior
from mimolearn.foundation.errors import check_finite, check_positive_int, check_shape, invalid
from mimolearn.foundation.tensors.modes import check_has_values, in_standard_mode
from mimolearn.foundation.tensors.ownership import copy_shared, copy_shared_parts
from mimolearn.kernels.machine.launch import FEW_CHANNELS, fits, usable

_DTYPES = (torch.complex64, torch.complex128)
# Between these, a noise variance is positive and finite in every precision.
_LEAST_SAFE, _MOST_SAFE = 1e-30, 1e30


class Cost(NamedTuple):
    """Real multiplications (a complex one counts four).

    Divisions, square roots and table look-ups of the demapper are not counted.

    per_channel: work of ``prepare`` for one channel.
    per_vector: work of ``detect`` for one vector, or None if it depends on the data; then
        ``Detection.work`` reports what was spent.
    """

    per_channel: int
    per_vector: int | None


class Compiled(NamedTuple):
    """Channels that ``prepare`` has prepared for compiled code.

    path: "fused" or "interleaved", the path of ``detect``; see ``Detector.halves``.
    state: what that path keeps of the channels.
    """

    path: str
    state: Any


class Channel(NamedTuple):
    """State of the path "fused": the channel as it came.

    h: (*C, Nr, Nt) complex.
    noise_var: (*C) real.
    """

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
    takes_prior: ClassVar[bool] = False
    """Whether bits may have priors, the LLRs of a decoder: see ``detect``."""
    rotation_invariant: bool = False
    """Whether h and y matter through H^H H and H^H y alone: rotating the antennas by Q^H, H = Q R,
    then leaves the output as it is, and simulations may draw (R, Q^H y) in place of (H, y)."""
    halves: ClassVar[str] = "torch"
    """The path of ``prepare`` and ``detect`` for channels that compiled code can take.

    "torch": ``_prepare`` and ``_detect``, as for all other channels.
    "fused": ``prepare`` keeps the channel and ``detect`` runs the kernel of both halves, because
        it is faster than torch with a prepared channel.
    "interleaved": ``_prepare_interleaved`` and ``_detect_interleaved``, 16 channels at a time.
    """
    not_in_key: ClassVar[frozenset[str]] = frozenset()
    """Attributes that change nothing of what is detected, such as caches: stored results of a
    detector object are keyed by all others."""

    def __init__(self, constellation: Constellation | str) -> None:
        super().__init__()
        self.constellation = as_constellation(constellation)

    @in_standard_mode
    def prepare(self, h: Tensor, noise_var: Tensor | float) -> Any:
        """All work that needs no received vector.

        h: (*C, Nr, Nt) complex, the channels.
        noise_var: (*C) real or a number, above 0: noise variance of a receive antenna, real and
            imaginary part together.
        Returns the NamedTuple of the algorithm, or ``Compiled`` for channels that compiled code
        takes (see ``halves``).
        Raises InvalidInputError on a wrong shape, a non-finite h or a noise_var not above 0.
        """
        self._check_channel(h)
        check_has_values(h=h, noise_var=noise_var)
        given = noise_var
        noise_var = self._check_noise_var(noise_var, h)
        check_finite("h", h)
        path = self._path(h, noise_var)
        if path == "torch":
            return copy_shared(self._prepare(h, noise_var), h, given)
        prepare = {"fused": Channel, "interleaved": self._prepare_interleaved}[path]
        return copy_shared(Compiled(path, prepare(h, noise_var)), h, given)

    @in_standard_mode
    def detect(self, prepared: Any, y: Tensor, prior_llr: Tensor | None = None) -> Detection:
        """Detect every vector of the prepared channels.

        prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
        y: (*C, T, Nr) complex, T received vectors of each channel.
        prior_llr: (*C, T, Nt, K) real, what is known of the bits beforehand; default None, nothing.
            The detection is that of the posterior; ``Detection.extrinsic_llr`` takes them out.
        Returns a Detection over (*C, T, Nt).
        Raises InvalidInputError on a wrong shape or type, for a non-finite y or prior_llr, and for
            a prior_llr where ``takes_prior`` is False.
        """
        check_shape("y", y, "(*C, T, Nr)", isinstance(y, Tensor) and y.ndim >= 2)
        if not y.is_complex():
            raise invalid("y", f"<dtype {y.dtype}>", "a complex dtype")
        check_has_values(y=y)
        check_finite("y", y)
        if prior_llr is not None:
            return self._informed(prepared, y, prior_llr)
        if isinstance(prepared, Compiled):
            detect = {"fused": self._detect_fused, "interleaved": self._detect_interleaved}
            return copy_shared_parts(detect[prepared.path](prepared.state, y), y, prepared)
        return copy_shared_parts(self._detect(prepared, y), y, prepared)

    def _path(self, h: Tensor, noise_var: Tensor) -> str:
        """The path of these channels: the one place where it is chosen."""
        few = self.halves == "interleaved" and math.prod(h.shape[:-2]) < FEW_CHANNELS
        if self.halves == "torch" or few or not (usable(h, noise_var) and fits(h)):
            return "torch"
        return self.halves

    def _detect_fused(self, state: Channel, y: Tensor) -> Detection:
        """Both halves in one kernel; in torch for a y that the kernel cannot take."""
        h, noise_var = state
        fitting = y.shape[:-2] == h.shape[:-2] and y.shape[-1] == h.shape[-2]
        fused = self._one_shot(y, h, noise_var) if fitting and y.dtype == h.dtype else None
        return self._detect(self._prepare(h, noise_var), y) if fused is None else fused

    def _informed(self, prepared: Any, y: Tensor, prior_llr: Tensor) -> Detection:
        """Detect with priors: of channels prepared for compiled code in one kernel, if it can."""
        if not self.takes_prior:
            expected = f"None: {self.name!r} takes no priors, 'mmse-pic', 'ep' and 'ml' do"
            raise invalid("prior_llr", f"<shape {tuple(prior_llr.shape)}>", expected)
        prior_llr, detection = check_prior(prior_llr, y, self.constellation), None
        if isinstance(prepared, Compiled):
            h, noise_var = prepared.state
            fitting = y.shape[:-2] == h.shape[:-2] and y.shape[-1] == h.shape[-2]
            if fitting and y.dtype == h.dtype and prior_llr.shape[-2] == h.shape[-1]:
                detection = self._one_shot_informed(y, h, noise_var, prior_llr)
        if detection is None:
            detection = self._detect_informed(self._in_torch(prepared), y, prior_llr)
        return copy_shared_parts(detection, y, prior_llr, prepared)

    def _one_shot_informed(
        self, y: Tensor, h: Tensor, noise_var: Tensor, prior_llr: Tensor
    ) -> Detection | None:
        """``_one_shot`` with priors (*C, T, Nt, K) in a detector of the path "fused"."""
        return None

    def _detect_informed(self, prepared: Any, y: Tensor, prior_llr: Tensor) -> Detection:
        """``_detect`` with priors (*C, T, N, K), N as yet to be compared with Nt."""
        raise NotImplementedError

    def _prepare_interleaved(self, h: Tensor, noise_var: Tensor) -> Any:
        """What the path "interleaved" keeps of channels that ``_path`` has given to it."""
        raise NotImplementedError

    def _detect_interleaved(self, state: Any, y: Tensor) -> Detection:
        """Detect with what ``_prepare_interleaved`` keeps; in torch if y needs gradients."""
        raise NotImplementedError

    def _in_torch(self, prepared: Any) -> Any:
        """What ``_prepare`` returns, also of channels prepared for compiled code.

        The state of those has to hold h and noise_var.
        """
        if isinstance(prepared, Compiled):
            return self._prepare(prepared.state.h, prepared.state.noise_var)
        return prepared

    @in_standard_mode
    def forward(
        self,
        y: Tensor,
        h: Tensor,
        noise_var: Tensor | float,
        prior_llr: Tensor | None = None,
    ) -> Detection:
        """``prepare`` and ``detect`` in one call, in one kernel where there is one.

        y: (*C, T, Nr) complex, of the dtype of h.
        h: (*C, Nr, Nt) complex.
        noise_var: (*C) real or a number, above 0.
        prior_llr: (*C, T, Nt, K) real or None, as in ``detect``.
        Returns a Detection over (*C, T, Nt).
        Raises InvalidInputError as ``prepare`` and ``detect``, and for a y that does not fit h.
        """
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
        if prior_llr is not None:
            check_finite("h", h)
            check_finite("y", y)
            fused = self._path(h, noise_var) == "fused"
            channel = Compiled("fused", Channel(h, noise_var)) if fused else None
            return self._informed(channel or self._prepare(h, noise_var), y, prior_llr)
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
        """One complex estimate (*C, T, Nt) per iteration.

        The last one is the detector's estimate, up to the factor that unbiases it.
        """
