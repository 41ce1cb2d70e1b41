"""Keep a failed block's soft bits in little memory until its second transmission (HARQ).

The receiver stores quantised LLRs of the first transmission, adds those of the second (chase
combining) and decodes again. First by hand for one block, then counted: block error rates with
unquantised soft bits, and with 30 bits in place of the 12 soft bits of a channel use.
"""

import torch

import mimolearn as ml

SCENARIO = ml.Scenario(
    num_tx_ant=2,
    num_rx_ant=2,
    constellation="64-qam",
    coding=ml.Coding(),
    harq=ml.Harq(transmissions=2, combining="chase"),
    snr_definition="per_stream",
)


def store_and_combine(snr_db: float = 12.0) -> tuple[int, int]:
    """Bytes kept of one block as float32, and quantised; decisions after combining agree."""
    detector = ml.make_detector("ml", SCENARIO.points())
    quantizer = ml.load("eq-net-2x2-64qam-30")
    generator = torch.Generator().manual_seed(1)
    sent = torch.randint(64, (SCENARIO.uses_per_block, 1, 2), generator=generator)
    kept = []
    for _ in range(2):
        h = SCENARIO.draw_channels(SCENARIO.uses_per_block, generator)
        block = SCENARIO.send(sent, h, SCENARIO.noise_var(snr_db), generator)
        kept.append(detector(block.y, block.h_hat, block.noise_var).llr())
    stored = quantizer.encode(kept[0]).to_bytes()
    combined = quantizer.decode(ml.Codes.from_bytes(stored)) + kept[1]
    exact = kept[0] + kept[1]
    agree = ((combined > 0) == (exact > 0)).float().mean()
    num_float_bytes = 4 * kept[0].numel()
    print(f"one block: {num_float_bytes} bytes as float32, {len(stored)} bytes stored")
    print(f"{agree:.1%} of the combined decisions are those of unquantised soft bits")
    return num_float_bytes, len(stored)


def main(snr_db: float = 9.0, min_errors: int = 200) -> ml.Comparison:
    """Block error rates after the second transmission."""
    store_and_combine()
    contenders = [
        "ml:label=unquantised",
        "ml:quantizer=eq-net-2x2-64qam-30,label=eq-net 30 bit",
        "ml:quantizer=max-mi-2x2-64qam-30,label=max-mi 30 bit",
    ]
    result = ml.simulate(
        SCENARIO, contenders, snr_db=[snr_db], metric="bler", target=1e-2, min_errors=min_errors
    )
    for curve in result.curves:
        bounds = curve.points[0].interval("bler")
        rate = curve.points[0].rate("bler")
        print(f"{curve.label:14} BLER {rate:.3f} [{bounds.low:.3f}, {bounds.high:.3f}]")
    return result


if __name__ == "__main__":
    main()
