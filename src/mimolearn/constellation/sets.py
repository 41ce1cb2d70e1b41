"""Points that are no grid of levels: PSK, APSK, cross QAM, other labels, and those of a user.

The index of a point is its label read as a binary number, first bit most significant.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Sequence

GRIDS = {"bpsk": 1, "qpsk": 2, "16-qam": 4, "64-qam": 6, "256-qam": 8, "1024-qam": 10}
"""Bits a symbol of the constellations whose real axes carry bits of their own."""

SETS = {
    "8-psk": 3,
    "16-apsk": 4,
    "32-apsk": 5,
    "32-qam": 5,
    "128-qam": 7,
    "qpsk-gray": 2,
    "16-qam-gray": 4,
    "64-qam-gray": 6,
    "256-qam-gray": 8,
}
"""Bits a symbol of all others that have a name."""

# Labels of ETSI EN 302 307-1 (DVB-S2), figures 10 to 12: for each label the ring and the angle, in
# eighths, twelfths and twenty-fourths of pi.
_PSK_8 = ((1, 2), (1, 0), (1, 8), (1, 10), (1, 4), (1, 14), (1, 6), (1, 12))
_APSK_16 = (
    *((2, 3), (2, -3), (2, 9), (2, -9), (2, 1), (2, -1), (2, 11), (2, -11)),
    *((2, 5), (2, -5), (2, 7), (2, -7), (1, 3), (1, -3), (1, 9), (1, -9)),
)
_APSK_32 = (
    *((2, 6), (2, 10), (2, -6), (2, -10), (2, 18), (2, 14), (2, -18), (2, -14)),
    *((3, 3), (3, 9), (3, -6), (3, -12), (3, 18), (3, 12), (3, -21), (3, -15)),
    *((2, 2), (1, 6), (2, -2), (1, -6), (2, 22), (1, 18), (2, -22), (1, -18)),
    *((3, 0), (3, 6), (3, -3), (3, -9), (3, 21), (3, 15), (3, 24), (3, -18)),
)
# Radii of the rings for code rate 3/4, tables 9 and 10 there.
_RADII_16, _RADII_32 = (1.0, 2.85), (1.0, 2.84, 5.27)

# Points of users by key. A key names its content, so entries never change.
_GIVEN: dict[str, tuple[complex, ...]] = {}


def bits_of(key: str) -> int:
    """Bits a symbol of a constellation, by its name or by the key of ``keep``."""
    return {**GRIDS, **SETS}.get(key) or (len(_GIVEN[key]) - 1).bit_length()


def points_of(key: str) -> tuple[complex, ...]:
    """Points of unit mean energy in the order of their labels, of what is no grid."""
    if key in _GIVEN:
        return _GIVEN[key]
    return unit_energy(_named(key))


def keep(points: Sequence[complex]) -> str:
    """Keep a user's points, of unit mean energy, and return the key that stands for them."""
    text = b"".join(struct.pack("<dd", point.real, point.imag) for point in points)
    key = f"points-{hashlib.sha256(text).hexdigest()[:16]}"
    _GIVEN[key] = tuple(points)
    return key


def unit_energy(points: Sequence[complex]) -> tuple[complex, ...]:
    """Points scaled to a mean energy of 1."""
    scale = math.sqrt(len(points) / sum(abs(point) ** 2 for point in points))
    return tuple(point * scale for point in points)


def _named(name: str) -> list[complex]:
    match name:
        case "8-psk":
            return _rings(_PSK_8, (1.0,), 8)
        case "16-apsk":
            return _rings(_APSK_16, _RADII_16, 12)
        case "32-apsk":
            return _rings(_APSK_32, _RADII_32, 24)
        case "32-qam" | "128-qam":
            return _cross(SETS[name])
    return _gray(SETS[name])


def _rings(labels: Sequence[tuple[int, int]], radii: Sequence[float], part: int) -> list[complex]:
    angles = [(radii[ring - 1], math.pi * angle / part) for ring, angle in labels]
    return [complex(r * math.cos(phi), r * math.sin(phi)) for r, phi in angles]


def _gray(num_bits: int) -> list[complex]:
    """Square QAM of IEEE 802.11: the first half of the bits is the real axis, Gray from -."""
    half = num_bits // 2
    return [
        complex(_gray_level(label >> half, half), _gray_level(label & (2**half - 1), half))
        for label in range(2**num_bits)
    ]


def _cross(num_bits: int) -> list[complex]:
    """Cross QAM: the outer columns of a Gray rectangle are folded above and below it.

    Smith 1975, as Vitthaladevuni, Alouini and Kieffer 2005 write it; not all neighbours differ in
    one bit alone, which no cross allows.
    """
    low = num_bits // 2
    side = 2 * round(math.sqrt(2**num_bits / 32))
    points = []
    for label in range(2**num_bits):
        x, y = _gray_level(label >> low, low + 1), _gray_level(label & (2**low - 1), low)
        if abs(x) > 3 * side and abs(y) > side:
            folded = (abs(x) - 2 * side, 4 * side - abs(y))
        elif abs(x) > 3 * side:
            folded = (4 * side - abs(x), abs(y) + 2 * side)
        else:
            folded = (abs(x), abs(y))
        points.append(complex(math.copysign(folded[0], x), math.copysign(folded[1], y)))
    return points


def _gray_level(label: int, num_bits: int) -> int:
    """Odd level of a binary-reflected Gray label, all zeros being the lowest."""
    position = label
    shift = label >> 1
    while shift:
        position ^= shift
        shift >>= 1
    return 2 * position - 2**num_bits + 1
