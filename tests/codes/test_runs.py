"""Decoding in runs of checks: the same bits as one lane a word, for every kind of code."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mimolearn.kernels.codes import sum_product, sum_product_runs
from mimolearn.link.codes import BlockCode, TransportBlock, make_code, mcs
from mimolearn.link.codes.parity import ParityChecks
from mimolearn.link.codes.runs import runs_of
from mimolearn.link.coding import Coding

# Fillers and a row of the base graph that is cut short; many rows; short circulants.
CODES: dict[str, BlockCode] = {
    "transport": TransportBlock(2304, mcs(14)).code,
    "5g-ldpc": make_code(Coding(code="5g-ldpc", num_info_bits=300, num_coded_bits=1000)),
    "802.11n-ldpc": make_code(Coding()),
}
each_code = pytest.mark.parametrize("name", CODES)


def rebuilt(checks: ParityChecks) -> np.ndarray:
    """The columns of all checks, from their runs."""
    runs = runs_of(checks)
    rows = [
        runs.first[runs.starts[r] : runs.starts[r + 1]] + i
        for r, count in enumerate(runs.counts)
        for i in range(count)
    ]
    return np.concatenate(rows)


@each_code
def test_runs_are_the_checks_in_their_order(name: str) -> None:
    checks = CODES[name].checks
    runs = runs_of(checks)
    assert np.array_equal(rebuilt(checks), checks.columns)
    assert runs.counts.sum() == checks.num_checks
    assert 1 <= runs.counts.min() <= runs.counts.max() <= 16
    assert runs.share > 0.3


def test_checks_without_any_pattern_are_runs_of_one() -> None:
    checks = ParityChecks(np.array([0, 2, 2, 5]), np.array([0, 3, 1, 2, 4]), 5)
    runs = runs_of(checks)
    assert runs.counts.tolist() == [1, 1, 1]
    assert np.array_equal(rebuilt(checks), checks.columns)
    assert runs.share == 1 / 16


@each_code
@pytest.mark.parametrize("words", [1, 21])
def test_both_kernels_give_the_same_bits(name: str, words: int) -> None:
    code = CODES[name]
    generator = torch.Generator().manual_seed(1)
    shape = words, code.num_info_bits
    info = torch.randint(2, shape, generator=generator, dtype=torch.uint8)
    word = code.words(info)[:, code.sent_at]
    # The last word is noise alone; some others end after few iterations, some never.
    spread = torch.linspace(0.3, 1.4, words).unsqueeze(1)
    llr = 4.0 * word - 2 + 2 * spread * torch.randn(word.shape, generator=generator)
    llr[-1] = torch.randn(llr.shape[1], generator=generator)
    given = torch.zeros(words, code.num_bits)
    given[:, code.sent_at] = llr
    starts, columns, bits = code.checks
    runs, most = runs_of(code.checks), int(np.diff(starts).max())
    answers = []
    for kernels, slots, tables in (
        (sum_product, columns, (starts, columns)),
        (sum_product_runs, runs.first, runs[:3]),
    ):
        size = kernels.workspace(bits, slots.size, most)
        space = np.full(size + 64, np.float32(7.0))
        decided, spent = np.empty((words, bits), np.uint8), np.empty(words, np.int32)
        posterior = np.empty((words, bits), np.float32)
        kernels.kernel()(given.numpy(), 0, *tables, 12, decided, spent, posterior, space[:size])
        assert (space[size:] == 7.0).all()
        answers.append((decided, spent, posterior))
    for one, other in zip(*answers, strict=True):
        assert np.array_equal(one, other)
    assert answers[0][1][-1] == -1
    if words > 1:
        assert answers[0][1][0] >= 0
