"""Weights on disk: what is sound is read, what is hostile is refused in one line."""

import hashlib
import json
import resource
import struct
from importlib import resources
from pathlib import Path
from random import Random

import pytest
import torch
from safetensors.torch import save

from mimolearn import InvalidInputError, load
from mimolearn.weights import read_card, read_weights

NAME = "lcgnet-s-32x64-bpsk"


@pytest.fixture
def copy(tmp_path):
    """A copy of shipped weights whose parts a test may replace; returns the path."""
    folder = Path(str(resources.files("mimolearn") / "data" / "weights" / "receivers"))
    path = tmp_path / f"{NAME}.safetensors"

    def make(data=None, card=None, keep_digest=False, raw_card=None):
        data = (folder / path.name).read_bytes() if data is None else data
        content = json.loads((folder / f"{NAME}.json").read_text()) | (card or {})
        if not keep_digest:
            content["sha256"] = hashlib.sha256(data).hexdigest()
        path.write_bytes(data)
        text = json.dumps(content) if raw_card is None else raw_card
        path.with_suffix(".json").write_text(text)
        return path

    return make


def tensors(**changed):
    return save(dict(read_weights(NAME).tensors) | changed)


def refused(path, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_sound_copy_is_the_same_network(copy):
    for a, b in zip(load(copy()).parameters(), load(NAME).parameters(), strict=True):
        assert torch.equal(a, b)


def test_half_precision_is_read_into_single(copy):
    halved = {key: value.half() for key, value in read_weights(NAME).tensors.items()}
    network = load(copy(save(halved)))
    assert network.alpha.dtype == torch.float32
    torch.testing.assert_close(network.alpha, load(NAME).alpha, rtol=1e-3, atol=1e-4)


def test_file_that_is_not_the_card_s(copy):
    data = tensors(alpha=torch.ones(15, 1))
    refused(copy(data, keep_digest=True), "not those that its card describes")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a safetensors file"),
        (b"\x80\x04\x95pickle", "not a safetensors file"),
        (struct.pack("<Q", 2**62) + b"{}", "not a safetensors file"),
        (struct.pack("<Q", 2) + b"{}", "tensors alpha, beta do not match"),
        (struct.pack("<Q", 9) + b"{{{{{{{{{", "not a safetensors file"),
    ],
)
def test_broken_files(copy, data, message):
    refused(copy(data), message)


def test_tensors_that_do_not_fit(copy):
    refused(copy(tensors(alpha=torch.ones(16, 1))), r"alpha has shape \(16, 1\).*has \(15, 1\)")
    refused(copy(tensors(extra=torch.ones(1))), "tensors extra do not match")
    refused(copy(tensors(alpha=torch.ones(15, 1, dtype=torch.int64))), "alpha is torch.int64")
    refused(copy(tensors(alpha=torch.full((15, 1), torch.nan))), "alpha holds NaN or infinite")


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"network": "os.system"}, "its card: detector: got 'os.system'"),
        ({"constellation": "9-psk"}, "its card: constellation: got '9-psk'"),
        (
            {"options": {"num_layers": 10**9}},
            "num_layers: got 1000000000, expected an integer from 1 to",
        ),
        ({"options": {"num_layers": 16}}, r"alpha has shape \(15, 1\)"),
        ({"options": {"call": "x"}}, "option of detector 'lcgnet-s': got 'call'"),
        ({"options": {"load": [1]}}, "its card: options"),
        ({"kind": "virus"}, "its card: kind: got 'virus', expected one of detector"),
        ({"card_schema": 2}, "its card: card_schema"),
        ({"name": "../../etc/passwd"}, "its card: name: got"),
        ({"surprise": 1}, "its card: surprise: unknown key"),
    ],
)
def test_cards_that_lie(copy, card, message):
    refused(copy(card=card), message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "its card is not valid JSON"),
        ("[]", "its card is not a JSON object"),
        ("[" * 100_000, "its card is not valid JSON"),
        (" " * (2**20 + 1), "larger than 1048576 bytes"),
    ],
)
def test_cards_that_are_none(copy, text, message):
    refused(copy(raw_card=text), message)


SIZES = [
    ("detnet-30x60-bpsk", "num_tx_ant", 1000),
    ("detnet-30x60-bpsk", "num_tx_ant", 4096),
    ("detnet-30x60-bpsk", "hidden_factor", 10**6),
    ("detnet-30x60-bpsk", "state_factor", 1000),
    ("detnet-30x60-bpsk", "state_factor", 2**62),
    ("detnet-30x60-bpsk", "state_factor", 2**80),
    ("equi-net-bpsk", "channels", 10**6),
    ("equi-net-bpsk", "hidden", 2**40),
    ("lcgnet-v-32x64-bpsk", "num_layers", 2**40),
    ("deep-llr-16qam-12", "bits", 40),
    ("eq-net-16qam-12", "width", 2**40),
    ("cnn-mmse-qpsk", "depth", 2**40),
    ("cnn-mmse-qpsk", "width", 10**5),
    ("cnn-mmse-qpsk", "hidden", 10**9),
    ("unfolded-mser-16qam", "num_layers", 2**40),
]


@pytest.mark.parametrize(("name", "option", "value"), SIZES)
def test_a_card_cannot_fill_the_memory(name, option, value, tmp_path):
    """Options are held against the file before a network of their size is allocated."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    folder = Path(str(resources.files("mimolearn") / "data" / "weights"))
    (source,) = folder.glob(f"*/{name}.safetensors")
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes())
    card = json.loads(source.with_suffix(".json").read_text())
    card["options"][option] = value
    path.with_suffix(".json").write_text(json.dumps(card))
    expected = f"far larger than|a network of the file's size|{option}: got {value}"
    refused(path, expected)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 200_000


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"recipe": {}}, "its card: recipe.scenario.array: got None, expected a table"),
        ({"recipe": {"scenario": {"array": {"num_users": 10**9}}}}, "num_users: got 1000000000"),
        ({"network": "omp", "options": {}}, "its card: network: got 'omp', expected a beamformer"),
        ({"options": {"steps": 3}}, "steps: got 3"),
        ({"options": {"num_layers": "x"}}, "num_layers: got 'x'"),
    ],
)
def test_cards_of_beams_that_lie(card, message, tmp_path):
    folder = Path(str(resources.files("mimolearn") / "data" / "weights" / "beamformers"))
    source = folder / "unfolded-mser-16qam.safetensors"
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes())
    content = json.loads(source.with_suffix(".json").read_text()) | card
    path.with_suffix(".json").write_text(json.dumps(content))
    refused(path, message)


@pytest.mark.soak
def test_hostile_files_are_refused_and_run_nothing(copy, tmp_path, trials):
    """Headers that lie about size, type, shape and place; pickles; noise. None is ever run."""
    random = Random(5)
    sound = tensors()
    witness = tmp_path / "witness"
    call = f"cbuiltins\neval\n(S'open({str(witness)!r}, \"w\")'\ntR.".encode()
    length = struct.unpack("<Q", sound[:8])[0]
    header = json.loads(sound[8 : 8 + length])
    for i in range(trials("hostile weight files, refused", 20, 100)):
        lie = json.loads(json.dumps(header))
        entry = lie[random.choice([name for name in lie if name != "__metadata__"])]
        kind = i % 6
        if kind == 0:
            entry["dtype"] = random.choice(["F64", "I8", "BOOL", "F8_E4M3", "PICKLE", "U64"])
        elif kind == 1:
            entry["shape"] = random.choice([[2**40], [0], [-1], [15, 1, 2**31], [1, 14], "x"])
        elif kind == 2:
            entry["data_offsets"] = random.choice([[0, 2**60], [-4, 4], [8, 4], [0], None])
        elif kind == 3:
            lie = {f"x{k}": entry for k in range(random.randint(2, 1000))}
        text = json.dumps(lie).encode()
        data = struct.pack("<Q", len(text)) + text + sound[8 + length :]
        if kind == 4:
            data = random.choice([call, b"\x80\x04" + call, struct.pack("<Q", len(call)) + call])
        elif kind == 5:
            size = random.choice([2**20, 2**33, 2**63, length + 1, length - 1])
            data = struct.pack("<Q", size) + sound[8:]
        refused(copy(data), "weights|safetensors|tensors|has shape|holds|is torch")
    assert not witness.exists()


def test_missing_files(tmp_path, copy):
    refused(tmp_path / "none.safetensors", "none.json cannot be read: No such file")
    path = copy()
    path.unlink()
    refused(path, "cannot be read")
    with pytest.raises(InvalidInputError, match=f"weights: got .*did you mean '{NAME}'"):
        read_card(NAME + "x")
