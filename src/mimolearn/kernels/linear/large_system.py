"""What interleaved Krylov-type receivers share: ``detectors.large_system`` and their system.

A matrix is conj(G) as ``complex_dense.gram`` leaves it, its lower half valid.
"""

from __future__ import annotations

import numpy as np

from mimolearn.kernels.dense.blocks import real_4x1
from mimolearn.kernels.machine.compile import inlined
from mimolearn.kernels.machine.memory import load, store
from mimolearn.kernels.machine.simd import fma, select, splat


@inlined
def energies(x, row, used, width, energy):
    """The diagonal; 1 where it is 0, and beyond it."""
    for i in range(width):
        value = load(x, i * (row + 32)) if i < used else splat(1.0)
        store(energy, i * 16, select(value > np.float32(0.0), value, splat(1.0)))


@inlined
def correlations(x, row, used, width, energy, inverse, power, real):
    """power[i, j] = |G_ij|^2 / (G_ii G_jj) off the diagonal, 0 on it and in the padding.

    real: of Re G alone. inverse: (width) of workspace.
    """
    for i in range(width):
        store(inverse, i * 16, 1.0 / load(energy, i * 16))
    for i in range(width):
        store(power, (i * width + i) * 16, splat(0.0))
        for j in range(i):
            value = splat(0.0)
            if i < used:
                at = i * row + j * 32
                re, im = load(x, at), splat(0.0) if real else load(x, at + 16)
                # Divided before it is squared, so that no scale of h overflows.
                a, b = load(inverse, i * 16), load(inverse, j * 16)
                value = fma(im * a, im * b, (re * a) * (re * b))
            store(power, (i * width + j) * 16, value)
            store(power, (j * width + i) * 16, value)


@inlined
def sinr_of(power, width, used, noise, stages, energy, heard, sinr):
    """``large_system_unbiasing``; heard: what the others still leave, (width) of workspace."""
    for i in range(width):
        store(sinr, i * 16, splat(0.0))
    for _ in range(stages):
        for i in range(width):
            rest = load(energy, i * 16) / (1.0 + load(sinr, i * 16))
            store(heard, i * 16, rest if i < used else splat(0.0))
        for i in range(0, width, 4):
            s = real_4x1(power, i * width * 16, width * 16, 16, heard, 0, 0, 16, width)
            for p in range(4):
                store(sinr, (i + p) * 16, load(energy, (i + p) * 16) / (noise + s[p]))


@inlined
def scaled_system(x, row, n, used, noise, real):
    """x + noise, over its mean diagonal, both halves; returns one over that mean."""
    total = splat(0.0)
    for i in range(used):
        at = i * (row + 32)
        value = load(x, at) + noise
        store(x, at, value)
        total = total + value
    scale = splat(np.float32(used)) / total
    for i in range(n):
        for j in range(i + 1):
            at, mirrored = i * row + j * 32, j * row + i * 32
            re = load(x, at) * scale
            im = splat(0.0) if real or i == j else load(x, at + 16) * scale
            store(x, at, re)
            store(x, at + 16, im)
            store(x, mirrored, re)
            store(x, mirrored + 16, -im)
    return scale
