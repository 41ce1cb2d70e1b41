"""Table I, sections III-E and V: complexity, memory and speed, counted and measured."""

import torch
from scipy.stats import chi2

from mimolearn.detectors import Detector, LcgNetS, LcgNetV, QLcgNetV, counting, make_detector
from mimolearn.link.scenario import Scenario
from mimolearn.papers.panels import Table, TableRun
from mimolearn.papers.python_panel import python_panel
from mimolearn.studies import measure_timing
from mimolearn.weights import read_card, shipped_weights
from mimolearn.zoo import load

_NT, _NR, _LAYERS = 32, 64, 15
_LINK = "lcgnet-32x64-bpsk"
_DETNET = "detnet-32x64-qpsk"


def _per_vector(detector: Detector) -> int:
    """Real multiplications a vector, once the matched filter's output is there."""
    spent = detector.cost(_NR, _NT).per_vector
    assert spent is not None
    return spent - counting.matvec(_NR, _NT)


@python_panel(
    *("lmmse", "lmmse table", "wl-lmmse", "cg", "cg table", "lcgnet", "lcgnet table", "lcgnet 7"),
    *("gauss-seidel", "gauss-seidel table", "gram", "detnet layer", "detnet layer paper"),
    *("lcgnet layer", "cg rows", "lcgnet rows", "lcgnet-s"),
)
def multiplications(_: TableRun) -> Table:
    """Real multiplications of one detection once Gram matrix and matched filter are there."""
    n = _NT
    detnet = load(_DETNET)
    cholesky = counting.cholesky(n) + 2 * counting.triangular_solve(n)
    wl_cholesky = counting.cholesky(n, real=True) + 2 * counting.triangular_solve(n, real=True)
    iterations = {"num_iter": _LAYERS}
    values = {
        "lmmse": cholesky,
        "lmmse table": 8 * n**3 + 4 * n**2,
        "wl-lmmse": wl_cholesky,
        "cg": _per_vector(make_detector("cg", "bpsk", **iterations)),
        "cg table": _LAYERS * (8 * n**2 + 14 * n + 8),
        "lcgnet": _per_vector(make_detector("lcgnet-v", "bpsk", num_layers=_LAYERS)),
        "lcgnet-s": _per_vector(make_detector("lcgnet-s", "bpsk", num_layers=_LAYERS)),
        "lcgnet table": _LAYERS * (4 * n**2 + 6 * n),
        "lcgnet 7": _per_vector(make_detector("lcgnet-v", "bpsk", num_layers=7)),
        # A sweep: the upper part of the system times x, and a triangular solve.
        "gauss-seidel": _LAYERS * (counting.triangular_solve(n - 1) + counting.triangular_solve(n)),
        "gauss-seidel table": (_LAYERS + 1) * 4 * n**2 + 8 * n,
        "gram": counting.gram(_NR, n),
        "detnet layer": _per_vector(detnet) / detnet.num_layers,
        "detnet layer paper": 36 * n**2 + 4 * n,
        "lcgnet layer": 4 * n**2 + 6 * n,
        "cg rows": sum((4 * n**2 + 4 * n + 4, 4 * n + 4, 2 * n, 4 * n**2 + 2 * n, 2 * n)),
        "lcgnet rows": sum((2 * n, 4 * n**2 + 2 * n, 2 * n)),
    }
    rows = (
        ("LMMSE, Cholesky solve of Nt complex unknowns", "lmmse table", "lmmse"),
        ("widely linear LMMSE, Cholesky solve of Nt real unknowns", "", "wl-lmmse"),
        (f"CG, {_LAYERS} iterations", "cg table", "cg"),
        (f"LcgNet, {_LAYERS} layers", "lcgnet table", "lcgnet"),
        ("LcgNet, 7 layers", "", "lcgnet 7"),
        (f"Gauss-Seidel, {_LAYERS} iterations", "gauss-seidel table", "gauss-seidel"),
        ("DetNet, one layer (detnet-32x64-qpsk)", "detnet layer paper", "detnet layer"),
        ("Gram matrix H^H H, which all of them need", "", "gram"),
    )
    shown = tuple(
        (text, f"{values[paper]:,.0f}" if paper else "-", f"{values[ours]:,.0f}")
        for text, paper, ours in rows
    )
    note = f"Nt = {n}, Nr = {_NR}; real multiplications a vector."
    exact = {name: float(value) for name, value in values.items()}
    return Table(("receiver", "the paper", "counted"), shown, exact, note)


@python_panel("v", "v layer", "q3", "s", "detnet layer", "s total", "v total", "cg total")
def memory(_: TableRun) -> Table:
    """Stored parameters, and all that an online detection keeps."""
    network = LcgNetV("bpsk", _NT, _LAYERS)
    quantized = QLcgNetV("bpsk", _NT, _LAYERS, bits=3)
    scalar = LcgNetS("bpsk", num_layers=_LAYERS)
    detnet = load(_DETNET)
    numbers = sum(p.numel() for p in network.parameters())
    kept = 6 * _NT + 4 * _NT**2
    values = {
        "v": 32.0 * numbers,
        "v layer": numbers / _LAYERS,
        "q3": float(quantized.stored_bits()),
        "s": float(sum(p.numel() for p in scalar.parameters())),
        "detnet layer": sum(p.numel() for p in detnet.parameters()) / detnet.num_layers,
        # x, d and r of 2 Nt, and A of 2 Nt x 2 Nt.
        "cg total": float(kept),
        "s total": float(kept + sum(p.numel() for p in scalar.parameters())),
        "v total": float(kept + numbers),
    }
    rows = (
        (
            "LcgNetV, 32 bits a step size [bit]",
            f"{4 * _LAYERS * _NT * 32:,}",
            f"{values['v']:,.0f}",
        ),
        (
            "QLcgNetV, 3 bits and its levels [bit]",
            f"{4 * _LAYERS * _NT * 3:,}",
            f"{values['q3']:,.0f}",
        ),
        ("LcgNetS, step sizes", f"{4 * _LAYERS}", f"{values['s']:.0f}"),
        ("DetNet, one layer", f"{32 * _NT**2 + 8 * _NT + 2:,}", f"{values['detnet layer']:,.0f}"),
        ("CG, all that is kept", f"{kept:,}", f"{values['cg total']:,.0f}"),
        ("LcgNetS, all", f"{kept + 4 * _LAYERS:,}", f"{values['s total']:,.0f}"),
        ("LcgNetV, all", f"{kept + 4 * _LAYERS * _NT:,}", f"{values['v total']:,.0f}"),
    )
    note = "Numbers where no bits are named. The last layer needs no beta, which the paper stores."
    return Table(("network", "paper", "counted"), rows, values, note)


@python_panel(
    *(
        f"{name} {what}"
        for name in ("lmmse", "wl-lmmse", "lcgnet-v")
        for what in ("vector", "latency")
    ),
    *("training", "longest training", "detnet training"),
)
def times(_: TableRun) -> Table:
    """Measured on this machine, one thread, one vector a channel; training from the cards."""
    link = Scenario.shipped(_LINK)
    names = ("lmmse", "wl-lmmse", "lcgnet-v")
    timings = {n: measure_timing(link, make_detector(n, "bpsk"), 5.0) for n in names}
    values = {f"{n} vector": t.vector_us for n, t in timings.items()}
    values |= {f"{n} latency": t.latency_us for n, t in timings.items()}
    ours = [name for name in shipped_weights() if name.startswith(("lcgnet", "qlcgnet"))]
    values |= {
        "training": float(read_card("lcgnet-v-32x64-bpsk").seconds),
        "longest training": max(float(read_card(name).seconds) for name in ours),
        "detnet training": float(read_card(_DETNET).seconds),
    }
    rows = tuple((n, f"{t.vector_us:.1f}", f"{t.latency_us:.0f}") for n, t in timings.items())
    rows += (
        ("training of lcgnet-v-32x64-bpsk [CPU s]", f"{values['training']:.0f}", "-"),
        ("longest training of a shipped LcgNet [CPU s]", f"{values['longest training']:.0f}", "-"),
        (f"training of {_DETNET} [CPU s]", f"{values['detnet training']:.0f}", "-"),
    )
    columns = ("receiver", "us a vector, in batches", "us alone, from y and h to bits")
    note = f"{timings['lmmse'].batch} channels a call, one thread. Trainings run on one thread too."
    return Table(columns, rows, values, note)


@python_panel("deviation")
def linearity(_: TableRun) -> Table:
    """How far a network with random step sizes is from f(a + b) = f(a) + f(b)."""
    link = Scenario.shipped(_LINK)
    generator = torch.Generator().manual_seed(1)
    block = link.draw(10.0, 64, generator, torch.complex128)
    other = link.draw(10.0, 64, generator, torch.complex128).y
    network = LcgNetV("bpsk", _NT, _LAYERS).double()
    with torch.no_grad():
        for parameter in network.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.mul_(1 + 0.1 * noise)
        prepared = network.prepare(block.h, block.noise_var)
        apart = network.iterates(prepared, block.y)[-1] + network.iterates(prepared, other)[-1]
        joint = network.iterates(prepared, block.y + other)[-1]
    deviation = float((joint - apart).abs().max() / apart.abs().max())
    rows = (("LcgNetV, random step sizes, 64 channels", f"{deviation:.1e}"),)
    return Table(("network", "largest deviation from additivity"), rows, {"deviation": deviation})


@python_panel(*(f"inside 32x{rx}" for rx in (32, 64, 128)))
def radius(_: TableRun) -> Table:
    """How often the transmitted vector lies inside a sphere of squared radius 2 Nt sigma^2.

    ||n||^2 is sigma^2/2 times chi-squared with 2 Nr degrees of freedom, at every SNR.
    """
    inside = {rx: float(chi2.cdf(2 * 2 * _NT, 2 * rx)) for rx in (32, 64, 128)}
    rows = tuple((f"{_NT} x {rx}", f"{share:.3g}") for rx, share in inside.items())
    values = {f"inside 32x{rx}": share for rx, share in inside.items()}
    return Table(("system", "probability"), rows, values)
