"""Files without channels, and options that do not fit: one line that says what would."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import io

from mimolearn import InvalidInputError, Scenario
from mimolearn.link.channels import Recorded

from .files import CSI, NR, NT, H, Writer, refusal

NO_CHANNELS: dict[str, tuple[Writer, str]] = {
    "model.pt": (
        lambda p: torch.save({"h": torch.ones(3, 2, 2)}, p),
        "torch.load(path, weights_on",
    ),
    "old.pt": (
        lambda p: torch.save(torch.ones(3), p, _use_new_zipfile_serialization=False),
        "this is a pickle: it is not unpickled; write it anew with numpy.save(",
    ),
    "docs.zip": (
        lambda p: zipfile.ZipFile(p, "w").writestr("a/b.txt", "x"),
        "expected arrays (.npy) in this zip archive; it holds a/b.txt",
    ),
    "none.zip": (lambda p: zipfile.ZipFile(p, "w").close(), "it holds nothing"),
    "cut.zip": (lambda p: p.write_bytes(b"PK\x03\x04" + bytes(50)), "cannot be read: "),
    "h.npy.gz": (lambda p: p.write_bytes(b"\x1f\x8b" + bytes(50)), "decompress it first"),
    "cube.npy": (
        lambda p: np.save(p, np.ones((28, 28, 28), complex)),
        "axes: got '', expected 'nrt' or 'rtn' or ",
    ),
    "pairs.npy": (lambda p: np.save(p, np.ones((9, 2, 2, 2))), "expected 'nrtc' or 'ncrt', as "),
    "square-first.npz": (
        lambda p: np.savez(p, H=np.ones((4, 4, 3), complex)),
        "as the sizes of <H (4, 4, 3) complex128> in ",
    ),
    "frequencies.npy": (
        lambda p: np.save(p, CSI),
        "got <array of shape (30, 6, 4, 3), complex128>, expected a complex array (N, Nr, Nt), ",
    ),
    "frequencies.npz": (
        lambda p: np.savez(p, csi=CSI, f=np.arange(6.0)),
        "has none: csi (30, 6, 4, 3) complex128, f (6,) float64; axes = 'nfrt' reads csi, if ",
    ),
    "real.npz": (
        lambda p: np.savez(p, H=H.real),
        "has none: H (30, 4, 3) float64; a real array has no phase: pairs 'H_r' and 'H_i', ",
    ),
    "matrices.npz": (
        lambda p: np.savez(p, a=H[0], b=H[1]),
        "more than one: a (4, 3) complex128, b (4, 3) complex128; variable = 'a' or 'b' reads",
    ),
    "names.npz": (
        lambda p: np.savez(p, **{"a\n\x1b[31m": H[0, 0]}),
        r"none: a\n\x1b[31m (3,) comp",
    ),
    "ragged.mat": (
        lambda p: io.savemat(p, {"H": np.array([[H[0], H[0, :2]]], object)}),
        "more than one: H[0] (4, 3) complex128, H[1] (2, 3) complex128; ",
    ),
}


@pytest.mark.parametrize("name", NO_CHANNELS)
def test_refusals_show_names_with_shapes_and_what_would_read(name: str, tmp_path: Path) -> None:
    write, told = NO_CHANNELS[name]
    write(tmp_path / name)
    assert told in refusal(tmp_path / name)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"variable": "H_r"}, "<H_r (30, 4, 3) float64 (part of H)>, expected a complex "),
        ({"variable": "H_r"}, "; variable = 'H' reads it"),
        (
            {"variable": "H", "axes": "nfrt"},
            "got <H (30, 4, 3) complex128 (H_r and H_i)>, expected ",
        ),
        ({"variable": "H", "axes": "nfrt"}, "an array with axes 'nfrt' in "),
        ({"axes": "nfrt"}, "axes = 'nrt' reads H, if that is their order"),
        ({"axes": "xyz"}, "axes: got 'xyz', expected one letter an axis"),
        ({"axes": "nff"}, "f, s and c at most once"),
        (
            {"variable": "H", "frequency_index": 2},
            "expected nothing: axes 'nrt' has no 'f', of <H (30, 4, 3) ",
        ),
        ({"frequency_index": -1}, "frequency_index: got -1, expected a value at least 0"),
        ({"variable": ["H", "G"]}, "expected arrays of one size but for samples"),
        ({"variable": ["H", "I"]}, "variable: got 'I', expected a name in "),
        ({"variable": "H_r+j*G"}, "expected two real arrays of one shape in "),
        ({"variable": "x*"}, "variable: got 'x*', expected a name in "),
    ],
)
def test_options_that_do_not_fit_are_told(fields: dict, told: str, tmp_path: Path) -> None:
    path = tmp_path / "h.npz"
    np.savez(path, H_r=H.real, H_i=H.imag, G=H[:, :2])
    with pytest.raises(InvalidInputError) as caught:
        Recorded(path=str(path), **fields)
    assert told in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("order", "axes"),
    [((1, 2, 0), "rtn"), ((2, 1, 0), "trn"), ((0, 2, 1), "ntr"), ((2, 0, 1), "tnr")],
)
def test_axes_that_would_fit_the_antennas_are_named(
    order: tuple[int, ...], axes: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "h.npy", H.transpose(order))
    channel = {"model": "recorded", "path": str(tmp_path / "h.npy")}
    link = {"num_rx_ant": NR, "num_tx_ant": NT, "constellation": "qpsk"}
    with pytest.raises(
        InvalidInputError, match=rf"; axes = '{axes}' would give \(4, 3\)$"
    ) as caught:
        Scenario(**link, channel=channel)
    assert str(H.transpose(order).shape) in str(caught.value)
    Scenario(**link, channel={**channel, "axes": axes})
