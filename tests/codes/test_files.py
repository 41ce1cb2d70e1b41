"""Parity checks from files, and encoders that are solved from any matrix."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.codes import make_code, read_checks, read_code
from mimolearn.link.codes.parity import ParityChecks, from_entries
from mimolearn.link.coding import Coding


def alist(checks: ParityChecks) -> str:
    """A matrix in MacKay's format, short lines filled up with zeros."""
    by_check = [
        (checks.columns[a:b] + 1).tolist()
        for a, b in zip(checks.starts[:-1], checks.starts[1:], strict=True)
    ]
    by_bit = [
        [c + 1 for c, bits in enumerate(by_check) if b + 1 in bits] for b in range(checks.num_bits)
    ]
    lines = [f"{len(by_bit)} {len(by_check)}"]
    lines.append(f"{max(map(len, by_bit))} {max(map(len, by_check))}")
    lines += [" ".join(str(len(line)) for line in part) for part in (by_bit, by_check)]
    for part in (by_bit, by_check):
        most = max(map(len, part))
        lines += [" ".join(map(str, [*line, *[0] * (most - len(line))])) for line in part]
    return "\n".join(lines) + "\n"


def random_checks(num_checks: int, num_bits: int, weight: int) -> ParityChecks:
    random = np.random.default_rng(4)
    rows = np.repeat(np.arange(num_checks), weight)
    columns = np.concatenate([random.permutation(num_bits)[:weight] for _ in range(num_checks)])
    return from_entries(rows, columns, (num_checks, num_bits))


def test_the_wifi_code_from_both_formats(tmp_path) -> None:
    code = make_code(Coding())
    (tmp_path / "wifi.alist").write_text(alist(code.checks))
    from mimolearn.foundation.shipped import read_shipped_toml

    table = read_shipped_toml("code", "data/codes", "802.11n-648")
    rows = "\n".join(" ".join(map(str, row)) for row in table["shifts"])
    (tmp_path / "wifi.txt").write_text(f"# 802.11n\n{table['lifting']}\n{rows}  # last\n")
    info = torch.randint(2, (9, 324), generator=torch.Generator().manual_seed(1))
    for name in ("wifi.alist", "wifi.txt"):
        read = read_code(tmp_path / name)
        assert np.array_equal(read.checks.columns, code.checks.columns)
        assert torch.equal(read.encode(info), code.encode(info))
        # One dense row starts the substitution; the checks do the rest.
        assert len(read.encoder.columns) < 3 * len(code.checks.columns)


@pytest.mark.parametrize(("m", "n"), [(40, 100), (60, 61)])
def test_a_random_matrix_of_any_rank(m, n, tmp_path) -> None:
    checks = random_checks(m, n, 4)
    twice = ParityChecks(
        np.concatenate([checks.starts, checks.starts[1:3] + checks.starts[-1]]),
        np.concatenate([checks.columns, checks.columns[: checks.starts[2]]]),
        n,
    )
    (tmp_path / "code.alist").write_text(alist(twice))
    code = read_code(tmp_path / "code.alist")
    assert code.num_coded_bits == n
    assert code.num_info_bits >= n - m
    generator = torch.Generator().manual_seed(2)
    info = torch.randint(2, (70, code.num_info_bits), generator=generator, dtype=torch.uint8)
    coded = code.encode(info)
    assert not twice.syndromes(coded.numpy()).any()
    assert len(torch.unique(coded, dim=0)) == len(torch.unique(info, dim=0))
    for bits in (None, 6):
        decoded = code.decode(6.0 * coded - 3, 5, bits)
        assert torch.equal(decoded.info, info)
        assert bool(decoded.found.all())


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.alist", "4 2\n2 3\n1 1\n", "expected columns and rows"),
        ("a.alist", "4 2\n1 2\n1 1 1 1\n2 2\n1\n1\n2\n2\n1 2\n", "9 lines, expected 4 and 2 w"),
        ("a.alist", "4 2\n1 2\n1 1 1 1\n2 2\n1\n1\n2\n2\n1 2\n3 5\n", "a position outside 1..4"),
        ("a.alist", "4 2\n1 2\n1 1 1 1\n2 2\n1\n1\n2\n2\n1 2\n1 3\n", "list different ones"),
        ("a.alist", "4 2\n1 2\n1 1 1 1\n2 2\n1\n1\n2\n2\n1 2\n3 0\n", "1 positions, expected 2"),
        ("a.txt", "1 2\n", "expected the lifting size alone"),
        ("a.txt", "4\n1 2\n1\n", r"rows of \[1, 2\] shifts"),
        ("a.txt", "4\n1 4\n", "expected shifts from -1 to 3"),
        ("a.txt", "4\n0 x\n", "expected a text file of integers"),
        ("a.txt", "2\n0 -1\n-1 0\n", "4 independent checks leave no information bit"),
        ("missing.txt", None, "No such file or directory"),
    ],
)
def test_what_is_no_matrix_is_refused_in_one_line(name, text, expected, tmp_path) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInputError, match=expected) as caught:
        read_code(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_checks_alone_are_read(tmp_path) -> None:
    (tmp_path / "base.txt").write_text("2\n0 -1 1\n-1 1 0\n")
    checks = read_checks(tmp_path / "base.txt")
    assert (checks.num_checks, checks.num_bits) == (4, 6)
    assert checks.columns.tolist() == [0, 5, 1, 4, 3, 4, 2, 5]
