"""What holds of every quantiser: shapes, packed bytes, batches, damage, files."""

import pytest
import torch

from mimolearn import InvalidInputError
from mimolearn.constellation import Constellation
from mimolearn.quantizers import Codes, fit_quantizer, make_quantizer, quantizer_names
from mimolearn.quantizers.trained import load_quantizer
from mimolearn.weights import write_weights


def soft(num, nt=2, bits=4, seed=1):
    """Calibrated LLRs of the axes of QAM symbols in noise."""
    generator = torch.Generator().manual_seed(seed)
    c = Constellation({2: "qpsk", 4: "16-qam", 6: "64-qam"}[bits])
    index = torch.randint(c.num_points, (num, nt), generator=generator)
    noise_var = 10 ** (-0.5 - torch.rand(num, nt, generator=generator))
    noise = torch.view_as_complex(torch.randn(num, nt, 2, generator=generator))
    x_hat = c.map(index) + noise * (noise_var / 2).sqrt()
    return c.llr(x_hat, noise_var)


CASES = {
    "uniform": ("uniform", 3, {}),
    "max-mi": ("max-mi", 3, {}),
    "max-mi-lloyd": ("max-mi", 2.5, {"method": "lloyd"}),
    "deep-llr": ("deep-llr", 3, {"steps": 100}),
    "deep-llr-branched": ("deep-llr", 3, {"steps": 100, "branched": True}),
    "eq-net": ("eq-net", 3, {"steps": 300, "tuning_steps": 50, "learning_rate": 1e-2}),
    "eq-net-fraction": ("eq-net", 2.5, {"steps": 50, "tuning_steps": 20, "width": 16}),
    "eq-net-learned": (
        "eq-net",
        3,
        {"steps": 50, "tuning_steps": 20, "levels": "24,24,7", "learned_levels": True, "width": 16},
    ),
    "eq-net-published": ("eq-net-published", 3, {"steps": 60}),
    "eq-net-published-4": ("eq-net-published", 2, {"steps": 60, "num_latents": 4}),
}


@pytest.fixture(scope="module")
def fitted():
    samples = soft(3000)
    return {
        label: fit_quantizer(name, samples, bits=bits, **options)
        for label, (name, bits, options) in CASES.items()
    }


each = pytest.mark.parametrize("label", CASES)


def test_every_scheme_is_in_the_table():
    assert {name for name, _, _ in CASES.values()} == set(quantizer_names())


@each
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (0,)])
def test_any_batch_goes_there_and_back(fitted, label, shape):
    quantizer = fitted[label]
    llr = soft(30, seed=2)[: max(int(torch.tensor(shape).prod()), 0)].reshape(*shape, 2, 4)
    codes = quantizer.encode(llr)
    back = quantizer.decode(codes)
    assert back.shape == llr.shape
    assert back.dtype == torch.float32
    assert codes.shape == (*shape, 2)
    torch.testing.assert_close(back, quantizer.through(llr), rtol=1e-5, atol=1e-5)
    flat = llr.reshape(-1, 2, 4)
    for i in range(len(flat)):
        torch.testing.assert_close(
            quantizer.through(flat[i]), back.reshape(-1, 2, 4)[i], rtol=1e-4, atol=1e-4
        )


@each
def test_bytes_are_what_bits_per_llr_says(fitted, label):
    quantizer, llr = fitted[label], soft(33, seed=3)
    bits = quantizer.bits_per_llr
    assert bits == CASES[label][1]
    assert quantizer.encode(llr).num_bytes == -(-llr.numel() * bits // 8)


@each
def test_a_stream_comes_back_or_says_that_it_is_damaged(fitted, label):
    quantizer, llr = fitted[label], soft(7, seed=4)
    data = quantizer.encode(llr).to_bytes()
    torch.testing.assert_close(quantizer.decode(Codes.from_bytes(data)), quantizer.through(llr))
    for cut in range(len(data)):
        with pytest.raises(InvalidInputError, match="codes: "):
            Codes.from_bytes(data[:cut])
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << (place % 8)
        with pytest.raises(InvalidInputError, match="codes: ") as caught:
            quantizer.decode(Codes.from_bytes(bytes(changed)))
        assert "\n" not in str(caught.value)


@each
def test_another_codebook_cannot_read_it(fitted, label):
    codes = fitted[label].encode(soft(3))
    for other, quantizer in fitted.items():
        if other != label:
            with pytest.raises(InvalidInputError, match="codes: got <codebook"):
                quantizer.decode(codes)


@pytest.mark.parametrize("label", ["uniform", "max-mi", "max-mi-lloyd"])
def test_more_levels_lose_less_than_one_bit_does(fitted, label):
    """Information kept: every fit is far better than the sign alone."""
    llr = soft(4000, seed=5)
    back = fitted[label].through(llr)

    def gmi(found):
        one = torch.sigmoid(llr)
        return 1 - float((torch.nn.functional.softplus(found) - one * found).mean()) / 0.6931

    assert gmi(back) > gmi(2.0 * llr.sign()) + 0.02
    assert gmi(back) <= gmi(llr) + 1e-6


@each
def test_bad_input_is_one_line(fitted, label):
    quantizer = fitted[label]
    for bad, message in [
        (soft(3).fill_(float("nan")), "llr: got <24 of 24 entries NaN>"),
        (torch.zeros(3, 2, 6), r"llr: got <shape \(3, 2, 6\)>, expected shape \(\*B, Nt, 4\)"),
        (torch.zeros(4), r"llr: got <shape \(4,\)>"),
        (torch.zeros(3, 2, 4, dtype=torch.int64), "llr: got <dtype torch.int64>"),
        ([[1.0]], "llr: got <list>"),
    ]:
        with pytest.raises(InvalidInputError, match=message) as caught:
            quantizer.encode(bad)
        assert "\n" not in str(caught.value)
    indices = quantizer.indices(soft(2))
    for wrong in (-1, max(quantizer.word_levels())):
        with pytest.raises(InvalidInputError, match=f"codes: got {wrong}, expected codes from 0"):
            quantizer.from_indices(torch.full_like(indices, wrong))
    with pytest.raises(InvalidInputError, match="codes: got <shape"):
        quantizer.from_indices(indices[..., :-1])
    with pytest.raises(InvalidInputError, match=r"codes: got <dtype torch.float32>"):
        quantizer.from_indices(indices.float())
    with pytest.raises(InvalidInputError, match="codes: got <Tensor>, expected Codes"):
        quantizer.decode(indices)
    with pytest.raises(InvalidInputError, match="truncated, shorter than the header"):
        Codes.from_bytes(b"")
    codes = quantizer.encode(soft(3))
    short = Codes(codes.packed[:-1], codes.shape, codes.codebook)
    with pytest.raises(InvalidInputError, match=r"codes: got <.* bytes>, expected"):
        quantizer.decode(short)
    odd = Codes(codes.packed, (3, 5), codes.codebook)
    with pytest.raises(InvalidInputError, match="codes: got <"):
        quantizer.decode(odd)


@each
def test_infinite_llrs_are_large_ones(fitted, label):
    quantizer = fitted[label]
    llr = soft(5, seed=6).sign()
    assert torch.equal(quantizer.through(llr * float("inf")), quantizer.through(llr * 1e6))
    assert bool(torch.isfinite(quantizer.through(llr * float("inf"))).all())


@each
def test_files_keep_every_number(fitted, label, tmp_path):
    quantizer, (name, bits, _) = fitted[label], CASES[label]
    fields = {
        "name": "kept",
        "kind": "quantizer",
        "network": name,
        "constellation": "16-qam",
        "options": quantizer.plain_options(),
        "recipe": {},
        "recipe_key": "",
        "seed": 1,
        "steps": 0,
        "best_step": 0,
        "validation_loss": 0.0,
        "seconds": 0.0,
    }
    write_weights(tmp_path, quantizer, fields)
    again = load_quantizer(tmp_path / "kept.safetensors")
    assert again.digest() == quantizer.digest()
    codes = Codes.from_bytes(quantizer.encode(soft(9)).to_bytes())
    assert torch.equal(again.decode(codes), quantizer.decode(codes))
    assert bits == again.bits_per_llr
    with pytest.raises(InvalidInputError, match=r"which .* is made for"):
        load_quantizer(tmp_path / "kept.safetensors", "64-qam")


def test_an_unfitted_quantiser_says_so():
    for name, options in (
        ("max-mi", {"levels": "4,4"}),
        ("eq-net-published", {}),
        ("deep-llr", {"branched": True}),
    ):
        with pytest.raises(InvalidInputError, match=f"{name!r} has no .* yet; fit it"):
            make_quantizer(name, "16-qam", **options).encode(soft(2))


def test_larger_systems_are_taken_in_slices(fitted):
    quantizer = fitted["eq-net"]
    llr = soft(10, nt=6, seed=7)
    back = quantizer.decode(quantizer.encode(llr))
    for start in (0, 2, 4):
        rows = slice(start, start + 2)
        torch.testing.assert_close(back[:, rows], quantizer.through(llr[:, rows]))
    with pytest.raises(InvalidInputError, match="Nt a multiple of 2"):
        quantizer.encode(soft(10, nt=3))


def test_names_options_and_bits_are_checked():
    with pytest.raises(InvalidInputError, match="did you mean 'max-mi'"):
        make_quantizer("max-ml", "qpsk")
    with pytest.raises(InvalidInputError, match="option of quantizer 'uniform'"):
        make_quantizer("uniform", "qpsk", clp=3)
    with pytest.raises(InvalidInputError, match="option of fitting 'max-mi'"):
        fit_quantizer("max-mi", soft(10), bits=2, steps=3)
    with pytest.raises(InvalidInputError, match=r"llr: got <shape \(3, 2, 5\)>"):
        fit_quantizer("max-mi", torch.zeros(3, 2, 5), bits=2)
    with pytest.raises(InvalidInputError, match="24 of 24 entries NaN"):
        fit_quantizer("max-mi", soft(3) * float("nan"), bits=2)
    for name, bits in (("uniform", 2.5), ("max-mi", 0.5), ("eq-net", 2.3), ("deep-llr", 2.5)):
        with pytest.raises(InvalidInputError, match="bits: got"):
            fit_quantizer(name, soft(10), bits=bits)
    for name, options in (
        ("max-mi", {"levels": "4,1"}),
        ("max-mi", {"levels": "4"}),
        ("eq-net", {"levels": "64,64"}),
        ("eq-net", {"num_tx_ant": 1000}),
        ("eq-net-published", {"num_latents": 7}),
        ("deep-llr", {"bits": 11}),
        ("uniform", {"clip": -1.0}),
    ):
        with pytest.raises(InvalidInputError, match="expected"):
            make_quantizer(name, "16-qam", **options)
