"""What every channel model promises, over a table of all of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from mimolearn import InvalidInputError, Scenario
from mimolearn.link.channels import (
    CDL,
    TDL,
    AnyChannel,
    CDLFading,
    ChannelModel,
    Clustered,
    Kronecker,
    Rayleigh,
    RealGaussian,
    Recorded,
    TDLProcess,
)

NR, NT = 4, 3


def make(name: str, tmp_path: Path, **fields) -> ChannelModel:
    if name == "recorded":
        rng = np.random.default_rng(1)
        h = 3 * (rng.normal(size=(500, NR, NT)) + 1j * rng.normal(size=(500, NR, NT)))
        path = tmp_path / "h.npy"
        np.save(path, h)
        return Recorded(path=str(path), **fields)
    kinds: dict[str, type[ChannelModel]] = {
        "rayleigh": Rayleigh,
        "real-gaussian": RealGaussian,
        "kronecker": Kronecker,
        "tdl": TDL,
        "tdl-process": TDLProcess,
        "cdl": CDL,
        "cdl-fading": CDLFading,
        "clustered": Clustered,
    }
    return kinds[name](**fields)


NAMES = [
    "rayleigh",
    "real-gaussian",
    "kronecker",
    "tdl",
    "tdl-process",
    "cdl",
    "cdl-fading",
    "clustered",
    "recorded",
]
each_model = pytest.mark.parametrize("name", NAMES)


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_table_is_complete() -> None:
    union = get_args(get_args(AnyChannel)[0])
    assert [kind.model_fields["model"].default for kind in union] == NAMES


@each_model
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_shape_and_dtype(name: str, dtype: torch.dtype, tmp_path: Path) -> None:
    h = make(name, tmp_path).draw(5, NR, NT, generator(), dtype)
    assert h.shape == (5, NR, NT)
    assert h.dtype == dtype
    assert bool(torch.isfinite(torch.view_as_real(h)).all())
    assert not h.requires_grad


@each_model
@pytest.mark.parametrize(
    ("entry_variance", "expected"), [("1", 1), ("1/Nr", 1 / 4), ("1/Nt", 1 / 3)]
)
def test_mean_power_is_the_entry_variance(
    name: str, entry_variance: str, expected: float, tmp_path: Path
) -> None:
    model = make(name, tmp_path, entry_variance=entry_variance)
    assert model.entry_var(NR, NT) == pytest.approx(expected)
    power = model.draw(2000, NR, NT, generator()).abs().square().double().mean((1, 2))
    standard_error = power.std().item() / 2000**0.5
    assert abs(power.mean().item() - expected) < 4 * standard_error
    assert standard_error < 0.03 * expected


@each_model
def test_the_same_seed_draws_the_same_channels(name: str, tmp_path: Path) -> None:
    model = make(name, tmp_path)
    one = model.draw(6, NR, NT, generator())
    model.draw(3, NR, NT, generator(7))
    assert torch.equal(one, make(name, tmp_path).draw(6, NR, NT, generator()))
    assert not torch.equal(one, model.draw(6, NR, NT, generator(2)))
    stream = generator()
    first, second = (model.draw(6, NR, NT, stream) for _ in range(2))
    assert torch.equal(first, one)
    assert not torch.equal(second, one)


@each_model
def test_randomness_comes_from_the_generator_and_nothing_else_moves(
    name: str, tmp_path: Path
) -> None:
    from sionna.phy import config

    model = make(name, tmp_path)
    one = model.draw(4, NR, NT, generator())
    torch.manual_seed(12345)
    np.random.seed(3)  # noqa: NPY002 -- the global state must not matter
    config.torch_rng("cpu").manual_seed(99)
    ours, theirs = torch.get_rng_state(), config.torch_rng("cpu").get_state()
    assert torch.equal(model.draw(4, NR, NT, generator()), one)
    assert torch.equal(torch.get_rng_state(), ours)
    assert torch.equal(config.torch_rng("cpu").get_state(), theirs)


@each_model
def test_models_are_plain_frozen_values(name: str, tmp_path: Path) -> None:
    model = make(name, tmp_path)
    assert type(model)(**model.model_dump()) == model
    assert hash(model) == hash(type(model)(**model.model_dump()))
    with pytest.raises(InvalidInputError, match=r"entry_var: unknown key.*'entry_variance'"):
        make(name, tmp_path, entry_var="1")


@each_model
def test_every_model_serves_a_scenario(name: str, tmp_path: Path) -> None:
    scenario = Scenario(
        num_tx_ant=NT, num_rx_ant=NR, constellation="bpsk", channel=make(name, tmp_path)
    )
    path = tmp_path / "scenario.toml"
    path.write_text(scenario.to_toml(), "utf-8")
    back = Scenario.from_toml(path)
    assert back == scenario
    assert back.key() == scenario.key()
    assert torch.equal(scenario.draw(5, 2, generator()).y, back.draw(5, 2, generator()).y)


def test_the_first_import_of_sionna_leaves_the_global_generator_alone() -> None:
    """Importing Sionna re-seeds torch; a draw that imports it must not let that through."""
    program = """
import torch
from mimolearn.link.channels import TDL
torch.manual_seed(3)
state = torch.get_rng_state()
TDL().draw(1, 2, 2, torch.Generator().manual_seed(1))
assert torch.equal(torch.get_rng_state(), state)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""
