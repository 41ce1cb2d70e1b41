"""Fine-tune a network online, on the channel that it meets in place of the one it was trained on.

`lcgnet-v-32x64-bpsk` is trained on independent fading; antennas turn out to be correlated. Rounds
of a few training steps on the new channel (a second or two each) go on from the last weights, and
after each round the network is measured. What to expect of it: exact `wl-lmmse`, which needs no
training at all, is the limit of this network on any channel.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import mimolearn as ml
from mimolearn.training import fine_tune_recipe, train

WEIGHTS = "lcgnet-v-32x64-bpsk"


def bit_error_rate(scenario: ml.Scenario, contender: str, snr_db: float, errors: int) -> float:
    """Of one receiver at one SNR."""
    result = ml.simulate(scenario, [contender], snr_db=[snr_db], min_errors=errors, target=1e-3)
    return result.curves[0].points[0].rate("ber")


def main(
    rounds: int = 4, steps: int = 60, snr_db: float = 8.0, min_errors: int = 2000
) -> dict[str, float]:
    """Bit error rates before, after each round, and of the exact receiver."""
    scenario = ml.Scenario.shipped("lcgnet-32x64-bpsk-correlated")
    rates = {"as trained": bit_error_rate(scenario, WEIGHTS, snr_db, min_errors)}
    weights = WEIGHTS
    with TemporaryDirectory() as folder:
        for i in range(1, rounds + 1):
            name = f"round-{i}"
            recipe = fine_tune_recipe(weights, scenario, name=name, steps=steps)
            train(recipe, out=Path(folder))
            weights = str(Path(folder) / f"{name}.safetensors")
            rates[f"after {i * steps} steps"] = bit_error_rate(
                scenario, weights, snr_db, min_errors
            )
    rates["wl-lmmse"] = bit_error_rate(scenario, "wl-lmmse", snr_db, min_errors)
    for name, rate in rates.items():
        print(f"{name:16} BER {rate:.2e} at {snr_db:g} dB")
    return rates


if __name__ == "__main__":
    main()
