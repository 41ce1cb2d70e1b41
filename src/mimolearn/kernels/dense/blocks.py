"""Register-blocked products of interleaved matrices: the inner loop of all dense kernels.

``complex_PxQ`` gives the P Q sums  s[p, q] = sum_k a[p, k] conj(b[q, k]),  ``real_PxQ`` the same
without the conjugate, ``real_part_PxQ`` the real parts of complex ones, all kept in registers
while k runs. One shape of product serves a Gram matrix, a Cholesky factor, a triangular inverse and
a matched filter; they differ in strides only.

Call: ``(a, a_start, a_item, a_step, b, b_start, b_item, b_step, count)``: item p at step k is
the vector (or the pair of vectors, real then imaginary part) at ``start + p item + k step``.
Result: a tuple, q fastest; complex sums as real and imaginary part in turn.

``outer_PxV`` is for one matrix in ordinary rows, ``step`` floats apart, whose columns lie in the
lanes: ``(space, left, right, step, count, out)`` puts the sums over k of
``space[left + p + k step] space[right + 16 v ... + k step]`` at ``out + p step + 16 v``.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from mimolearn.kernels.machine.simd import F32, I32, LANES, LLVM, ArrayOf, vector_function

_FLOATS = ArrayOf(types.float32)
_PLACE = (types.intp,) * 3
_CONTRACT = ("contract",)
_ALIGN = 4


def _load(builder: Any, pointer: Any, offset: Any) -> Any:
    address = builder.gep(pointer, [offset])
    return builder.load(builder.bitcast(address, LLVM[F32].as_pointer()), align=_ALIGN)


def _block(rows: int, columns: int, parts: int, *, real_part: bool = False) -> Any:
    """parts: 2 for complex numbers, 1 for real ones; real_part: of the sums, no more is kept."""
    kept = 1 if real_part else parts

    def emit(
        builder: Any,
        a: Any,
        a_start: Any,
        a_item: Any,
        a_step: Any,
        b: Any,
        b_start: Any,
        b_item: Any,
        b_step: Any,
        count: Any,
    ) -> Any:
        zero = ir.Constant(LLVM[F32], None)
        sums = [cgutils.alloca_once(builder, LLVM[F32]) for _ in range(rows * columns * kept)]
        for place in sums:
            builder.store(zero, place)

        def accumulate(index: int, x: Any, y: Any, *, subtract: bool = False) -> None:
            product = builder.fmul(x, y, flags=_CONTRACT)
            join = builder.fsub if subtract else builder.fadd
            builder.store(join(builder.load(sums[index]), product, flags=_CONTRACT), sums[index])

        def fetch(pointer: Any, start: Any, item: Any, step: Any, k: Any, number: int) -> list[Any]:
            base = builder.add(start, builder.mul(k, step))
            places = [
                builder.add(base, builder.mul(item, ir.Constant(item.type, p)))
                for p in range(number)
            ]
            return [
                [
                    _load(builder, pointer, builder.add(at, ir.Constant(at.type, LANES * part)))
                    for part in range(parts)
                ]
                for at in places
            ]

        with cgutils.for_range(builder, count) as loop:
            left = fetch(a, a_start, a_item, a_step, loop.index, rows)
            right = fetch(b, b_start, b_item, b_step, loop.index, columns)
            for p in range(rows):
                for q in range(columns):
                    at = (p * columns + q) * kept
                    accumulate(at, left[p][0], right[q][0])
                    if parts == 2:
                        accumulate(at, left[p][1], right[q][1])
                    if kept == 2:
                        accumulate(at + 1, left[p][1], right[q][0])
                        accumulate(at + 1, left[p][0], right[q][1], subtract=True)
        return cgutils.pack_array(builder, [builder.load(place) for place in sums])

    kind = "real_part" if real_part else "complex" if parts == 2 else "real"
    emit.__name__ = f"{kind}_{rows}x{columns}"
    gives = types.UniTuple(F32, rows * columns * kept)
    return vector_function(gives, _FLOATS, *_PLACE, _FLOATS, *_PLACE, types.intp)(emit)


complex_4x2 = _block(4, 2, parts=2)
complex_2x4 = _block(2, 4, parts=2)
complex_2x2 = _block(2, 2, parts=2)
complex_4x1 = _block(4, 1, parts=2)
complex_2x1 = _block(2, 1, parts=2)
real_part_4x2 = _block(4, 2, parts=2, real_part=True)
real_part_2x2 = _block(2, 2, parts=2, real_part=True)
real_part_4x1 = _block(4, 1, parts=2, real_part=True)
real_part_2x1 = _block(2, 1, parts=2, real_part=True)
real_4x4 = _block(4, 4, parts=1)
real_4x1 = _block(4, 1, parts=1)


def _outer(rows: int, vectors: int) -> Any:
    """Sums over rows k of outer products, with columns and not problems in the lanes."""

    def emit(builder: Any, a: Any, left: Any, right: Any, step: Any, count: Any, out: Any) -> None:
        zero = ir.Constant(LLVM[F32], None)
        sums = [cgutils.alloca_once(builder, LLVM[F32]) for _ in range(rows * vectors)]
        for place in sums:
            builder.store(zero, place)

        def constant(number: int) -> Any:
            return ir.Constant(left.type, number)

        with cgutils.for_range(builder, count) as loop:
            start = builder.mul(loop.index, step)
            beside = builder.add(right, start)
            lanes = [
                _load(builder, a, builder.add(beside, constant(LANES * v))) for v in range(vectors)
            ]
            for p in range(rows):
                at = builder.add(builder.add(left, start), constant(p))
                number = builder.load(builder.gep(a, [at]))
                single = builder.insert_element(zero, number, ir.IntType(32)(0))
                spread = builder.shuffle_vector(single, zero, ir.Constant(LLVM[I32], None))
                for v in range(vectors):
                    place = sums[p * vectors + v]
                    product = builder.fmul(spread, lanes[v], flags=_CONTRACT)
                    builder.store(
                        builder.fadd(builder.load(place), product, flags=_CONTRACT), place
                    )
        for p in range(rows):
            row = builder.add(out, builder.mul(step, constant(p)))
            for v in range(vectors):
                address = builder.gep(a, [builder.add(row, constant(LANES * v))])
                address = builder.bitcast(address, LLVM[F32].as_pointer())
                builder.store(builder.load(sums[p * vectors + v]), address, align=_ALIGN)

    emit.__name__ = f"outer_{rows}x{vectors}"
    return vector_function(types.none, _FLOATS, *(types.intp,) * 5)(emit)


outer_8x2 = _outer(8, 2)
outer_8x1 = _outer(8, 1)
