"""The same counts whoever else competes, by whatever path, in whatever order, on any workers."""

import pytest

from mimolearn import Scenario, make_detector, simulate
from mimolearn.plans.plan import canonical_snr
from mimolearn.studies.kinds import chunk as chunk_module
from mimolearn.studies.kinds.run_chunk import run_chunk

LINEAR = ("mrc", "zf", "lmmse", "wl-lmmse")
LINKS = [
    Scenario(num_tx_ant=8, num_rx_ant=16, constellation="64-qam", channel_reuse=14),
    Scenario(num_tx_ant=4, num_rx_ant=4, constellation="bpsk", channel_reuse=3),
    Scenario(num_tx_ant=3, num_rx_ant=5, constellation="qpsk", draws="reduced"),
    Scenario(num_tx_ant=5, num_rx_ant=9, constellation="16-qam", channel={"model": "kronecker"}),
    Scenario(num_tx_ant=6, num_rx_ant=7, constellation="bpsk", channel={"model": "real-gaussian"}),
]


def answers(scenario, snr_db, chunk, names):
    detectors = [(name, make_detector(name, scenario.constellation)) for name in names]
    results = run_chunk(scenario, canonical_snr(snr_db), chunk, detectors)
    found = [(result.counts, result.positions.to_bytes()) for result in results]
    return dict(zip(names, found, strict=True))


@pytest.mark.soak
@pytest.mark.parametrize("scenario", LINKS, ids=lambda s: f"{s.num_tx_ant}x{s.num_rx_ant}")
def test_company_path_and_order(scenario, monkeypatch, trials):
    """Every whole SNR from 0 to 30 dB, every linear detector."""
    chunks = trials("chunks at each of 31 SNRs, plain and fused, alone and in company", 1, 8)
    full = chunks > 1
    for snr_db in range(31) if full else (10,):
        for chunk in range(chunks):
            monkeypatch.setattr(chunk_module, "is_compiled", lambda: False)
            plain = answers(scenario, snr_db, chunk, LINEAR)
            assert answers(scenario, snr_db, chunk, LINEAR[::-1]) == plain
            monkeypatch.setattr(chunk_module, "is_compiled", lambda: True)
            for names in ([name] for name in LINEAR):
                assert answers(scenario, snr_db, chunk, names) == {names[0]: plain[names[0]]}
            fused = answers(scenario, snr_db, chunk, LINEAR[:0:-1])
            assert fused == {name: plain[name] for name in LINEAR[1:]}


# Many chunks at one SNR, and a few at every whole one.
RUNS = (
    {"snr_db": [10], "max_vectors": 300_000},
    {"snr_db": list(range(31)), "max_vectors": 20_000, "floor": 0},
)


@pytest.mark.soak(only=True)
@pytest.mark.parametrize("run", RUNS, ids=["one SNR", "every SNR"])
def test_workers_and_resumption(tmp_path, trials, run):
    num = trials("runs of many chunks, one worker and three, resumed", 0, 3)
    for i in range(num):
        scenario = LINKS[i]
        run = {**run, "min_errors": 10**9}
        alone = {name: simulate(scenario, [name], **run) for name in LINEAR}
        file = tmp_path / f"{i}.sqlite"
        some = {**run, "max_vectors": run["max_vectors"] // 6}
        simulate(scenario, LINEAR[:2], store=file, **some)
        together = simulate(scenario, LINEAR, store=file, workers=3, **run)
        for name in LINEAR:
            pairs = zip(alone[name].curve(name).points, together.curve(name).points, strict=True)
            for one, other in pairs:
                assert one.counts == other.counts
                assert one.positions.to_bytes() == other.positions.to_bytes()
