"""Encoding, decoding, interleaving and puncturing, against Sionna and against algebra."""

from __future__ import annotations

import tracemalloc
from random import Random

import pytest
import torch
from torch import Tensor

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.codes import BlockCode, CodedLink, make_code
from mimolearn.link.coding import Coding
from mimolearn.link.randomness import CounterGenerator
from mimolearn.link.scenario import Scenario
from mimolearn.results.statistics import sign_test

WIFI = Coding()
NR = Coding(code="5g-ldpc", num_info_bits=100, num_coded_bits=250)
each_code = pytest.mark.parametrize("coding", [WIFI, NR], ids=lambda coding: coding.code)


def words(code: BlockCode, num: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    info = torch.randint(2, (num, code.num_info_bits), generator=generator, dtype=torch.uint8)
    return info, code.encode(info)


def noisy(coded: Tensor, noise_var: float) -> Tensor:
    generator = torch.Generator().manual_seed(4)
    received = 2.0 * coded - 1 + torch.randn(coded.shape, generator=generator) * noise_var**0.5
    return 2 * received / noise_var


def test_wifi_words_satisfy_the_standard_matrix() -> None:
    from sionna.phy.fec.utils import load_parity_check_examples

    code = make_code(WIFI)
    info, coded = words(code, 20)
    matrix = torch.as_tensor(load_parity_check_examples(4)[0], dtype=torch.float32)
    assert int((coded.float() @ matrix.T % 2).sum()) == 0
    assert torch.equal(coded[:, :324], info)


@pytest.mark.parametrize(("k", "n"), [(100, 250), (324, 648), (400, 500)])
def test_5g_words_are_those_of_sionna(k: int, n: int) -> None:
    from sionna.phy.fec.ldpc import LDPC5GEncoder

    code = make_code(Coding(code="5g-ldpc", num_info_bits=k, num_coded_bits=n))
    info, coded = words(code, 20)
    assert torch.equal(LDPC5GEncoder(k, n, device="cpu")(info.float()).to(torch.uint8), coded)
    decoded = code.decode(4.0 * coded - 2)
    assert torch.equal(decoded.info, info)
    assert bool(decoded.found.all())


def test_5g_erasures_are_filled() -> None:
    """Erasing a fifth of the bits leaves a word that the rest determines."""
    code = make_code(NR)
    info, coded = words(code, 50)
    llr = 4.0 * coded - 2
    llr[:, ::5] = 0
    assert torch.equal(code.decode(llr).info, info)


@each_code
def test_decoder_is_not_worse_than_sionna_on_the_same_llrs(coding: Coding) -> None:
    from sionna.phy.fec.ldpc import LDPC5GDecoder, LDPC5GEncoder, LDPCBPDecoder
    from sionna.phy.fec.utils import load_parity_check_examples

    code = make_code(coding)
    info, coded = words(code, 150)
    llr = noisy(coded, 0.75 if coding.code == "802.11n-ldpc" else 0.95)
    k = code.num_info_bits
    if coding.code == "5g-ldpc":
        encoder = LDPC5GEncoder(k, code.num_coded_bits, device="cpu")
        theirs = LDPC5GDecoder(encoder, num_iter=50, device="cpu")(llr)
    else:
        pcm = load_parity_check_examples(4)[0]
        theirs = LDPCBPDecoder(pcm, num_iter=50, device="cpu")(llr)[:, :k]
    ours = code.decode(llr).info
    wrong, wrong_theirs = ((bits != info).any(1) for bits in (ours, theirs))
    assert 8 <= int(wrong_theirs.sum()) <= 120  # else this compares nothing
    more, fewer = int((wrong & ~wrong_theirs).sum()), int((wrong_theirs & ~wrong).sum())
    assert more <= fewer or sign_test(more, fewer) > 0.01
    both = ~wrong & ~wrong_theirs
    assert torch.equal(ours[both].float(), theirs[both].float())


@each_code
def test_a_block_does_not_see_its_companions(coding: Coding) -> None:
    code = make_code(coding)
    llr = noisy(words(code, 40)[1], 0.8)
    together = code.decode(llr)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    shuffled = code.decode(llr[order])
    alone = [code.decode(llr[i : i + 1]) for i in range(40)]
    assert torch.equal(shuffled.info, together.info[order])
    assert torch.equal(shuffled.iterations, together.iterations[order])
    assert torch.equal(torch.cat([one.info for one in alone]), together.info)
    assert bool(together.found.any())


def test_certain_llrs_and_none_at_all() -> None:
    code = make_code(WIFI)
    info, coded = words(code, 17)
    assert torch.equal(code.decode(1e30 * (2.0 * coded - 1)).info, info)
    assert code.decode(torch.zeros(0, 648)).info.shape == (0, 324)
    # A flipped certain bit meets equally certain others.
    llr = 100.0 * (2.0 * coded - 1)
    llr[:, 5] *= -0.1
    assert torch.equal(code.decode(llr).info, info)


def test_link_there_and_back() -> None:
    scenario = Scenario(
        num_tx_ant=4, num_rx_ant=4, constellation="16-qam", channel_reuse=5, coding=Coding()
    )
    link = CodedLink(scenario)
    assert (link.num_sent, link.num_punctured, link.channels_per_block) == (640, 8, 8)
    symbols = link.draw(6, CounterGenerator(1))
    assert symbols.indices.shape == (48, 5, 4)
    bits = scenario.points().indices_to_bits(symbols.indices).reshape(6, 640)
    assert torch.equal(bits, symbols.sent)
    decoded = link.decode(8.0 * bits - 4)
    assert torch.equal(decoded.info, symbols.info)
    assert bool(decoded.found.all())
    # Interleaved: the first bits sent are not the first information bits.
    assert not torch.equal(bits[:, :324], symbols.info)
    assert len(link.order.unique()) == 640


def test_refusals_are_one_line() -> None:
    code = make_code(WIFI)
    with pytest.raises(InvalidInputError, match=r"llr: got <shape \(3, 647\)>, expected shape"):
        code.decode(torch.zeros(3, 647))
    llr = torch.zeros(3, 648)
    llr[1, 2] = float("nan")
    with pytest.raises(InvalidInputError, match="1 of 1944 entries NaN or infinite"):
        code.decode(llr)
    with pytest.raises(InvalidInputError, match=r"info: got <shape \(3, 5\)>"):
        code.encode(torch.zeros(3, 5))
    with pytest.raises(
        InvalidInputError, match=r"num_info_bits and num_coded_bits: got \(10, 20\)"
    ):
        Coding(num_info_bits=10, num_coded_bits=20)
    with pytest.raises(InvalidInputError, match=r"a rate from 1/5 to 0.95"):
        Coding(code="5g-ldpc", num_info_bits=100, num_coded_bits=101)
    with pytest.raises(
        InvalidInputError, match=r"got 648, expected at least 1024, the bits of one"
    ):
        Scenario(num_tx_ant=256, num_rx_ant=256, constellation="16-qam", coding=Coding())
    with pytest.raises(InvalidInputError, match="channel_reuse: got 7, expected a divisor of 54"):
        Scenario(
            num_tx_ant=2, num_rx_ant=2, constellation="64-qam", channel_reuse=7, coding=Coding()
        )
    with pytest.raises(InvalidInputError, match="coding: got None"):
        CodedLink(Scenario(num_tx_ant=2, num_rx_ant=2, constellation="qpsk"))


def test_a_block_of_another_length_is_refused() -> None:
    link = CodedLink(Scenario(num_tx_ant=4, num_rx_ant=4, constellation="16-qam", coding=Coding()))
    for wrong in (torch.zeros(2, 648), torch.zeros(640), torch.zeros(1, 2, 640)):
        with pytest.raises(InvalidInputError, match=r"sent_llr: got <shape .*\(W, 640\), the bits"):
            link.decode(wrong)
        with pytest.raises(InvalidInputError, match=r"sent: got <shape .*\(W, 640\), the bits"):
            link.map(wrong)
    llr = torch.zeros(2, 640)
    llr[1, 3] = float("nan")
    with pytest.raises(InvalidInputError, match="1 of 1296 entries NaN"):
        link.decode(llr)


def test_an_uncoded_scenario_keeps_its_key() -> None:
    plain = Scenario(num_tx_ant=4, num_rx_ant=8, constellation="qpsk")
    coded = plain.model_copy(update={"coding": Coding()})
    assert plain.key() == "494244053c505fd9"
    assert coded.key() != plain.key()
    assert coded.model_copy(update={"coding": Coding(num_iter=20)}).key() != coded.key()


def test_toml_round_trip(tmp_path) -> None:
    scenario = Scenario(
        num_tx_ant=2, num_rx_ant=2, constellation="64-qam", channel_reuse=6, coding=Coding()
    )
    file = tmp_path / "link.toml"
    file.write_text(scenario.to_toml())
    assert Scenario.from_toml(file) == scenario


def test_sionna_leaves_torch_as_it_was() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    make_code(Coding(code="5g-ldpc", num_info_bits=60, num_coded_bits=120))
    assert torch.equal(torch.rand(3), expected)


def five_g(k: int, n: int) -> Coding:
    return Coding(code="5g-ldpc", num_info_bits=k, num_coded_bits=n)


def is_accepted(k: int, n: int) -> bool:
    try:
        five_g(k, n)
    except InvalidInputError:
        return False
    return True


def test_what_5g_accepts_is_what_the_encoder_can_make() -> None:
    """Around every limit, against the encoder's own choice of a base graph."""
    from sionna.phy.fec.ldpc import LDPC5GEncoder

    def has_graph(k: int, n: int) -> bool:
        try:
            LDPC5GEncoder._sel_basegraph(None, k, k / n)  # type: ignore[arg-type]  # no self in it
        except ValueError:
            return False
        return k / n <= 0.95 and k / n >= 1 / 5

    sizes = [12, 292, 293, 3823, 3824, 3825, 3832, 3840, 3841, 3842, 5000, 8447, 8448]
    for k in sizes:
        near = [round(k / rate) + d for rate in (0.2, 0.25, 1 / 3, 0.67, 0.95) for d in (-1, 0, 1)]
        for n in near:
            if n <= 25344:
                assert is_accepted(k, n) == has_graph(k, n), (k, n)
    for k, n in ((11, 40), (8449, 20000), (8448, 25345)):
        assert not is_accepted(k, n)


def test_5g_refuses_what_no_base_graph_serves_in_one_line() -> None:
    expected = r"got \(3841, 19205\), expected a rate of at least 1/3 above 3824 information bits"
    with pytest.raises(InvalidInputError, match=expected):
        five_g(3841, 19205)


def random_sizes(num: int, most: int) -> list[tuple[int, int]]:
    """Accepted sizes (k, n), those at the highest and lowest rates among them."""
    random = Random(4)
    found: list[tuple[int, int]] = []
    while len(found) < num:
        k = random.randint(12, most)
        n = round(
            k / random.choice((0.2, 0.25, 1 / 3, 0.67, 0.93, 0.95, random.uniform(0.2, 0.95)))
        )
        if n <= 25344 and is_accepted(k, n):
            found.append((k, n))
    return found


@pytest.mark.soak
def test_every_accepted_5g_code_is_made_and_decodes(trials) -> None:
    count = trials("5G codes of accepted sizes: made, encoded, decoded", 12, 200)
    edges = [(12, 60), (12, 13), (24, 26), (292, 308), (293, 879), (3840, 15360)]
    sizes = [*edges, *random_sizes(count, 600 if count == 12 else 8448)]
    for k, n in sizes:
        code = make_code(five_g(k, n))
        info, coded = words(code, 2)
        assert coded.shape == (2, n)
        # At the highest rates sum-product decoding may not find the 2Z bits that are never sent.
        if n >= 1.25 * k:
            assert torch.equal(code.decode(8.0 * coded - 4).info, info), (k, n)


def test_the_largest_code_is_sparse_throughout() -> None:
    """Dense tables of (8448, 25344) would take gigabytes."""
    tracemalloc.start()
    try:
        code = make_code(five_g(8448, 25344))
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now < 50e6
    assert peak < 50e6
    info, coded = words(code, 2)
    assert torch.equal(code.decode(8.0 * coded - 4).info, info)
