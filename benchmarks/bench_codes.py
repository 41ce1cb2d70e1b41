"""Block codes beside Sionna's: encoders, decoders and transport blocks, in one run, one thread.

    python benchmarks/bench_codes.py [--words 640] [--rounds 5]

CPU microseconds a word, the least of several rounds; both sides get the same bits and LLRs. Wrong
blocks are counted on them. Ratios of decoders: sum-product against Sionna's (flooding, as many
iterations, no early stop), min-sum against our sum-product, with early stopping and without
(LLRs that end in no codeword).
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from mimolearn.link.codes import BlockCode, TransportBlock, make_code, mcs
from mimolearn.link.scenario import Coding

ITERATIONS = 20


def least_us(call: Callable[[], object], words: int, rounds: int) -> float:
    """CPU microseconds a word; the first call, which may compile, is not timed."""
    call()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times) / words * 1e6


def noisy(code: BlockCode, words: int, ebn0_db: float) -> tuple[Tensor, Tensor]:
    """Information bits and LLRs over Gaussian noise."""
    generator = torch.Generator().manual_seed(1)
    info = torch.randint(2, (words, code.num_info_bits), generator=generator, dtype=torch.uint8)
    rate = code.num_info_bits / code.num_coded_bits
    noise_var = 1 / (2 * rate * 10 ** (ebn0_db / 10))
    sent = 2.0 * code.encode(info) - 1
    received = sent + torch.randn(sent.shape, generator=generator) * noise_var**0.5
    return info, 2 * received / noise_var


def encoders(words: int, rounds: int) -> None:
    print("\nencoder        k      n   ours us  Sionna us   ratio")
    from sionna.phy.fec.ldpc import LDPC5GEncoder

    for k, n in ((324, 648), (1024, 2048), (4096, 8192), (8448, 12672)):
        code = make_code(Coding(code="5g-ldpc", num_info_bits=k, num_coded_bits=n))
        generator = torch.Generator().manual_seed(1)
        info = torch.randint(2, (words, k), generator=generator, dtype=torch.uint8)
        few = info[: max(1, words // 20)]
        encoder = LDPC5GEncoder(k, n, device="cpu")
        as_floats = few.float()
        if not torch.equal(encoder(as_floats).to(torch.uint8), code.encode(few)):
            raise SystemExit(f"({k}, {n}): words differ from Sionna's")
        ours = least_us(lambda code=code, info=info: code.encode(info), words, rounds)
        theirs = least_us(lambda e=encoder, x=as_floats: e(x), len(few), 2)
        print(f"5g-ldpc    {k:5d} {n:6d} {ours:9.2f} {theirs:10.0f} {theirs / ours:7.0f}")


def decoders(words: int, rounds: int) -> None:
    print(
        f"\ndecoder, {ITERATIONS} iterations     wrong   us  of sum-product   no stop us  of s.-p."
    )
    cases = (
        (Coding(), 2.25),
        (Coding(code="5g-ldpc", num_info_bits=1024, num_coded_bits=2048), 1.75),
    )
    for coding, ebn0_db in cases:
        code = make_code(coding)
        info, llr = noisy(code, words, ebn0_db)
        # No codeword is near: every word takes all iterations.
        hopeless = torch.randn(llr.shape, generator=torch.Generator().manual_seed(2))
        first: tuple[float, float] | None = None
        for bits in (None, 4, 5, 6, 7, 8):

            def decode(x: Tensor, code: BlockCode = code, bits: int | None = bits) -> Tensor:
                return code.decode(x, ITERATIONS, bits).info

            wrong = int((decode(llr) != info).any(1).sum())
            part = hopeless if bits else hopeless[: words // 4]
            us = least_us(lambda d=decode, x=llr: d(x), words, rounds)
            full = least_us(lambda d=decode, x=part: d(x), len(part), rounds)
            first = first or (us, full)
            name = f"min-sum, {bits} bits" if bits else "sum-product"
            print(
                f"{coding.code:13} {name:16} {wrong:5d} {us:8.2f} {first[0] / us:7.1f}x "
                f"{full:12.2f} {first[1] / full:7.1f}x"
            )


def transport(words: int, rounds: int) -> None:
    print("\ntransport block, MCS   bits  wrong  us  Sionna's wrong   us   ratio  encoder's ratio")
    from sionna.phy.nr import TBDecoder, TBEncoder

    for index, noise_var in ((4, 1.9), (14, 0.66), (19, 0.72)):
        scheme = mcs(index)
        coded = 1152 * scheme.bits_per_symbol
        block = TransportBlock(coded, scheme, rule="code-block")
        encoder = TBEncoder(
            block.payload, coded, float(scheme.rate), scheme.bits_per_symbol, device="cpu"
        )
        decoder = TBDecoder(encoder, num_bp_iter=ITERATIONS, device="cpu")
        generator = torch.Generator().manual_seed(1)
        shape = words // 4, 1, block.payload
        info = torch.randint(2, shape, generator=generator, dtype=torch.uint8)
        sent = block.encode(info)
        noise = torch.randn(sent.shape, generator=generator) * noise_var**0.5
        llr = 2 * (2.0 * sent - 1 + noise) / noise_var
        wrong = int((block.decode(llr, num_iter=ITERATIONS).info != info).any(-1).sum())
        wrong_theirs = int((decoder(llr[:, 0])[0] != info[:, 0]).any(-1).sum())
        ours = least_us(lambda b=block, x=llr: b.decode(x, num_iter=ITERATIONS), len(llr), rounds)
        theirs = least_us(lambda d=decoder, x=llr[:, 0]: d(x), len(llr), 1)
        encode = least_us(lambda b=block, x=info: b.encode(x), len(llr), rounds)
        few = info[:16, 0].float()
        encode_theirs = least_us(lambda e=encoder, x=few: e(x), len(few), 2)
        print(
            f"{index:20d} {coded:6d} {wrong:5d} {ours:6.0f} {wrong_theirs:10d} {theirs:8.0f} "
            f"{theirs / ours:7.0f} {encode_theirs / encode:12.0f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=640)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    # Sionna's blocks would compile themselves for minutes before the first answer.
    torch.compiler.set_stance("force_eager")
    warnings.simplefilter("ignore")
    with torch.no_grad():
        encoders(arguments.words, arguments.rounds)
        decoders(arguments.words, arguments.rounds)
        transport(arguments.words, arguments.rounds)


if __name__ == "__main__":
    main()
