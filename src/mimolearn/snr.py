"""Definitions of SNR by name, and the noise variance of each; no other module converts SNRs.

Notation: unit-energy symbols, Nt streams, Nr antennas, g = mean E|h_ij|^2 of the channel model,
sigma^2 = noise_var, total over real and imaginary part, per receive antenna.

======================  ==========================================================  ============
name                    SNR =                                                       used by
======================  ==========================================================  ============
``per_symbol``          E||s||^2 / E||n||^2 = Nt / (Nr sigma^2)                     LcgNet
``received``            E||Hs||^2 / E||n||^2 = Nt g / sigma^2                       MMNet, RE-MIMO
``per_stream``          E|s_k|^2 / sigma^2 = 1 / sigma^2                            EQ-Net, OAMP-Net
``matched_filter``      E|s_k|^2 E||h_k||^2 / sigma^2 = Nr g / sigma^2 (rho)        comparisons
``receive_antenna``     E||s||^2 / sigma^2 = Nt / sigma^2                           deep CG
``ebn0``                energy per information bit: 1 / (K R sigma^2)               Sionna
``per_realisation``     (E_d/sigma_d^2) ||H||_F^2 / Nt of **each** channel          DetNet, WeSNet
======================  ==========================================================  ============

K is the number of bits of a symbol. R is the number of information bits per transmitted bit. A
coded bit that is punctured, because it fills no whole channel use, costs no energy. Where a block
may be transmitted twice, the energy is that of one transmission.

``per_realisation`` follows DetNet in real dimensions: E_d is the symbol energy in one real
dimension (1 for BPSK, 1/2 for QAM), sigma_d^2 = sigma^2 / 2. It removes the channel's energy
fluctuation, so noise_var differs from channel to channel. DetNet's 16-QAM code leaves the symbol
energy of 5 per dimension out of its SNR: its printed SNR is ours less 6.99 dB.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from mimolearn.constellation import Constellation, as_constellation
from mimolearn.foundation.errors import check_one_of, check_real, invalid

SnrDefinition = Literal[
    "per_symbol",
    "received",
    "per_stream",
    "matched_filter",
    "receive_antenna",
    "ebn0",
    "per_realisation",
]

_LABELS: dict[str, str] = {
    "per_symbol": "SNR = E‖s‖²/E‖n‖² [dB]",
    "received": "SNR = E‖Hs‖²/E‖n‖² [dB]",
    "per_stream": "SNR = E|sₖ|²/σ² per stream [dB]",
    "matched_filter": "SNR = E|sₖ|²·E‖hₖ‖²/σ² (matched filter) [dB]",
    "receive_antenna": "SNR = E‖s‖²/σ² per receive antenna [dB]",
    "ebn0": "Eb/N0 [dB]",
    "per_realisation": "SNR = mean column energy/σ² per realisation [dB]",
}


def snr_definitions() -> tuple[str, ...]:
    """Names of the SNR definitions that scenarios know."""
    return get_args(SnrDefinition)


def snr_label(definition: str) -> str:
    """Return the axis label of a plot over this SNR.

    Args:
        definition: one of ``snr_definitions()``.
    """
    return _LABELS[check_one_of("snr_definition", definition, _LABELS)]


def noise_variance(
    definition: str,
    snr_db: float,
    *,
    num_tx_ant: int,
    num_rx_ant: int,
    constellation: Constellation | str,
    entry_var: float = 1.0,
    code_rate: float = 1.0,
    h: Tensor | None = None,
) -> Tensor:
    """Compute the noise variance that a named SNR stands for.

    Args:
        definition: one of ``snr_definitions()``.
        snr_db: the SNR, dB, from -200 to 200.
        num_tx_ant: Nt.
        num_rx_ant: Nr.
        constellation: a Constellation or its name.
        entry_var: g, the mean E|h_ij|^2 of the channel model; default 1.
        code_rate: R, information bits per transmitted bit; default 1. "ebn0" alone uses it.
        h: (*C, Nr, Nt) complex; the channels. "per_realisation" alone needs them.

    Returns:
        () float64, linear scale; for "per_realisation" (*C) in the real dtype of h.

    Raises:
        InvalidInputError: for an unknown name, an SNR out of range, or h missing.

    >>> noise_variance("per_symbol", 10, num_tx_ant=32, num_rx_ant=64, constellation="bpsk")
    tensor(0.0500, dtype=torch.float64)
    """
    check_one_of("snr_definition", definition, _LABELS)
    snr = 10 ** (check_real("snr_db", snr_db, at_least=-200, at_most=200) / 10)
    constellation = as_constellation(constellation)
    if definition == "per_realisation":
        if h is None:
            raise invalid("h", None, "the channels, which 'per_realisation' normalises by")
        # A tenth of the time of torch's norm of a complex matrix.
        parts = torch.view_as_real(h.resolve_conj()) if h.is_complex() else h.unsqueeze(-1)
        column_energy = parts.square().sum((-3, -2, -1)) / num_tx_ant
        return column_energy * ((2 if constellation.is_real else 1) / snr)
    inverse_noise = {
        "per_symbol": num_rx_ant / num_tx_ant,
        "received": 1 / (num_tx_ant * entry_var),
        "per_stream": 1.0,
        "matched_filter": 1 / (num_rx_ant * entry_var),
        "receive_antenna": 1 / num_tx_ant,
        "ebn0": constellation.bits_per_symbol * code_rate,
    }[definition]
    return torch.tensor(1 / (snr * inverse_noise), dtype=torch.float64)
