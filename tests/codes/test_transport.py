"""Transport blocks of 5G NR against Sionna's, bit for bit, and against what the standard says."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.codes.crc import CRC16, CRC24A, CRC24B, scrambling_start
from mimolearn.link.codes.schemes import counted_bits, mcs, mcs_count, transport_block_size
from mimolearn.link.codes.transport import TransportBlock
from mimolearn.link.gold import gold_sequence
from mimolearn.link.harq import VERSIONS

# (index, table, data elements, layers); among them repetition (rate below 1/5), several code
# blocks of two lengths, both base graphs and every constellation.
SIZES = [
    (4, 1, 288, 1),
    (14, 1, 1152, 1),
    (19, 1, 2304, 2),
    (28, 1, 1152, 1),
    (3, 1, 8200, 1),
    (9, 1, 264, 1),
    (27, 2, 1500, 2),
    (9, 3, 700, 1),
    (15, 3, 60, 1),
]
REPEATED = [(0, 1, 1152), (1, 1, 1152), (0, 3, 1152), (5, 3, 288)]


@pytest.fixture(autouse=True)
def _eager() -> Iterator[None]:
    """Sionna's blocks would compile themselves for minutes before the first answer."""
    with torch.compiler.set_stance("force_eager"):
        yield


each_size = pytest.mark.parametrize("size", SIZES, ids=str)


def transport(size: tuple[int, int, int, int], **options: Any) -> TransportBlock:
    index, table, elements, layers = size
    scheme = mcs(index, table)
    coded = elements * layers * scheme.bits_per_symbol
    return TransportBlock(coded, scheme, layers, **options)


def drawn(block: TransportBlock, num: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = num, block.num_users, block.payload
    return torch.randint(2, shape, generator=generator, dtype=torch.uint8)


def noisy(sent: Tensor, noise_var: float, seed: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(sent.shape, generator=generator) * noise_var**0.5
    return 2 * (2.0 * sent - 1 + noise) / noise_var


def sionna_encoder(size: tuple[int, int, int, int], users: list[int], ids: list[int]) -> Any:
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sionna.phy.nr import TBEncoder

        index, table, _, layers = size
        scheme, coded = mcs(index, table), transport(size).coded_bits
        payload = transport(size).payload
        with contextlib.redirect_stdout(io.StringIO()):
            return TBEncoder(
                payload,
                coded,
                float(scheme.rate),
                scheme.bits_per_symbol,
                layers,
                users,
                ids,
                device="cpu",
            )


@each_size
def test_transmitted_bits_are_those_of_sionna(size) -> None:
    block = transport(size, rntis=[3, 65535], scrambling_ids=[1, 900], rule="code-block")
    info = drawn(block, 2)
    theirs = sionna_encoder(size, [3, 65535], [1, 900])(info.float())
    assert torch.equal(block.encode(info), theirs.to(torch.uint8))


def test_sizes_are_those_of_sionna() -> None:
    from sionna.phy.nr.utils import calculate_tb_size, decode_mcs_index

    assert [mcs_count(table) for table in (1, 2, 3)] == [29, 28, 29]
    for table in (1, 2, 3):
        for index in range(mcs_count(table)):
            scheme = mcs(index, table)
            bits, rate = decode_mcs_index(index, table)
            assert (scheme.bits_per_symbol, float(scheme.rate)) == (int(bits), float(rate))
            coded = scheme.bits_per_symbol * torch.tensor([12, 144, 1001, 3456, 12000, 43000])
            theirs = calculate_tb_size(
                torch.full_like(coded, int(bits)),
                rate.expand(len(coded)),
                num_coded_bits=coded,
                return_cw_length=False,
            )[0]
            assert [transport_block_size(int(n), scheme.rate) for n in coded] == theirs.tolist()
    # A resource block counts 156 elements at most.
    assert counted_bits(168, 10, mcs(14)) == 156 * 10 * 4


def test_the_base_graph_follows_the_transport_block() -> None:
    """TS 38.212, section 6.2.2: by the payload; Sionna takes the code block with its CRC."""
    by_payload, by_block = (
        transport((9, 1, 264, 1), rule=rule).segmentation for rule in ("payload", "code-block")
    )
    assert (by_payload.payload, by_payload.graph.graph, by_block.graph.graph) == (352, 2, 1)
    wide = TransportBlock(9000, mcs(9), payload=3824).segmentation
    assert (wide.block_size, wide.graph.graph, wide.num_blocks) == (3840, 2, 1)
    large = TransportBlock(9000, mcs(9), payload=3840).segmentation
    assert (large.block_size, large.graph.graph) == (3864, 1)


def test_wrong_blocks_are_those_of_sionna_on_the_same_llrs() -> None:
    size = (14, 1, 576, 1)
    block = transport(size, rntis=[1, 2], rule="code-block")
    encoder = sionna_encoder(size, [1, 2], [1, 1])
    from sionna.phy.nr import TBDecoder

    info = drawn(block, 12)
    llr = noisy(block.encode(info), 0.68)
    decoded = block.decode(llr, num_iter=20)
    with torch.random.fork_rng():
        theirs, passed = TBDecoder(encoder, num_bp_iter=20, device="cpu")(llr)
    wrong, wrong_theirs = (decoded.info != info).any(-1), (theirs != info).any(-1)
    assert 2 <= int(wrong_theirs.sum()) <= 22  # else this compares nothing
    assert torch.equal(decoded.passed, ~wrong)
    assert torch.equal(passed, ~wrong_theirs)
    # The serial schedule gets further in 20 iterations than flooding.
    assert not bool((wrong & ~wrong_theirs).any())


@pytest.mark.parametrize("size", REPEATED, ids=str)
def test_rates_below_those_of_the_graph_repeat_bits(size) -> None:
    """Sionna refuses these."""
    block = transport((*size, 1))
    cut = block.segmentation
    taken = cut.taken(0)[0]
    assert len(set(taken.tolist())) < len(taken) == cut.lengths[0]
    info = drawn(block, 3)
    llr = noisy(block.encode(info), 1.5)
    assert torch.equal(block.decode(llr).info, info)
    # What is repeated is added before decoding.
    assert torch.allclose(block.decode(llr).soft.sum(), (block.decode(0.5 * llr).soft * 2).sum())


@each_size
def test_there_and_back_for_every_version(size) -> None:
    block = transport(size, versions=VERSIONS, rntis=[1, 2, 3])
    info = drawn(block, 1)
    for version in (0, 2, 3, 1):
        sent = block.encode(info, version=version)
        decoded = block.decode(8.0 * sent - 4, version=version, feedback=True)
        # Others have fewer information bits: at high rates they do not determine a block alone.
        if version == 0 or (version == 3 and mcs(*size[:2]).rate < 0.6):
            assert torch.equal(decoded.info, info)
            assert bool(decoded.passed.all())
            assert bool(decoded.found.all())
        assert decoded.extrinsic is not None
        assert decoded.extrinsic.shape == sent.shape


def test_versions_are_those_of_sionna() -> None:
    from sionna.phy.fec.ldpc import LDPC5GEncoder

    block = TransportBlock(2000, mcs(9), versions=VERSIONS, rule="code-block", payload=1032)
    info = drawn(block, 2)
    encoder = LDPC5GEncoder(block.segmentation.block_size, 2000, 2, device="cpu")
    blocks = CRC16.attach(info.reshape(2, -1)).float()
    with torch.random.fork_rng():
        theirs = encoder(blocks, rv=[0, 1, 2, 3]).to(torch.uint8)
    # Sionna's encoder does not interleave versions.
    scramble = gold_sequence(scrambling_start(1, 1), 2000)
    for version in range(4):
        ours = (block.encode(info, version=version)[:, 0] ^ scramble).reshape(2, 1000, 2)
        assert torch.equal(ours.mT.reshape(2, 2000).sum(1), theirs[:, version].sum(1))
        interleaved = torch.equal(ours.reshape(2, -1), theirs[:, version])
        assert interleaved or torch.equal(ours.mT.reshape(2, -1), theirs[:, version])


def test_retransmissions_are_combined() -> None:
    """Incremental redundancy decodes what one transmission cannot, and beats its repetition."""
    block = TransportBlock(1200, mcs(16, 1), versions=VERSIONS)
    again = TransportBlock(1200, mcs(16, 1))
    info = drawn(block, 40)
    wrong = {}
    for name, code, version in (("ir", block, 2), ("chase", again, 0)):
        first = code.decode(noisy(code.encode(info), 1.6, 3))
        second = code.encode(info, version=version)
        both = code.decode(noisy(second, 1.6, 4), version=version, soft=first.soft)
        wrong[name] = int((both.info != info).any(-1).sum())
        assert int((first.info != info).any(-1).sum()) == 40
    assert wrong["ir"] < wrong["chase"]


def test_a_limited_buffer_starts_versions_earlier() -> None:
    whole = TransportBlock(4608, mcs(14), versions=VERSIONS)
    limited = TransportBlock(4608, mcs(14), versions=VERSIONS, buffer_bits=6000)
    info = drawn(whole, 2)
    assert torch.equal(whole.encode(info), limited.encode(info))
    assert not torch.equal(whole.encode(info, version=2), limited.encode(info, version=2))
    assert limited.code.num_bits < whole.code.num_bits
    sent = limited.encode(info, version=3)
    assert torch.equal(limited.decode(4.0 * sent - 2, version=3).info, info)


def test_a_block_does_not_see_its_companions() -> None:
    block = transport((14, 1, 288, 1), rntis=[5, 6])
    llr = noisy(block.encode(drawn(block, 6)), 0.7)
    for bits in (None, 6):
        together = block.decode(llr, feedback=True, bits=bits)
        users = torch.tensor([1, 0, 1])
        some = block.decode(
            torch.stack([llr[4, 1], llr[2, 0], llr[0, 1]]), users=users, feedback=True, bits=bits
        )
        assert together.extrinsic is not None
        assert some.extrinsic is not None
        for row, (slot, user) in enumerate([(4, 1), (2, 0), (0, 1)]):
            assert torch.equal(some.info[row], together.info[slot, user])
            assert torch.equal(some.iterations[row], together.iterations[slot, user])
            assert torch.equal(some.extrinsic[row], together.extrinsic[slot, user])


def test_the_largest_llrs_do_no_harm() -> None:
    """Their sums over repeated bits would be infinite, or no number at all."""
    block = transport((0, 3, 1152, 1))
    info = drawn(block, 2)
    llr = 3e38 * (2.0 * block.encode(info) - 1)
    llr[..., ::9] *= -1
    decoded = block.decode(llr, feedback=True)
    assert torch.equal(decoded.info, info)
    assert decoded.extrinsic is not None
    assert bool(torch.isfinite(decoded.soft).all() & torch.isfinite(decoded.extrinsic).all())


def test_extrinsic_llrs_are_the_posterior_less_the_input() -> None:
    """Erased bits get LLRs of the right sign from the others; sure blocks stay as they are."""
    block = transport((4, 1, 288, 1))
    sent = block.encode(drawn(block, 8))
    llr = noisy(sent, 0.8)
    llr[..., ::7] = 0
    decoded = block.decode(llr, feedback=True)
    assert bool(decoded.passed.all())
    assert decoded.extrinsic is not None
    posterior = decoded.extrinsic + llr
    assert torch.equal((posterior > 0).to(torch.uint8), sent)


def test_crcs_and_sequences() -> None:
    # The catalogue's check values of CRC-16/XMODEM, CRC-24/LTE-A and CRC-24/LTE-B.
    digits = torch.tensor([[int(b) for c in b"123456789" for b in f"{c:08b}"]], dtype=torch.uint8)
    values = {CRC16: 0x31C3, CRC24A: 0xCDE703, CRC24B: 0x23EF52}
    for crc, value in values.items():
        assert crc.remainders(digits)[0] == value
        assert crc.remainders(crc.attach(digits))[0] == 0
        assert crc.remainders(crc.attach(digits[:, :13].contiguous()))[0] == 0
    from sionna.phy.nr.utils import generate_prng_seq

    start = scrambling_start(65535, 1023)
    assert gold_sequence(start, 300).tolist() == generate_prng_seq(300, start).tolist()


def test_refusals_are_one_line() -> None:
    with pytest.raises(InvalidInputError, match=r"mcs: got 29, expected an integer from 0 to 28"):
        mcs(29)
    with pytest.raises(InvalidInputError, match=r"mcs_table: got 4, expected 1, 2 or 3"):
        mcs(0, 4)
    with pytest.raises(InvalidInputError, match=r"coded_bits: got 4607, expected a multiple of 4"):
        TransportBlock(4607, mcs(14))
    with pytest.raises(InvalidInputError, match=r"payload: got 4000, expected at most 3491 bits"):
        TransportBlock(3700, mcs(14), payload=4000)
    block = TransportBlock(4608, mcs(14))
    with pytest.raises(InvalidInputError, match=r"llr: got <shape \(2, 4608\)>, expected shape"):
        block.decode(torch.zeros(2, 4608))
    with pytest.raises(InvalidInputError, match=r"version: got 2, expected one of 0"):
        block.encode(torch.zeros(1, 1, block.payload), version=2)
    with pytest.raises(InvalidInputError, match=r"users: got \[1\], expected numbers from 0 to 0"):
        block.encode(torch.zeros(1, block.payload), users=torch.tensor([1]))
    llr = torch.zeros(1, 1, 4608)
    llr[0, 0, 3] = float("inf")
    with pytest.raises(InvalidInputError, match=r"llr: got <1 of 4608 entries NaN or infinite>"):
        block.decode(llr)
    with pytest.raises(InvalidInputError, match=r"rnti: got 65536, expected an integer from 0"):
        TransportBlock(4608, mcs(14), rntis=[65536])
