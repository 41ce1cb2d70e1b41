"""A 5G uplink of Sionna over CDL, received by our detectors and by Sionna's LMMSE.

One user sends four layers of PUSCH with 5G NR's LDPC code, pilots and least-squares channel
estimates to a base station; all receivers get the same frames.

    python examples/sionna_uplink.py --snr-db 8,9,10,11 --frames 400
"""

from __future__ import annotations

import argparse
import warnings
from typing import Any

import numpy as np
import torch

import mimolearn as ml

with warnings.catch_warnings():
    # What that library's own imports warn of is not ours to answer for.
    warnings.simplefilter("ignore")
    from sionna.phy import config, nr, ofdm
    from sionna.phy.channel import OFDMChannel
    from sionna.phy.channel.tr38901 import CDL, AntennaArray
    from sionna.phy.mimo import StreamManagement

_QAM = {2: "qpsk", 4: "16-qam", 6: "64-qam"}


def transmitter(blocks: int, mcs_index: int) -> Any:
    """Four layers from four antennas, on as many resource blocks of 12 subcarriers."""
    pusch = nr.PUSCHConfig()
    pusch.carrier.subcarrier_spacing = 30
    pusch.carrier.n_size_grid = blocks
    pusch.num_antenna_ports = 4
    pusch.num_layers = 4
    pusch.precoding = "non-codebook"
    pusch.dmrs.dmrs_port_set = [0, 1, 2, 3]
    pusch.dmrs.num_cdm_groups_without_data = 2
    pusch.dmrs.additional_position = 1
    pusch.tb.mcs_index = mcs_index
    pusch.tb.mcs_table = 1
    return nr.PUSCHTransmitter(pusch, device="cpu")


def channel(sender: Any, model: str, num_rx_ant: int) -> Any:
    """CDL of TR 38.901 at 3.5 GHz and walking speed, unit mean power on every antenna."""
    carrier_hz = 3.5e9

    def array(num_ant: int) -> Any:
        return AntennaArray(
            num_rows=1,
            num_cols=num_ant // 2,
            polarization="dual",
            polarization_type="cross",
            antenna_pattern="omni",
            carrier_frequency=carrier_hz,
            device="cpu",
        )

    cdl = CDL(
        model,
        delay_spread=100e-9,
        carrier_frequency=carrier_hz,
        ut_array=array(4),
        bs_array=array(num_rx_ant),
        direction="uplink",
        max_speed=3.0,
        device="cpu",
    )
    return OFDMChannel(cdl, sender.resource_grid, normalize_channel=True, device="cpu")


def receivers(sender: Any, detectors: list[str]) -> dict[str, Any]:
    """Sionna's default, and the same with each of our detectors in its OFDM wrapper."""
    streams = StreamManagement(np.ones((1, 1), bool), 4)
    found = {"sionna lmmse": nr.PUSCHReceiver(sender, return_tb_crc_status=True, device="cpu")}
    for name in detectors:
        ours = ml.SionnaDetector(name, _QAM[sender._num_bits_per_symbol])
        wrapper = ofdm.OFDMDetector(ours, "bit", sender.resource_grid, streams, device="cpu")
        found[name] = nr.PUSCHReceiver(
            sender, mimo_detector=wrapper, return_tb_crc_status=True, device="cpu"
        )
    return found


def main() -> None:
    """Count wrong transport blocks at each SNR."""
    parser = argparse.ArgumentParser(description="A 5G uplink over CDL")
    parser.add_argument("--detectors", default="tap-net-any", help="ours, as tap-net-any,ep")
    parser.add_argument("--snr-db", default="8,9,10,11", help="minus the noise variance in dB")
    parser.add_argument("--frames", type=int, default=200, help="at each SNR")
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--blocks", type=int, default=4, help="resource blocks")
    parser.add_argument("--mcs-index", type=int, default=14, help="of table 1: 14 is 16-QAM")
    parser.add_argument("--num-rx-ant", type=int, default=8)
    parser.add_argument("--model", default="C", help="of CDL")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    # Sionna draws from one source of its own.
    config.seed = arguments.seed
    sender = transmitter(arguments.blocks, arguments.mcs_index)
    air = channel(sender, arguments.model, arguments.num_rx_ant)
    contenders = receivers(sender, arguments.detectors.split(","))
    print(f"CDL-{arguments.model}, 4 layers, {arguments.num_rx_ant} antennas; BLER")
    print("SNR [dB]", *contenders, "frames", sep="\t")
    for snr_db in map(float, arguments.snr_db.split(",")):
        noise_var = torch.tensor(10 ** (-snr_db / 10))
        wrong, frames = dict.fromkeys(contenders, 0), 0
        while frames < arguments.frames:
            size = min(arguments.batch, arguments.frames - frames)
            with torch.no_grad(), torch.compiler.set_stance("force_eager"):
                sent, _ = sender(size)
                received = air(sent, noise_var)
                for name, receiver in contenders.items():
                    _, intact = receiver(received, noise_var)
                    wrong[name] += int((~intact).sum())
            frames += size
        rates = (f"{count / frames:.3g}" for count in wrong.values())
        print(f"{snr_db:g}", *rates, frames, sep="\t", flush=True)


if __name__ == "__main__":
    main()
