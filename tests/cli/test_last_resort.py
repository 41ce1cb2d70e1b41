"""What nobody foresaw, Ctrl-C at any time, a script without a file: one line, and an exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

import mimolearn.studies
from mimolearn.cli import main
from mimolearn.studies.execution.processes import _why

SMALL = """
num_tx_ant = 2
num_rx_ant = 4
constellation = "qpsk"
[run]
snr_db = [0]
contenders = ["zf"]
max_vectors = 1000
"""
START = [sys.executable, "-m", "mimolearn"]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command line in a folder of its own: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    before = signal.getsignal(signal.SIGINT)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["mimolearn", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code, *capsys.readouterr()

    yield call
    signal.signal(signal.SIGINT, before)


def raising(error):
    def fail(*_args, **_kwargs):
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("bler"), ["KeyError: 'bler'", "--debug"]),
        (RuntimeError("two\nlines\x1b[31m"), ["RuntimeError: two lines\\x1b[31m"]),
        (RecursionError("too deep"), ["RecursionError"]),
        (MemoryError(), ["out of memory"]),
        (np._core._exceptions._ArrayMemoryError((2**40,), np.dtype("f8")), ["out of memory"]),
        (torch.OutOfMemoryError("CUDA out of memory"), ["out of memory"]),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), ["out of mem"]),
        (OSError(28, "No space left on device", "here"), ["here: No space left"]),
    ],
)
def test_an_error_is_one_line_and_a_traceback_on_demand(run, monkeypatch, error, words):
    monkeypatch.setattr(mimolearn.studies, "simulate", raising(error))
    code, out, err = run("simulate", "small.toml", "-q")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert err.isprintable() or err[:-1].isprintable()
    for word in words:
        assert word in err
    for arguments in (("--debug", "simulate", "small.toml"), ("simulate", "small.toml", "--debug")):
        code, _, err = run(*arguments, "-q")
        assert code == 1
        assert "Traceback (most recent call last)" in err
        assert err.splitlines()[-1].startswith("error: ")


def test_a_refusal_has_a_traceback_too(run):
    code, _, err = run("simulate", "absent.toml", "--debug")
    assert code == 2
    assert "Traceback" in err


def test_real_memory_errors_are_known(run, monkeypatch):
    def too_much(*_args, **_kwargs):
        torch.empty(2**55)

    monkeypatch.setattr(mimolearn.studies, "simulate", too_much)
    code, _, err = run("simulate", "small.toml", "-q")
    assert code == 1
    assert err.startswith("error: out of memory")
    monkeypatch.setattr(mimolearn.studies, "simulate", lambda *a, **k: np.empty(2**55))
    assert run("simulate", "small.toml", "-q")[2].startswith("error: out of memory")


def test_no_command_is_help(run):
    code, out, err = run()
    assert (code, err) == (0, "")
    assert "Usage: " in out
    assert "--debug" in out


def test_help_shows_brackets(run):
    assert "mimolearn[onnx]" in run("export", "--help")[1]


def heed_ctrl_c():
    """Whoever runs the tests in the background has SIGINT ignored, which children inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_in_the_imports_is_one_line():
    program = (
        "import os, signal, sys, threading, time\n"
        "sys.argv[0] = '/bin/mimolearn'\n"
        "threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "import mimolearn.cli\n"
        "time.sleep(20)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, preexec_fn=heed_ctrl_c
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "error: stopped\n")


def test_a_library_keeps_its_ctrl_c():
    program = (
        "import signal, mimolearn\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, preexec_fn=heed_ctrl_c)


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    # The first is taken by a clean-up that hangs.
    program = (
        "import os, signal, sys, time\n"
        "import mimolearn.studies\n"
        "from mimolearn.cli import main\n"
        "def hang(*_a, **_k):\n"
        "    try:\n"
        "        print('ready', flush=True)\n"
        "        time.sleep(60)\n"
        "    finally:\n"
        "        print('cleaning', flush=True)\n"
        "        time.sleep(60)\n"
        "mimolearn.studies.simulate = hang\n"
        "sys.argv = ['mimolearn', 'simulate', 'lcgnet-32x64-bpsk', '-q', '-o', sys.argv[1]]\n"
        "main()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for word in ("ready", "cleaning"):
            assert process.stdout.readline() == word + "\n"
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr.read() == "error: stopped\n"


def test_a_script_from_standard_input_has_no_workers(tmp_path):
    program = (
        "from mimolearn import Scenario, simulate\n"
        "if __name__ == '__main__':\n"
        "    link = Scenario(num_tx_ant=2, num_rx_ant=4, constellation='qpsk')\n"
        "    try:\n"
        "        simulate(link, ['zf'], [0.0], max_vectors=1000, workers=2)\n"
        "    except Exception as error:\n"
        "        print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("InvalidInputError workers: the script comes from standard input")
    assert "save it to a file" in done.stdout


def test_closed_and_full_streams_are_no_traceback():
    shell = f"{' '.join(START)} list snr"
    for words, code in (("| head -n 1", 0), (">&-", 0), ("> /dev/full", 1)):
        script = f"set -o pipefail; {shell} {words}"
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        assert done.stderr.count("\n") == code


@pytest.mark.parametrize("name", ["PYTHONIOENCODING", "LC_ALL"])
def test_a_real_python_with_another_encoding(name):
    environment = {
        "PYTHONIOENCODING": {"PYTHONIOENCODING": "cp1252"},
        "LC_ALL": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    }[name]
    done = subprocess.run(
        [*START, "list"], capture_output=True, env={**os.environ, **environment}, check=True
    )
    assert done.stderr == b""
    assert b"E||Hs||" in done.stdout


@pytest.mark.parametrize(
    ("codes", "words"),
    [({-9, -15}, "memory"), ({1}, "__main__"), ({-11}, "signal 11"), (set(), "out of memory, or")],
)
def test_the_cause_of_ended_workers_is_what_they_left(codes, words):
    assert words in _why(codes)
