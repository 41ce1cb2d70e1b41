"""Moving 16-lane vectors in and out of arrays, and turning rows into lanes.

Arrays are C-contiguous, of any rank; offsets count elements from their start. As elsewhere in
compiled code, nothing checks the bounds.

Ordinary layout keeps the elements of one problem side by side. **Interleaved** layout keeps the
same element of 16 problems side by side (element e of problem p at ``e * 16 + p``), so that one
load fetches it for all. ``load_tile`` and ``store_tile`` go from one to the other, 16 elements
of 16 problems at a time.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from mimolearn.kernels.machine.simd import (
    F32,
    I32,
    LANES,
    LLVM,
    ArrayOf,
    call_llvm,
    vector_function,
)

_INT32 = ir.IntType(32)
_INT64 = ir.IntType(64)
_FLOATS = ArrayOf(types.float32)
_INTS = ArrayOf(types.uint32)
_TILE = types.UniTuple(F32, LANES)
_LANE_NUMBERS = ir.Constant(LLVM[I32], list(range(LANES)))


def _at(builder: Any, pointer: Any, offset: Any, kind: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [offset]), LLVM[kind].as_pointer())


def _below(builder: Any, count: Any) -> Any:
    """The mask of the lanes below count."""
    undefined = ir.Constant(LLVM[I32], ir.Undefined)
    single = builder.insert_element(undefined, builder.trunc(count, _INT32), _INT32(0))
    spread = builder.shuffle_vector(single, undefined, ir.Constant(LLVM[I32], None))
    return builder.icmp_signed("<", _LANE_NUMBERS, spread)


def _masked_load(builder: Any, address: Any, mask: Any) -> Any:
    name = f"llvm.masked.load.v{LANES}f32.p0"
    zero = ir.Constant(LLVM[F32], None)
    return call_llvm(builder, name, LLVM[F32], address, _INT32(4), mask, zero)


def _masked_store(builder: Any, value: Any, address: Any, mask: Any) -> None:
    name = f"llvm.masked.store.v{LANES}f32.p0"
    call_llvm(builder, name, ir.VoidType(), value, address, _INT32(4), mask)


@vector_function(F32, _FLOATS, types.intp)
def load(builder: Any, pointer: Any, offset: Any) -> Any:
    """load(array, offset): the 16 floats from there on."""
    return builder.load(_at(builder, pointer, offset, F32), align=4)


_BRIEF = ir.VectorType(ir.IntType(16), LANES)


def _brief_at(builder: Any, pointer: Any, offset: Any) -> Any:
    number = builder.gep(builder.bitcast(pointer, ir.IntType(16).as_pointer()), [offset])
    return builder.bitcast(number, _BRIEF.as_pointer())


@vector_function(F32, _FLOATS, types.intp, types.intp)
def load_first_brief(builder: Any, pointer: Any, offset: Any, count: Any) -> Any:
    """load_first_brief(array, offset, count): ``load_first`` where memory holds bfloat16.

    offset counts these.
    """
    name, zero = f"llvm.masked.load.v{LANES}i16.p0", ir.Constant(_BRIEF, None)
    arguments = _brief_at(builder, pointer, offset), _INT32(2), _below(builder, count), zero
    bits = builder.zext(call_llvm(builder, name, _BRIEF, *arguments), LLVM[I32])
    return builder.bitcast(builder.shl(bits, ir.Constant(LLVM[I32], [16] * LANES)), LLVM[F32])


@vector_function(types.none, _FLOATS, types.intp, F32, types.intp)
def store_first_brief(builder: Any, pointer: Any, offset: Any, value: Any, count: Any) -> None:
    """store_first_brief(array, offset, vector, count): ``store_first`` to the nearest bfloat16."""

    def every(number: int) -> Any:
        return ir.Constant(LLVM[I32], [number] * LANES)

    bits = builder.bitcast(value, LLVM[I32])
    odd = builder.and_(builder.lshr(bits, every(16)), every(1))
    nearest = builder.add(bits, builder.add(odd, every(0x7FFF)))
    # Rounding would carry out of a NaN.
    nearest = builder.select(
        builder.fcmp_unordered("uno", value, value), every(0x7FC00000), nearest
    )
    brief = builder.trunc(builder.lshr(nearest, every(16)), _BRIEF)
    arguments = brief, _brief_at(builder, pointer, offset), _INT32(2), _below(builder, count)
    call_llvm(builder, f"llvm.masked.store.v{LANES}i16.p0", ir.VoidType(), *arguments)


@vector_function(F32, _FLOATS, types.intp)
def load_halves(builder: Any, pointer: Any, offset: Any) -> Any:
    """load_halves(array, offset): 16 numbers of an array whose memory holds half-precision ones.

    offset counts these. Exact; see ``compile.reads_halves`` for where it is an instruction.
    """
    halves = ir.VectorType(ir.HalfType(), LANES)
    number = builder.gep(builder.bitcast(pointer, ir.HalfType().as_pointer()), [offset])
    values = builder.load(builder.bitcast(number, halves.as_pointer()), align=2)
    return builder.fpext(values, LLVM[F32])


@vector_function(I32, _INTS, types.intp)
def load_int(builder: Any, pointer: Any, offset: Any) -> Any:
    """load_int(array, offset): the 16 integers (uint32) from there on."""
    return builder.load(_at(builder, pointer, offset, I32), align=4)


@vector_function(F32, _FLOATS, types.intp, types.intp)
def load_first(builder: Any, pointer: Any, offset: Any, count: Any) -> Any:
    """load_first(array, offset, count): the first count floats; zero in the other lanes."""
    address = _at(builder, pointer, offset, F32)
    return _masked_load(builder, address, _below(builder, count))


@vector_function(types.none, _FLOATS, types.intp, F32)
def store(builder: Any, pointer: Any, offset: Any, value: Any) -> None:
    """store(array, offset, vector)."""
    builder.store(value, _at(builder, pointer, offset, F32), align=4)


@vector_function(types.none, _INTS, types.intp, I32)
def store_int(builder: Any, pointer: Any, offset: Any, value: Any) -> None:
    """store_int(array, offset, vector) into a uint32 array."""
    builder.store(value, _at(builder, pointer, offset, I32), align=4)


@vector_function(types.none, _FLOATS, types.intp, F32, types.intp)
def store_first(builder: Any, pointer: Any, offset: Any, value: Any, count: Any) -> None:
    """store_first(array, offset, vector, count): the first count lanes; the rest is untouched."""
    address = _at(builder, pointer, offset, F32)
    _masked_store(builder, value, address, _below(builder, count))


def _prefetch(builder: Any, pointer: Any, offset: Any) -> None:
    """For reading, into the second-level cache. An address that is not ours does no harm."""
    address = builder.bitcast(builder.gep(pointer, [offset]), ir.PointerType(ir.IntType(8)))
    arguments = (address, _INT32(0), _INT32(2), _INT32(1))
    call_llvm(builder, "llvm.prefetch.p0", ir.VoidType(), *arguments)


@vector_function(types.none, _FLOATS, types.intp)
def prefetch(builder: Any, pointer: Any, offset: Any) -> None:
    """prefetch(array, offset): fetch the cache line there, which may lie beyond the array."""
    _prefetch(builder, pointer, offset)


@vector_function(types.none, _FLOATS, *(types.intp,) * 3)
def prefetch_tile(builder: Any, pointer: Any, first: Any, stride: Any, column: Any) -> None:
    """prefetch_tile(array, first, stride, column): the same for that element of 16 rows."""
    for lane in range(LANES):
        row = builder.add(first, ir.Constant(_INT64, lane))
        _prefetch(builder, pointer, builder.add(builder.mul(row, stride), column))


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Swap ever larger blocks: four stages of two-source shuffles."""
    for half in (8, 4, 2, 1):
        upper = [lane ^ half if lane & half else lane for lane in range(LANES)]
        take_low = [LANES + u if lane & half else u for lane, u in enumerate(upper)]
        take_high = [index + half for index in take_low]
        swapped = list(rows)
        for i in range(LANES):
            if not i & half:
                pair = rows[i], rows[i + half]
                swapped[i] = builder.shuffle_vector(*pair, ir.Constant(LLVM[I32], take_low))
                swapped[i + half] = builder.shuffle_vector(*pair, ir.Constant(LLVM[I32], take_high))
        rows = swapped
    return rows


@vector_function(_TILE, _TILE)
def transpose(builder: Any, tile: Any) -> Any:
    """Lane j of vector i becomes lane i of vector j."""
    rows = [builder.extract_value(tile, i) for i in range(LANES)]
    return cgutils.pack_array(builder, _transposed(builder, rows))


@vector_function(types.UniTuple(F32, 2), F32, F32)
def zip_pairs(builder: Any, a: Any, b: Any) -> Any:
    """Pairs of lanes of both in turns: a0 a1 b0 b1 a2 a3 b2 b3 ..., in two vectors."""
    order = [v * LANES + 2 * i + j for i in range(LANES // 2) for v in (0, 1) for j in (0, 1)]
    halves = [order[:LANES], order[LANES:]]
    zipped = [builder.shuffle_vector(a, b, ir.Constant(LLVM[I32], half)) for half in halves]
    return cgutils.pack_array(builder, zipped)


@vector_function(types.UniTuple(F32, 2), F32, F32)
def zip_lanes(builder: Any, a: Any, b: Any) -> Any:
    """Lanes of both in turns: a0 b0 a1 b1 ..., in two vectors."""
    order = [v * LANES + i for i in range(LANES) for v in (0, 1)]
    halves = [order[:LANES], order[LANES:]]
    zipped = [builder.shuffle_vector(a, b, ir.Constant(LLVM[I32], half)) for half in halves]
    return cgutils.pack_array(builder, zipped)


@vector_function(types.UniTuple(F32, 2), F32, F32)
def unzip_lanes(builder: Any, a: Any, b: Any) -> Any:
    """The inverse of ``zip_lanes``: even lanes of a, then of b; odd ones alike."""
    orders = [[2 * i + odd for i in range(LANES)] for odd in (0, 1)]
    halves = [builder.shuffle_vector(a, b, ir.Constant(LLVM[I32], order)) for order in orders]
    return cgutils.pack_array(builder, halves)


@vector_function(types.UniTuple(F32, 2), F32, F32)
def unzip_pairs(builder: Any, a: Any, b: Any) -> Any:
    """The inverse of ``zip_pairs``."""
    orders = [[4 * i + 2 * v + j for i in range(LANES // 2) for j in (0, 1)] for v in (0, 1)]
    halves = [builder.shuffle_vector(a, b, ir.Constant(LLVM[I32], order)) for order in orders]
    return cgutils.pack_array(builder, halves)


def _row_offset(builder: Any, first: Any, lane: int, last: Any, stride: Any, column: Any) -> Any:
    row = builder.add(first, ir.Constant(_INT64, lane))
    row = builder.select(builder.icmp_signed("<", row, last), row, last)
    return builder.add(builder.mul(row, stride), column)


_TILE_PLACE = (types.intp,) * 5


@vector_function(_TILE, _FLOATS, *_TILE_PLACE)
def load_tile(
    builder: Any, pointer: Any, first: Any, last: Any, stride: Any, column: Any, count: Any
) -> Any:
    """load_tile(array, first, last, stride, column, count): 16 rows, transposed.

    Lane p of vector e is element ``column + e`` of row ``min(first + p, last)``, rows being
    ``stride`` apart; vectors from ``count`` on are zero. So the lanes of an incomplete group
    repeat its last problem.
    """
    offsets = [_row_offset(builder, first, p, last, stride, column) for p in range(LANES)]
    addresses = [_at(builder, pointer, offset, F32) for offset in offsets]
    mask = _below(builder, count)
    rows = [_masked_load(builder, address, mask) for address in addresses]
    return cgutils.pack_array(builder, _transposed(builder, rows))


@vector_function(types.none, _FLOATS, *_TILE_PLACE, _TILE)
def store_tile(
    builder: Any,
    pointer: Any,
    first: Any,
    last: Any,
    stride: Any,
    column: Any,
    count: Any,
    tile: Any,
) -> None:
    """store_tile(array, first, last, stride, column, count, tile): the inverse of load_tile."""
    rows = _transposed(builder, [builder.extract_value(tile, i) for i in range(LANES)])
    mask = _below(builder, count)
    # From the last lane down, so that row ``last`` ends with its own lane's values.
    for lane in reversed(range(LANES)):
        offset = _row_offset(builder, first, lane, last, stride, column)
        address = _at(builder, pointer, offset, F32)
        _masked_store(builder, rows[lane], address, mask)


@vector_function(_TILE, _FLOATS, types.intp)
def load_lines(builder: Any, pointer: Any, offset: Any) -> Any:
    """load_lines(array, offset): 16 vectors that lie one after the other."""
    lines = [
        builder.load(_at(builder, pointer, builder.add(offset, _INT64(LANES * i)), F32), align=4)
        for i in range(LANES)
    ]
    return cgutils.pack_array(builder, lines)


@vector_function(types.none, _FLOATS, types.intp, _TILE)
def store_lines(builder: Any, pointer: Any, offset: Any, tile: Any) -> None:
    """store_lines(array, offset, tile): 16 vectors, one after the other."""
    for i in range(LANES):
        address = _at(builder, pointer, builder.add(offset, _INT64(LANES * i)), F32)
        builder.store(builder.extract_value(tile, i), address, align=4)
