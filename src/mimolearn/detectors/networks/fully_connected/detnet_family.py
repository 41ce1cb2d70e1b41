"""What DetNet and the WeSNet family share: one stack of weights, whole or cut."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn

from mimolearn.constellation import Constellation
from mimolearn.detection import Detection
from mimolearn.detectors import counting
from mimolearn.detectors.base import Cost
from mimolearn.detectors.inputs import matching
from mimolearn.detectors.learned import UnfoldedDetector, check_streams
from mimolearn.detectors.networks.fully_connected import detnet_latency
from mimolearn.detectors.networks.fully_connected.detnet_fused import FusedLayers, can_fuse
from mimolearn.detectors.networks.fully_connected.detnet_layers import (
    LayerOutput,
    Shape,
    Stack,
    layer_shape,
    new_stack,
    unfold,
)
from mimolearn.detectors.networks.fully_connected.shared_streams import (
    shared_part,
    shared_stack,
    small_part,
    spread,
)
from mimolearn.detectors.networks.fully_connected.wesnet_cut import (
    Cut,
    check_cut,
    cut_shape,
    hidden_factors,
    narrower,
    weigh,
)
from mimolearn.detectors.networks.level_logits import level_detection, logits_of_mean
from mimolearn.detectors.networks.normal_equations import (
    NormalEquations,
    complex_symbols,
    linear_start,
    normal_equations,
    right_side,
)
from mimolearn.foundation.errors import check_one_of, check_positive_int, check_real, invalid
from mimolearn.foundation.tensors.linalg import flat_blocks
from mimolearn.kernels.machine.launch import usable
from mimolearn.weights import Weights, check_tensors

_WHOLE = Cut()
_SHARED = ("w1", "b1", "w2", "b2", "w3", "b3")


class Prepared(NamedTuple):
    """The normal equations of a channel of n real unknowns.

    Attributes:
        equations: see ``normal_equations``.
        start: (*C, n, n) real; the matrix of start "lmmse"; None for start "zero".
    """

    equations: NormalEquations
    start: Tensor | None


class Form(NamedTuple):
    """How layers work, whatever their sizes; see ``DetNet`` for each of these.

    Attributes:
        version: 1 or 2.
        output: "soft-sign", "one-hot" or "logits".
        hidden_factor: hidden units for each real unknown.
        state_factor: entries of the state for each real unknown.
        residual: share of the last layer's output, 0 to 0.99.
        activation: "relu" or "gelu".
        start: "zero" or "lmmse".
    """

    version: int = 1
    output: str = "soft-sign"
    hidden_factor: int = 8
    state_factor: int = 2
    residual: float = 0.9
    activation: str = "relu"
    start: str = "zero"


class FullyConnected(UnfoldedDetector):
    """A network of DetNet's layers, whole or cut.

    A member names its options in its constructor and passes them on as a ``Form`` and a ``Cut``.

    Args:
        constellation: of the symbols, or its name.
        num_tx_ant: number of streams Nt that the parameters are for.
        num_layers: number of layers L.
        form: how layers work.
        cut: which share of a layer there is; all of it by default.
        init_seed: of the weights before training; default 0.

    Raises:
        InvalidInputError: for a value that is not allowed, and for a channel of other than Nt
            streams.
    """

    def __init__(
        self,
        constellation: Constellation | str,
        num_tx_ant: int,
        num_layers: int,
        form: Form,
        cut: Cut = _WHOLE,
        init_seed: int = 0,
    ) -> None:
        super().__init__(constellation, num_layers)
        self.num_tx_ant = check_streams(num_tx_ant)
        self.form = check_form(form, self.constellation)
        self.cut = check_cut(cut)
        self.shape = cut_shape(self.full_shape(), cut)
        stack = new_stack(self.shape, self.num_layers, init_seed)
        for name, tensor in stack._asdict().items():
            self.register_parameter(name, nn.Parameter(tensor))
        factors = hidden_factors(self.full_shape(), cut)
        self.register_buffer("factors", factors, persistent=False)

    random_start = True
    w1: nn.Parameter
    factors: Tensor | None
    # Made of the parameters, and made anew after any change of theirs.
    _packed: detnet_latency.Packed | None = None
    not_in_key = frozenset({"_packed"})

    def full_shape(self) -> Shape:
        """Return the sizes of a layer that nothing is cut from."""
        form = self.form
        return layer_shape(
            self.constellation,
            self.num_tx_ant,
            form.version,
            form.output,
            form.hidden_factor,
            form.state_factor,
        )

    def beta(self) -> Tensor | None:
        """Return the factors of the hidden units, (L or 1, hidden); None for ones."""
        return self.factors

    def stack(self) -> Stack:
        """Return the weights that are used, without the factors of the hidden units."""
        stack = Stack(*(getattr(self, name) for name in Stack._fields))
        return weigh(stack, self.full_shape(), self.cut)

    def num_parameters(self) -> int:
        """Return how many numbers are stored."""
        return sum(parameter.numel() for parameter in self.parameters())

    def at(self, *, width: float | None = None, num_layers: int | None = None) -> Self:
        """Return a network of the first units and layers alone, which stores nothing else.

        Args:
            width: share of the units of a full network, at most this network's; default None keeps
                it. Cutting a network that was not trained for it costs much more than the same
                width trained: see ``slim-wesnet``.
            num_layers: number of layers, at most this network's; default None keeps it.

        Raises:
            InvalidInputError: for a larger value, and for a width of a network that has none.
        """
        return self._part(width, num_layers)

    def _part(
        self, width: float | None, num_layers: int | None, from_the_end: bool = False
    ) -> Self:
        """Do the work of ``at``; from_the_end keeps the last layers, not the first."""
        if width is not None and "width" not in self.option_names():
            raise invalid("width", width, f"no width: {self.name!r} has all units")
        kept = self.num_layers
        if num_layers is not None:
            kept = check_positive_int("num_layers", num_layers)
            if kept > self.num_layers:
                raise invalid("num_layers", num_layers, f"at most {self.num_layers}")
        options = self._options(narrower(self.cut, width), kept)
        smaller = type(self)(self.constellation, **options)
        skipped = self.num_layers - kept if from_the_end else 0
        stored = self.state_dict()
        with torch.no_grad():
            for name, tensor in smaller.state_dict().items():
                leading = tuple(slice(0, size) for size in tensor.shape)
                tensor.copy_(stored[name][skipped:][leading])
        return smaller.eval().requires_grad_(False)

    def _options(self, cut: Cut, num_layers: int) -> dict[str, Any]:
        """Return options that make a network like this one of another cut and number of layers."""
        values = {**self.form._asdict(), **cut._asdict()}
        values.update(num_tx_ant=self.num_tx_ant, num_layers=num_layers)
        return {name: values[name] for name in self.option_names() if name in values}

    def _check_size(self, num_rx_ant: int, num_tx_ant: int) -> None:
        if num_tx_ant != self.num_tx_ant:
            expected = f"Nt = {self.num_tx_ant}, for which this network is made"
            raise invalid("h", f"<shape ({num_rx_ant}, {num_tx_ant})>", expected)

    def _prepare(self, h: Tensor, noise_var: Tensor) -> Prepared:
        equations = normal_equations(self.constellation, h, noise_var)
        lmmse = self.form.start == "lmmse"
        return Prepared(equations, linear_start(self.constellation, equations) if lmmse else None)

    def _unfold(self, prepared: Prepared, y: Tensor) -> Iterator[LayerOutput]:
        q, x = self._right_side(prepared, y)
        beta = self.beta()
        return unfold(
            self.constellation,
            self.shape,
            Stack(*(tensor.to(q) for tensor in self.stack())),
            prepared.equations.matrix,
            q,
            x,
            activation=self.form.activation,
            residual=self.form.residual,
            beta=None if beta is None else beta.to(q),
            low=self.training_dtype if self.training else None,
        )

    def _fuses(self, h: Tensor, y: Tensor) -> bool:
        return self.constellation.is_real and self.form.start == "zero" and self._has_kernel()

    def _learned(self) -> Sequence[Tensor]:
        # Not by its attribute, which a module takes long to look up.
        weights = self._parameters["w1"]
        return () if weights is None else (weights,)

    def _detects_compiled(self, prepared: Prepared, y: Tensor) -> bool:
        h, matrix, *_ = prepared.equations
        suits = self._has_kernel() and matching(y.shape, h.shape)
        return suits and usable(matrix, y, *self._learned())

    def _one_shot(self, y: Tensor, h: Tensor, noise_var: Tensor) -> Detection:
        return self._detection(self._compiled_output(detnet_latency.one_shot(self._pack(), h, y)))

    def _detect(self, prepared: Prepared, y: Tensor) -> Detection:
        *_, last = self._unfold(prepared, y)
        return self._detection(last)

    def _detect_compiled(self, prepared: Prepared, y: Tensor) -> Detection:
        q, x = self._right_side(prepared, y)
        out = detnet_latency.run(self._pack(), prepared.equations.matrix, q, x)
        return self._detection(self._compiled_output(out))

    def _has_kernel(self) -> bool:
        one_output = self.constellation.num_levels == 2 and self.form.output != "one-hot"
        return one_output and self.form.version == 1 and self.cut.reading != "input"

    def _pack(self) -> detnet_latency.Packed:
        state = detnet_latency.state_of(self._parameters.values())
        if self._packed is None or self._packed.state != state:
            self._packed = detnet_latency.pack(
                self.stack(),
                self.beta(),
                self.shape,
                residual=self.form.residual,
                gelu=self.form.activation == "gelu",
                state=state,
            )
        return self._packed

    def _compiled_output(self, out: Tensor) -> LayerOutput:
        if self.form.output == "soft-sign":
            return LayerOutput(out, None)
        return LayerOutput(out, out.unsqueeze(-1))

    def layers(self, prepared: Prepared, y: Tensor) -> Iterator[Tensor]:
        for layer in self._unfold(prepared, y):
            yield complex_symbols(self.constellation, layer.x)

    def layer_detections(self, prepared: Prepared, y: Tensor) -> Iterator[Detection]:
        for layer in self._unfold(prepared, y):
            yield self._detection(layer)

    def layer_logits(self, prepared: Prepared, y: Tensor) -> Tensor:
        logits = self.form.output == "logits"
        if logits and self._has_kernel() and can_fuse(prepared.equations.matrix, y):
            return self._fused_logits(prepared, y)
        layers = self._unfold(prepared, y)
        return torch.stack([_logits(layer) for layer in layers])

    def _fused_logits(self, prepared: Prepared, y: Tensor) -> Tensor:
        q, x = self._right_side(prepared, y)
        flat = q.flatten(0, -3) if q.ndim > 2 else q.unsqueeze(0)
        stack, beta = self.stack(), self.beta()
        w2, b2 = torch.cat([stack.w2, stack.w3], 1), torch.cat([stack.b2, stack.b3], 1)
        logits = FusedLayers.apply(
            stack.w1.to(q),
            stack.b1.to(q),
            (w2 if beta is None else w2 * beta.unsqueeze(-2)).to(q),
            b2.to(q),
            flat_blocks(prepared.equations.matrix),
            flat,
            x.reshape(flat.shape),
            self.form.residual,
            self.form.activation == "gelu",
            (self.training_dtype if self.training else None) or q.dtype,
        )
        return logits.reshape(self.num_layers, *q.shape, 1)

    def _right_side(self, prepared: Prepared, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return q and the first x, (*C, T, n)."""
        q = right_side(self.constellation, prepared.equations, y)
        return q, torch.zeros_like(q) if prepared.start is None else q @ prepared.start

    def layer_parameters(self) -> Sequence[tuple[Tensor, int]]:
        return [(parameter, 0) for parameter in self.parameters()]

    def share_streams(self, seed: int) -> None:
        if self.shape.outputs != self.shape.unknowns:
            raise invalid("train", "shared", "one output an axis, for which streams can be shared")
        stack = shared_stack(self.shape, self.num_layers, seed)
        with torch.no_grad():
            for name, tensor in stack._asdict().items():
                getattr(self, name).copy_(tensor)

    def share_gradients(self) -> None:
        for name in _SHARED:
            parameter = getattr(self, name)
            parameter.grad = shared_part(parameter.grad, self.shape.unknowns)

    def small_state(self) -> dict[str, Tensor] | None:
        if self.shape.outputs != self.shape.unknowns:
            return None
        small = self._small()
        whole = self.state_dict()
        alike = all(torch.equal(tensor, whole[name]) for name, tensor in self._whole(small).items())
        return small if alike else None

    def load_small(self, weights: Weights) -> None:
        check_tensors(weights, self._small())
        self.load_state_dict(self._whole(weights.tensors))

    def _small(self) -> dict[str, Tensor]:
        """Return the state with the small layers of the first unknown for its weights."""
        n = self.shape.unknowns
        return {
            name: small_part(tensor, n) if name in _SHARED else tensor
            for name, tensor in self.state_dict().items()
        }

    def _whole(self, small: Mapping[str, Tensor]) -> dict[str, Tensor]:
        n, whole = self.shape.unknowns, self.state_dict()
        return {
            name: spread(tensor, whole[name].shape, n) if name in _SHARED else tensor
            for name, tensor in small.items()
        }

    def _detection(self, layer: LayerOutput) -> Detection:
        return level_detection(self.constellation, _logits(layer))

    def cost(self, num_rx_ant: int, num_tx_ant: int) -> Cost:
        real = self.constellation.is_real
        rows = 2 * num_rx_ant if real else num_rx_ant
        scaled = num_tx_ant / self.num_tx_ant
        shape = self.shape._replace(
            **{
                name: round(getattr(self.shape, name) * scaled)
                for name in ("unknowns", "outputs", "hidden", "state", "fed", "inputs")
            }
        )
        prepare = counting.gram(rows, num_tx_ant, real=real) + shape.unknowns**2
        detect = counting.matvec(rows, num_tx_ant, real=real) + shape.unknowns
        if self.form.start == "lmmse":
            prepare += counting.hermitian_inverse(shape.unknowns, real=True)
            detect += shape.unknowns**2
        return Cost(prepare, detect + self.num_layers * shape.multiplications())


def _logits(layer: LayerOutput) -> Tensor:
    return logits_of_mean(layer.x) if layer.logits is None else layer.logits


def check_form(form: Form, constellation: Constellation) -> Form:
    """Return the form if its values are allowed, or raise InvalidInputError."""
    if form.version not in (1, 2):
        raise invalid("version", form.version, "1 or 2")
    check_one_of("output", form.output, ("soft-sign", "one-hot", "logits"))
    if form.output == "soft-sign" and constellation.num_levels > 2:
        expected = 'output "one-hot" or "logits", for more than two levels an axis'
        raise invalid("output", form.output, expected)
    check_one_of("activation", form.activation, ("relu", "gelu"))
    check_one_of("start", form.start, ("zero", "lmmse"))
    check_positive_int("hidden_factor", form.hidden_factor, 64)
    check_positive_int("state_factor", form.state_factor, 64)
    check_real("residual", form.residual, at_least=0, at_most=0.99)
    return form
