"""Beamformers' speed: time of a design, and the manifold method against pymanopt's.

    python benchmarks/bench_beamformers.py [--channels 256] [--opponents 6]

Times are processor time a channel at 15 dB, one thread, batches of 256. A whole design of an
unfolded network is its start, the layers, and the layers again for the few channels that need them.
The manifold method is compared at equal objective: pymanopt's conjugate gradients on the same
circles, alternated with the same least squares from the same start, run until ||P - F V||_F^2 is as
low as ours, channel by channel.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import pymanopt
import torch
from pymanopt.manifolds import ComplexCircle
from pymanopt.optimizers import ConjugateGradient
from rich.console import Console
from rich.table import Table
from torch import Tensor

from mimolearn import HybridArray, make_beamformer
from mimolearn.beamformers.classical.factor import least_squares, residual
from mimolearn.beamformers.classical.fd_mmse import fd_mmse
from mimolearn.beamformers.classical.manifold import ManifoldOptimisation
from mimolearn.beamformers.classical.svd_phase import svd_phases
from mimolearn.beamformers.trained import load_beamformer
from mimolearn.beamformers.unfolded.unfolded_mser import UnfoldedMser
from mimolearn.link.beam_scenario import BeamScenario

_OUTER, _INNER = 60, 6
_NETWORKS = {
    "scalar": "unfolded-mser-qpsk",
    "newton-cg": "unfolded-mser-qpsk-cg",
    "gauss-newton": "unfolded-mser-qpsk-gn",
}


def seconds(call: Callable[[], object], repeats: int = 3) -> float:
    """Median processor time of a call after a warm-up."""
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


def pymanopt_seconds(start: np.ndarray, target: np.ndarray, goal: float) -> tuple[float, float]:
    """Processor time until the objective is at the goal, and the objective reached."""
    begin, f, value = time.process_time(), start, np.inf
    manifold = ComplexCircle(start.size)
    optimizer = ConjugateGradient(verbosity=0, max_iterations=_INNER)
    for _ in range(_OUTER):
        v = np.linalg.lstsq(f, target, rcond=None)[0]
        value = float(np.linalg.norm(target - f @ v) ** 2)
        if value <= goal:
            break

        @pymanopt.function.numpy(manifold)
        def cost(x: np.ndarray, v: np.ndarray = v) -> float:
            return float(np.linalg.norm(target - x.reshape(start.shape) @ v) ** 2)

        @pymanopt.function.numpy(manifold)
        def gradient(x: np.ndarray, v: np.ndarray = v) -> np.ndarray:
            return (2 * (x.reshape(start.shape) @ v - target) @ v.conj().T).reshape(-1)

        problem = pymanopt.Problem(manifold, cost, euclidean_gradient=gradient)
        f = optimizer.run(problem, initial_point=f.reshape(-1)).point.reshape(start.shape)
    return time.process_time() - begin, value


def design_rows(h: Tensor, noise_var: Tensor) -> list[tuple[str, float]]:
    """(method, ms a channel)."""
    rows = []
    for name, options in (
        ("svd-phase", {}),
        ("fd-mmse", {}),
        ("omp", {}),
        ("mo", {}),
        ("mser-gd", {"num_iter": 500}),
    ):
        made = make_beamformer(name, HybridArray(), **options)
        rows.append((f"{name} {options or ''}", seconds(lambda m=made: m(h, noise_var), 1)))
    for steps, name in _NETWORKS.items():
        net = load_beamformer(name)
        assert isinstance(net, UnfoldedMser)
        start = seconds(lambda n=net: n.start(h, noise_var))
        layers = seconds(lambda n=net: list(n.iterates(h, noise_var)))
        whole = seconds(lambda n=net: n(h, noise_var))
        rows.append((f"unfolded-mser {steps}, 15 layers alone", layers - start))
        rows.append((f"unfolded-mser {steps}, a whole design", whole))
    return [(name, spent / len(h) * 1e3) for name, spent in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--opponents", type=int, default=6, help="channels given to pymanopt")
    options = parser.parse_args()
    torch.set_num_threads(1)
    scenario = BeamScenario.shipped("mser-qpsk")
    h = scenario.draw(options.channels, torch.Generator().manual_seed(1)).h
    noise_var = torch.full((len(h),), scenario.noise_var(15.0))
    console = Console()
    with torch.no_grad():
        table = Table("design", "ms a channel")
        for name, spent in design_rows(h, noise_var):
            table.add_row(name, f"{spent:.2f}")
        console.print(table)
        target = fd_mmse(h, noise_var, 3, 50).f_bb
        start = svd_phases(h, 8, 4)[0]
        method = ManifoldOptimisation()
        ours = seconds(lambda: method.fit(start, target)) / len(h)
        f = method.fit(start, target)
        goals = residual(f, least_squares(f, target), target)
    theirs = [
        pymanopt_seconds(
            start[i].to(torch.complex128).numpy(),
            target[i].to(torch.complex128).numpy(),
            float(goals[i]) * 1.001,
        )
        for i in range(options.opponents)
    ]
    slow = statistics.mean(spent for spent, _ in theirs)
    reached = sum(
        value <= float(goal) * 1.001 for (_, value), goal in zip(theirs, goals, strict=False)
    )
    console.print(
        f"manifold fit at equal objective: ours {ours * 1e3:.2f} ms, pymanopt {slow * 1e3:.0f} ms "
        f"a channel, ratio {slow / ours:.0f} ({reached} of {len(theirs)} reached it)"
    )


if __name__ == "__main__":
    main()
