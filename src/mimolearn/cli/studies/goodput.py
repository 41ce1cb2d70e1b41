"""What `compare`, `simulate` and `report` say over a resource grid: goodput and budgets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mimolearn.cli.app import emit, stdout
from mimolearn.foundation.errors import check_positive_int, check_real, invalid
from mimolearn.report.text.terminal import TerminalConsole

if TYPE_CHECKING:
    from mimolearn.results.goodput import Budget


def checked_budget(budget_us: float | None, cores: int, link: Any) -> Budget | None:
    """The budget of a command line; None where it names none.

    Args:
        budget_us: microseconds a slot, as given.
        cores: as given.
        link: the scenario; None where a results file holds one alone, or nothing.

    Raises:
        InvalidInputError: for a number out of range, or for a scenario without coded slots.
    """
    from mimolearn.link.grid_scenario import GridScenario
    from mimolearn.results.goodput import Budget

    check_positive_int("cores", cores, 4096)
    if budget_us is None:
        if cores != 1:
            raise invalid("cores", cores, "1 without --budget-us")
        return None
    check_real("budget_us", budget_us, above=0.0)
    if not isinstance(link, GridScenario) or not link.has_blocks:
        raise invalid("budget_us", budget_us, "none: the scenario has no slots with coded bits")
    return Budget(budget_us, cores)


def print_goodput(console: TerminalConsole, study: Any) -> None:
    """Print error rates and goodput of every MCS.

    Args:
        console: for results.
        study: the comparisons.
    """
    from mimolearn import report as reports

    answers = reports.GoodputAnswers(study)
    console.print(reports.block_table(answers))
    console.print(reports.goodput_table(answers))
    for line in reports.goodput_notes(answers):
        console.print(line, style="dim")


def finish_goodput(study: Any, folder: Path, budget: Budget | None, as_json: bool) -> None:
    """Write the report of a comparison over several MCS, and print what it says.

    Args:
        study: the comparisons.
        folder: for page and figures; it exists.
        budget: a time for a slot that is asked for.
        as_json: print the comparisons as JSON in place of tables.
    """
    from mimolearn import report as reports

    answers = reports.GoodputAnswers(study, budget)
    page = reports.write_goodput_report(answers, folder)
    if as_json:
        emit(study.to_json())
        return
    console = stdout()
    console.print(reports.block_table(answers))
    console.print(reports.goodput_table(answers))
    times = reports.time_table(answers)
    if times is not None:
        console.print(times)
    for line in reports.goodput_notes(answers):
        console.print(line, style="dim")
    console.print()
    for line in reports.goodput_verdict(answers):
        console.print(line, style="bold")
    console.print(f"\nReport: {page}", soft_wrap=True)
