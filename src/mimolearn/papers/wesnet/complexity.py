"""Tables I and II, figures 10 to 12: FLOPs and parameters, counted, and times, measured."""

from __future__ import annotations

from mimolearn.detectors import Detector, make_detector
from mimolearn.papers.experiment import Experiment, Statement, both, contradicted, within
from mimolearn.papers.panels import Table, TablePanel
from mimolearn.papers.wesnet.formulas import counted_flops, network, paper_parameters, table_ii
from mimolearn.papers.wesnet.setting import LINK, PAPER
from mimolearn.studies import cost_report, measure_timing

_NT, _LAYERS = 30, 90
_WIDTHS = (0.1, 0.2, 0.3, 0.5, 1.0)
_SNR_DB = 10.0
_FULL = "DetNet of 20 layers"
_RATIOS = (("SDR", "WeSNet-50"), ("ML (sphere)", "WeSNet-50"), (_FULL, "WeSNet-20"))


def _over_antennas() -> Table:
    """Figure 10a: FLOPs over the number of transmit antennas, by Table II and counted."""
    values: dict[str, float] = {}
    rows = []
    for nt in (10, 20, 30, 40, 50, 60):
        counted = {
            "detnet": table_ii("detnet", nt),
            "wesnet-50": table_ii("wesnet", nt, beta=0.5),
            "wesnet-20": table_ii("wesnet", nt, beta=0.2),
            "zf": table_ii("zf", nt),
            "zf counted": 2.0 * _multiplications(make_detector("wl-lmmse", "bpsk"), nt),
        }
        values |= {f"{name} {nt}": flops for name, flops in counted.items()}
        rows.append((str(nt), *(f"{flops / 1e6:,.3f}" for flops in counted.values())))
    columns = ("Nt", "DetNet", "WeSNet-50", "WeSNet-20", "ZF (Table II)", "real MMSE, counted")
    return Table(columns, tuple(rows), values, "MFLOP a vector, 90 layers, Nr = 2 Nt.")


def _multiplications(detector: Detector, nt: int) -> int:
    per_channel, per_vector = detector.cost(2 * nt, nt)
    assert per_vector is not None, detector.name
    return per_channel + per_vector


def _layers() -> Table:
    """Table II per layer, figures 11 and 12: FLOPs and parameters of each percentage."""
    values: dict[str, float] = {}
    rows = []
    full = network(_NT, 1)
    for width in _WIDTHS:
        scaled, percent = network(_NT, 1, width), f"{width:.0%}"
        flops, numbers = counted_flops(scaled.shape, 1), scaled.num_parameters()
        values[f"flops {percent}"] = flops
        values[f"parameters {percent}"] = numbers
        values[f"saved flops {percent}"] = 100 * (1 - flops / counted_flops(full.shape, 1))
        values[f"saved parameters {percent}"] = 100 * (1 - numbers / full.num_parameters())
        table = table_ii("wesnet", _NT, 1, width)
        values[f"table flops {percent}"] = table
        rows.append(
            (
                percent,
                f"{flops:,}",
                f"{table:,.0f}",
                f"{values[f'saved flops {percent}']:.2f}",
                f"{numbers:,}",
                f"{values[f'saved parameters {percent}']:.2f}",
            )
        )
    values["table detnet"] = table_ii("detnet", _NT, 1)
    values["saved by table 50%"] = 100 * (
        1 - table_ii("wesnet", _NT, 1, 0.5) / table_ii("detnet", _NT, 1)
    )
    values["beyond linear"] = paper_parameters(_NT, _LAYERS) - 2 * paper_parameters(
        _NT, _LAYERS // 2
    )
    columns = ("width", "FLOP", "Table II", "saved FLOP [%]", "parameters", "saved [%]")
    return Table(columns, tuple(rows), values, "One layer at Nt = 30.")


def _times() -> Table:
    """Measured on this machine, one thread, a channel a vector."""
    options = {"num_tx_ant": _NT, "output": "logits", "activation": "gelu", "residual": 0.5}
    named: dict[str, Detector] = {
        _FULL: make_detector("detnet", "bpsk", **options),
        "WeSNet-50": make_detector("wesnet", "bpsk", width=0.5, **options),
        "WeSNet-20": make_detector("wesnet", "bpsk", width=0.2, **options),
        "EquiNet": make_detector("equi-net", "bpsk"),
        "ZF": make_detector("zf", "bpsk"),
        "MMSE": make_detector("wl-lmmse", "bpsk"),
        "SDR": make_detector("sdr", "bpsk"),
        "ML (sphere)": make_detector("sphere", "bpsk"),
    }
    values: dict[str, float] = {}
    rows = []
    for name, detector in named.items():
        # In half precision, as weights are stored, and as the compiled network reads them.
        detector.load_state_dict({key: v.half() for key, v in detector.state_dict().items()})
        timing = measure_timing(LINK, detector, _SNR_DB, budget_s=0.2)
        report = cost_report(LINK, detector)
        values[f"{name} vector"] = timing.vector_us
        values[f"{name} latency"] = timing.latency_us
        work = "depends" if report.per_vector is None else f"{report.per_vector:,}"
        rows.append((name, f"{timing.vector_us:.1f}", f"{timing.latency_us:.0f}", work))
    for slow, fast in _RATIOS:
        values[f"{slow} over {fast}"] = values[f"{slow} vector"] / values[f"{fast} vector"]
    columns = ("receiver", "us a vector, in batches", "us alone", "multiplications a vector")
    note = "One thread, at 10 dB; untrained networks in half precision, whose work is the same."
    return Table(columns, tuple(rows), values, note)


EXPERIMENT = Experiment(
    name="wesnet/complexity",
    paper=PAPER,
    title="FLOPs, parameters and times (Tables I and II, figures 10, 11 and 12)",
    shows="WeSNet is 10 and 100 times less complex than SDR and ML; 50 % saves half.",
    panels=(
        TablePanel("antennas", "Figure 10a: FLOPs over antennas", _over_antennas),
        TablePanel("layers", "Table II, figures 11 and 12: one layer", _layers),
        TablePanel("times", "Measured times", _times),
    ),
    statements=(
        Statement(
            "DetNet needs Nt (128 Nt - 2) FLOPs a layer",
            "Table II",
            within(
                lambda f: f.value("layers", "flops 100%").minus(f.value("layers", "table detnet")),
                at_least=0,
                at_most=0,
                words="three products and 9 Nt activations, counted less the formula: ",
            ),
        ),
        Statement(
            "With all weights WeSNet needs as many operations as DetNet",
            "section VI-F",
            contradicted(
                within(
                    lambda f: f.value("layers", "table flops 100%").minus(
                        f.value("layers", "table detnet")
                    ),
                    at_least=1,
                    words="Table II of WeSNet at 100 % less that of DetNet: ",
                ),
                "The two formulas of Table II differ, by 16 Nt a layer; the networks do not.",
            ),
        ),
        Statement(
            "50 % saves 51.43 % of the FLOPs",
            "section VI-F and abstract",
            contradicted(
                within(lambda f: f.value("layers", "saved by table 50%", "%"), at_most=50.0),
                "Table II itself gives 49.67 %.",
            ),
        ),
        Statement(
            "50 % saves 49.78 % of the parameters",
            "section VI-F",
            within(
                lambda f: f.value("layers", "saved parameters 50%", "%"),
                at_least=49.6,
                at_most=50.0,
            ),
        ),
        Statement(
            "20 % saves 79.82 % of the parameters",
            "section VI-F",
            within(
                lambda f: f.value("layers", "saved parameters 20%", "%"),
                at_least=79.7,
                at_most=80.0,
            ),
        ),
        Statement(
            "30 % saves 68.73 % of the parameters",
            "section VI-F",
            contradicted(
                within(lambda f: f.value("layers", "saved parameters 30%", "%"), at_least=69.5),
                "Between 20 and 50 %, which agree with the count, 30 % has to save 69.9 %: "
                "probably a slip of the pen.",
            ),
        ),
        Statement(
            "FLOPs and parameters grow linearly with the layers",
            "figure 11",
            within(
                lambda f: f.value("layers", "beyond linear"),
                at_least=0,
                at_most=0,
                words="parameters of 90 layers less twice those of 45: ",
            ),
        ),
        Statement(
            "WeSNet with 20 % has the lowest computational cost of all",
            "section VI-F, figure 10a",
            contradicted(
                both(
                    within(
                        lambda f: f.value("antennas", "wesnet-20 30").minus(
                            f.value("antennas", "zf 30")
                        ),
                        at_least=0,
                        words="Table II at Nt = 30, more than ZF by ",
                    ),
                    within(
                        lambda f: f.value("antennas", "zf 30").minus(
                            f.value("antennas", "zf counted 30")
                        ),
                        at_least=0,
                        words="and that is more than a real MMSE is counted to need by ",
                    ),
                ),
                "Table II says that ZF needs a quarter of it.",
            ),
        ),
        Statement(
            "WeSNet (50 %) is 10 times less complex than SDR",
            "abstract",
            contradicted(
                within(lambda f: f.value("times", "SDR over WeSNet-50"), at_most=10.0),
                "SDR solved by coordinate descent at low rank takes tens of microseconds; "
                "a general interior-point solver, on which the formula rests, does not.",
            ),
        ),
        Statement(
            "and 100 times less complex than ML",
            "abstract",
            contradicted(
                within(lambda f: f.value("times", "ML (sphere) over WeSNet-50"), at_most=100.0),
                "A sphere decoder gives the exact ML decision without trying all 2^30 vectors.",
            ),
        ),
        Statement(
            "A vector alone takes less than 100 us with 20 layers",
            "target",
            within(lambda f: f.value("times", "DetNet of 20 layers latency", "us"), at_most=100),
            of="library",
        ),
        Statement(
            "20 % of the weights are at least 3 times as fast as all",
            "target",
            within(
                lambda f: f.value("times", f"{_FULL} over WeSNet-20"),
                at_least=3.0,
            ),
            of="library",
        ),
    ),
    notes=("Times are of this machine and of whatever else runs on it; counts are exact.",),
)
