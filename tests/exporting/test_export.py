"""Exported files count the errors that the library counts, and say what they are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import mimolearn as ml
from mimolearn import exporting
from mimolearn.cli import main
from mimolearn.exporting import eigen, factors
from mimolearn.exporting.checking import _check, check_detector
from mimolearn.exporting.frames import find_subject
from mimolearn.exporting.pairs import Pair
from mimolearn.exporting.programs import decoder_program, detector_program, encoder_program
from mimolearn.exporting.runtime import session
from mimolearn.weights import read_card, shipped_weights

PAGE = Path(__file__).parents[2] / "docs" / "deployment.md"


def link(num_tx_ant: int, num_rx_ant: int, constellation: str) -> ml.Scenario:
    return ml.Scenario(
        num_tx_ant=num_tx_ant,
        num_rx_ant=num_rx_ant,
        constellation=constellation,
        channel_reuse=2,
        snr_definition="per_stream",
    )


# Small and, where that makes no other graph, untrained: complex products and a choice of levels,
# a factorisation and features of the channel, and a network behind sorted streams.
WRITTEN = {
    "lcgnet-v": ({"num_tx_ant": 2, "num_layers": 2}, link(2, 4, "16-qam"), 12.0),
    "tap-net": ({"num_layers": 1, "adaptive": True}, link(2, 3, "qpsk"), 6.0),
    "eq-net": ({"num_tx_ant": 2}, link(2, 2, "16-qam"), 14.0),
}
# The other families, traced and run as pairs of real numbers, which is where they differ;
# benchmarks/export_all.py writes all weights at full size.
STREAMS = {"num_tx_ant": 2, "num_layers": 2}
TRACED = {
    "lcgnet-s": ({"num_layers": 2}, link(2, 4, "qpsk")),
    "lcgnet-m": (STREAMS, link(2, 4, "bpsk")),
    "qlcgnet-v": (STREAMS, link(2, 3, "bpsk")),
    "qlcgnet-v-soft": (STREAMS, link(2, 3, "bpsk")),
    "detnet": (STREAMS, link(2, 4, "bpsk")),
    "wesnet": (STREAMS, link(2, 4, "bpsk")),
    "l-wesnet": (STREAMS, link(2, 4, "bpsk")),
    "r-wesnet": (STREAMS, link(2, 4, "bpsk")),
    "slim-wesnet": (STREAMS, link(2, 4, "bpsk")),
    "equi-net": ({"num_layers": 2}, link(2, 4, "qpsk")),
    "deep-cg": ({"num_layers": 3}, link(2, 6, "16-qam")),
    "nn-det": ({"num_tx_ant": 2}, link(2, 2, "qpsk")),
    "gepnet": ({"num_layers": 2, "width": 8}, link(2, 4, "16-qam")),
    "oamp-net2": ({"num_layers": 2, "variances": "streams"}, link(3, 4, "qpsk")),
    "eq-net": ({"num_tx_ant": 2, "cues": "ep", "num_iter": 2}, link(2, 2, "qpsk")),
    "oamp": ({"num_iter": 3, "damping": 0.2}, link(2, 4, "bpsk")),
}
# One of each way to store soft bits; the first two are written too.
STORED = (
    "max-mi-2x2-64qam-24",
    "eq-net-2x2-64qam-24",
    "deep-llr-2x2-64qam-36",
    "eq-net-published-2x2-64qam-36",
)
LMMSE = link(3, 6, "qpsk")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("onnx")


@pytest.fixture(scope="module")
def lmmse(folder: Path) -> ml.Exported:
    """A classical detector too is a program."""
    return ml.export("lmmse", folder / "receiver.onnx", scenario=LMMSE, snr_db=2.0)


@pytest.mark.parametrize(("beside", "k", "streams"), [("ep", 8, 3), ("lmmse", 16, 2)])
def test_the_network_behind_a_list_counts_the_same_errors(
    beside: str, k: int, streams: int, folder: Path
) -> None:
    """The second list holds all vectors."""
    scenario = link(streams, 3, "16-qam" if beside == "ep" else "qpsk")
    net = ml.make_detector("list-net", scenario.constellation, k=k, beside=beside).eval()
    path = folder / f"list-{beside}.onnx"
    check = ml.export(net, path, scenario=scenario, snr_db=6.0).check
    assert check.same
    assert check.library.bit_errors > 50
    assert check.llr_difference < 1e-3
    inputs = [value.name for value in session(path).get_inputs()]
    assert inputs == ["metrics", "levels", "log_evidence", "llr_lmmse", "llr_ep"][: len(inputs)]
    assert len(inputs) == (5 if beside == "ep" else 4)
    metadata = session(path).get_modelmeta().custom_metadata_map
    assert list(json.loads(metadata["input_layout"])) == inputs
    with pytest.raises(ml.InvalidInputError, match="was not exported from a detector"):
        exporting.OnnxDetector(path)


@pytest.mark.parametrize("name", TRACED)
def test_the_real_form_is_the_detector(name: str) -> None:
    options, scenario = TRACED[name]
    detector = ml.make_detector(name, scenario.constellation, **options).eval()
    program = detector_program(detector, scenario.num_rx_ant, scenario.num_tx_ant)
    block = scenario.draw(10.0, 50, torch.Generator().manual_seed(1))
    expected = detector(block.y, block.h, block.noise_var)
    y, h = torch.view_as_real(block.y), torch.view_as_real(block.h)
    with torch.no_grad():
        llr, indices = program.real(y, h, block.noise_var)
    assert torch.equal(indices, expected.indices())
    torch.testing.assert_close(llr, expected.llr(), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", STORED)
def test_the_real_form_is_the_quantiser(name: str) -> None:
    quantizer = ml.load(name)
    rows = 6 * torch.randn((7, 2, 6), generator=torch.Generator().manual_seed(1))
    llr = rows.reshape(-1, quantizer.streams_per_group(), 6)
    with torch.no_grad():
        (codes,) = encoder_program(quantizer).real(llr)
        (back,) = decoder_program(quantizer).real(codes)
    assert torch.equal(codes.reshape(quantizer.indices(rows).shape), quantizer.indices(rows))
    torch.testing.assert_close(
        back.reshape(rows.shape), quantizer.through(rows), rtol=1e-4, atol=1e-4
    )


def test_every_family_with_weights_is_in_the_tables() -> None:
    cards = [read_card(name) for name in shipped_weights()]
    stored = {card.network for card in cards if card.kind == "quantizer"}
    assert stored == {read_card(name).network for name in STORED}
    others = {card.network for card in cards if card.kind != "quantizer"}
    # Its search is no graph, and its network has a test of its own.
    assert others - {"list-net"} <= {*WRITTEN, *TRACED}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_detector_counts_the_same_errors(name: str, folder: Path) -> None:
    options, scenario, snr_db = WRITTEN[name]
    detector = ml.make_detector(name, scenario.constellation, **options).eval()
    path = folder / f"{name}.onnx"
    found = ml.export(detector, path, scenario=scenario, snr_db=snr_db)
    check = found.check
    assert found.files == (path,)
    assert check.library == check.onnx
    assert check.same
    assert check.library.bit_errors > 20
    assert (
        check.bits == check.vectors * scenario.num_tx_ant * detector.constellation.bits_per_symbol
    )
    assert check.llr_difference < 2e-3 * max(check.llr_size, 1)
    _other_batches_agree(detector, path, scenario)


class Nudged(ml.Detector):
    """The file's LLRs, of which those nearest to 0 have the other sign."""

    name = "nudged"

    def __init__(self, path: Path, shift: float) -> None:
        super().__init__("qpsk")
        self.inner, self.shift = ml.OnnxDetector(path), shift

    def _prepare(self, h, noise_var):
        return self.inner._prepare(h, noise_var)

    def _detect(self, prepared, y):
        llr = self.inner._detect(prepared, y).llr()
        flipped = torch.where(llr.abs() < self.shift, -llr, llr)
        return ml.LLRDetection(self.constellation, flipped)


@pytest.mark.parametrize(("shift", "same"), [(1e-3, True), (0.5, False)])
def test_ties_of_rounding_pass_and_are_counted(lmmse: ml.Exported, shift, same) -> None:
    subject = find_subject("lmmse", LMMSE, 0.0)
    library = ml.make_detector("lmmse", LMMSE.constellation).eval()
    check = _check(subject, library, Nudged(lmmse.files[0], shift))
    assert check.library != check.onnx
    assert check.same == same
    assert check.ties > 0
    assert (check.different > 0) == (not same)


def test_an_snr_without_errors_compares_nothing(lmmse: ml.Exported) -> None:
    found = find_subject("lmmse", LMMSE, 90.0)
    assert check_detector(found, lmmse.files[0]).library.bit_errors == 0
    check = check_detector(found._replace(is_asked=False), lmmse.files[0])
    assert check.snr_db < 40
    assert check.library == check.onnx
    assert check.library.bit_errors > 0


def test_a_file_tells_nothing_of_the_machine_that_wrote_it(lmmse: ml.Exported) -> None:
    data = lmmse.files[0].read_bytes()
    assert b".py" not in data
    assert len(data) < 40_000


def _other_batches_agree(detector: ml.Detector, path: Path, scenario: ml.Scenario) -> None:
    run = session(path)
    for batch, vectors in ((1, 1), (5, 1), (2, 7)):
        wide = ml.Scenario(**{**scenario.model_dump(), "channel_reuse": vectors})
        block = wide.draw(10.0, batch, torch.Generator().manual_seed(batch))
        expected = detector(block.y, block.h, block.noise_var)
        inputs = {
            "y": torch.view_as_real(block.y).numpy(),
            "h": torch.view_as_real(block.h).numpy(),
            "noise_var": block.noise_var.numpy().copy(),
        }
        llr, indices = run.run(["llr", "indices"], inputs)
        assert llr.dtype == np.float32
        assert np.array_equal(indices, expected.indices().numpy())
        np.testing.assert_allclose(llr, expected.llr().detach().numpy(), rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("name", STORED[:2])
def test_a_quantiser_is_two_files_that_store_the_same(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["export", name, str(folder / f"{name}.onnx"), "--json"]
    code, text, error = _run(words, monkeypatch, capsys)
    assert (code, error) == (0, "")
    found = json.loads(text)
    assert [Path(path).name for path in found["files"]] == [f"{name}.onnx", f"{name}-decoder.onnx"]
    assert found["same"]
    assert found["library"] == found["onnx"]
    assert found["library"]["bit_errors"] > 100
    encoder, decoder = map(session, found["files"])
    quantizer = ml.load(name)
    llr = 6 * torch.randn((11, 2, 6), generator=torch.Generator().manual_seed(1))
    rows = llr.reshape(-1, quantizer.streams_per_group(), 6).numpy()
    codes = encoder.run(None, {"llr": rows})[0]
    assert np.array_equal(codes.reshape(quantizer.indices(llr).shape), quantizer.indices(llr))
    back = decoder.run(None, {"codes": codes})[0].reshape(llr.shape)
    np.testing.assert_allclose(back, quantizer.through(llr), rtol=1e-4, atol=1e-4)


def test_a_quantiser_is_checked_behind_a_compiled_linear_detector(folder: Path) -> None:
    assert ml.export("max-mi-16qam-12", folder / "streams.onnx").check.same


def test_a_file_says_what_it_is(lmmse: ml.Exported) -> None:
    (path,) = lmmse.files
    assert lmmse.check.same
    said = session(path).get_modelmeta().custom_metadata_map
    assert said["kind"] == "detector"
    assert said["network"] == "lmmse"
    assert said["mimolearn_version"] == ml.__version__
    assert (said["constellation"], said["num_rx_ant"], said["num_tx_ant"]) == ("qpsk", "6", "3")
    assert said["snr_definition"] == "per_stream"
    assert "total over both parts" in said["noise_convention"]
    assert set(json.loads(said["input_layout"])) == {"y", "h", "noise_var"}
    points = np.array(json.loads(said["points"])) @ [1, 1j]
    np.testing.assert_allclose(points, ml.Constellation("qpsk").points.numpy(), atol=1e-6)
    assert ml.Scenario(**json.loads(said["scenario"])).key() == LMMSE.key()


def test_a_file_is_a_contender_like_any_other(lmmse: ml.Exported) -> None:
    contenders = ["lmmse", ml.Contender.from_detector("file", ml.OnnxDetector(lmmse.files[0]))]
    result = ml.simulate(LMMSE, contenders, snr_db=[2.0], max_vectors=2000)
    ours, file = (curve.points[0].counts for curve in result.curves)
    assert (ours.bit_errors, ours.vectors) == (file.bit_errors, file.vectors)
    with pytest.raises(ml.InvalidInputError, match=r"^h: .*which was exported"):
        ml.OnnxDetector(lmmse.files[0])(torch.ones(1, 4) + 0j, torch.ones(4, 3) + 0j, 1.0)


def test_a_file_is_named_as_a_contender_by_its_path(
    lmmse: ml.Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on the command line; its content is what results are stored under, not its name."""
    path = lmmse.files[0]
    named = ml.Contender.parse(f"{path}:label=file")
    assert ml.Contender.parse(str(path)).label == path.stem
    again = ml.Contender.from_dict(json.loads(json.dumps(named.to_dict())))
    result = ml.simulate(LMMSE, ["lmmse", again], snr_db=[2.0], max_vectors=2000)
    ours, file = (curve.points[0] for curve in result.curves)
    assert ours.counts.bit_errors == file.counts.bit_errors > 0
    for name in ("vector", "bit_errors", "symbol_errors"):
        np.testing.assert_array_equal(getattr(ours.positions, name), getattr(file.positions, name))
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(path.read_bytes())
    assert ml.Contender(str(copy)).key() == named.key()
    monkeypatch.setenv("HOME", str(tmp_path))
    there = ml.Contender("~/copy.onnx")
    copy.write_bytes(
        ml.export("zf", tmp_path / "zf.onnx", scenario=LMMSE, snr_db=10).files[0].read_bytes()
    )
    with pytest.raises(ml.InvalidInputError, match="sha256 is another"):
        there.build("qpsk")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{path}:k=3", "options of .*expected none: an exported file has its own"),
        ("{path}s.onnx", "cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_contender_gets_one_line(
    lmmse: ml.Exported, name: str, message: str
) -> None:
    with pytest.raises(ml.InvalidInputError, match=message) as caught:
        ml.Contender.parse(name.format(path=lmmse.files[0]))
    assert "\n" not in str(caught.value)


def test_a_file_serves_its_own_size_and_points(lmmse: ml.Exported) -> None:
    path = str(lmmse.files[0])
    for change, message in (
        ({"constellation": "16-qam"}, "constellation of .*expected the scenario's"),
        ({"num_tx_ant": LMMSE.num_tx_ant + 1}, "which was exported"),
    ):
        with pytest.raises(ml.InvalidInputError, match=message):
            ml.simulate(LMMSE.with_(**change), [path], snr_db=[2.0], max_vectors=100)


def test_a_file_that_counts_differently_fails_the_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is written belongs to a worse detector than what is checked."""
    scenario = link(3, 3, "qpsk")
    toml = folder / "link.toml"
    toml.write_text(scenario.to_toml())
    true_program = exporting.detector_program
    monkeypatch.setattr(
        exporting,
        "detector_program",
        lambda _, *size: true_program(ml.make_detector("mrc", "qpsk"), *size),
    )
    out = folder / "worse.onnx"
    words = ["export", "lmmse", str(out), "--scenario", str(toml), "--snr-db", "12"]
    code, text, error = _run(words, monkeypatch, capsys)
    assert code == 1, error
    assert "ONNX Runtime" in text
    assert error == "error: the file counts other errors than the library\n"


def _run(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["mimolearn", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    code = stop.value.code
    return (code if isinstance(code, int) else 0), *capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sphere", "out.onnx", "-s", "oamp-4x4-16qam", "--snr-db", "20"], "decisions in a search"),
        (["k-best:k=4", "out.onnx", "-s", "oamp-4x4-16qam", "--snr-db", "20"], "as in a search"),
        (["lmmse", "out.onnx"], "scenario: name one"),
        (["lmmse", "out.onnx", "-s", "oamp-4x4-16qam"], "snr_db: give the SNR"),
        (["lmmse", "out.pt", "-s", "oamp-4x4-16qam"], "path: got 'out.pt'"),
        (["lmmze", "out.onnx", "-s", "oamp-4x4-16qam", "--snr-db", "20"], "did you mean"),
        (["unfolded-mser-qpsk", "out.onnx"], "is a beamformer"),
        (["fd-mmse", "out.onnx"], "is a beamformer"),
        (["tap-nett", "out.onnx"], "name: got 'tap-nett'"),
        (["tap-net-5s", "nowhere/out.onnx"], "a file in a folder that is there"),
    ],
)
def test_what_cannot_be_exported_gets_one_line(
    words: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, error = _run(["export", *words], monkeypatch, capsys)
    assert (code, out) == (2, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert expected in error
    assert not list(tmp_path.iterdir())


def test_without_the_extra_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    words = ["export", "lcgnet-s-32x64-bpsk", str(tmp_path / "out.onnx")]
    code, _, error = _run(words, monkeypatch, capsys)
    assert code == 2
    assert error == (
        "error: export: needs the package onnxruntime; install it with: "
        "pip install 'mimolearn[onnx]'\n"
    )


def test_the_example_of_the_page_runs_with_onnxruntime_alone(lmmse: ml.Exported) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (example,) = [block for block in blocks if "import onnxruntime" in block]
    blocked = "import sys\nfor name in ('mimolearn', 'torch', 'onnx'): sys.modules[name] = None\n"
    found = subprocess.run(
        [sys.executable, "-c", blocked + example],
        cwd=lmmse.files[0].parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    # It prints the share of wrong symbols, at an SNR where a receiver works and is not perfect.
    assert 0 < float(found.stdout) < 0.2


@pytest.mark.parametrize("size", [1, 2, 5, 8])
@pytest.mark.parametrize("is_complex", [False, True])
def test_unrolled_factorisations(size: int, is_complex: bool) -> None:
    dtype = torch.complex128 if is_complex else torch.float64
    generator = torch.Generator().manual_seed(size)
    root = torch.randn((3, 2, size, size + 2), generator=generator, dtype=dtype)
    right = torch.randn((3, 2, size, 4), generator=generator, dtype=dtype)
    matrix = root @ root.mH

    def part(x: torch.Tensor) -> torch.Tensor | Pair:
        return Pair(x.real, x.imag) if is_complex else x

    def whole(x: torch.Tensor | Pair) -> torch.Tensor:
        return torch.complex(x.real, x.imag) if isinstance(x, Pair) else x

    factor = factors.cholesky(part(matrix))
    torch.testing.assert_close(whole(factor), torch.linalg.cholesky(matrix))
    inverse = factors.cholesky_inverse(factor)
    torch.testing.assert_close(whole(inverse), torch.linalg.inv(matrix))
    solved = factors.cholesky_solve(part(right), factor)
    torch.testing.assert_close(whole(solved), torch.linalg.solve(matrix, right))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 9, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_unrolled_eigenvectors(size: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(size)
    root = torch.randn((40, size, size), generator=generator, dtype=dtype)
    # Of rank one, of two equal columns but a little, nothing at all, and all values equal.
    root[0] = root[0, :, :1] @ root[0, :1]
    root[1, :, -1] = root[1, :, 0] * (1 + 1e-4)
    root[2], root[3] = 0, torch.eye(size)
    matrix = root @ root.mH
    part = Pair(matrix.real, matrix.imag) if dtype.is_complex else matrix
    values, found = eigen.eigh(part)
    vectors = torch.complex(found.real, found.imag) if isinstance(found, Pair) else found
    expected = torch.linalg.eigvalsh(matrix)
    largest = expected[:, -1:].clamp(min=1e-30)
    assert ((values - expected) / largest).abs().max() < 1e-5
    error = (vectors * values.unsqueeze(-2)) @ vectors.mH - matrix
    assert (error.abs().amax(-1) / largest).max() < 1e-5
    torch.testing.assert_close(
        vectors.mH @ vectors, torch.eye(size, dtype=dtype).expand_as(matrix), rtol=0, atol=1e-5
    )


def test_a_matrix_without_a_factor_gives_nan_for_itself_alone() -> None:
    matrix = torch.eye(3, dtype=torch.float64).repeat(2, 1, 1)
    matrix[1, 1, 1] = -1
    factor = factors.cholesky(matrix)
    assert isinstance(factor, torch.Tensor)
    assert torch.equal(factor[0], torch.eye(3, dtype=torch.float64))
    assert torch.isnan(factor[1]).any()


def test_sorted_search_is_torch_s() -> None:
    boundaries = torch.tensor([[-1.0, 0.0, 0.0, 2.0], [0.0, 1.0, 2.0, 3.0]])
    values = torch.tensor([[-2.0, -1.0, 0.0, 0.5, 5.0], [1.0, 2.5, 3.0, 4.0, -1.0]])
    for right in (False, True):
        found = factors.searchsorted(boundaries, values, right=right)
        assert torch.equal(found, torch.searchsorted(boundaries, values, right=right))
