"""The check of recorded LLRs, against channels whose LLRs are true by construction."""

from __future__ import annotations

import itertools
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.io
import torch

import mimolearn as ml
from mimolearn.cli import main
from mimolearn.foundation.errors import InvalidInputError
from mimolearn.results.llrs.capacity import equivalent_snr_db, information


def recording(mean: float = 4.0, size: int = 40_000, seed: int = 1) -> tuple[np.ndarray, Any]:
    """True LLRs of a binary-input Gaussian channel, and the sent bits."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, size)
    return (2 * bits - 1) * mean + math.sqrt(2 * mean) * rng.standard_normal(size), bits


def test_true_llrs_are_called_true() -> None:
    llr, bits = recording()
    check = ml.check_llrs(llr, bits)
    assert check.sign == "ln P(1)/P(0)"
    assert check.agreement == pytest.approx(((llr > 0) == bits).mean())
    assert check.scale == pytest.approx(1, abs=0.04)
    assert check.gmi == pytest.approx(information(4.0), abs=4 * check.gmi_error)
    assert check.calibration_error is not None
    assert check.calibration_error < 0.005
    inside = [b.counted.low <= b.claimed <= b.counted.high for b in check.bins if b.counted]
    assert sum(inside) >= len(inside) - 2


@pytest.mark.parametrize("factor", [0.4, 3.0, -2.0])
def test_a_factor_is_found_and_its_price(factor: float) -> None:
    llr, bits = recording()
    right, check = ml.check_llrs(llr, bits), ml.check_llrs(factor * llr, bits)
    assert check.sign == ("ln P(1)/P(0)" if factor > 0 else "ln P(0)/P(1)")
    assert check.scale == pytest.approx(1 / abs(factor), rel=0.05)
    assert check.gmi_scaled == pytest.approx(right.gmi_scaled, abs=1e-4)
    assert check.calibration_error is not None
    assert check.calibration_error > 0.02
    expected = equivalent_snr_db(check.gmi_scaled) - equivalent_snr_db(check.gmi)
    assert check.lost_by_scale_db == pytest.approx(expected)
    assert check.lost_by_scale_db > 0.3
    overconfident = abs(factor) > 1
    middle = check.bins[3]
    assert middle.errors is not None
    assert (middle.errors / middle.bits > middle.claimed) == overconfident


def test_bits_of_another_recording_are_doubted() -> None:
    llr, bits = recording()
    check = ml.check_llrs(llr, np.roll(bits, 1))
    assert check.sign == "none"
    assert check.agreement == pytest.approx(0.5, abs=0.02)


def test_more_bits_lose_less_and_saturate_less() -> None:
    llr, bits = recording(8.0)
    check = ml.check_llrs(torch.tensor(llr), torch.tensor(bits))
    lost = [one.lost_db for one in check.stored]
    assert [one.bits for one in check.stored] == [3, 4, 5, 6, 7, 8]
    assert 0.05 < lost[0] < 0.4
    assert all(a > b for a, b in itertools.pairwise(lost[:4]))
    assert abs(lost[-1]) < 0.01
    tops = [2 ** (n - 1) - 1 for n in (3, 4, 5, 6, 7, 8)]
    for one, top in zip(check.stored, tops, strict=True):
        assert one.saturated_at_one == pytest.approx((np.abs(np.rint(llr)) >= top).mean())
        # The GMI of what is kept, by hand.
        kept = one.step * np.rint(llr * (check.scale or 1) / one.step).clip(-top, top)
        right = kept * (2 * bits - 1)
        assert one.gmi == pytest.approx(1 - np.logaddexp(0, -right).mean() / math.log(2))
    assert ml.check_llrs(llr * 100, bits).stored[0].saturated_at_one > 0.99


def test_without_bits_true_llrs_claim_what_is_so() -> None:
    llr, bits = recording()
    check, known = ml.check_llrs(llr), ml.check_llrs(llr, bits)
    assert (check.sign, check.scale, check.agreement) == ("unknown", None, None)
    assert check.gmi == pytest.approx(known.gmi, abs=0.01)
    for blind, seen in zip(check.stored, known.stored, strict=True):
        assert blind.lost_db == pytest.approx(seen.lost_db, abs=0.03)


def test_infinite_llrs_and_zeros_are_counted() -> None:
    llr, bits = recording(size=1000)
    llr[:10], llr[10:30] = np.inf * (2 * bits[:10] - 1), 0
    check = ml.check_llrs(llr, bits)
    assert (check.infinite, check.zeros) == (0.01, 0.02)
    assert check.largest < 100
    json.dumps(check.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("llr", "bits", "message"),
    [
        ([1.0, math.nan], None, "llr: got <1 entries NaN>"),
        ([], None, "llr: got <shape (0,)>"),
        ([1j], None, "llr: got <complex128>"),
        ([1.0, 2.0], [1], "bits: got <1 bits>, expected 2"),
        ([1.0, 2.0], [1, -1], "bits: got -1.0, expected 0 or 1"),
    ],
)
def test_what_is_no_recording_is_refused_in_one_line(llr: Any, bits: Any, message: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        ml.check_llrs(llr, bits)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_equivalent_snr_is_the_inverse_of_the_information() -> None:
    for mean in (0.01, 1.0, 20.0):
        assert equivalent_snr_db(information(mean)) == pytest.approx(10 * math.log10(mean / 4))
    # Es/N0 of half a bit for BPSK with soft decisions, -2.82 dB (a textbook value).
    assert equivalent_snr_db(0.5) == pytest.approx(-2.82, abs=0.01)
    assert equivalent_snr_db(0.0) == -math.inf


def run(capsys: Any, monkeypatch: Any, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["mimolearn", "llr-check", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


def test_files_of_all_kinds_give_the_same(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    llr, bits = recording(size=2000)
    llr = llr.reshape(20, 100)
    bits = bits.reshape(20, 100)
    np.savez(tmp_path / "a.npz", llr=llr, bits=bits.astype(np.uint8))
    scipy.io.savemat(tmp_path / "b.mat", {"soft": llr, "sent": bits.astype(float)})
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["run/LLR"], file["run/bits"] = llr, bits
    np.save(tmp_path / "d.npy", llr)
    np.save(tmp_path / "e.npy", bits)
    expected = ml.check_llrs(llr, bits).to_dict()
    given = [[name] for name in ("a.npz", "b.mat", "c.h5")] + [["d.npy", "--bits-file", "e.npy"]]
    for name, *rest in given:
        words = [str(tmp_path / w) if w.endswith(".npy") else w for w in rest]
        code, out, err = run(capsys, monkeypatch, str(tmp_path / name), *words, "--json")
        assert (code, err) == (0, "")
        assert json.loads(out) == json.loads(json.dumps(expected))


def test_text_and_figure(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    llr, bits = recording(size=5000)
    np.savez(tmp_path / "a.npz", x=-2 * llr, y=bits)
    names = "--llr", "x", "--bits", "y", "--out", str(tmp_path / "figure")
    code, out, _ = run(capsys, monkeypatch, str(tmp_path / "a.npz"), *names)
    assert code == 0
    words = " ".join(out.split())
    assert "Sign convention: ln P(0)/P(1)" in words
    assert re.search(r"Scale: overconfident, the best factor is 0\.(4[5-9]|5[0-5])", words)
    assert (tmp_path / "figure" / "llr-check.png").stat().st_size > 10_000
    assert (tmp_path / "figure" / "llr-check.svg").exists()
    np.save(tmp_path / "d.npy", llr)
    code, out, _ = run(capsys, monkeypatch, str(tmp_path / "d.npy"))
    assert code == 0
    assert "Sign convention: unknown." in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("none.npy",), "path: got"),
        (("a.npz",), "llr: got '', expected the name of an array of real numbers"),
        (("a.npz", "--llr", "z"), "llr: got 'z', expected an array of real numbers"),
        (("bad.npy",), "path: got"),
    ],
)
def test_files_that_do_not_fit_are_refused_in_one_line(
    words: tuple[str, ...], message: str, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", x=np.ones(3), y=np.ones(3), z=np.ones(3) * 1j)
    Path("bad.npy").write_bytes(b"\x93NUMPY" + b"0" * 10)
    code, out, err = run(capsys, monkeypatch, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
