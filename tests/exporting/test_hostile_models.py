"""Files that are no exported detector: refused in one line; and what one says of its runtime."""

from itertools import pairwise
from random import Random

import onnx
import pytest
import torch
from onnx import helper

import mimolearn as ml
from mimolearn import InvalidInputError, OnnxDetector
from mimolearn.exporting import ExportError
from mimolearn.exporting.programs import detector_program
from mimolearn.exporting.versions import RELEASES, oldest_runtime

LINK = ml.Scenario(num_tx_ant=1, num_rx_ant=2, constellation="qpsk")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "mrc.onnx"
    return ml.export("mrc", path, scenario=LINK, snr_db=2.0).files[0]


@pytest.fixture
def saying(exported, tmp_path):
    """The exported file with other metadata; None leaves an entry out. Returns the path."""

    def make(change=None, **entries):
        model = onnx.load(exported)
        if change is not None:
            change(model)
        kept = {item.key: item.value for item in model.metadata_props} | entries
        del model.metadata_props[:]
        for key, value in kept.items():
            if value is not None:
                model.metadata_props.add(key=key, value=value)
        path = tmp_path / "other.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return make


def refused(path, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        OnnxDetector(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_files_that_are_no_model(tmp_path, exported):
    path = tmp_path / "odd.onnx"
    refused(path, "cannot be read: No such file")
    refused(tmp_path, "cannot be read: Is a directory")
    data, random = exported.read_bytes(), Random(1)
    for content in (b"", b"\0", b"x", random.randbytes(999), b"PK\3\4", b"{}", data[:100]):
        path.write_bytes(content)
        refused(path, "not a model that runs|was not exported")
    for share in (0.3, 0.6, 0.9, 0.99):
        path.write_bytes(data[: int(share * len(data))])
        refused(path, "not a model that runs|was not exported|its metadata")


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"kind": None}, "was not exported from a detector"),
        ({"constellation": None}, "constellation: missing"),
        ({"constellation": "8-psk"}, "constellation: got '8-psk'"),
        ({"num_rx_ant": "two"}, "num_rx_ant: got 'two'"),
        ({"num_rx_ant": "9" * 5000}, "num_rx_ant: got"),
        ({"num_tx_ant": "²"}, "num_tx_ant: got"),
        ({"num_tx_ant": "0"}, "num_tx_ant: got '0'"),
        ({"real_multiplications": "["}, "real_multiplications: got"),
        ({"real_multiplications": "[" * 10**5}, "real_multiplications: got"),
        ({"real_multiplications": "{}"}, "real_multiplications: got"),
        ({"real_multiplications": '{"per_channel": null, "per_vector": 1}'}, "real_mult"),
        ({"real_multiplications": '{"per_channel": "1", "per_vector": 1}'}, "real_mult"),
    ],
)
def test_metadata_that_lie(saying, entries, message):
    refused(saying(**entries), message)


def test_graphs_of_another_kind(saying):
    def renamed(model):
        model.graph.input[0].name = "x"
        for node in model.graph.node:
            node.input[:] = ["x" if name == "y" else name for name in node.input]

    refused(saying(renamed), "inputs: got")


def test_weights_in_other_files_are_not_read(saying, tmp_path, monkeypatch):
    def external(model):
        tensor = next(t for t in model.graph.initializer if t.dims)
        (tmp_path / "w.bin").write_bytes(tensor.raw_data)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="w.bin")

    monkeypatch.chdir(tmp_path)
    refused(saying(external), "not a model that runs")


def test_a_graph_that_does_not_keep_its_word(saying):
    other = OnnxDetector(saying(num_rx_ant="3"))
    h, y = torch.ones(1, 3, 1, dtype=torch.complex64), torch.ones(1, 1, 3, dtype=torch.complex64)
    with pytest.raises(InvalidInputError, match="ONNX file") as caught:
        other(y, h, 0.1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_no_channel_or_no_vector_is_an_empty_answer(exported, shape):
    channels, vectors = shape
    h = torch.zeros(channels, 2, 1, dtype=torch.complex64)
    y = torch.zeros(channels, vectors, 2, dtype=torch.complex64)
    found = OnnxDetector(exported)(y, h, 0.1)
    assert found.llr().shape == (channels, vectors, 1, 2)
    assert found.indices().shape == found.bits().shape[:-1] == (channels, vectors, 1)


def test_results_of_a_file_are_keyed_by_its_content(exported, saying, tmp_path):
    same = tmp_path / "same.onnx"
    same.write_bytes(exported.read_bytes())
    one, again, other = (
        ml.Contender.from_detector("file", OnnxDetector(path)).key()
        for path in (exported, same, saying(weights="other"))
    )
    assert one == again != other


def test_the_oldest_runtime_is_in_the_metadata(exported):
    model = onnx.load(exported)
    said = {item.key: item.value for item in model.metadata_props}
    assert said["oldest_onnxruntime"] == oldest_runtime(model)
    # Of this exporter: operators of opset 20 in a file of form 10.
    assert (model.ir_version, model.opset_import[0].version) == (10, 20)
    assert said["oldest_onnxruntime"] == "1.18"


def test_versions_are_those_of_the_standard():
    """What a row defines is what one release of ONNX does, by ONNX's own table."""
    standard = {(row[1], row[2]) for row in helper.VERSION_TABLE}
    assert {(release.ir, release.opset) for release in RELEASES} <= standard
    for (_, ir, opset), later in pairwise(RELEASES):
        assert (ir, opset) < (later.ir, later.opset)
        number = helper.find_min_ir_version_for([helper.make_opsetid("", opset)])
        assert number == ir
        model = onnx.ModelProto(ir_version=ir)
        model.opset_import.add(domain="", version=opset)
        newer = onnx.ModelProto(ir_version=later.ir)
        newer.opset_import.add(domain="", version=opset)
        assert float(oldest_runtime(model)) <= float(oldest_runtime(newer))
    assert oldest_runtime(onnx.ModelProto(ir_version=10**6)) == "unknown"


class Untraceable(ml.Detector):
    """A detector whose steps keep it from being traced, in a way that the test chooses."""

    name = "untraceable"

    def __init__(self, how):
        super().__init__("qpsk")
        self.how = how

    def _prepare(self, h, noise_var):
        return h

    def _detect(self, prepared, y):
        if torch.compiler.is_exporting():
            self.how(y)
        return ml.GaussianDetection(self.constellation, y @ prepared, torch.ones(1))

    def cost(self, num_rx_ant, num_tx_ant):
        raise NotImplementedError


def _raise(error):
    raise error


@pytest.mark.parametrize(
    ("how", "message"),
    [
        (lambda y: bool(y.real.sum() > 0), "depends on the data"),
        (lambda y: y.real.numpy().sum(), "outside PyTorch"),
        (lambda y: _raise(ValueError("no such table\nand more")), "ValueError: no such table$"),
        (lambda y: y.missing, "missing"),
    ],
)
def test_the_cause_of_a_failed_trace_is_named(how, message):
    with pytest.raises(ExportError, match=f"^export: 'untraceable' cannot .*{message}") as caught:
        detector_program(Untraceable(how), 2, 1)
    assert "\n" not in str(caught.value)
