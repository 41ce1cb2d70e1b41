"""Table I, section III-E and section V-C: complexity, memory and speed, by counting."""

import torch

from mimolearn.detectors import LcgNetS, LcgNetV, QLcgNetV, counting, detector_names, make_detector
from mimolearn.papers.experiment import Experiment, Statement, both, contradicted, within
from mimolearn.papers.lcgnet.setting import LINEAR, PAPER, rayleigh
from mimolearn.papers.panels import Table, TablePanel
from mimolearn.studies import measure_timing
from mimolearn.weights import read_card, shipped_weights

_NT, _NR, _LAYERS = 32, 64, 15
_SCENARIO = rayleigh(_NT, _NR, "bpsk")


def _multiplications() -> Table:
    """Real multiplications of one detection once Gram matrix and matched filter are there."""
    n, filtered = _NT, counting.matvec(_NR, _NT)

    def per_vector(name: str, **options: int) -> int:
        spent = make_detector(name, "bpsk", **options).cost(_NR, _NT).per_vector
        assert spent is not None
        return spent - filtered

    cholesky = counting.cholesky(n) + 2 * counting.triangular_solve(n)
    wl_cholesky = counting.cholesky(n, real=True) + 2 * counting.triangular_solve(n, real=True)
    rows = (
        ("LMMSE, Cholesky solve of Nt complex unknowns", 8 * n**3 + 4 * n**2, cholesky),
        ("widely linear LMMSE, Cholesky solve of Nt real unknowns", None, wl_cholesky),
        (
            f"CG, {_LAYERS} iterations",
            _LAYERS * (8 * n**2 + 14 * n + 8),
            per_vector("cg", num_iter=_LAYERS),
        ),
        (
            f"LcgNet, {_LAYERS} layers",
            _LAYERS * (4 * n**2 + 6 * n),
            per_vector("lcgnet-v", num_layers=_LAYERS),
        ),
        ("Gram matrix H^H H, which all of them need", None, counting.gram(_NR, n)),
    )
    names = ("lmmse", "wl-lmmse", "cg", "lcgnet", "gram")
    values = {name: float(row[2]) for name, row in zip(names, rows, strict=True)}
    shown = tuple((text, f"{p:,}" if p else "-", f"{c:,}") for text, p, c in rows)
    columns = ("receiver", "Table I", "counted")
    note = f"Nt = {n}, Nr = {_NR}; real multiplications a vector."
    if "detnet" not in detector_names():
        return Table(columns, shown, values, note, {"detnet": "detector detnet is missing"})
    values["detnet"] = float(per_vector("detnet"))
    detnet = ("DetNet, 30 layers", f"{30 * (36 * n**2 + 4 * n):,}", f"{values['detnet']:,.0f}")
    return Table(columns, (*shown, detnet), values, note)


def _memory() -> Table:
    network = LcgNetV("bpsk", _NT, _LAYERS)
    quantized = QLcgNetV("bpsk", _NT, _LAYERS, bits=3)
    scalar = LcgNetS("bpsk", num_layers=_LAYERS)
    values = {
        "v": 32.0 * sum(p.numel() for p in network.parameters()),
        "q3": float(quantized.stored_bits()),
        "s": float(sum(p.numel() for p in scalar.parameters())),
    }
    rows = (
        ("LcgNetV, 32 bits a step size", f"{4 * _LAYERS * _NT * 32:,}", f"{values['v']:,.0f}"),
        ("QLcgNetV, 3 bits and its levels", f"{4 * _LAYERS * _NT * 3:,}", f"{values['q3']:,.0f}"),
        ("LcgNetS, step sizes (numbers)", f"{4 * _LAYERS}", f"{values['s']:.0f}"),
    )
    note = "The last layer needs no beta, which the paper stores."
    return Table(("network", "paper", "counted"), rows, values, note)


def _times() -> Table:
    """Measured on this machine, one thread, one vector a channel; training from the cards."""
    names = ("lmmse", "wl-lmmse", "lcgnet-v")
    timings = {n: measure_timing(_SCENARIO, make_detector(n, "bpsk"), 5.0) for n in names}
    values = {f"{n} vector": t.vector_us for n, t in timings.items()}
    values |= {f"{n} latency": t.latency_us for n, t in timings.items()}
    rows = tuple((n, f"{t.vector_us:.1f}", f"{t.latency_us:.0f}") for n, t in timings.items())
    if "lcgnet-v-32x64-bpsk" in shipped_weights():
        values["training"] = float(read_card("lcgnet-v-32x64-bpsk").seconds)
        rows += (("training of lcgnet-v-32x64-bpsk [CPU s]", f"{values['training']:.0f}", "-"),)
    for name in (name for name in shipped_weights() if name.startswith(("lcgnet", "qlcgnet"))):
        values["longest training"] = max(
            values.get("longest training", 0.0), float(read_card(name).seconds)
        )
    if "longest training" in values:
        rows += (
            (
                "longest training of a shipped LcgNet [CPU s]",
                f"{values['longest training']:.0f}",
                "-",
            ),
        )
    columns = ("receiver", "us a vector, in batches", "us alone, from y and h to bits")
    note = f"{timings['lmmse'].batch} channels a call, one thread. Trainings run on one thread too."
    return Table(columns, rows, values, note)


def _linearity() -> Table:
    """How far a network with random step sizes is from f(a + b) = f(a) + f(b)."""
    generator = torch.Generator().manual_seed(1)
    block = _SCENARIO.draw(10.0, 64, generator, torch.complex128)
    other = _SCENARIO.draw(10.0, 64, generator, torch.complex128).y
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


EXPERIMENT = Experiment(
    name="lcgnet/table1",
    paper=PAPER,
    title="Complexity, memory and speed (Table I, sections III-E and V-C)",
    shows="LcgNet costs half of CG and far less than LMMSE; QLcgNetV a tenth of the memory.",
    panels=(
        TablePanel("multiplications", "Real multiplications of one detection", _multiplications),
        TablePanel("memory", "Stored parameters", _memory),
        TablePanel("times", "Measured times", _times),
        TablePanel("linearity", "Is LcgNetV linear in y?", _linearity),
    ),
    statements=(
        Statement(
            "LcgNet needs L (4 Nt^2 + 6 Nt) real multiplications",
            "Table I",
            within(
                lambda f: f.value("multiplications", "lcgnet"),
                at_least=14 * (4 * _NT**2 + 6 * _NT),
                at_most=15 * (4 * _NT**2 + 6 * _NT),
                words="one product fewer, which the last layer does not need: ",
            ),
        ),
        Statement(
            "CG needs L (8 Nt^2 + 14 Nt + 8), two matrix products an iteration",
            "Table I",
            contradicted(
                within(
                    lambda f: f.value("multiplications", "cg"),
                    at_most=0.65 * _LAYERS * (8 * _NT**2 + 14 * _NT + 8),
                ),
                "A d is computed once and used for alpha and for the residual: one product an "
                "iteration, as in LcgNet. The saving of LcgNet is two inner products.",
            ),
        ),
        Statement(
            "LMMSE needs 8 Nt^3 + 4 Nt^2, so that LcgNet is much cheaper",
            "Table I",
            contradicted(
                both(
                    within(
                        lambda f: f.value("multiplications", "lmmse"),
                        at_most=0.2 * (8 * _NT**3 + 4 * _NT**2),
                        words="Cholesky solve: ",
                    ),
                    within(
                        lambda f: f.value("multiplications", "lcgnet").minus(
                            f.value("multiplications", "lmmse")
                        ),
                        at_least=0.0,
                        words="LcgNet more than LMMSE by ",
                    ),
                ),
                "No inverse of 2Nt real unknowns is formed: a Cholesky factor of Nt complex ones "
                "takes (2/3) Nt^3, less than 15 layers do, and the Gram matrix more than either.",
            ),
        ),
        Statement(
            "LcgNetV detects with much lower complexity than LMMSE",
            "abstract",
            contradicted(
                within(
                    lambda f: f.value("times", "lcgnet-v vector").minus(
                        f.value("times", "lmmse vector")
                    ),
                    at_least=0.0,
                    words="lcgnet-v takes longer than lmmse a vector by (us): ",
                ),
                "Measured on this machine: the Gram matrix and the products of the layers cost "
                "more than a Cholesky factor.",
            ),
        ),
        Statement(
            "One detection takes 3 ms",
            "section I-C",
            within(lambda f: f.value("times", "lcgnet-v latency", "us"), at_most=3000),
        ),
        Statement(
            "One detection takes less than 20 us (in batches, one thread)",
            "target",
            within(lambda f: f.value("times", "lcgnet-v vector", "us"), at_most=20),
            of="library",
        ),
        Statement(
            "Training takes 2 hours (CPU seconds of lcgnet-v-32x64-bpsk, one thread)",
            "section I-C",
            within(lambda f: f.value("times", "training", "CPU s"), at_most=7200),
        ),
        Statement(
            "Every shipped LcgNet was trained in less than 2 minutes of one thread's CPU time",
            "target",
            within(lambda f: f.value("times", "longest training", "CPU s"), at_most=120),
            of="library",
        ),
        Statement(
            "LcgNetV stores 4 L Nt numbers, 61 440 bits",
            "section V-D",
            within(lambda f: f.value("memory", "v"), at_least=0.95 * 61440, at_most=61440),
        ),
        Statement(
            "QLcgNetV of 3 bits stores 5 760 bits",
            "section V-D",
            within(
                lambda f: f.value("memory", "q3"),
                at_least=0.95 * 5760,
                at_most=1.05 * 5760,
                words="with the table of levels, which the paper leaves out: ",
            ),
        ),
        Statement(
            "LcgNetS stores 4 L step sizes",
            "section III-E",
            contradicted(
                within(lambda f: f.value("memory", "s"), at_most=2 * _LAYERS),
                "It has one alpha and one beta a layer: 2 L.",
            ),
        ),
        Statement(
            "LcgNetV is a non-linear detector, since it has Hadamard products",
            "section III-C",
            contradicted(within(lambda f: f.value("linearity", "deviation"), at_most=1e-9), LINEAR),
        ),
        Statement(
            "DetNet needs 36 Nt^2 + 4 Nt multiplications and 32 Nt^2 + 8 Nt + 2 numbers a layer",
            "section V-C",
            within(lambda f: f.value("multiplications", "detnet"), at_most=30 * 36 * _NT**2),
        ),
    ),
)
