"""Vectors of 64 small integers for kernels: int8 or int16, by the array that they come from.

One source serves both widths: what a function works on decides. Sums saturate. Magnitudes are
unsigned. Signs of all lanes are the bits of one uint64.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import lower_builtin, type_callable

from mimolearn.kernels.machine.simd import F32, LLVM, LaneType, call_llvm
from mimolearn.kernels.machine.simd import LANES as FLOAT_LANES

LANES = 64

_INT8 = LaneType("int8x64")
_INT16 = LaneType("int16x64")
_WIDTH = {_INT8: 8, _INT16: 16}
LLVM.update({kind: ir.VectorType(ir.IntType(width), LANES) for kind, width in _WIDTH.items()})
_OF_ARRAY = {types.int8: _INT8, types.int16: _INT16}
_INT32 = ir.IntType(32)
_INT64 = ir.IntType(64)
_INTEGERS = ir.VectorType(_INT32, FLOAT_LANES)
_TILE = types.UniTuple(F32, FLOAT_LANES)


def _kind_of(kind: Any) -> LaneType | None:
    """The vectors of an argument: its own type, or that of an array's lines."""
    if isinstance(kind, types.Array) and kind.layout == "C":
        return _OF_ARRAY.get(kind.dtype)
    return kind if isinstance(kind, LaneType) and kind in _WIDTH else None


def _narrow(gives: Any = None) -> Callable[[Callable[..., Any]], Any]:
    """Make an emitter ``(builder, vectors, *llvm_values) -> llvm_value`` a function for kernels.

    vectors: the LLVM type that the first argument chooses. Arrays become pointers to their
    elements, integers 64 bits wide. gives: the type of the result, None for that of the vectors.
    """

    def decorate(emit: Callable[..., Any]) -> Any:
        def in_kernels_only(*args: object) -> None:
            raise TypeError(f"{emit.__name__} works only inside numba.njit")

        in_kernels_only.__name__ = emit.__name__
        in_kernels_only.__doc__ = emit.__doc__

        @type_callable(in_kernels_only)
        def _type(context: Any) -> Any:
            def typer(*kinds: Any) -> Any:
                first = _kind_of(kinds[0])
                known = all(
                    _kind_of(k) is first or k == _TILE or isinstance(k, types.Number) for k in kinds
                )
                return (gives or first) if first and known else None

            parameters = list(inspect.signature(emit).parameters.values())[2:]
            vars(typer)["__signature__"] = inspect.Signature(parameters)
            return typer

        @lower_builtin(in_kernels_only, types.VarArg(types.Any))
        def _lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            values = []
            for value, kind in zip(args, sig.args, strict=True):
                if isinstance(kind, types.Array):
                    values.append(context.make_array(kind)(context, builder, value).data)
                elif isinstance(kind, types.Integer):
                    values.append(context.cast(builder, value, kind, types.int64))
                elif isinstance(kind, types.Float):
                    values.append(context.cast(builder, value, kind, types.float32))
                else:
                    values.append(value)
            result = emit(builder, LLVM[_kind_of(sig.args[0])], *values)  # type: ignore[index]  # typed before
            return context.get_dummy_value() if gives is types.none else result

        return in_kernels_only

    return decorate


def _intrinsic(builder: Any, name: str, vectors: Any, *values: Any) -> Any:
    return call_llvm(builder, f"llvm.{name}.v{LANES}i{vectors.element.width}", vectors, *values)


def _every(vectors: Any, number: int) -> Any:
    return ir.Constant(vectors, [number] * LANES)


def _address(builder: Any, pointer: Any, offset: Any, vectors: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [offset]), vectors.as_pointer())


@_narrow()
def load(builder: Any, vectors: Any, pointer: Any, offset: Any) -> Any:
    """load(array, offset): the 64 integers from there on."""
    return builder.load(_address(builder, pointer, offset, vectors), align=1)


@_narrow(types.none)
def store(builder: Any, vectors: Any, pointer: Any, offset: Any, value: Any) -> None:
    """store(array, offset, vector)."""
    builder.store(value, _address(builder, pointer, offset, vectors), align=1)


@_narrow()
def spread(builder: Any, vectors: Any, like: Any, number: Any) -> Any:
    """spread(array, number): the number in every lane of a vector as the array holds."""
    undefined = ir.Constant(vectors, ir.Undefined)
    narrow = builder.trunc(number, vectors.element)
    single = builder.insert_element(undefined, narrow, _INT32(0))
    zeros = ir.Constant(ir.VectorType(_INT32, LANES), None)
    return builder.shuffle_vector(single, undefined, zeros)


@_narrow()
def add(builder: Any, vectors: Any, a: Any, b: Any) -> Any:
    """a + b, saturated."""
    return _intrinsic(builder, "sadd.sat", vectors, a, b)


@_narrow()
def subtract(builder: Any, vectors: Any, a: Any, b: Any) -> Any:
    """a - b, saturated."""
    return _intrinsic(builder, "ssub.sat", vectors, a, b)


@_narrow()
def magnitude(builder: Any, vectors: Any, a: Any) -> Any:
    """|a|, unsigned, so that the lowest number has one too."""
    return _intrinsic(builder, "abs", vectors, a, ir.IntType(1)(0))


@_narrow()
def less(builder: Any, vectors: Any, a: Any, b: Any) -> Any:
    """a - b of unsigned numbers, 0 where b is larger."""
    return _intrinsic(builder, "usub.sat", vectors, a, b)


@_narrow()
def smaller(builder: Any, vectors: Any, a: Any, b: Any) -> Any:
    """The smaller one of unsigned numbers."""
    return _intrinsic(builder, "umin", vectors, a, b)


@_narrow()
def larger(builder: Any, vectors: Any, a: Any, b: Any) -> Any:
    """The larger one of unsigned numbers."""
    return _intrinsic(builder, "umax", vectors, a, b)


@_narrow()
def exclusive(builder: Any, vectors: Any, a: Any, b: Any) -> Any:
    """a xor b, whose sign is the product of both signs."""
    return builder.xor(a, b)


@_narrow()
def where_equal(builder: Any, vectors: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """yes where a == b, no elsewhere."""
    return builder.select(builder.icmp_signed("==", a, b), yes, no)


@_narrow()
def with_sign(builder: Any, vectors: Any, a: Any, sign: Any) -> Any:
    """a, or -a where sign is negative."""
    negative = builder.icmp_signed("<", sign, _every(vectors, 0))
    return builder.select(negative, builder.sub(_every(vectors, 0), a), a)


@_narrow(types.uint64)
def negative_lanes(builder: Any, vectors: Any, a: Any) -> Any:
    """Bit i is set where lane i is negative."""
    return builder.bitcast(builder.icmp_signed("<", a, _every(vectors, 0)), _INT64)


@_narrow(types.none)
def store_rounded(
    builder: Any, vectors: Any, pointer: Any, offset: Any, tile: Any, scale: Any, top: Any
) -> None:
    """store_rounded(array, offset, tile, scale, top): 16 vectors of 16 floats, 64 elements apart.

    Each is multiplied by scale, rounded to the nearest integer and limited to +-top.
    """
    floats = LLVM[F32]
    undefined, zeros = ir.Constant(floats, ir.Undefined), ir.Constant(_INTEGERS, None)

    def every(number: Any) -> Any:
        single = builder.insert_element(undefined, number, _INT32(0))
        return builder.shuffle_vector(single, undefined, zeros)

    scales, tops = every(scale), every(top)
    bottoms = builder.fneg(tops)
    short = ir.VectorType(vectors.element, FLOAT_LANES)
    for i in range(FLOAT_LANES):
        value = builder.fmul(builder.extract_value(tile, i), scales)
        value = builder.select(builder.fcmp_ordered("<", value, tops), value, tops)
        value = builder.select(builder.fcmp_ordered(">", value, bottoms), value, bottoms)
        value = call_llvm(builder, "llvm.rint.v16f32", floats, value)
        whole = builder.trunc(builder.fptosi(value, _INTEGERS), short)
        at = builder.add(offset, ir.Constant(_INT64, i * LANES))
        builder.store(
            whole, builder.bitcast(builder.gep(pointer, [at]), short.as_pointer()), align=1
        )
