"""The contract of detectors: first the work on the channel, then the work on received vectors."""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, get_args, get_type_hints

from torch import Tensor, nn

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.detection import Detection
from mimolearn.detectors.inputs import (
    as_tensor,
    check_channel,
    check_noise_var,
    matching,
    suited,
)
from mimolearn.detectors.priors import check_prior
from mimolearn.detectors.states import Channel, Compiled, Cost
from mimolearn.foundation.errors import (
    NotCountedError,
    check_finite,
    check_shape,
    invalid,
)
from mimolearn.foundation.tensors.modes import check_has_values, in_standard_mode
from mimolearn.foundation.tensors.ownership import copy_shared, copy_shared_parts
from mimolearn.kernels.machine.launch import FEW_CHANNELS, fits, usable


class Detector(nn.Module, ABC):
    """A MIMO detector, classical or learned, for y = H x + n.

    A subclass is final. It sets ``name`` and has ``_prepare`` and ``_detect``, whose inputs are
    checked, and ``cost`` where it counts its work. ``prepare`` does all work that needs no y.
    ``detect`` does not see h, so one prepared channel serves many vectors. Arrays of NumPy are
    taken as tensors.

    Args:
        constellation: of the symbols, or its name.
    """

    name: ClassVar[str]
    # A part of the key of stored results: raise it when a change alters what is detected.
    revision: ClassVar[int] = 1
    soft: ClassVar[bool] = True
    takes_prior: ClassVar[bool] = False
    """Whether bits may have priors, the LLRs of a decoder: see ``detect``."""
    decoding_clip: ClassVar[float | None] = None
    """Largest magnitude of an LLR that coded links decode, unless a contender states ``llr_clip``;
    None where a clip does not help."""
    any_points: ClassVar[bool] = False
    """Whether any points with labels are served. Otherwise the two real axes of the constellation
    have to be separable: each carries bits of its own, as in square QAM."""
    axis_kernel: ClassVar[bool] = False
    """Whether the compiled code needs separable axes; other points then take the path "torch"."""
    rotation_invariant: bool = False
    """True if h and y matter through H^H H and H^H y alone. A rotation of the antennas by Q^H,
    H = Q R, then leaves the output as it is, and simulations may draw (R, Q^H y) for (H, y)."""
    halves: ClassVar[str] = "torch"
    """The path of ``prepare`` and ``detect`` for channels that compiled code can take.

    "torch": ``_prepare`` and ``_detect``, as for all other channels.
    "fused": ``prepare`` keeps the channel. ``detect`` runs the kernel of both halves, which is
        faster than torch with a prepared channel.
    "interleaved": ``_prepare_interleaved`` and ``_detect_interleaved``, 16 channels at a time;
        for few channels ``_prepare_compiled``, if the class has it, else torch.
    "compiled": ``_prepare_compiled``, which returns the same state as ``_prepare``.
    """
    not_in_key: ClassVar[frozenset[str]] = frozenset()
    """Attributes that do not change what is detected, such as caches. All others are a part of the
    key of stored results."""

    def __init__(self, constellation: Constellation | str) -> None:
        super().__init__()
        self.constellation = as_constellation(constellation)
        self._check_points(self.constellation)

    def _check_points(self, constellation: Constellation) -> None:
        """Refuse points that the method cannot work on: the one place where they are refused."""
        if not (self.any_points or constellation.is_separable):
            grids = ", ".join(Constellation.names(separable=True))
            others = "'lmmse', 'mmse-sic', 'oamp' and 'ml' take any points"
            expected = f"separable axes for {self.name!r} ({grids}); {others}"
            raise invalid("constellation", constellation.name, expected)

    def __repr__(self) -> str:
        # Not the layers of a network: they may be hundreds.
        missing = object()
        given = {name: getattr(self, name, missing) for name in self.option_names()}
        options = [f"{name}={value!r}" for name, value in given.items() if value is not missing]
        return f"{type(self).__name__}({', '.join([repr(self.constellation.name), *options])})"

    @in_standard_mode
    def prepare(self, h: Tensor, noise_var: Tensor | float) -> Any:
        """Do all work that needs no received vector.

        Args:
            h: (*C, Nr, Nt) complex; the channels.
            noise_var: (*C) real, or a number, above 0; noise variance per receive antenna, total
                over real and imaginary part.

        Returns:
            The NamedTuple of the algorithm, or ``Compiled`` for channels that compiled code takes.

        Raises:
            InvalidInputError: for a wrong shape, a non-finite h, or a noise_var not above 0.
        """
        h = as_tensor("h", h)
        self._check_channel(h)
        check_has_values(h=h, noise_var=noise_var)
        given = noise_var
        noise_var = check_noise_var(noise_var, h)
        check_finite("h", h)
        path = self._path(h, noise_var)
        prepare = {
            "torch": self._prepare,
            "fused": Channel,
            "interleaved": self._prepare_interleaved,
            "compiled": self._prepare_compiled,
        }[path]
        state = prepare(h, noise_var)
        if path in ("fused", "interleaved"):
            state = Compiled(path, state, h.shape)
        return copy_shared(state, h, given)

    @in_standard_mode
    def detect(self, prepared: Any, y: Tensor, prior_llr: Tensor | None = None) -> Detection:
        """Detect every vector of prepared channels.

        Args:
            prepared: what ``prepare`` returned for channels (*C, Nr, Nt).
            y: (*C, T, Nr) complex; T received vectors of each channel.
            prior_llr: (*C, T, Nt, K) real; what is known of the bits beforehand. Default None,
                nothing. The detection is that of the posterior; ``Detection.extrinsic_llr`` takes
                the priors out.

        Returns:
            A detection over (*C, T, Nt).

        Raises:
            InvalidInputError: for a wrong shape or type, for a non-finite y or prior_llr, and for
                a prior_llr where ``takes_prior`` is False.
        """
        y, prior_llr = as_tensor("y", y), as_tensor("prior_llr", prior_llr)
        check_shape("y", y, "(*C, T, Nr)", isinstance(y, Tensor) and y.ndim >= 2)
        if not y.is_complex():
            raise invalid("y", f"<dtype {y.dtype}>", "a complex dtype")
        check_has_values(y=y)
        check_finite("y", y)
        if prior_llr is not None:
            return self._informed(prepared, y, prior_llr)
        return copy_shared_parts(self._detect_by_path(prepared, y), y, prepared)

    @in_standard_mode
    def forward(
        self,
        y: Tensor,
        h: Tensor,
        noise_var: Tensor | float,
        prior_llr: Tensor | None = None,
    ) -> Detection:
        """Prepare and detect in one call, in one kernel if there is one.

        Args:
            y: (*C, T, Nr) complex, of the dtype of h; the received vectors.
            h: (*C, Nr, Nt) complex; the channels.
            noise_var: (*C) real, or a number, above 0; as in ``prepare``.
            prior_llr: (*C, T, Nt, K) real, or None, as in ``detect``.

        Returns:
            A detection over (*C, T, Nt).

        Raises:
            InvalidInputError: as in ``prepare`` and ``detect``, and for a y that does not fit h.
        """
        if prior_llr is None:
            ready = suited(y, h, noise_var)
            if ready is not None:
                self._check_size(h.shape[-2], h.shape[-1])
                if self._path(h, ready, y, suits=True) == "fused":
                    return self._one_shot(y, h, ready)
        y, h, prior_llr = as_tensor("y", y), as_tensor("h", h), as_tensor("prior_llr", prior_llr)
        self._check_channel(h)
        check_shape("y", y, "(*C, T, Nr)", isinstance(y, Tensor) and y.ndim >= 2)
        if not matching(y.shape, h.shape):
            fitting = f"*C = {tuple(h.shape[:-2])} and Nr = {h.shape[-2]} as in h"
            check_shape("y", y, f"(*C, T, Nr) with {fitting}", False)
        if y.dtype != h.dtype:
            raise invalid("y", f"<dtype {y.dtype}>", f"the dtype of h, {h.dtype}")
        check_has_values(y=y, h=h, noise_var=noise_var)
        noise_var = check_noise_var(noise_var, h)
        fused = self._path(h, noise_var, y) == "fused"
        if fused and prior_llr is None:
            return self._one_shot(y, h, noise_var)
        check_finite("h", h)
        check_finite("y", y)
        if prior_llr is not None:
            channel = Compiled("fused", Channel(h, noise_var), h.shape) if fused else None
            return self._informed(channel or self._prepare(h, noise_var), y, prior_llr)
        compiled = self._path(h, noise_var) == "compiled"
        prepared = (self._prepare_compiled if compiled else self._prepare)(h, noise_var)
        return copy_shared_parts(self._detect_by_path(prepared, y), y, h, noise_var)

    # Paths: the methods of this part choose between torch and compiled code, and no others do.

    def _path(
        self, h: Tensor, noise_var: Tensor, y: Tensor | None = None, suits: bool = False
    ) -> str:
        """Choose the path of ``prepare``, or with y that of ``forward``.

        suits: whether compiled code is known to take such tensors.

        Returns:
            One of the names in ``halves``; of ``forward`` "fused" or "torch".
        """
        if self.axis_kernel and not self.constellation.is_separable:
            return "torch"
        if y is not None:
            if not self._fuses(h, y):
                return "torch"
            learned = self._learned()
            if suits and not learned:
                return "fused"
            return "fused" if usable(y, h, noise_var, *learned) else "torch"
        if self.halves == "torch" or not fits(h):
            return "torch"
        path = self.halves
        if path != "fused" and math.prod(h.shape[:-2]) < FEW_CHANNELS:
            one_by_one = path == "interleaved" and self._has("_prepare_compiled")
            path = "compiled" if one_by_one else "torch"
        if path == "torch" or not usable(h, noise_var, *self._learned()):
            return "torch"
        return path

    def _has(self, method: str) -> bool:
        """Return whether the class has a kernel behind this method."""
        return getattr(type(self), method) is not getattr(Detector, method)

    def _fuses(self, h: Tensor, y: Tensor) -> bool:
        """Return whether ``_one_shot`` takes channels and vectors of these sizes."""
        return self._has("_one_shot") and fits(h) and y.numel() > 0

    def _learned(self) -> Sequence[Tensor]:
        """Return the parameters that kernels read, whose gradients only torch computes."""
        return ()

    def _detect_by_path(self, prepared: Any, y: Tensor) -> Detection:
        """Detect on the path of the prepared channels, or in torch if y does not suit it."""
        if not isinstance(prepared, Compiled):
            compiled = self._detects_compiled(prepared, y)
            return (self._detect_compiled if compiled else self._detect)(prepared, y)
        path, state, shape = prepared
        if not (matching(y.shape, shape) and y.numel() > 0 and usable(y)):
            return self._detect(self._in_torch(prepared), y)
        if path == "interleaved":
            return self._detect_interleaved(state, y)
        return self._one_shot(y, state.h, state.noise_var)

    def _informed(self, prepared: Any, y: Tensor, prior_llr: Tensor) -> Detection:
        """Detect with priors, in one kernel or in torch."""
        if not self.takes_prior:
            takers = "'mmse-pic', 'ep', 'oamp', 'ml', 'k-best', 'soft-sphere', 'list-net' do"
            expected = f"None: {self.name!r} takes no priors, {takers}"
            raise invalid("prior_llr", f"<shape {tuple(prior_llr.shape)}>", expected)
        prior_llr = check_prior(prior_llr, y, self.constellation)
        if isinstance(prepared, Compiled) and self._informs_compiled(prepared, y, prior_llr):
            h, noise_var = prepared.state
            detection = self._one_shot_informed(y, h, noise_var, prior_llr)
        else:
            detection = self._detect_informed(self._in_torch(prepared), y, prior_llr)
        return copy_shared_parts(detection, y, prior_llr, prepared)

    def _informs_compiled(self, prepared: Compiled, y: Tensor, prior_llr: Tensor) -> bool:
        """Return whether ``_one_shot_informed`` takes these inputs."""
        if not self._has("_one_shot_informed"):
            return False
        fitting = matching(y.shape, prepared.shape) and prior_llr.shape[-2] == prepared.shape[-1]
        return prepared.path == "fused" and fitting and y.numel() > 0 and usable(y, prior_llr)

    def _detects_compiled(self, prepared: Any, y: Tensor) -> bool:
        """Return whether ``_detect_compiled`` takes this state of ``_prepare`` and this y."""
        return False

    def _in_torch(self, prepared: Any) -> Any:
        """Return what ``_prepare`` returns, also for channels prepared for compiled code.

        By default the state of those holds h and noise_var.
        """
        if isinstance(prepared, Compiled):
            return self._prepare(prepared.state.h, prepared.state.noise_var)
        return prepared

    # Kernels: the inputs of these methods are those that the path is chosen for.

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> Any:
        """Run both halves in one kernel, which looks at the finiteness of h and y itself."""
        raise NotImplementedError

    def _one_shot_informed(
        self, y: Tensor, h: Tensor, noise_var: Tensor, prior_llr: Tensor
    ) -> Detection:
        """Run both halves in one kernel with priors (*C, T, Nt, K), for the path "fused"."""
        raise NotImplementedError

    def _detect_informed(self, prepared: Any, y: Tensor, prior_llr: Tensor) -> Detection:
        """Detect with priors (*C, T, N, K), of which N has yet to be compared with Nt."""
        raise NotImplementedError

    def _prepare_interleaved(self, h: Tensor, noise_var: Tensor) -> Any:
        """Prepare 16 channels at a time."""
        raise NotImplementedError

    def _detect_interleaved(self, state: Any, y: Tensor) -> Detection:
        """Detect with what ``_prepare_interleaved`` returned."""
        raise NotImplementedError

    def _prepare_compiled(self, h: Tensor, noise_var: Tensor) -> Any:
        """Return the state of ``_prepare``, computed by a kernel."""
        raise NotImplementedError

    def _detect_compiled(self, prepared: Any, y: Tensor) -> Detection:
        """Detect with a state of ``_prepare``, by a kernel."""
        raise NotImplementedError

    @abstractmethod
    def _prepare(self, h: Tensor, noise_var: Tensor) -> Any:
        """Prepare channels h (*C, Nr, Nt) complex with noise variances (*C) real, in torch."""

    @abstractmethod
    def _detect(self, prepared: Any, y: Tensor) -> Detection:
        """Detect y (*C, T, Nr) complex with a state of ``_prepare``, in torch."""

    def simulated_method(self) -> str | None:
        """Return the one of ``gaussian_link.SIMULATED_METHODS`` that decides as this detector does.

        A class answers for itself alone: simulations do not ask it of a subclass.
        """
        return None

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        """Return the real multiplications for one channel and for one vector.

        Args:
            num_rx_ant: number of receive antennas Nr.
            num_tx_ant: number of streams Nt.

        Raises:
            NotCountedError: by default.
        """
        raise NotCountedError(f"cost: {type(self).__name__} does not count its work")

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        """Refuse a size that the method does not support; by default none."""

    def _check_channel(self, h: Tensor) -> None:
        """Check shape and dtype of h, and whether the method supports its size."""
        check_channel(h)
        self._check_size(*h.shape[-2:])

    @classmethod
    def option_names(cls) -> Sequence[str]:
        """Return the names of the options that ``make_detector`` accepts for this detector."""
        parameters = inspect.signature(cls.__init__).parameters
        return [name for name in parameters if name not in ("self", "constellation")]

    @classmethod
    def detector_option_names(cls) -> Sequence[str]:
        """Return the names of the options that are detectors, by their annotations."""
        hints = get_type_hints(cls.__init__)
        return [name for name in cls.option_names() if _allows_detector(hints.get(name))]


def _allows_detector(hint: Any) -> bool:
    kinds = get_args(hint) or (hint,)
    return any(isinstance(kind, type) and issubclass(kind, Detector) for kind in kinds)
