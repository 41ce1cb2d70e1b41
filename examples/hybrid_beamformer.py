"""Design hybrid beamformers for a multi-user downlink, and see how good and how fast they are.

64 antennas with 8 radio-frequency chains serve two users of three streams each. Every design gets
the same channels; symbol error rates are exact for each channel, not counted.
"""

import time

import torch

import mimolearn as ml


def main(num_channels: int = 64, snr_db: float = 15.0) -> dict[str, float]:
    """Mean symbol error rate of four designs."""
    scenario = ml.BeamScenario.shipped("mser-qpsk")
    h = scenario.draw(num_channels, torch.Generator().manual_seed(1)).h
    noise_var = scenario.noise_var(snr_db)
    designs = {
        "svd-phase": ml.make_beamformer("svd-phase", scenario.array),
        "omp-mmse": ml.make_beamformer("omp-mmse", scenario.array),
        "mmse-gd": ml.make_beamformer("mmse-gd", scenario.array),
        "unfolded-mser, trained": ml.load("unfolded-mser-qpsk-gn"),
    }
    rates = {}
    for name, design in designs.items():
        start = time.perf_counter()
        beams = design(h, noise_var)  # phases f_rf, w_rf and digital f_bb, w_bb
        seconds = time.perf_counter() - start
        rate = ml.symbol_error_rate(h, beams, noise_var, scenario.constellation).mean()
        rates[name] = float(rate)
        power = (beams.f_rf @ beams.f_bb).abs().square().sum((-2, -1)).mean()
        time_ms = 1e3 * seconds / num_channels
        print(f"{name:22} SER {rate:.2e}, power {power:.3f}, {time_ms:.1f} ms a channel")
    return rates


if __name__ == "__main__":
    main()
