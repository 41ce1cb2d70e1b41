"""The same integers as before, for every scenario that ships and draws alike on every machine."""

import json

import pytest

from . import shipped

# Uncoded and coded; complex and real channels, independent and correlated.
QUICK = ("oamp-4x4-16qam", "lcgnet-32x64-bpsk", "lcgnet-32x64-bpsk-correlated")
QUICK += ("detnet-30x60-bpsk", "eqnet-8x8-16qam-coded")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Some scenarios; with --soak all."""
    if "name" in metafunc.fixturenames:
        soak = metafunc.config.getoption("--soak")
        metafunc.parametrize("name", shipped.scenarios() if soak else QUICK)


@pytest.mark.soak
def test_counts_are_those_of_before(name: str) -> None:
    assert shipped.measure(name) == shipped.stored()[name]


def test_the_file_holds_every_scenario_and_receiver_as_it_would_be_written() -> None:
    content = shipped.stored()
    assert sorted(content) == sorted(shipped.scenarios())
    assert shipped.FILE.read_text() == shipped.text(content)
    for name, part in content.items():
        scenario, plan = shipped.load_comparison(name)
        labels = [contender.label for contender in shipped.contenders(scenario, plan)]
        assert list(part["counts"]) == labels
        # Receivers that are all right, or all the same, would show no change.
        assert len({json.dumps(row) for row in part["counts"].values()}) > 2
