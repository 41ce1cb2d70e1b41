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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked ``soak(only=True)``, unless this is a soak run.

    Beside such a test stands a short one that tries the same.
    """
    if config.getoption("--soak"):
        return
    marks = {item: item.get_closest_marker("soak") for item in items}
    left_out = [item for item, mark in marks.items() if mark and mark.kwargs.get("only")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture
def trials(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> Callable[[str, int, int], int]:
    """``trials(what, short, full)``: how often to try; the summary of a soak run lists it."""

    def choose(what: str, short: int, full: int) -> int:
        count = full if request.config.getoption("--soak") else short
        record_property("soak", what)
        record_property("tried", count)
        return count

    return choose


class Line:
    """What a soak run says of the tests that tried the same."""

    def __init__(self) -> None:
        self.tests, self.failed, self.tried, self.seconds = 0, 0, 0, 0.0


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """A table of a soak run: what was tried, how often, in how many tests, and what failed."""
    if not config.getoption("--soak"):
        return
    lines: dict[str, Line] = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            properties = dict(report.user_properties)
            if "soak" not in properties:
                continue
            line = lines.setdefault(str(properties["soak"]), Line())
            line.tests += 1
            line.failed += outcome == "failed"
            line.tried += int(str(properties["tried"]))
            line.seconds += report.duration
    terminalreporter.section("reliability")
    terminalreporter.write_line(f"{'tests':>5} {'failed':>6} {'seconds':>8} {'tried':>7}  what")
    for what, line in lines.items():
        terminalreporter.write_line(
            f"{line.tests:5} {line.failed:6} {line.seconds:8.1f} {line.tried:7}  {what}"
        )
    failed = sum(line.failed for line in lines.values())
    tests = sum(line.tests for line in lines.values())
    terminalreporter.write_line(f"{tests} reliability tests, {failed} failed")
