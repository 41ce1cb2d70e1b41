"""Mutual information of tap-net's soft outputs against the best that soft outputs can be.

BPSK, LLRs as they are, on the same channels, symbols and noise for all: 16 x 16 against the exact
posterior, by enumeration; 32 x 32 against a Gibbs sampler with parallel tempering, whose own error
is seen from two independent runs. Prints 1 - E log2(1 + exp(-llr of the sent bit)), and how much of
the reference's is missing in per cent, with a 95 % interval over channels. The expectation is over
sent bits as well, by the reference's posterior: what is missing is the divergence from it, and the
sent bits themselves, whose chance is most of the spread, are not looked at.

    python benchmarks/tap_net_gmi.py --channels 192
"""

from __future__ import annotations

import argparse
import math

import numba
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mimolearn import Scenario, load, make_detector
from mimolearn.link.channels import Rayleigh
from mimolearn.link.scenario import Block

BETAS = np.array([1.0, 0.75, 0.55, 0.4, 0.25, 0.12])
SNR_DB = {16: (2.0, 4.0, 6.0, 8.0), 32: (0.0, 2.0, 4.0, 6.0, 8.0)}


def real_model(block: Block) -> tuple[Tensor, Tensor]:
    """H^T H / v (C, n, n) and H^T y / v (C, T, n), float64, v the noise variance of an axis."""
    h, y = block.h_hat.to(torch.complex128), block.y.to(torch.complex128)
    v = (block.noise_var.double() / 2)[:, None, None]
    return (h.mH @ h).real / v, (y @ h.conj()).real / v


def exact_llr(block: Block) -> Tensor:
    """ln P(x = +1) / P(x = -1) by summing over all 2^n vectors."""
    gram, matched = real_model(block)
    n = gram.shape[-1]
    signs = 2.0 * ((torch.arange(2**n)[:, None] >> torch.arange(n)) & 1) - 1
    signs = signs.double()
    out = torch.empty_like(matched)
    for c in range(len(gram)):
        quadratic = ((signs @ gram[c]) * signs).sum(-1) / 2
        weight = torch.softmax(signs @ matched[c].T - quadratic[:, None], 0)
        plus = ((signs + 1) / 2).T @ weight
        out[c] = (torch.log(plus) - torch.log((1 - plus).clamp(min=1e-300))).T
    return out


@numba.njit(nogil=True)
def _sweep(gram, matched, x, field, beta, up, generator):
    """One pass of heat-bath updates; up: gets P(x_i = +1 | the others)."""
    for i in range(len(x)):
        others = field[i] - gram[i, i] * x[i]
        p = 1.0 / (1.0 + math.exp(-2.0 * beta * (matched[i] - others)))
        up[i] = p
        new = 1.0 if generator.random() < p else -1.0
        if new != x[i]:
            field += (new - x[i]) * gram[i]
            x[i] = new


@numba.njit(nogil=True)
def gibbs(gram, matched, betas, sweeps, generator, out):
    """P(x_i = +1) of every vector, from the conditional probabilities of the chain at beta 1."""
    chains, n = len(betas), gram.shape[-1]
    x, field, energy = np.empty((chains, n)), np.empty((chains, n)), np.empty(chains)
    up = np.empty(n)
    for c in range(len(gram)):
        for t in range(matched.shape[1]):
            b = matched[c, t]
            for k in range(chains):
                for i in range(n):
                    x[k, i] = 1.0 if generator.random() < 0.5 else -1.0
                field[k] = gram[c] @ x[k]
            out[c, t] = 0.0
            for sweep in range(sweeps):
                for k in range(chains):
                    _sweep(gram[c], b, x[k], field[k], betas[k], up, generator)
                    energy[k] = 0.5 * (field[k] @ x[k]) - b @ x[k]
                    if k == 0 and sweep >= sweeps // 5:
                        out[c, t] += up
                for k in range(chains - 1):
                    gain = (betas[k] - betas[k + 1]) * (energy[k] - energy[k + 1])
                    if gain >= 0 or generator.random() < math.exp(gain):
                        for i in range(n):
                            x[k, i], x[k + 1, i] = x[k + 1, i], x[k, i]
                            field[k, i], field[k + 1, i] = field[k + 1, i], field[k, i]
                        energy[k], energy[k + 1] = energy[k + 1], energy[k]
            out[c, t] /= sweeps - sweeps // 5


def gibbs_llr(block: Block, sweeps: int, seed: int) -> Tensor:
    """The same as ``exact_llr``, sampled."""
    gram, matched = real_model(block)
    plus = torch.empty_like(matched)
    generator = np.random.default_rng(seed)
    gibbs(gram.numpy(), matched.numpy(), BETAS, sweeps, generator, plus.numpy())
    # No more certain than the samples can tell.
    plus = plus.clamp(1e-9, 1 - 1e-9)
    return torch.log(plus) - torch.log1p(-plus)


def information(reference: Tensor, llr: Tensor) -> Tensor:
    """Bits per bit of every channel, (C), if bits are distributed as the reference's LLRs say."""
    one, zero = torch.sigmoid(reference), torch.sigmoid(-reference)
    wrong = functional.softplus
    loss = one * wrong(-llr.double()) + zero * wrong(llr.double())
    return 1 - loss.mean((-2, -1)) / math.log(2)


def compare(n: int, snr_db: float, channels: int, networks: list[str], sweeps: int) -> None:
    scenario = Scenario(
        num_tx_ant=n, num_rx_ant=n, channel_reuse=4, constellation="bpsk",
        channel=Rayleigh(entry_variance="1/Nr"),
    )  # fmt: skip
    block = scenario.draw(snr_db, channels, torch.Generator().manual_seed(11))
    c = scenario.points()
    # +1 or -1 is the point of bit 1.
    sign = float(c.points[int(c.labels[:, 0].argmax())].real.sign())
    if n <= 16:
        references = {"exact": exact_llr(block)}
    else:
        references = {f"gibbs {seed}": gibbs_llr(block, sweeps, seed) for seed in (1, 2)}
    truth = sign * next(iter(references.values()))
    found = {name: information(truth, sign * llr) for name, llr in references.items()}
    best = next(iter(found.values()))
    detectors = {name: make_detector(name, "bpsk") for name in ("wl-lmmse", "oamp", "ep")}
    detectors["tap-net untrained"] = make_detector("tap-net", "bpsk")
    detectors |= {name: load(name, "bpsk") for name in networks}
    for name, detector in detectors.items():
        llr = detector(block.y, block.h_hat, block.noise_var).llr()
        found[name] = information(truth, llr.squeeze(-1))
    print(f"\n{n}x{n} BPSK, {snr_db:g} dB, {4 * channels} vectors")
    for name, values in found.items():
        missing = best - values
        scale = 100 / float(best.mean())
        half = 1.96 * float(missing.std()) / len(missing) ** 0.5
        print(
            f"  {name:20s} {float(values.mean()):.4f}   missing "
            f"{float(missing.mean()) * scale:+.2f} % +- {half * scale:.2f}"
        )


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--channels", type=int, default=192, help="with 4 vectors each")
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32])
    parser.add_argument("--snr-db", type=float, nargs="+")
    parser.add_argument("--sweeps", type=int, default=2000)
    parser.add_argument(
        "--networks", nargs="+", default=["tap-net-5s", "tap-net-8v", "tap-net-any"]
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    for n in options.sizes:
        for snr_db in options.snr_db or SNR_DB[n]:
            compare(n, snr_db, options.channels, options.networks, options.sweeps)


if __name__ == "__main__":
    main()
