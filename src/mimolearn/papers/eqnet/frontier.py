"""Beyond the paper: which soft estimator to run on a coded link, by what it costs."""

from mimolearn.detectors import Detector
from mimolearn.papers.contenders import Entry, Network
from mimolearn.papers.eqnet.latency import milliseconds
from mimolearn.papers.eqnet.setting import (
    AXES,
    PAPER,
    TARGET,
    TUNED_SIC,
    blocks,
    fewer_errors,
    square,
)
from mimolearn.papers.experiment import Experiment, Statement, both, within
from mimolearn.papers.panels import ErrorRatePanel, Table, TablePanel
from mimolearn.studies import Contender, cost_report
from mimolearn.weights import shipped_weights

_TIMES = "cost"
_BATCH = 512
_KINDS = {4: 7.0, 8: 5.0, 16: 2.0}


def _receivers(size: int) -> tuple[Entry, ...]:
    link = f"{size}x{size}-16qam"
    receivers: list[Entry] = [
        "lmmse",
        TUNED_SIC,
        "ep",
        "k-best:k=16,label=k-best",
        Network("tap-net", "tap-net-any"),
        Network("oamp-net2", f"oamp-net2-{link}"),
    ]
    if size == 4:
        # Beyond, exact posteriors are out of reach and the networks are made for no such size.
        receivers.append("ml")
        receivers.append(Network("eq-net", f"eq-net-estimator-{link}"))
        receivers.append(Network("nn-det", f"nn-det-{link}"))
    return tuple(receivers)


def _panel(size: int, *snr_db: float) -> ErrorRatePanel:
    title = f"{size} x {size} 16-QAM, a fresh channel every use"
    return blocks(f"{size}x{size}", title, square(size), _receivers(size), snr_db, snr_db[1:-1])


def _built(entry: Entry, constellation: str) -> tuple[str, Detector] | None:
    if isinstance(entry, Network):
        if entry.weights not in shipped_weights():
            return None
        contender = Contender(entry.weights, label=entry.label)
    else:
        assert isinstance(entry, str)
        contender = Contender.parse(entry)
    return contender.label, contender.build(constellation).eval()


def _costs() -> Table:
    """Microseconds of the LLRs of a vector, each on another channel, in batches of 512."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    cells: dict[str, list[str]] = {}
    for size, snr_db in _KINDS.items():
        for entry in _receivers(size):
            scenario = square(size)
            built = _built(entry, scenario.points().name)
            if built is None:
                assert isinstance(entry, Network)
                missing[f"{entry.label} {size}x{size}"] = f"weight {entry.weights} is missing"
                continue
            label, detector = built
            spent = 1e3 * milliseconds(scenario, detector, _BATCH, snr_db) / _BATCH
            values[f"{label} {size}x{size}"] = spent
            work = cost_report(scenario, detector)
            counted = "-"
            if work.per_vector is not None:
                counted = f"{(work.per_channel + work.per_vector) / 1e3:,.1f}"
            row = cells.setdefault(label, ["-", "-"] * len(_KINDS))
            column = 2 * list(_KINDS).index(size)
            row[column : column + 2] = [f"{spent:.1f}", counted]
    columns = ["receiver"]
    for size in _KINDS:
        columns += [f"{size} x {size} [us]", "multiplications [k]"]
    note = f"Median processor time, one thread, batches of {_BATCH}, where BLER is about 1e-2."
    rows = tuple((label, *row) for label, row in cells.items())
    return Table(tuple(columns), rows, values, note, missing)


def _leads(size: int, better: str, worse: str, at_least: float) -> Statement:
    gained = f"{at_least:g} dB better than" if at_least else "better than"
    return Statement(
        f"{size} x {size}: {better} is {gained} {worse}",
        "target",
        within(lambda f: f.gap(f"{size}x{size}", worse, better, TARGET), at_least=at_least),
        of="library",
    )


def _near(size: int, label: str, best: str, at_most: float) -> Statement:
    return Statement(
        f"{size} x {size}: {label} is within {at_most:g} dB of {best}",
        "target",
        within(lambda f: f.gap(f"{size}x{size}", label, best, TARGET), at_most=at_most),
        of="library",
    )


EXPERIMENT = Experiment(
    name="eqnet/frontier",
    paper=PAPER,
    title="Soft estimators of a coded link: block errors against cost",
    shows="(Beyond the paper, which stops estimating at 4 x 4.)",
    panels=(
        _panel(4, 6, 6.5, 7, 7.5, 8, 8.5),
        _panel(8, 4, 4.5, 5, 5.5, 6, 7),
        _panel(16, 1, 1.5, 2, 2.5, 3, 4),
        TablePanel(_TIMES, "What a vector costs", _costs),
    ),
    statements=(
        *(_leads(size, "tap-net", "lmmse", 0.0) for size in _KINDS),
        *(_leads(size, "ep", "lmmse", 0.0) for size in _KINDS),
        *(
            Statement(
                f"{size} x {size}: tap-net has fewer block errors than oamp-net2",
                "target",
                fewer_errors(f"{size}x{size}", snr_db, "oamp-net2", "tap-net"),
                of="library",
            )
            for size, snr_db in _KINDS.items()
        ),
        _near(4, "eq-net", "ml", 0.5),
        *(_near(size, "tap-net", "ep", 0.1) for size in (8, 16)),
        *(
            Statement(
                f"{size} x {size}: LMMSE is better than tuned MMSE-SIC, and no slower",
                "target",
                both(
                    fewer_errors(f"{size}x{size}", snr_db, "mmse-sic (tuned)", "lmmse"),
                    within(
                        lambda f, size=size: f.value(
                            _TIMES, f"mmse-sic (tuned) {size}x{size}", "us"
                        ).minus(f.value(_TIMES, f"lmmse {size}x{size}", "us")),
                        at_least=0.0,
                        words="more time: ",
                    ),
                ),
                of="library",
            )
            for size, snr_db in _KINDS.items()
        ),
    ),
    notes=(
        AXES,
        "tap-net-any is one set of weights for all sizes, trained on uncoded links; oamp-net2 is "
        "trained for each size.",
    ),
)
