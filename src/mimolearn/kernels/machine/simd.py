"""Explicit vectors for numba: 16 lanes of float32, 32-bit integers, or truth values.

A kernel written with them handles 16 problems at once, one per lane, and keeps its accumulators
in registers, which plain loops over lanes do not. The vectors are LLVM's ``<16 x float>``: one
AVX-512 register, two of AVX2, four of SSE or NEON, so the same source is correct and vectorised
on every machine.

``+ - * /`` and the comparisons work lane by lane and round like IEEE: their results are the same
on every machine. ``fma`` may or may not round in between, whatever is fastest; use it where only
speed matters. Integers are two's complement: ``+ - *`` wrap and ``>>`` shifts in zeros. A scalar
operand stands for itself in every lane.

``load`` and ``store`` are in simd_memory.

>>> import numba, numpy as np
>>> from mimolearn.kernels.machine.memory import load, store
>>> @numba.njit
... def double(out): store(out, 0, load(out, 0) * 2.0)
>>> out = np.arange(16, dtype=np.float32); double(out); float(out[15])
30.0
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import lower_builtin, models, register_model, type_callable

LANES = 16

_INT32 = ir.IntType(32)
_INT64 = ir.IntType(64)
# Only contraction: a * b + c becomes one instruction where there is one. The wider "fast" flags
# would also drop NaN, which must reach the output, and undo exact argument reductions.
_CONTRACT = ("contract",)


class LaneType(types.Type):
    """The numba type of a vector of 16 lanes."""


F32 = LaneType("float32x16")
I32 = LaneType("int32x16")
MASK = LaneType("maskx16")

LLVM: dict[LaneType, ir.VectorType] = {
    F32: ir.VectorType(ir.FloatType(), LANES),
    I32: ir.VectorType(_INT32, LANES),
    MASK: ir.VectorType(ir.IntType(1), LANES),
}
_SCALAR = {F32: types.float32, I32: types.uint32}


@register_model(LaneType)
class _LaneModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: LaneType) -> None:
        super().__init__(dmm, fe_type, LLVM[fe_type])


class ArrayOf(NamedTuple):
    """Asks for a C-contiguous array of this element type; its emitter gets the data pointer."""

    dtype: Any


def _fits(kind: Any, want: Any) -> bool:
    """Whether an argument of this numba type can stand where ``want`` is asked for."""
    if want in _SCALAR:
        return kind is want or isinstance(kind, types.Number)
    if isinstance(want, ArrayOf):
        return isinstance(kind, types.Array) and (kind.dtype, kind.layout) == (want.dtype, "C")
    return isinstance(kind, types.Integer) if want is types.intp else kind == want


def _as_wanted(context: Any, builder: Any, value: Any, kind: Any, want: Any) -> Any:
    """A scalar spread over all lanes, an array's pointer, an integer widened."""
    if isinstance(want, ArrayOf):
        return context.make_array(kind)(context, builder, value).data
    if want is types.intp:
        return context.cast(builder, value, kind, want)
    if kind is want or want not in _SCALAR:
        return value
    scalar = context.cast(builder, value, kind, _SCALAR[want])
    vector = LLVM[want]
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, _INT32(0))
    every_lane = ir.Constant(LLVM[I32], None)
    return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), every_lane)


def vector_function(gives: Any, *wants: Any) -> Callable[[Callable[..., Any]], Any]:
    """Make an emitter ``(builder, *llvm_values) -> llvm_value`` a function for kernels."""

    def decorate(emit: Callable[..., Any]) -> Any:
        def in_kernels_only(*args: object) -> None:
            raise TypeError(f"{emit.__name__} works only inside numba.njit")

        in_kernels_only.__name__ = emit.__name__
        in_kernels_only.__doc__ = emit.__doc__

        @type_callable(in_kernels_only)
        def _type(context: Any) -> Any:
            def typer(*kinds: Any) -> Any:
                same_length = len(kinds) == len(wants)
                return gives if same_length and all(map(_fits, kinds, wants)) else None

            # numba takes a bare *kinds for one tuple argument.
            parameters = list(inspect.signature(emit).parameters.values())[1:]
            vars(typer)["__signature__"] = inspect.Signature(parameters)
            return typer

        @lower_builtin(in_kernels_only, types.VarArg(types.Any))
        def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            values = [
                _as_wanted(context, builder, value, kind, want)
                for value, kind, want in zip(args, sig.args, wants, strict=True)
            ]
            result = emit(builder, *values)
            return context.get_dummy_value() if gives is types.none else result

        return in_kernels_only

    return decorate


# --- Operators: lane by lane, rounded like IEEE -----------------------------------------------


def _define_operator(symbol: Any, emitters: dict[LaneType, Any], gives: LaneType | None) -> None:
    """Give an operator its meaning; gives None: the type of the operands."""

    @type_callable(symbol)
    def _type(context: Any) -> Any:
        def typer(a: Any, b: Any) -> Any:
            for want in emitters:
                if want in (a, b) and _fits(a, want) and _fits(b, want):
                    return gives or want
            return None

        return typer

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        want = next(kind for kind in sig.args if isinstance(kind, LaneType))
        pairs = zip(args, sig.args, strict=True)
        values = [_as_wanted(context, builder, value, kind, want) for value, kind in pairs]
        return emitters[want](builder, *values)

    for pair in ((LaneType, LaneType), (LaneType, types.Number), (types.Number, LaneType)):
        lower_builtin(symbol, *pair)(lower)


def _emit(method: str, *first: str) -> Callable[[Any, Any, Any], Any]:
    return lambda builder, a, b: getattr(builder, method)(*first, a, b)


_define_operator(operator.add, {F32: _emit("fadd"), I32: _emit("add")}, None)
_define_operator(operator.sub, {F32: _emit("fsub"), I32: _emit("sub")}, None)
_define_operator(operator.mul, {F32: _emit("fmul"), I32: _emit("mul")}, None)
_define_operator(operator.truediv, {F32: _emit("fdiv")}, None)
_define_operator(operator.and_, {I32: _emit("and_"), MASK: _emit("and_")}, None)
_define_operator(operator.or_, {I32: _emit("or_"), MASK: _emit("or_")}, None)
_define_operator(operator.xor, {I32: _emit("xor"), MASK: _emit("xor")}, None)
_define_operator(operator.lshift, {I32: _emit("shl")}, None)
_define_operator(operator.rshift, {I32: _emit("lshr")}, None)
for _symbol, _sign in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
):
    _comparisons = {F32: _emit("fcmp_ordered", _sign), I32: _emit("icmp_signed", _sign)}
    _define_operator(_symbol, _comparisons, MASK)
# A NaN differs from everything, itself included.
_differs = {F32: _emit("fcmp_unordered", "!="), I32: _emit("icmp_signed", "!=")}
_define_operator(operator.ne, _differs, MASK)


@type_callable(operator.neg)
def _type_neg(context: Any) -> Any:
    return lambda a: a if a in (F32, I32) else None


@lower_builtin(operator.neg, LaneType)
def _lower_neg(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0]) if sig.args[0] is F32 else builder.neg(args[0])


# --- Arithmetic that has no operator ----------------------------------------------------------


@vector_function(F32, F32)
def splat(builder: Any, value: Any) -> Any:
    """A number in every lane."""
    return value


@vector_function(I32, I32)
def splat_int(builder: Any, value: Any) -> Any:
    """An integer in every lane."""
    return value


@vector_function(I32)
def lane_numbers(builder: Any) -> Any:
    """0, 1, ..., 15."""
    return ir.Constant(LLVM[I32], list(range(LANES)))


@vector_function(F32, F32, F32, F32)
def fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c, in one instruction where the machine has it."""
    return builder.fadd(builder.fmul(a, b, flags=_CONTRACT), c, flags=_CONTRACT)


@vector_function(F32, F32, F32, F32)
def fnma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """c - a * b, in one instruction where the machine has it."""
    return builder.fsub(c, builder.fmul(a, b, flags=_CONTRACT), flags=_CONTRACT)


def call_llvm(builder: Any, name: str, result: Any, *values: Any) -> Any:
    """Call one of LLVM's own vector functions."""
    function_type = ir.FunctionType(result, [value.type for value in values])
    function = cgutils.get_or_insert_function(builder.module, function_type, name)
    return builder.call(function, values)


@vector_function(F32, F32)
def sqrt(builder: Any, a: Any) -> Any:
    """Correctly rounded; NaN below 0."""
    return call_llvm(builder, "llvm.sqrt.v16f32", a.type, a)


@vector_function(F32, F32)
def absolute(builder: Any, a: Any) -> Any:
    """|a|."""
    return call_llvm(builder, "llvm.fabs.v16f32", a.type, a)


@vector_function(F32, F32, F32)
def minimum(builder: Any, a: Any, b: Any) -> Any:
    """The smaller one; b where one is NaN."""
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


@vector_function(F32, F32, F32)
def maximum(builder: Any, a: Any, b: Any) -> Any:
    """The larger one; b where one is NaN."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@vector_function(F32, MASK, F32, F32)
def select(builder: Any, mask: Any, yes: Any, no: Any) -> Any:
    """yes where the mask is true, no elsewhere."""
    return builder.select(mask, yes, no)


@vector_function(I32, MASK, I32, I32)
def select_int(builder: Any, mask: Any, yes: Any, no: Any) -> Any:
    """yes where the mask is true, no elsewhere."""
    return builder.select(mask, yes, no)


@vector_function(types.boolean, MASK)
def any_lane(builder: Any, mask: Any) -> Any:
    """Whether the mask is true anywhere."""
    bits = builder.bitcast(mask, ir.IntType(LANES))
    return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))


@vector_function(types.boolean, F32)
def all_finite(builder: Any, a: Any) -> Any:
    """Whether no lane is NaN or infinite."""
    zero = ir.Constant(a.type, None)
    mask = builder.fcmp_ordered("==", builder.fmul(a, zero), zero)
    bits = builder.bitcast(mask, ir.IntType(LANES))
    return builder.icmp_unsigned("==", bits, ir.Constant(bits.type, 2**LANES - 1))


@vector_function(types.float32, F32)
def lane_sum(builder: Any, a: Any) -> Any:
    """Sum over the lanes, pairwise."""
    undefined = ir.Constant(a.type, ir.Undefined)
    for half in (8, 4, 2, 1):
        order = [(lane + half) % LANES for lane in range(LANES)]
        moved = builder.shuffle_vector(a, undefined, ir.Constant(LLVM[I32], order))
        a = builder.fadd(a, moved)
    return builder.extract_element(a, _INT32(0))


def _first_lane(builder: Any, a: Any, first: Callable[[Any, Any], Any]) -> Any:
    undefined = ir.Constant(a.type, ir.Undefined)
    for half in (8, 4, 2, 1):
        order = [(lane + half) % LANES for lane in range(LANES)]
        moved = builder.shuffle_vector(a, undefined, ir.Constant(LLVM[I32], order))
        a = builder.select(first(a, moved), a, moved)
    return builder.extract_element(a, _INT32(0))


@vector_function(types.float32, F32)
def lane_min(builder: Any, a: Any) -> Any:
    """The smallest lane, where none is NaN."""
    return _first_lane(builder, a, lambda x, y: builder.fcmp_ordered("<", x, y))


@vector_function(types.int32, I32)
def lane_min_int(builder: Any, a: Any) -> Any:
    """The smallest lane, signed."""
    return _first_lane(builder, a, lambda x, y: builder.icmp_signed("<", x, y))


@vector_function(types.int32, I32)
def lane_max_int(builder: Any, a: Any) -> Any:
    """The largest lane, signed."""
    return _first_lane(builder, a, lambda x, y: builder.icmp_signed(">", x, y))


@vector_function(I32, I32, MASK)
def compress(builder: Any, a: Any, mask: Any) -> Any:
    """The lanes where the mask is true, in their order; what is in the lanes after them is open."""
    name = f"llvm.experimental.vector.compress.v{LANES}i32"
    return call_llvm(builder, name, a.type, a, mask, ir.Constant(a.type, ir.Undefined))


@vector_function(types.int64, MASK)
def count_lanes(builder: Any, mask: Any) -> Any:
    """In how many lanes the mask is true."""
    bits = builder.zext(builder.bitcast(mask, ir.IntType(LANES)), _INT32)
    return builder.zext(call_llvm(builder, "llvm.ctpop.i32", _INT32, bits), _INT64)


# --- Between floats and integers --------------------------------------------------------------


@vector_function(I32, F32)
def as_int_bits(builder: Any, a: Any) -> Any:
    """The bits of the floats."""
    return builder.bitcast(a, LLVM[I32])


@vector_function(F32, I32)
def as_float_bits(builder: Any, a: Any) -> Any:
    """The floats that have these bits."""
    return builder.bitcast(a, LLVM[F32])


@vector_function(F32, I32)
def int_to_float(builder: Any, a: Any) -> Any:
    """Signed integers to the nearest floats."""
    return builder.sitofp(a, LLVM[F32])


@vector_function(F32, I32)
def uint_to_float(builder: Any, a: Any) -> Any:
    """Unsigned integers to the nearest floats."""
    return builder.uitofp(a, LLVM[F32])


@vector_function(I32, F32)
def float_to_int(builder: Any, a: Any) -> Any:
    """Rounded towards zero; only where the result fits 32 bits."""
    return builder.fptosi(a, LLVM[I32])


@vector_function(I32, I32, I32)
def multiply_high(builder: Any, a: Any, b: Any) -> Any:
    """The upper 32 bits of the unsigned 64-bit products."""
    # Even and odd lanes apart, because the 32x32 -> 64 instructions read every second lane.
    wide = ir.VectorType(_INT64, LANES // 2)
    shift = ir.Constant(wide, [32] * (LANES // 2))
    low = ir.Constant(wide, [0xFFFFFFFF] * (LANES // 2))
    a, b = builder.bitcast(a, wide), builder.bitcast(b, wide)
    even = builder.mul(builder.and_(a, low), builder.and_(b, low))
    odd = builder.mul(builder.lshr(a, shift), builder.lshr(b, shift))
    high = ir.Constant(wide, [0xFFFFFFFF << 32] * (LANES // 2))
    both = builder.or_(builder.lshr(even, shift), builder.and_(odd, high))
    return builder.bitcast(both, LLVM[I32])
