"""Kernels compiled ahead: in this process or in others, as patterns choose."""

import pytest

from mimolearn import InvalidInputError
from mimolearn.kernels.machine.compile import kernel_files
from mimolearn.kernels.machine.warmup import builders
from mimolearn.studies.execution.warm_up import warm_up


def test_modules_give_the_kernels_that_they_compile():
    assert set(builders("linear.linear")) == {
        "one_shot_kernel", "prepare_kernel", "detect_kernel",
    }  # fmt: skip
    # One for each constellation, and for each number of bits: nobody can say ahead which.
    silent = {name for name in kernel_files() if not builders(name)}
    assert silent == {"search.ml_float32", "codes.min_sum"}


@pytest.mark.parametrize("workers", [1, 2])
def test_chosen_kernels_are_compiled(workers):
    seen = []
    counts = warm_up(("link.n*", "codes.crc"), workers=workers, progress=seen.append)
    assert counts == {"link.nearest": 4, "codes.crc": 1}
    assert [(event.done, event.total) for event in seen] == [(1, 2), (2, 2)]
    assert kernel_files()["link.nearest"] >= 4


def test_a_pattern_that_fits_nothing_is_refused():
    with pytest.raises(InvalidInputError, match=r"^kernels: got 'lniear', expected a pattern of"):
        warm_up(("lniear",))
