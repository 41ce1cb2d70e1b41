"""Whole receivers of the 5G uplink against Sionna's PUSCHReceiver, in one run, one thread.

    python benchmarks/bench_receiver.py [--rounds 3] [--slots 16]

Three tables:

1. Both receivers (least squares with linear interpolation, LMMSE, 20 decoder iterations) on the
   same received slots: milliseconds of CPU time a slot, and wrong transport blocks. SNRs are those
   where about one block in ten is wrong: there our decoder, which stops at a codeword, saves least
   among the SNRs that a link is run at. Sionna's has no early stop.
2. Whole simulated slots, counting included, with the shares of their parts. 4 layers on 16
   antennas, 24 PRB.
3. What encoder and decoder of blocks of 8448 bits take of memory, in a process of its own.

Contenders take turns within a round; the least time of all rounds is printed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from mimolearn.link.channels import TDLProcess
from mimolearn.link.codes import make_code
from mimolearn.link.coding import Coding
from mimolearn.link.estimators import LsLinear
from mimolearn.link.frames import DmrsPilots, NrPusch
from mimolearn.link.frames.dmrs import used_ports
from mimolearn.link.grid_scenario import GridScenario
from mimolearn.link.slots import Received
from mimolearn.plans.contender import unique_contenders
from mimolearn.studies.kinds.base import Task
from mimolearn.studies.kinds.receivers import parted
from mimolearn.studies.kinds.slot_chunk import SlotChunk
from mimolearn.studies.kinds.slots import SlotCounts

RECEIVER = "lmmse:demapping=max-log,estimator=ls-linear"
ITERATIONS = 20


class Case(NamedTuple):
    """A link of 4 layers, each of one user."""

    num_rx: int
    num_prb: int
    snr_db: float

    def scenario(self) -> GridScenario:
        return GridScenario(
            num_tx_ant=4,
            num_rx_ant=self.num_rx,
            frame=NrPusch(num_prb=self.num_prb, num_ues=4, mcs=14),
            channel=TDLProcess(profile="B", speed_m_s=3.0),
            decoder_iterations=ITERATIONS,
        )

    def words(self) -> str:
        return f"4 on {self.num_rx} antennas, {self.num_prb} PRB, {self.snr_db:g} dB"


CASES = (Case(4, 8, 14.0), Case(4, 24, 14.0), Case(16, 8, 1.0), Case(16, 24, 0.5))


def sionna_receiver(case: Case) -> Callable[[Received], Tensor]:
    """Sionna's receiver of the same users, ports and pilots: received slots to (N, U, k) bits."""
    from sionna.phy import nr

    scenario = case.scenario()
    frame, pilots = scenario.frame, scenario.pilots
    assert isinstance(frame, NrPusch)
    assert isinstance(pilots, DmrsPilots)
    carrier = nr.CarrierConfig(
        n_cell_id=frame.cell_id, subcarrier_spacing=30, n_size_grid=case.num_prb
    )
    configs: list[Any] = [
        nr.PUSCHConfig(
            carrier,
            nr.PUSCHDMRSConfig(additional_position=1, dmrs_port_set=[port]),
            nr.TBConfig(mcs_index=frame.mcs, mcs_table=frame.mcs_table),
            num_layers=1,
            n_rnti=user + 1,
        )
        for user, port in enumerate(used_ports(4, pilots))
    ]
    transmitter = nr.PUSCHTransmitter(configs, return_bits=False, device="cpu")
    decoder = nr.TBDecoder(transmitter._tb_encoder, num_bp_iter=ITERATIONS, device="cpu")
    receiver = nr.PUSCHReceiver(transmitter, tb_decoder=decoder, device="cpu")

    def run(received: Received) -> Tensor:
        y = received.y.permute(0, 3, 1, 2).unsqueeze(1).contiguous()
        return receiver(y, torch.tensor(received.noise_var))

    return run


def cpu_seconds(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def race(case: Case, rounds: int, num_slots: int) -> list[str]:
    """A row: milliseconds of both, ratio, wrong blocks of both."""
    kind = SlotCounts(case.scenario(), unique_contenders([RECEIVER]))
    label, chain = kind.built[0]
    detector, receiver, _ = parted(chain)
    numbers = range(max(num_slots // kind.chunk_channels, 1))
    chunks = [kind.draw(f"{case.snr_db:.6f}", number)[0] for number in numbers]
    theirs = sionna_receiver(case)

    def ours(chunk: SlotChunk) -> Tensor:
        outcome = chunk.again().outcome(label, detector, receiver, LsLinear())
        return outcome.info[:, :, 0]

    # The first calls may compile.
    few = chunks[0].received
    ours(chunks[0])
    theirs(few._replace(y=few.y[:1], h=few.h[:1]))
    least, wrong = [float("inf")] * 2, [0, 0]
    runs: list[Callable[[SlotChunk], Tensor]] = [ours, lambda chunk: theirs(chunk.received)]
    for number in range(rounds):
        spent = [0.0, 0.0]
        for chunk in chunks:
            for side, run in enumerate(runs):
                seconds, info = cpu_seconds(lambda run=run, chunk=chunk: run(chunk))
                spent[side] += seconds
                if number == 0:
                    wrong[side] += int((info != chunk.bits.info[:, :, 0]).any(-1).sum())
        least = [min(pair) for pair in zip(least, spent, strict=True)]
    num = len(chunks) * kind.chunk_channels
    times = [f"{1e3 * seconds / num:.2f}" for seconds in least]
    counts = [f"{count} of {4 * num}" for count in wrong]
    return [case.words(), *times, f"{least[1] / least[0]:.0f}", *counts]


def simulated(case: Case, rounds: int) -> list[str]:
    """A row: slots a second, then milliseconds of the parts of a slot."""
    kind = SlotCounts(case.scenario(), unique_contenders([RECEIVER]))
    label, chain = kind.built[0]
    detector, receiver, _ = parted(chain)
    snr, num = f"{case.snr_db:.6f}", kind.chunk_channels
    link, code = kind.scenario.link, kind.scenario.slot_code
    generator = torch.Generator().manual_seed(1)
    kind.measure(Task(snr, 0, (0,)))
    names = "encode", "channel", "estimate", "detect", "decode", "count"
    totals: dict[str, float] = dict.fromkeys((*names[:-1], "whole"), 0.0)
    blocks = wrong = 0
    for number in range(1, 4 * rounds + 1):
        seconds, counted = cpu_seconds(lambda n=number: kind.measure(Task(snr, n, (0,))))
        blocks += counted[0].counts.blocks
        wrong += counted[0].counts.block_errors
        totals["whole"] += seconds
        totals["encode"] += cpu_seconds(lambda: code.draw(num, generator))[0]
        seconds, (chunk, _) = cpu_seconds(lambda n=number: kind.draw(snr, n))
        totals["channel"] += seconds
        chunk.outcome(label, detector, receiver, LsLinear())
        for part, spent in chunk.spent._asdict().items():
            totals[part] += spent
    assert link.grid.num_layers == 4
    # Drawing has the encoder in it.
    totals["channel"] -= totals["encode"]
    totals["count"] = 2 * totals["whole"] - sum(totals.values())
    each = {name: 1e3 * total / (4 * rounds * num) for name, total in totals.items()}
    parts = [f"{each[name]:.2f}" for name in names]
    return [case.words(), f"{1e3 / each['whole']:.0f}", *parts, f"{wrong} of {blocks}"]


def memory_of_long_blocks() -> float:
    """Largest growth of this process in MiB: 64 5G LDPC blocks of 8448 bits, there and back.

    Linux alone knows this: the peak is set back to what is in use before.
    """
    small = make_code(Coding(code="5g-ldpc", num_info_bits=324, num_coded_bits=648))
    small.decode(4.0 * small.encode(torch.zeros(1, 324)) - 2)
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_mebibytes()
    code = make_code(Coding(code="5g-ldpc", num_info_bits=8448, num_coded_bits=12672))
    info = torch.randint(2, (64, 8448), generator=torch.Generator().manual_seed(1))
    decoded = code.decode(4.0 * code.encode(info) - 2)
    assert torch.equal(decoded.info, info.to(torch.uint8))
    return peak_mebibytes() - before


def peak_mebibytes() -> float:
    """Most memory that this process has had, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description="receivers of the 5G uplink, and Sionna's")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, default=16)
    parser.add_argument("--memory", action="store_true", help="of blocks of 8448 bits, and no more")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # Sionna's blocks would compile themselves for minutes before the first answer.
    torch.compiler.set_stance("force_eager")
    warnings.simplefilter("ignore")
    if arguments.memory:
        print(f"{memory_of_long_blocks():.0f}")
        return
    console = Console(width=100)
    table = Table(title="receivers, ms of CPU time a slot, one thread")
    for head in ("link", "ours", "Sionna", "ratio", "wrong, ours", "wrong, Sionna"):
        table.add_column(head, justify="right")
    for case in CASES:
        with torch.no_grad():
            table.add_row(*race(case, arguments.rounds, arguments.slots))
    console.print(table)
    heads = ("link", "slots/s", "encode", "channel", "estimate", "detect", "decode", "count")
    table = Table(title="whole simulated slots, ms of CPU time of their parts, one thread")
    for head in (*heads, "wrong"):
        table.add_column(head, justify="right")
    for snr_db in (0.5, 2.0):
        table.add_row(*simulated(Case(16, 24, snr_db), arguments.rounds))
    console.print(table)
    command = [sys.executable, __file__, "--memory"]
    mebibytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    console.print(f"blocks of 8448 bits, 64 of them, encoded and decoded: {mebibytes} MiB")


if __name__ == "__main__":
    main()
