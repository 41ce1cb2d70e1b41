"""Files are there whole or not at all, whoever else writes, and nothing is left behind."""

import os
import stat
import threading
from pathlib import Path

import matplotlib.figure
import pytest

from mimolearn.foundation import atomicfile
from mimolearn.foundation.atomicfile import write_atomically


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_text_and_bytes_are_written_whole(tmp_path):
    path = tmp_path / "a.json"
    write_atomically(path, "µ")
    assert path.read_bytes() == "µ".encode()
    write_atomically(str(path), b"\x00")
    assert path.read_bytes() == b"\x00"
    assert names(tmp_path) == ["a.json"]


def test_readers_and_writers_at_once_see_whole_files(tmp_path):
    """Several writers of one file, as two runs with one folder are."""
    path, wrong, done = tmp_path / "report.html", [], threading.Event()
    contents = [str(n) * 300_000 for n in range(3)]
    write_atomically(path, contents[0])

    def write(content):
        try:
            for _ in range(20):
                write_atomically(path, content)
        except OSError as error:
            wrong.append(str(error))

    def read():
        while not done.is_set():
            if path.read_text() not in contents:
                wrong.append("torn")

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    reader = threading.Thread(target=read)
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert wrong == []
    assert names(tmp_path) == ["report.html"]


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, fault):
    path = tmp_path / "w.safetensors"
    write_atomically(path, b"old")

    def fail(_):
        raise fault

    monkeypatch.setattr(atomicfile.os, "fsync", fail)
    with pytest.raises(type(fault)) as caught:
        write_atomically(path, b"new")
    if isinstance(fault, OSError):
        assert caught.value.filename == str(path)
        assert caught.value.strerror == "No space left on device"
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["w.safetensors"]


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    for path in (tmp_path / "no" / "x.html", tmp_path):
        with pytest.raises(OSError, match=r"\[Errno") as caught:
            write_atomically(path, "x")
        assert caught.value.filename == str(path)


@pytest.mark.skipif(os.name == "nt", reason="permissions and links as POSIX has them")
def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "x.txt", tmp_path / "link.txt"
    before = os.umask(0o027)
    try:
        write_atomically(path, "1")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    link.symlink_to(path)
    write_atomically(link, "2")
    assert link.is_symlink()
    assert path.read_text() == "2"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    write_atomically(Path(os.devnull), "3")
    assert not Path(os.devnull).is_file()


def test_names_as_long_as_a_file_system_takes(tmp_path):
    path = tmp_path / ("ä" * 120 + ".json")
    write_atomically(path, "x")
    assert names(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_figures_keep_what_was_there_when_drawing_fails(tmp_path, monkeypatch, suffix):
    from mimolearn.report.plots.drawing import new_figure, save_figure

    figure, path = new_figure(1, 1)[0], tmp_path / f"curve.{suffix}"
    save_figure(figure, tmp_path, "curve", [suffix], dpi=20)
    whole = path.read_bytes()

    def fail(*_args, **_options):
        raise MemoryError

    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", fail)
    with pytest.raises(MemoryError):
        save_figure(figure, tmp_path, "curve", [suffix], dpi=20)
    assert path.read_bytes() == whole
    assert names(tmp_path) == [path.name]
