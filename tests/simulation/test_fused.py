"""The fused path gives the integers of the plain one, whatever it serves, and leaves the rest."""

import pytest
import torch

from mimolearn import (
    GaussianDetection,
    InvalidInputError,
    Scenario,
    detector_names,
    make_detector,
    simulate,
)
from mimolearn.detectors import LMMSE
from mimolearn.foundation.tensors.threads import one_thread
from mimolearn.kernels.link.gaussian_link import SIMULATED_METHODS
from mimolearn.link.randomness import CounterGenerator
from mimolearn.studies.kinds import chunk as chunk_module
from mimolearn.studies.kinds import fused
from mimolearn.studies.kinds.chunk import batch_channels, chunk_channels, run_plainly
from mimolearn.studies.kinds.run_chunk import run_chunk
from mimolearn.studies.kinds.seeds import chunk_seed

SNR = "3.000000"
LINEAR = (
    ("lmmse", {}),
    ("zf", {}),
    ("lmmse", {"biased": True}),
    ("wl-lmmse", {}),
)


def link(constellation="qpsk", nt=4, nr=6, **fields):
    fields = {"snr_definition": "received", **fields}
    return Scenario(num_tx_ant=nt, num_rx_ant=nr, constellation=constellation, **fields)


REAL = {"model": "real-gaussian", "entry_variance": "1/Nt"}
# Sizes whose channels are no multiple of what the generator or a vector holds, too.
SERVED = [
    link("bpsk", 32, 64),
    link("bpsk", 3, 5, channel=REAL, channel_reuse=3),
    link("bpsk", 5, 5, draws="reduced"),
    link("bpsk", 4, 8, channel=REAL, draws="reduced", channel_reuse=2),
    link("qpsk", 9, 11, channel={"model": "rayleigh", "entry_variance": "1/Nr"}),
    link("qpsk", 8, 16, draws="reduced", channel_reuse=17),
    link("16-qam", 4, 4),
    link("16-qam", 1, 2, snr_definition="ebn0", channel=REAL),
]


def contenders(constellation, *more):
    chosen = [*LINEAR, *((name, {}) for name in more)]
    return [
        (f"{name}{i}", make_detector(name, constellation, **options))
        for i, (name, options) in enumerate(chosen)
    ]


def plainly(scenario, detectors, chunk=0):
    generator = CounterGenerator(chunk_seed(scenario.key(), SNR, chunk))
    with one_thread(), torch.no_grad():
        num = chunk_channels(scenario)
        return run_plainly(scenario, float(SNR), num, generator, detectors)


def integers(results):
    return [(result.counts, result.positions.to_bytes()) for result in results]


def served(scenario, detectors, snr_db=float(SNR)):
    only = [detector for _, detector in detectors]
    num, batch = chunk_channels(scenario), batch_channels(scenario)
    return fused.answer_fused(scenario, snr_db, num, batch, 1, only) is not None


@pytest.mark.parametrize("scenario", SERVED, ids=lambda s: f"{s.num_tx_ant}x{s.num_rx_ant}")
def test_integers_are_those_of_the_plain_path(scenario):
    detectors = contenders(scenario.constellation)
    assert served(scenario, detectors)
    together = run_chunk(scenario, SNR, 0, detectors)
    assert all(result.counts.bit_errors > 50 for result in together)
    assert integers(together) == integers(plainly(scenario, detectors))
    # Nor does it matter who else runs, linear or not.
    mixed = contenders(scenario.constellation, "mrc")
    assert not served(scenario, mixed)
    assert integers(run_chunk(scenario, SNR, 0, mixed))[:-1] == integers(together)
    for i, alone in enumerate(detectors):
        assert integers(run_chunk(scenario, SNR, 0, [alone])) == integers(together[i : i + 1])


@pytest.mark.parametrize("scenario", SERVED, ids=lambda s: f"{s.num_tx_ant}x{s.num_rx_ant}")
def test_estimates_are_those_of_the_plain_path_to_the_last_bit(scenario, monkeypatch):
    links = []

    def spy(link, seed, methods):
        links.append(link)
        return original(link, seed, methods)

    original = fused.simulate_linear
    monkeypatch.setattr(fused, "simulate_linear", spy)
    detectors = contenders(scenario.constellation)
    assert served(scenario, detectors)
    block = scenario.draw(float(SNR), chunk_channels(scenario), CounterGenerator(1))
    methods = ("lmmse", "zf", "biased-lmmse")
    with one_thread(), torch.no_grad():
        sent, x_hat = original(links[0], 1, methods)
        assert torch.equal(sent, block.indices)
        for (_, detector), estimate in zip(detectors, x_hat, strict=False):
            assert torch.equal(detector(block.y, block.h_hat, block.noise_var).x_hat, estimate)


@pytest.mark.parametrize("points", ["qpsk", "64-qam"])
def test_estimates_are_the_same_at_every_snr(points, monkeypatch):
    """Noise that differs in its last bit changes a count in a few chunks only, estimates in all.

    A root of torch's that is off by a bit stands for that of another machine.
    """
    exact = torch.Tensor.sqrt
    monkeypatch.setattr(
        torch.Tensor, "sqrt", lambda x: torch.nextafter(exact(x), torch.full_like(x, torch.inf))
    )
    links = []

    def spy(link, seed, methods):
        links.append((link, original(link, seed, methods)))
        return links[-1][1]

    original = fused.simulate_linear
    monkeypatch.setattr(fused, "simulate_linear", spy)
    scenario = link(points, 8, 16, channel_reuse=2, snr_definition="per_symbol")
    detectors = [make_detector(name, points) for name in ("lmmse", "zf")]
    for snr_db in range(31):
        fused.answer_fused(scenario, float(snr_db), 32, 16, 7, detectors)
        block = scenario.draw(float(snr_db), 32, CounterGenerator(7))
        with one_thread(), torch.no_grad():
            for detector, estimate in zip(detectors, links[-1][1][1], strict=True):
                assert torch.equal(detector(block.y, block.h, block.noise_var).x_hat, estimate)


def test_a_cached_kernel_and_company_do_not_change_counts(monkeypatch):
    """64-QAM, 14 uses of a channel, 10 dB: once 201 860 bit errors alone and 201 861 in company."""
    scenario = link("64-qam", 8, 16, channel_reuse=14, snr_definition="per_symbol")
    lmmse = [("lmmse", make_detector("lmmse", "64-qam"))]
    for snr in ("10.000000", "17.300000"):
        monkeypatch.setattr(chunk_module, "is_compiled", lambda: True)
        with_kernel = integers(run_chunk(scenario, snr, 1, lmmse))
        monkeypatch.setattr(chunk_module, "is_compiled", lambda: False)
        assert integers(run_chunk(scenario, snr, 1, lmmse)) == with_kernel
        monkeypatch.setattr(chunk_module, "is_compiled", lambda: True)
        in_company = [*lmmse, ("mrc", make_detector("mrc", "64-qam"))]
        assert integers(run_chunk(scenario, snr, 1, in_company))[:1] == with_kernel


# Who is simulated as declared


class Deaf(LMMSE):
    """Decides on nothing but its own whim."""

    def _one_shot(self, y, h, noise_var):
        answer = super()._one_shot(y, h, noise_var)
        return GaussianDetection(self.constellation, 0 * answer.x_hat + 1, answer.error_var)


def _hooked(detector):
    detector.register_forward_hook(lambda module, args, answer: Deaf("qpsk")(*args))
    return detector


def _patched(detector):
    detector._one_shot = Deaf("qpsk")._one_shot
    return detector


@pytest.mark.parametrize("change", [lambda _: Deaf("qpsk"), _hooked, _patched])
def test_a_changed_detector_is_simulated_as_it_is(change):
    scenario, changed = link(), [("mine", change(make_detector("lmmse", "qpsk")))]
    assert served(scenario, [("lmmse", make_detector("lmmse", "qpsk"))])
    assert not served(scenario, changed)
    counts = run_chunk(scenario, SNR, 0, changed)[0].counts
    assert counts.bit_errors / counts.bits == pytest.approx(0.5, abs=0.02)


def test_every_declared_method_is_one_that_the_kernel_has():
    for name in detector_names():
        for constellation in ("bpsk", "16-qam"):
            try:
                method = make_detector(name, constellation).simulated_method()
            except InvalidInputError:
                continue
            assert method is None or method in SIMULATED_METHODS


def test_threads_and_processes_count_the_same():
    scenario, run = link(channel_reuse=2), {"snr_db": [0, 6], "max_vectors": 20_000}
    labels = ["lmmse", "zf"]
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        alone = simulate(scenario, labels, min_errors=10**6, **run)
    finally:
        torch.set_num_threads(threads)
    mixed = simulate(scenario, [*labels, "mrc"], min_errors=10**6, workers=2, **run)
    for label in labels:
        one, other = alone.curve(label).points, mixed.curve(label).points
        assert [p.counts for p in one] == [p.counts for p in other]
        assert [p.positions.to_bytes() for p in one] == [p.positions.to_bytes() for p in other]


@pytest.mark.parametrize(
    "scenario",
    [
        link(channel={"model": "kronecker", "rx_correlation": 0.5}),
        link(csi={"error_var": 0.1}),
        link(snr_definition="per_realisation"),
        link(nt=2, nr=2, channel_reuse=40_000),
        link(nt=80, nr=96),
    ],
    ids=["correlated", "imperfect", "per-realisation", "few channels", "large"],
)
def test_what_it_does_not_serve_takes_the_plain_path(scenario):
    detectors = contenders(scenario.constellation)[:2]
    assert not served(scenario, detectors)
    if chunk_channels(scenario) > 100 and scenario.num_tx_ant < 80:
        assert integers(run_chunk(scenario, SNR, 0, detectors)) == integers(
            plainly(scenario, detectors)
        )


def test_more_streams_than_antennas_is_refused_as_before():
    with pytest.raises(InvalidInputError, match=r"contender 'zf': h: .*Nt <= Nr"):
        run_chunk(link(nt=4, nr=3), SNR, 0, [("zf", make_detector("zf", "qpsk"))])


def test_noise_out_of_range_takes_the_plain_path():
    detectors = contenders("qpsk")
    assert served(link(), detectors, 100.0)
    assert not served(link(), detectors, 190.0)
    assert not served(link(), detectors, -190.0)


def test_an_output_that_is_not_finite_is_left_to_the_plain_path(monkeypatch):
    scenario, detectors = link(), contenders("qpsk")
    expected = integers(run_chunk(scenario, SNR, 0, detectors))
    monkeypatch.setattr(fused, "simulate_linear", lambda *_: None)
    assert integers(run_chunk(scenario, SNR, 0, detectors)) == expected


# Reduced draws


def test_reduced_draws_have_the_error_rates_of_full_ones():
    results = [
        simulate(
            link(nt=4, nr=8, draws=draws, snr_definition="per_symbol"),
            ["lmmse", "ml", "zf"],
            [-6, -3, 0],
            metric="ser",
            target=0.03,
            min_errors=400,
            max_vectors=20_000,
        )
        for draws in ("full", "reduced")
    ]
    for label in ("lmmse", "ml", "zf"):
        for points in zip(*(result.curve(label).points for result in results), strict=True):
            rates = [p.counts.vector_errors / p.counts.vectors for p in points]
            mean = sum(p.counts.vector_errors for p in points) / sum(
                p.counts.vectors for p in points
            )
            # One vector a channel: errors of vectors are binomial. Nine points, four deviations.
            spread = (mean * (1 - mean) * sum(1 / p.counts.vectors for p in points)) ** 0.5
            assert abs(rates[0] - rates[1]) < 4 * spread
        full, reduced = (result.required_snr(label) for result in results)
        widths = [(e.high_db - e.low_db) / 2 for e in (full, reduced)]
        # Half-widths are 1.96 deviations each; the difference may have four of its own.
        allowed = 4 / 1.96 * (widths[0] ** 2 + widths[1] ** 2) ** 0.5
        assert abs(full.value_db - reduced.value_db) < allowed < 0.6
    gaps = [result.gap("ml", "lmmse") for result in results]
    assert gaps[0].low_db < gaps[1].value_db < gaps[0].high_db


@pytest.mark.parametrize("name", ["oamp", "deep-cg-online"])
def test_who_reads_all_antennas_is_refused_on_reduced_draws(name, tmp_path):
    message = f"^contender '{name}': looks at more than H\\^H H and H\\^H y.*draws = 'full'$"
    path = tmp_path / "results.sqlite"
    with pytest.raises(InvalidInputError, match=message):
        simulate(link(draws="reduced"), ["lmmse", name], [0], store=path)
    assert not path.exists()
    detector = make_detector(name, "qpsk")
    with pytest.raises(InvalidInputError, match=message):
        run_chunk(link(draws="reduced"), SNR, 0, [(name, detector)])


def test_a_search_behind_another_detector_goes_by_that_one():
    for inner, expected in (("lmmse", True), ("oamp", False)):
        assert make_detector("las", "qpsk", inner=inner).rotation_invariant is expected
