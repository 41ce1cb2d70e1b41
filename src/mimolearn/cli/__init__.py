"""The command line: parses arguments, calls the library, says in one line what is wrong."""

# Importing a module of commands registers them; the order is that of `mimolearn --help`.
# isort: off
from mimolearn.cli.studies import compare, plan, difference, llr_check, beamform
from mimolearn.cli import reproduce, board
from mimolearn.cli.networks import training, export
from mimolearn.cli.library import listing, cost, doctor, schema, warm_up
from mimolearn.cli.app import app, main
# isort: on

__all__ = [
    "app",
    "beamform",
    "board",
    "compare",
    "cost",
    "difference",
    "doctor",
    "export",
    "listing",
    "llr_check",
    "main",
    "plan",
    "reproduce",
    "schema",
    "training",
    "warm_up",
]
