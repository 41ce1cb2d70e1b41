"""Min-sum in fixed point: companions, frozen words, error rates, and what a scenario says of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from mimolearn.foundation.errors import InvalidInputError
from mimolearn.link.codes import BlockCode, CodedLink, make_code
from mimolearn.link.codes.min_sum import fixed_point
from mimolearn.link.coding import Coding
from mimolearn.link.randomness import CounterGenerator
from mimolearn.link.scenario import Scenario
from mimolearn.plans.plan import RunPlan
from mimolearn.report import Answers, rate_notes
from mimolearn.results.comparison import Comparison, Provenance

WIFI = Coding()
NR = Coding(code="5g-ldpc", num_info_bits=500, num_coded_bits=1000)
each_code = pytest.mark.parametrize("coding", [WIFI, NR], ids=lambda coding: coding.code)


def noisy(code: BlockCode, num: int, noise_var: float) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(5)
    info = torch.randint(2, (num, code.num_info_bits), generator=generator, dtype=torch.uint8)
    sent = 2.0 * code.encode(info) - 1
    received = sent + torch.randn(sent.shape, generator=generator) * noise_var**0.5
    return info, 2 * received / noise_var


def reference(code: BlockCode, llr: np.ndarray, bits: int, num_iter: int) -> tuple[np.ndarray, int]:
    """One word by plain integers, in the order of the kernel, and when it was found (or -1)."""
    point, checks = fixed_point(bits), code.checks
    low, high = -(2 ** (point.sum_bits - 1)), 2 ** (point.sum_bits - 1) - 1
    totals = np.zeros(checks.num_bits, np.int64)
    scaled = np.rint(np.float32(-point.scale) * llr).clip(-point.top, point.top)
    totals[code.sent_at.numpy()] = scaled.astype(np.int64)
    messages = np.zeros(len(checks.columns), np.int64)
    per_check = point.offsets(checks)
    for iteration in range(num_iter + 1):
        word = (totals < 0).astype(np.uint8)
        if not checks.syndromes(word[None]).any():
            return word[: code.num_info_bits], iteration
        for c in range(checks.num_checks if iteration < num_iter else 0):
            edges = slice(checks.starts[c], checks.starts[c + 1])
            at = checks.columns[edges]
            values = (totals[at] - messages[edges]).clip(low, high)
            sizes = np.sort(np.minimum(np.abs(values), point.limit))
            one, two = (*sizes, point.limit)[:2]
            least, most, other = per_check[c]
            usual = max(one - max(most - (two - one), least), 0)
            unusual = max(two - other, 0)
            negative = (values < 0).sum() % 2
            sign = np.where((values < 0) ^ bool(negative), -1, 1)
            messages[edges] = sign * np.where(np.abs(values) == one, unusual, usual)
            totals[at] = (values + messages[edges]).clip(low, high)
    return word[: code.num_info_bits], -1


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_the_kernel_is_the_algorithm(bits) -> None:
    code = make_code(NR)
    info, llr = noisy(code, 2, 0.6)
    decoded = code.decode(llr, 6, bits)
    for word in range(2):
        expected, found = reference(code, llr[word].numpy(), bits, 6)
        assert np.array_equal(decoded.info[word].numpy(), expected)
        assert (int(decoded.iterations[word]), bool(decoded.found[word])) == (
            (6, False) if found < 0 else (found, True)
        )
    assert bool((decoded.info == info).all(1).any())


@each_code
@pytest.mark.parametrize("bits", [4, 6, 8])
def test_a_word_does_not_see_its_companions(coding, bits) -> None:
    """Batches of 64 go on until their last word is found, and leave words to later batches."""
    code = make_code(coding)
    _, llr = noisy(code, 210, 0.76)
    together = code.decode(llr, 30, bits)
    assert 0 < int(together.found.sum()) < 210
    order = torch.randperm(210, generator=torch.Generator().manual_seed(1))
    shuffled = code.decode(llr[order], 30, bits)
    assert torch.equal(shuffled.info, together.info[order])
    assert torch.equal(shuffled.iterations, together.iterations[order])
    for i in (0, 3, 64, 150):
        alone = code.decode(llr[i : i + 1], 30, bits)
        assert torch.equal(alone.info[0], together.info[i])
        assert torch.equal(alone.iterations[0], together.iterations[i])


@each_code
def test_found_words_stay_found(coding) -> None:
    """Sums go on to saturate after a word is found: without freezing its bits that destroys it."""
    code = make_code(coding)
    info, llr = noisy(code, 64, 0.55)
    quick = code.decode(llr, 100, 6)
    assert int((quick.info == info).all(1).sum()) >= 60
    llr[0] = 0.3 * torch.randn(llr.shape[1], generator=torch.Generator().manual_seed(1))
    slow = code.decode(llr, 100, 6)
    assert int(slow.iterations[0]) == 100
    assert torch.equal(slow.info[1:], quick.info[1:])


@each_code
def test_error_rates_are_near_those_of_sum_product(coding) -> None:
    code = make_code(coding)
    info, llr = noisy(code, 600, 0.68 if coding is WIFI else 0.78)
    wrong = {b: int((code.decode(llr, 20, b).info != info).any(1).sum()) for b in (None, 4, 6, 8)}
    assert 10 <= wrong[None] <= wrong[6] <= 6 * wrong[None]
    assert wrong[8] <= 1.5 * wrong[6]
    assert wrong[6] < wrong[4] <= 600


@each_code
def test_what_min_sum_cannot_find_is_rescued(coding) -> None:
    code = make_code(coding)
    _, llr = noisy(code, 300, 0.7 if coding is WIFI else 0.78)
    exact, quick = code.decode(llr, 20), code.decode(llr, 20, 6)
    both = code.decode(llr, 20, 6, rescue=True)
    assert int(quick.found.sum()) < int(exact.found.sum())
    # Where both decoders end in a word, it is the same one.
    assert torch.equal(both.found, quick.found | exact.found)
    assert torch.equal(both.info[exact.found], exact.info[exact.found])
    again = both.found & ~quick.found
    assert torch.equal(both.iterations[again], exact.iterations[again] + 20)
    assert torch.equal(both.iterations[quick.found], quick.iterations[quick.found])


def test_posteriors_have_the_signs_of_the_word() -> None:
    code = make_code(NR)
    info, llr = noisy(code, 70, 0.5)
    for bits, rescue in ((None, False), (6, False), (6, True), (8, False)):
        channel = torch.zeros(70, code.num_bits)
        channel[:, code.sent_at] = llr
        posterior = torch.empty(70, code.num_bits)
        decoded = code.decode_words(channel, 20, bits, rescue, posterior)
        right = decoded.found & (decoded.info == info).all(1)
        assert int(right.sum()) >= 60
        words = code.words(info)[right]
        assert torch.equal((posterior[right] > 0).to(torch.uint8), words)
        # Decoding adds to what was known.
        assert float(posterior[right].abs().mean()) > float(channel[right].abs().mean())


def test_a_link_names_its_decoder() -> None:
    plain = Scenario(num_tx_ant=2, num_rx_ant=2, constellation="16-qam", coding=Coding())
    fixed = plain.model_copy(update={"coding": Coding(decoder="min-sum", decoder_bits=5)})
    assert fixed.key() != plain.key()
    assert fixed.coding is not None
    assert plain.coding is not None
    assert Scenario.model_validate(fixed.model_dump()) == fixed
    assert plain.coding.decoder_words() == "sum-product in floating point, up to 50 iterations"
    link = CodedLink(fixed)
    symbols = link.draw(3, CounterGenerator(2))
    llr = 2.0 * symbols.sent - 1
    assert torch.equal(link.decode(4 * llr).info, symbols.info)
    comparison = Comparison(fixed, RunPlan(contenders=["zf"]), (), Provenance({}, "", ""))
    words = "min-sum on LLRs of 5 bits, up to 50 iterations"
    assert words in rate_notes(Answers(comparison))[-1]


@pytest.mark.parametrize("decoder", ["sum-product", "min-sum", "two-stage"])
def test_a_link_returns_extrinsic_llrs_of_what_was_sent(decoder) -> None:
    coding = Coding(code="5g-ldpc", num_info_bits=100, num_coded_bits=250, decoder=decoder)
    link = CodedLink(Scenario(num_tx_ant=4, num_rx_ant=4, constellation="16-qam", coding=coding))
    assert link.num_punctured == 10
    sent = link.draw(6, CounterGenerator(3)).sent
    llr = 3.0 * (2.0 * sent - 1)
    llr[:, ::5] = 0
    decoded = link.decode(llr, feedback=True)
    assert decoded.extrinsic is not None
    assert decoded.extrinsic.shape == sent.shape
    # The others tell what an erased bit is.
    assert torch.equal((decoded.extrinsic[:, ::5] > 0).to(torch.uint8), sent[:, ::5])
    assert link.decode(llr).extrinsic is None


def test_an_older_key_stays() -> None:
    old = Scenario(num_tx_ant=4, num_rx_ant=4, constellation="16-qam", coding=Coding())
    assert old.key() == "8fe6e2d5735b1679"


def test_refusals_are_one_line() -> None:
    code = make_code(WIFI)
    with pytest.raises(InvalidInputError, match="decoder_bits: got 3, expected one of 4, 5, 6"):
        code.decode(torch.zeros(1, 648), 10, 3)
    with pytest.raises(
        InvalidInputError, match="decoder_bits: got 5, expected a decoder 'min-sum'"
    ):
        Coding(decoder_bits=5)
    with pytest.raises(InvalidInputError, match="decoder_bits"):
        Coding(decoder="min-sum", decoder_bits=9)
