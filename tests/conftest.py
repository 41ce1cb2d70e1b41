"""Settings of the whole test run, and the reliability tests' two lengths."""

from collections.abc import Callable

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests run side by side: torch's own threads would only fight for the cores."""
    torch.set_num_threads(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--soak``: the reliability tests (marked soak) at full length."""
    parser.addoption("--soak", action="store_true", help="run the tests marked soak at full length")


@pytest.fixture
def trials(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Callable[[str, int, int], int]:
    """``trials(what, short, full)``: how often to try; the summary of a soak run lists it."""

    def choose(what: str, short: int, full: int) -> int:
        count = full if request.config.getoption("--soak") else short
        record_property("soak", f"{what}: {count}")
        return count

    return choose


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """A line for each reliability test of a soak run: what was tried, how often, how it ended."""
    if not config.getoption("--soak"):
        return
    terminalreporter.section("reliability")
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, what in report.user_properties:
                if name == "soak":
                    terminalreporter.write_line(f"{outcome:7} {report.duration:8.1f} s  {what}")
