"""Decoded blocks per CPU second, ours beside Sionna's sum-product, on the same LLRs.

Run it with one thread on an idle machine:

    python benchmarks/bench_decoder.py [--blocks 2000]

Binary input over Gaussian noise. Each row: Eb/N0, blocks per CPU second and block error rate of
both, blocks that only one of them got wrong, and the p-value of a sign test on those. Both stop at
50 iterations; Sionna's decoder has no parity stop, ours has. ``--sionna-iterations`` gives Sionna
fewer: it then is faster and worse.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from mimolearn.link.codes import BlockCode, make_code
from mimolearn.link.scenario import Coding
from mimolearn.results.statistics import sign_test


def sionna_decoder(coding: Coding, num_iter: int) -> Callable[[Tensor], Tensor]:
    """LLRs (W, n) to information bits (W, k); Sionna's LLRs are positive for 1 as well."""
    with torch.random.fork_rng():
        from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder, LDPCBPDecoder
        from sionna.phy.fec.utils import load_parity_check_examples

        if coding.code == "5g-ldpc":
            encoder = LDPC5GEncoder(coding.num_info_bits, coding.num_coded_bits, device="cpu")
            return LDPC5GDecoder(encoder, num_iter=num_iter, device="cpu")
        decoder = LDPCBPDecoder(load_parity_check_examples(4)[0], num_iter=num_iter, device="cpu")
    return lambda llr: decoder(llr)[:, : coding.num_info_bits]


def noisy(code: BlockCode, rate: float, ebn0_db: float, num: int) -> tuple[Tensor, Tensor]:
    """Information bits (W, k) and the LLRs (W, n) of their noisy blocks."""
    generator = torch.Generator().manual_seed(1)
    info = torch.randint(2, (num, code.num_info_bits), generator=generator, dtype=torch.uint8)
    noise_var = 1 / (2 * rate * 10 ** (ebn0_db / 10))
    sent = 2.0 * code.encode(info) - 1
    received = sent + torch.randn(sent.shape, generator=generator) * noise_var**0.5
    return info, 2 * received / noise_var


def timed(decode: Callable[[Tensor], Tensor], llr: Tensor) -> tuple[Tensor, float]:
    """Bits and blocks per CPU second; the first call, which may compile, is not timed."""
    decode(llr[:100])
    start = time.process_time()
    bits = torch.cat([decode(part) for part in llr.split(100)])
    return bits, len(llr) / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=1000)
    parser.add_argument("--sionna-iterations", type=int, default=50)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "code          Eb/N0   ours/s  Sionna/s  ratio  BLER ours  Sionna  only ours/only S.     p"
    )
    for coding in (Coding(), Coding(code="5g-ldpc")):
        code = make_code(coding)
        theirs = sionna_decoder(coding, arguments.sionna_iterations)
        for ebn0_db in (1.0, 1.5, 2.0):
            info, llr = noisy(code, coding.rate, ebn0_db, arguments.blocks)
            with torch.no_grad():
                a, ours_a_s = timed(lambda part, code=code: code.decode(part).info, llr)
                b, theirs_a_s = timed(lambda part, theirs=theirs: theirs(part), llr)
            bad, bad_theirs = ((bits != info).any(1) for bits in (a, b))
            only, only_theirs = int((bad & ~bad_theirs).sum()), int((bad_theirs & ~bad).sum())
            print(
                f"{coding.code:13} {ebn0_db:5.1f} {ours_a_s:8.0f} {theirs_a_s:9.0f} "
                f"{ours_a_s / theirs_a_s:6.1f} {bad.float().mean():10.4f} "
                f"{bad_theirs.float().mean():7.4f} {only:8d}/{only_theirs:<8d} "
                f"{sign_test(only, only_theirs):6.3f}"
            )


if __name__ == "__main__":
    main()
