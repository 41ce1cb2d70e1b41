"""Does a network gain from being trained on estimated channels?

    python benchmarks/estimated_channels.py [--out FOLDER] [--seeds 1 2 3] [--slots 96]

benchmarks/tap-net-uplink.toml trains tap-net-any further on the channels that the uplink's receiver
estimates. The same recipe with estimator "perfect" trains it on given channels. All networks then
receive the same slots of the uplink, behind its estimator, beside lmmse and tap-net-any as it
ships: block error rates, and the difference between both kinds of training with the 95 % interval
of paired draws. Trained weights are kept in the folder, and trained once.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from mimolearn.link.estimators import Perfect
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.studies import simulate
from mimolearn.training import Recipe, train

RECIPE = Path(__file__).with_name("tap-net-uplink.toml")
SNRS_DB = (8.0, 10.0)


def recipe(kind: str, seed: int) -> Recipe:
    """The recipe for one seed, on estimated or on given channels."""
    base = Recipe.from_toml(RECIPE)
    assert isinstance(base.scenario, GridScenario)
    scenario = base.scenario
    if kind == "given":
        scenario = scenario.with_(estimator=Perfect())
    return base.with_(name=f"{base.name}-{kind}-{seed}", seed=seed, scenario=scenario)


def trained(kind: str, seed: int, folder: Path) -> str:
    """Path of the weights of a recipe, which are trained unless they are there."""
    one = recipe(kind, seed)
    path = folder / f"{one.name}.safetensors"
    if not path.exists():
        result = train(one, out=folder)
        assert result.card is not None
        print(f"{one.name}: {result.achieved} {result.card.seconds:.0f} s", flush=True)
    return str(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="training on estimated channels")
    parser.add_argument("--out", type=Path, default=Path("estimated-channels"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--slots", type=int, default=96)
    options = parser.parse_args()
    torch.set_num_threads(1)
    networks = {
        f"{kind} {seed}": trained(kind, seed, options.out)
        for seed in options.seeds
        for kind in ("estimated", "given")
    }
    link = recipe("estimated", 1).scenario
    contenders = ["lmmse", "tap-net-any"]
    contenders += [{"name": path, "label": label} for label, path in networks.items()]
    comparison = simulate(
        link,
        contenders,
        SNRS_DB,
        metric="bler",
        target=0.1,
        min_errors=10**6,
        min_channels=options.slots,
        max_vectors=options.slots * link.vectors_per_cluster,
        floor=0.0,
        store=options.out / "results.sqlite",
    )
    table = Table(title="block error rate, and bit error rate before decoding")
    for head in ("receiver", *(f"{name} at {s:g} dB" for s in SNRS_DB for name in ("BLER", "BER"))):
        table.add_column(head, justify="right" if table.columns else "left")
    for curve in comparison.curves:
        cells = []
        for point in curve.points:
            low, high = point.interval("bler")
            rate = f"{point.rate('bler'):.3f} [{low:.3f}, {high:.3f}]"
            cells += [rate, f"{point.rate('ber'):.4f}"]
        table.add_row(curve.label, *cells)
    console = Console(width=120)
    console.print(table)
    for seed in options.seeds:
        for snr_db in SNRS_DB:
            for metric in ("bler", "ber"):
                gap = comparison.paired(f"estimated {seed}", f"given {seed}", snr_db, metric)
                span = f"{gap.difference:+.5f} [{gap.low:+.5f}, {gap.high:+.5f}]"
                console.print(f"seed {seed}, {snr_db:g} dB: {metric} estimated - given {span}")


if __name__ == "__main__":
    main()
