"""Every command on a terminal: any width and encoding, without colour, and `| head`."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from rich.cells import cell_len

UNCODED = """
name = "small"
num_tx_ant = 2
num_rx_ant = 4
constellation = "qpsk"
[run]
snr_db = "0:13:1"
contenders = ["zf", "lmmse", {name = "mrc", label = "x[/] µ $\\\\foo$ <b>"}]
target = 1e-2
min_errors = 40
min_channels = 20
max_vectors = 600
"""
CODED = """
name = "coded"
num_tx_ant = 2
num_rx_ant = 2
constellation = "qpsk"
channel_reuse = 3
[coding]
code = "5g-ldpc"
num_info_bits = 20
num_coded_bits = 50
[run]
snr_db = [2, 6, 10]
contenders = ["lmmse", {name = "zf", label = "_hidden"}]
metric = "bler"
target = 0.1
min_errors = 10
min_channels = 20
max_vectors = 1000
"""
BEAMS = """
kind = "beamforming"
[array]
num_users = 1
num_tx_ant = 16
num_tx_chains = 4
num_rx_ant = 4
num_rx_chains = 2
num_streams = 2
[run]
snr_db = [0, 5, 10, 15]
channels = 10
contenders = ["svd-phase", {name = "fd-mmse", label = "a[bold]b"}]
"""
RECIPE = """
name = "mine"
network = "lcgnet-s"
[options]
num_layers = 2
[scenario]
num_tx_ant = 2
num_rx_ant = 4
constellation = "bpsk"
[batch]
channels = 4
[validation]
channels = 4
every = 2
[measure]
snr_db = [5.0]
channels = 16
[[stage]]
steps = 4
"""
UPLINK = """
name = "uplink"
num_tx_ant = 2
num_rx_ant = 2
[frame]
standard = "nr-pusch"
num_ues = 2
num_prb = 1
[estimator]
name = "ls-linear"
[run]
snr_db = [2, 8]
contenders = ["lmmse", {name = "mmse-pic", passes = 1, label = "x[/] $\\\\foo$ <b>"}]
metric = "bler"
target = 0.1
min_errors = 5
min_channels = 16
max_vectors = 2000
"""
FILES = {"small": UNCODED, "coded": CODED, "beams": BEAMS, "mine": RECIPE, "uplink": UPLINK}


class Way(NamedTuple):
    """How a command meets its reader."""

    columns: int = 80
    environment: Mapping[str, str] = MappingProxyType({})
    encoding: str = "utf-8"
    stdout: str = "tty"

    @property
    def is_plain(self) -> bool:
        return self.stdout != "tty" or bool(self.environment.keys() & {"TERM", "NO_COLOR"})


WAYS = {
    "80": Way(),
    "120": Way(120),
    "40": Way(40),
    "dumb": Way(environment={"TERM": "dumb"}),
    "wide dumb": Way(120, {"TERM": "dumb"}),
    "no colour": Way(120, {"NO_COLOR": "1"}),
    "C": Way(environment={"LC_ALL": "C"}, encoding="ascii"),
    "cp1252": Way(environment={"PYTHONIOENCODING": "cp1252"}, encoding="cp1252"),
    "cp1252 file": Way(encoding="cp1252", stdout="pipe"),
    "pipe": Way(stdout="pipe"),
    "head": Way(stdout="closed"),
}

# The command line, and the exit code. What takes seconds is tried in some ways only, if not soaked.
QUICK: dict[str, tuple[str, int]] = {
    "bare": ("", 0),
    "help": ("compare --help", 0),
    "version": ("--version", 0),
    "list": ("list", 0),
    "doctor": ("doctor", 0),
    "cost": ("cost lmmse k-best ep -s lcgnet-32x64-16qam", 0),
    "experiments": ("reproduce --list", 0),
    "wrong": ("compare small.toml -c nothing", 2),
    "unknown": ("frobnicate", 2),
}
SLOW: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "report": ("report held", 0, ("40", "head")),
    "coded report": (
        "report held-coded --metric info-ber --target 0.05",
        0,
        ("no colour",),
    ),
    "json": ("report held-coded --json -o 'a[bold]b'", 0, ("cp1252 file",)),
    "compare": ("compare small.toml", 0, ("80", "C")),
    "coded compare": ("compare coded.toml", 0, ("80", "cp1252")),
    "simulate": ("simulate small.toml --metric ver", 0, ("no colour",)),
    "coded simulate": ("simulate coded.toml --metric info-ber", 0, ("40", "dumb")),
    "uplink": ("compare uplink.toml --budget-us 1", 0, ("80",)),
    "uplink over MCS": ("compare uplink.toml --mcs 2,8 --budget-us 1e6 --cores 2", 0, ("80",)),
    "beamform": ("beamform beams.toml", 0, ("C",)),
    "plan": ("plan small.toml -c zf --target-error 1e-3 --pilot-s 0.1", 0, ("80",)),
    "train": ("train mine.toml", 0, ("80",)),
    "sweep": ("train mine.toml --sweep seed=1,2", 0, ("80",)),
    "fine-tune": (
        "fine-tune held/w/mine.safetensors -s lcgnet-32x64-bpsk --steps 2 --name also",
        0,
        ("120",),
    ),
    "reproduce": ("reproduce deep-cg/complexity --quick", 0, ("80",)),
    "export": ("export ep:num_iter=1 out.onnx -s link.toml --snr-db 0", 0, ("80",)),
}


# Lines of a path or of a command to copy, which the terminal wraps.
COPIED = ("Run: ", "error: ", "Counts: ", "Report: ", "Page: ", "Weights: ", "Folder: ")


class Result(NamedTuple):
    code: int
    terminal: str
    pipe: str


class Server:
    def __init__(self) -> None:
        script = Path(__file__).with_name("terminal_server.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, argv: list[str], folder: Path, way: Way) -> Result:
        """Run a command line on a terminal of its own."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, way.columns, 0, 0))
        job = {
            "argv": argv,
            "cwd": str(folder),
            "environment": dict(way.environment),
            "tty": os.ttyname(slave),
            "stdout": way.stdout,
            "encoding": way.encoding,
        }
        seen: list[bytes] = []
        reader = threading.Thread(target=_drain, args=(master, seen))
        reader.start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        os.close(slave)
        reader.join(10)
        os.close(master)
        pipe = base64.b64decode(answer["pipe"]).decode(way.encoding)
        return Result(answer["code"], b"".join(seen).decode(way.encoding), pipe)

    def close(self) -> None:
        self._process.stdin.close()  # type: ignore[union-attr]  # a pipe
        self._process.wait(20)
        self._process.stdout.close()  # type: ignore[union-attr]  # a pipe


def _drain(master: int, seen: list[bytes]) -> None:
    while True:
        try:
            content = os.read(master, 65536)
        except OSError:
            # Linux says EIO when the last one has closed the other side.
            return
        if not content:
            return
        seen.append(content)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """``run(command line, way)`` in a new folder with the files above and some results."""
    server = Server()
    held = tmp_path_factory.mktemp("held")
    _fill(held)
    for words in ("compare small.toml -o held -q", "simulate coded.toml -o held-coded -q"):
        assert server.run(words.split(), held, Way()).code == 0
    assert server.run(["train", "mine.toml", "-o", "held/w", "-q"], held, Way()).code == 0
    count = 0

    def run(words: str, way: Way) -> tuple[Result, Path]:
        nonlocal count
        count += 1
        folder = tmp_path_factory.mktemp(f"run{count}")
        _fill(folder)
        for name in ("held", "held-coded"):
            (folder / name).mkdir()
            for path in (held / name).glob("*.sqlite"):
                (folder / name / path.name).write_bytes(path.read_bytes())
        (folder / "held" / "w").symlink_to(held / "held" / "w")
        return server.run(shlex.split(words), folder, way), folder

    yield run
    server.close()


def _fill(folder: Path) -> None:
    for name, text in FILES.items():
        (folder / f"{name}.toml").write_text(text, "utf-8")
    head = UNCODED.partition("[run]")[0]
    (folder / "link.toml").write_text(head, "utf-8")


def _check(result: Result, code: int, way: Way) -> None:
    text = result.terminal + result.pipe
    assert result.code == code, text[-2000:]
    assert "Traceback" not in text
    assert "Error:" not in text
    # rich's sign for what it cut off.
    assert "…" not in text
    if way.is_plain:
        assert "\x1b" not in result.pipe
    if way.is_plain and way.stdout == "tty":
        assert "\x1b" not in result.terminal
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", result.terminal)
    lines = re.split(r"[\r\n]+", plain)
    for line in [] if plain.startswith("{") else lines:
        # Help has a least width of its own.
        if not line.startswith(COPIED):
            assert cell_len(line) <= max(way.columns, 52 if "Usage: " in plain else 0), line
    if code != 0:
        assert [line[:7] for line in lines if line.strip()][:1] == ["error: "]
    assert not re.search(r"[0-9]e[-+]?(?![-+0-9a-z])", plain)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A list and an error in every way, the rest in three ways each; with --soak in all."""
    if metafunc.function is test_a_quick_command:
        soak = metafunc.config.getoption("--soak")
        pairs = [
            (command, way)
            for i, command in enumerate(QUICK)
            for j, way in enumerate(WAYS)
            if soak or command in ("list", "wrong") or (i + j) % 4 == 0
        ]
        metafunc.parametrize(("command", "way"), pairs)


@pytest.mark.soak
def test_a_quick_command(server: Any, command: str, way: str) -> None:
    words, code = QUICK[command]
    result, _ = server(words, WAYS[way])
    _check(result, code, WAYS[way])


@pytest.mark.parametrize(
    ("command", "way"), [(command, way) for command in SLOW for way in SLOW[command][2]]
)
def test_a_slow_command(server: Any, command: str, way: str) -> None:
    words, code, _ = SLOW[command]
    result, _ = server(words, WAYS[way])
    _check(result, code, WAYS[way])


@pytest.mark.soak(only=True)
@pytest.mark.parametrize("command", SLOW)
def test_a_slow_command_in_every_way(server: Any, trials: Any, command: str) -> None:
    count = trials("commands on terminals", 0, len(WAYS))
    words, code, _ = SLOW[command]
    for way in list(WAYS)[:count]:
        result, _ = server(words, WAYS[way])
        _check(result, code, WAYS[way])


def test_every_number_of_a_table_is_there(server: Any) -> None:
    found = json.loads(server("report held --json", WAYS["pipe"])[0].pipe)
    counts = [p["counts"] for curve in found["curves"] for p in curve["points"]]
    rates = [f"{c['bit_errors'] / c['bits']:.2e}" for c in counts if c["bit_errors"]]
    assert len(rates) > 10
    for columns in (40, 80):
        shown = server("report held", Way(columns))[0].terminal
        assert not [rate for rate in rates if rate not in shown]
        for snr in found["plan"]["snr_db"]:
            assert re.search(rf"\b{snr:g}\b", shown)


def test_a_file_of_another_encoding_holds_what_it_can(server: Any) -> None:
    result, folder = server("compare small.toml -o 'a[bold]b'", WAYS["cp1252 file"])
    assert result.code == 0
    assert "x[/] µ $\\foo$ <b>" in result.pipe
    assert "Report: a[bold]b/report.html" in result.pipe
    assert (folder / "a[bold]b" / "report.html").is_file()
    assert "x[/] u $\\foo$ <b>" in server("report held", WAYS["C"])[0].terminal


def test_a_live_table_counts_blocks(server: Any) -> None:
    shown = server("simulate coded.toml", Way(80))[0].terminal
    assert "Block error rate at SNR [dB]" in shown
    assert "chunks" in shown
    assert "_hidden" in shown


def test_a_reader_that_leaves_costs_nothing(server: Any) -> None:
    result, folder = server("compare small.toml -o out", WAYS["head"])
    assert result.code == 0
    assert (folder / "out" / "report.html").is_file()
