"""Every code block of the README and the documentation runs, and shows what it says it shows."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
import typer
from markdown_it import MarkdownIt

from mimolearn.cli import main
from mimolearn.cli.app import app
from mimolearn.link.beam_scenario import BeamScenario
from mimolearn.papers.files.loading import read_paper
from mimolearn.studies import load_comparison
from mimolearn.training import read_recipe

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# A comment before a block that takes minutes: its command lines are checked, but not run.
NOT_RUN = re.compile(r"<!-- not run: \w.* -->")

Runner = Callable[..., tuple[int, str]]


class Block(NamedTuple):
    kind: str
    text: str
    line: int
    runs: bool


def blocks_of(page: Path) -> list[Block]:
    found, runs = [], True
    for token in MarkdownIt().parse(page.read_text("utf-8")):
        if token.type == "fence":
            assert token.map is not None
            kind = token.info.split()[0] if token.info else ""
            found.append(Block(kind, token.content, token.map[0] + 1, runs))
        runs = not (token.type == "html_block" and NOT_RUN.match(token.content))
    return found


def commands_of(text: str) -> list[tuple[str, str]]:
    """(command, what it is shown to print) of a console block."""
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert not parts[0].strip(), "a console block starts with a command: $ ..."
    pairs = (part.partition("\n") for part in parts[1:])
    return [(command, shown) for command, _, shown in pairs]


def check_command_line(arguments: list[str]) -> None:
    """Raise where the command line is not one: an unknown command, option or kind of value."""
    group = typer.main.get_command(app)
    context = group.make_context("mimolearn", list(arguments), resilient_parsing=True)
    name, command, rest = group.resolve_command(context, list(arguments))  # type: ignore[attr-defined]  # it is a group
    command.make_context(name, rest, parent=context)


@pytest.fixture
def run(monkeypatch, capfd) -> Runner:
    """Run a command line in this process: exit code, and all that it printed."""

    def call(arguments: list[str]) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mimolearn", *arguments])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capfd.readouterr()
        code = stop.value.code
        return (code if isinstance(code, int) else 0), out + err

    return call


def is_shown(shown: str, printed: str) -> bool:
    """Whether all that a page shows was printed, in order, up to "..." and the width of columns."""
    printed, start = " ".join(printed.split()), 0
    for part in shown.split("..."):
        words = " ".join(part.split())
        start = printed.find(words, start)
        if start < 0:
            return False
        start += len(words)
    return True


def check_console(block: Block, run: Runner) -> None:
    for command, shown in commands_of(block.text):
        program, *arguments = shlex.split(command.split(" && ")[0], comments=True)
        if program == "make":
            assert f"\n{arguments[0]}:" in (ROOT / "Makefile").read_text()
        if program != "mimolearn":
            continue
        check_command_line(arguments)
        if block.runs:
            code, printed = run(arguments)
            assert (code == 0) == (not shown.startswith("error:")), printed
            assert is_shown(shown, printed), f"$ {command}\nshown:\n{shown}\nprinted:\n{printed}"


def check_toml(text: str, folder: Path) -> None:
    """A TOML block is a scenario or a recipe; "# name.toml" on top puts it into the folder."""
    title = re.match(r"# (\S+\.toml)\n", text)
    path = folder / (title.group(1) if title else "block.toml")
    path.write_text(text, "utf-8")
    content = tomllib.loads(text)
    if content.get("kind") == "beamforming":
        BeamScenario.from_toml(path)
    elif "figure" in content:
        read_paper(path)
    elif "network" in content or "quantizer" in content:
        read_recipe(str(path))
    else:
        load_comparison(path)


def given() -> dict[str, object]:
    """What the README's blocks take as given: a 16-QAM block, and soft bits of 2x2 64-QAM."""
    generator = torch.Generator().manual_seed(1)
    h = torch.randn(3, 8, 4, dtype=torch.complex64, generator=generator)
    y = torch.randn(3, 14, 8, dtype=torch.complex64, generator=generator)
    llr = 5 * torch.randn(50, 2, 6, generator=generator)
    return {"h": h, "y": y, "noise_var": 0.1, "llr": llr}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_run(page, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": page.stem, **(given() if page.name == "README.md" else {})}
    for block in blocks_of(page):
        if block.kind == "python":
            # Empty lines first, so that a traceback has the line of the page.
            code = compile("\n" * block.line + block.text, str(page), "exec")
            exec(code, namespace)
        elif block.kind == "toml":
            check_toml(block.text, tmp_path)
        elif block.kind == "console":
            check_console(block, run)
        else:
            kinds = ("{toctree}", "{include}")
            assert block.kind in kinds, f"{page.name}:{block.line}: a block of no kind"


def test_examples_in_help_are_command_lines():
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]  # it is a group
        examples = re.findall(r"Example: (mimolearn .*)", command.help or "")
        assert examples, f"{name}: --help has no example"
        for example in examples:
            check_command_line(shlex.split(example)[1:])


def test_site_builds_without_a_warning(tmp_path):
    docs = tmp_path / "docs"
    ignored = shutil.ignore_patterns("_build", "generated", "__pycache__")
    shutil.copytree(ROOT / "docs", docs, ignore=ignored)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(docs)]
    done = subprocess.run(
        [*command, str(tmp_path / "site")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    api = (site / "generated" / "api-detectors.html").read_text("utf-8")
    assert "mimolearn.detectors.ExpectationPropagation" in api
    fields = (site / "generated" / "files.html").read_text("utf-8")
    assert "rx_correlation" in fields
