"""Sum-product decoding of binary parity-check codes: 16 words side by side, one a lane."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from mimolearn.kernels.machine.compile import compiled, uncounted
from mimolearn.kernels.machine.mathematics import exp, log_of_normal
from mimolearn.kernels.machine.memory import load, store, store_int
from mimolearn.kernels.machine.simd import (
    absolute,
    as_float_bits,
    as_int_bits,
    maximum,
    minimum,
    splat,
    splat_int,
)

LANES = 16
# exp(-60) and the sums of 16 such are normal numbers; no decision depends on more than this.
MOST = np.float32(60.0)
LEAST = np.float32(1e-30)
SIGN = np.uint32(0x80000000)


@uncounted
def come_to(at, value, signs, n, d, values, terms):
    """A bit of a check on the way forward: signs, n and d with it; ``at``: its place in values.

    With e = exp(-|L|) a check of two bits has e = (a + b) / (1 + a b), which loses nothing at
    either end. As a fraction n/d it needs no division until the end; (0, 1) is neutral. terms
    holds e, and n/d of all bits before, so that one pass back gives n/d of all others.
    """
    store(values, at, value)
    e = exp(-minimum(absolute(value), splat(MOST)))
    store(terms, 3 * at, e)
    store(terms, 3 * at + 16, n)
    store(terms, 3 * at + 32, d)
    return signs ^ as_int_bits(value), n + e * d, d + e * n


@uncounted
def come_back(at, signs, n, d, values, terms):
    """The same bit on the way back: its message and its new total, and n and d with it."""
    before_n, before_d = load(terms, 3 * at + 16), load(terms, 3 * at + 32)
    others_n = n * before_d + d * before_n
    others_d = d * before_d + n * before_n
    size = log_of_normal(others_d / maximum(others_n, splat(LEAST)))
    value = load(values, at)
    sign = (signs ^ as_int_bits(value)) & SIGN
    message = as_float_bits(as_int_bits(minimum(size, splat(MOST))) ^ sign)
    e = load(terms, 3 * at)
    return message, value + message, n + e * d, d + e * n


@uncounted
def _check(first, last, columns, totals, messages, values, terms):
    """One parity check on all lanes: from the totals take its message, and put in the new one."""
    signs = splat_int(0)
    n, d = splat(np.float32(0.0)), splat(np.float32(1.0))
    for edge in range(first, last):
        at = (edge - first) * 16
        value = load(totals, columns[edge] * 16) - load(messages, edge * 16)
        signs, n, d = come_to(at, value, signs, n, d, values, terms)
    n, d = splat(np.float32(0.0)), splat(np.float32(1.0))
    for edge in range(last - 1, first - 1, -1):
        at = (edge - first) * 16
        message, total, n, d = come_back(at, signs, n, d, values, terms)
        store(messages, edge * 16, message)
        store(totals, columns[edge] * 16, total)


@uncounted
def _unsatisfied(starts, columns, totals, failed):
    """Into failed (16): the sign bit set in each lane where a check does not hold."""
    bad = splat_int(0)
    for check in range(starts.size - 1):
        parity = splat_int(0)
        for edge in range(starts[check], starts[check + 1]):
            parity = parity ^ as_int_bits(load(totals, columns[edge] * 16))
        bad = bad | parity
    store_int(failed, 0, bad)


@uncounted
def _enter(lane, word, llr, start, totals, messages):
    """Put a word into a lane: positive means 1 outside, and 0 in here."""
    for i in range(start):
        totals[i * 16 + lane] = np.float32(0.0)
    for i in range(llr.shape[1]):
        totals[(start + i) * 16 + lane] = np.float32(0.0) - llr[word, i]
    for i in range(start + llr.shape[1], totals.size // 16):
        totals[i * 16 + lane] = np.float32(0.0)
    for edge in range(messages.size // 16):
        messages[edge * 16 + lane] = np.float32(0.0)


@functools.cache
def kernel() -> Callable[..., None]:
    """kernel(llr, start, starts, columns, most, decided, spent, posterior, space).

    llr: (W, n) float32, ln P(1)/P(0), finite, of the bits from start on, the others having none.
    Check c is over bits columns[starts[c] : starts[c + 1]]. most: iterations. Out: decided
    (W, bits) uint8; spent (W) int32, iterations, or -1 where no codeword was found; posterior
    (W, bits) float32, the LLRs that were decided by, or (0, bits) where they are not wanted.
    space: ``workspace`` floats.
    The schedule is serial: a check sees what the one before has found, which takes about half the
    iterations of updating all at once (Hocevar 2004). A lane whose word is done takes the next one;
    no word sees the others.
    """

    def decode(llr, start, starts, columns, most, decided, spent, posterior, space):
        num_words, num_bits = decided.shape
        edges = columns.size
        totals, messages = space[: num_bits * 16], space[num_bits * 16 : (num_bits + edges) * 16]
        values = space[(num_bits + edges) * 16 :]
        terms = values[(values.size // 64) * 16 :]
        failed = np.zeros(16, np.uint32)
        words = np.full(16, -1)
        count = np.zeros(16, np.int32)
        totals[:] = 1.0
        messages[:] = 0.0
        following = 0
        for lane in range(min(16, num_words)):
            _enter(lane, following, llr, start, totals, messages)
            words[lane] = following
            following += 1
        left = num_words
        while left > 0:
            moved = True
            while moved:
                moved = False
                _unsatisfied(starts, columns, totals, failed)
                for lane in range(16):
                    word = words[lane]
                    if word < 0:
                        continue
                    done = (failed[lane] >> 31) == 0
                    if not done and count[lane] < most:
                        continue
                    spent[word] = count[lane] if done else -1
                    for i in range(num_bits):
                        decided[word, i] = totals[i * 16 + lane] < 0
                    if posterior.shape[0] > 0:
                        for i in range(num_bits):
                            posterior[word, i] = np.float32(0.0) - totals[i * 16 + lane]
                    left -= 1
                    words[lane] = -1
                    if following < num_words:
                        _enter(lane, following, llr, start, totals, messages)
                        words[lane] = following
                        count[lane] = 0
                        following += 1
                        moved = True
            if left == 0:
                break
            for check in range(starts.size - 1):
                _check(starts[check], starts[check + 1], columns, totals, messages, values, terms)
            for lane in range(16):
                count[lane] += 1

    arrays = "float32[:, ::1], int64, int64[::1], int64[::1], int64"
    results = "uint8[:, ::1], int32[::1], float32[:, ::1]"
    return compiled(f"void({arrays}, {results}, float32[::1])", decode)


def workspace(num_bits: int, num_edges: int, most_in_check: int) -> int:
    """Floats of workspace; most_in_check: bits of the largest check."""
    return 16 * (num_bits + num_edges + 4 * most_in_check)
