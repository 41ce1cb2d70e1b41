"""The command line: parses arguments, calls the library, says in one line what is wrong."""

# Importing a module of commands registers them; the order is that of `mimolearn --help`.
from mimolearn.cli import (
    beamform,
    compare,
    cost,
    doctor,
    export,
    listing,
    llr_check,
    plan,
    reproduce,
    schema,
    training,
    warm_up,
)
from mimolearn.cli.app import app, main

__all__ = [
    "app",
    "beamform",
    "compare",
    "cost",
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
