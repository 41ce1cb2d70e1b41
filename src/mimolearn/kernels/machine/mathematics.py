"""exp, log and sincos of 16-lane vectors, within 2 units in the last place.

Written with rounded multiplications and additions only, never fused ones, so that a result is
the same on every machine: random normals, and what is counted on them, depend on it.
The polynomials are minimax fits (Lawson iteration at 400 Chebyshev nodes), each coefficient
rounded to float32 in turn, and the later ones fitted anew.
"""

from __future__ import annotations

import numpy as np

from mimolearn.kernels.machine.compile import inlined
from mimolearn.kernels.machine.simd import (
    as_float_bits,
    as_int_bits,
    float_to_int,
    fma,
    fnma,
    int_to_float,
    maximum,
    minimum,
    select,
    splat,
    splat_int,
)

# ln 2 in two parts: the first has 10 bits, so that its multiples by an exponent are exact.
_LN2_HIGH = np.float32(0.693359375)
_LN2_LOW = np.float32(-2.1219444e-4)
_INVERSE_LN2 = np.float32(1.442695)
# Adding and subtracting 1.5 * 2^23 rounds to the nearest integer.
_ROUNDER = np.float32(12582912.0)
_TINY_SCALE = np.float32(2**24)
_SMALLEST_NORMAL = np.float32(2.0**-126)
_SQRT_HALF_BITS = 0x3F3504F3
_ONE_BITS = 0x3F800000
_RECIPROCAL_BITS = 0x7EF311C7
_TOP_12_BITS = 0xFFFFF000
_INFINITY = np.float32(np.inf)
_NAN = np.float32(np.nan)


@inlined
def _power_of_two(n):
    """2^n for integer lanes in -126 .. 127."""
    return as_float_bits((n + 127) << 23)


@inlined
def exp(x):
    """e^x; infinite above 88.72, zero below -104, NaN for NaN."""
    # maximum and minimum give their second operand for NaN, so it has to be x.
    clamped = minimum(splat(np.float32(89.0)), maximum(splat(np.float32(-104.0)), x))
    n = (clamped * _INVERSE_LN2 + _ROUNDER) - _ROUNDER
    r = (clamped - n * _LN2_HIGH) - n * _LN2_LOW
    q = r * np.float32(0.0013942214) + np.float32(0.008368849)
    q = q * r + np.float32(0.041666385)
    q = q * r + np.float32(0.1666652)
    q = q * r + np.float32(0.5)
    y = (r * r) * q + r + np.float32(1.0)
    # In two factors, since 2^n alone overflows at 128 and vanishes below -126.
    integer = float_to_int(select(x == x, n, splat(np.float32(0.0))))
    # An arithmetic halving by way of a positive number: >> shifts in zeros.
    half = ((integer + 256) >> 1) - 128
    return (y * _power_of_two(half)) * _power_of_two(integer - half)


@inlined
def exp_of_negative(x):
    """e^x for x <= 0, at least e^-87: faster than ``exp``, and free to fuse its operations."""
    clamped = maximum(splat(np.float32(-87.0)), x)
    rounded = fma(clamped, splat(_INVERSE_LN2), splat(_ROUNDER))
    n = rounded - _ROUNDER
    r = fnma(n, splat(_LN2_LOW), fnma(n, splat(_LN2_HIGH), clamped))
    q = fma(r, splat(np.float32(0.0013942214)), splat(np.float32(0.008368849)))
    q = fma(q, r, splat(np.float32(0.041666385)))
    q = fma(q, r, splat(np.float32(0.1666652)))
    q = fma(q, r, splat(np.float32(0.5)))
    y = fma(r * r, q, r + np.float32(1.0))
    # The last bits of ``rounded`` are those of n.
    return y * as_float_bits((as_int_bits(rounded) << 23) + _ONE_BITS)


@inlined
def reciprocal(x):
    """1/x for x in 1e-30 .. 1e30, within 2e-7 of itself: faster than division.

    The bits of 1/x are about those of a constant less those of x; then three Newton steps.
    """
    guess = as_float_bits(splat_int(_RECIPROCAL_BITS) - as_int_bits(x))
    for _step in range(3):
        guess = fma(guess, fnma(x, guess, splat(np.float32(1.0))), guess)
    return guess


@inlined
def _exponent_and_mantissa(x):
    """x = 2^e m for positive normal x, m in [sqrt(1/2), sqrt(2)); e as a float."""
    offset = as_int_bits(x) - _SQRT_HALF_BITS
    exponent = ((offset >> 23) ^ 256) - 256
    return int_to_float(exponent), as_float_bits((offset & 0x007FFFFF) + _SQRT_HALF_BITS)


@inlined
def _log_from_parts(n, mantissa):
    """n ln 2 + ln(mantissa)."""
    z = mantissa - np.float32(1.0)
    q = z * np.float32(-0.07637878) + np.float32(0.12764585)
    q = q * z + np.float32(-0.13160236)
    q = q * z + np.float32(0.14201306)
    q = q * z + np.float32(-0.16623314)
    q = q * z + np.float32(0.20001249)
    q = q * z + np.float32(-0.25000823)
    q = q * z + np.float32(0.3333333)
    square = z * z
    tail = (z * square) * q + n * _LN2_LOW - square * np.float32(0.5)
    return (tail + z) + n * _LN2_HIGH


@inlined
def log_of_normal(x):
    """ln x where x is known to be positive, finite and not subnormal."""
    n, mantissa = _exponent_and_mantissa(x)
    return _log_from_parts(n, mantissa)


@inlined
def log(x):
    """ln x; -inf at 0, NaN below and for NaN, inf at inf."""
    subnormal = x < _SMALLEST_NORMAL
    n, mantissa = _exponent_and_mantissa(select(subnormal, x * _TINY_SCALE, x))
    y = _log_from_parts(select(subnormal, n - np.float32(24.0), n), mantissa)
    y = select(x == _INFINITY, splat(_INFINITY), y)
    y = select(x == np.float32(0.0), splat(-_INFINITY), y)
    return select(x >= np.float32(0.0), y, splat(_NAN))


@inlined
def sincos_turns(turns):
    """(sin 2 pi t, cos 2 pi t) for |t| up to 2^20: an angle in turns is reduced exactly."""
    quarters = (turns * np.float32(4.0) + _ROUNDER) - _ROUNDER
    r = turns - quarters * np.float32(0.25)
    square = r * r
    s = square * np.float32(-76.82975) + np.float32(81.62667)
    s = s * square + np.float32(-41.34187)
    # The large part of 2 pi r exactly: 12 bits of r times 8 bits of 2 pi.
    r_high = as_float_bits(as_int_bits(r) & _TOP_12_BITS)
    tail = (r - r_high) * np.float32(6.28125) + r * (s * square + np.float32(0.0019353072))
    s = r_high * np.float32(6.28125) + tail
    c = square * np.float32(58.556885) + np.float32(-85.423065)
    c = c * square + np.float32(64.93914)
    c = c * square + np.float32(-19.739208)
    c = c * square + np.float32(1.0)
    quadrant = float_to_int(quarters)
    odd = (quadrant & 1) == 1
    sine = select(odd, c, s)
    cosine = select(odd, s, c)
    # The signs: bit 1 of the quadrant for sine, of the next one for cosine.
    sine = as_float_bits(as_int_bits(sine) ^ ((quadrant & 2) << 30))
    cosine = as_float_bits(as_int_bits(cosine) ^ (((quadrant + 1) & 2) << 30))
    return sine, cosine
