"""Channels of other programs as recorded channels: Sionna, DeepMIMO, QuaDRiGa, and split files.

Each function writes one complex64 .npy file with axes that ``Recorded`` reads, and returns the
channel model of it. None of the other programs is imported.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from mimolearn.foundation.atomicfile import write_atomically
from mimolearn.foundation.errors import (
    InvalidInputError,
    check_positive_int,
    check_real,
    invalid,
    user_path,
)
from mimolearn.link.channels import Recorded

_SIONNA = "(receivers, rx antennas, transmitters, tx antennas, time steps, subcarriers)"


def from_sionna(h: Any, path: str | Path, *, all_streams: bool = False) -> Recorded:
    """Keep channels over frequency of Sionna: of ``Paths.cfr``, ``cir_to_ofdm_channel`` and others.

    Args:
        h: (num_rx, num_rx_ant, num_tx, num_tx_ant, num_time_steps, num_subcarriers) complex, with a
            batch axis before or without; a tensor or an array, also the pair (real, imaginary) that
            Sionna RT returns.
        path: of the .npy file to write.
        all_streams: join the antennas of all transmitters into the streams of one channel, as for
            an uplink of several users; default False, each pair of receiver and transmitter is a
            sample of its own.

    Returns:
        the channel model, with frequencies and time steps.

    Raises:
        InvalidInputError: for an array of another shape, or without complex numbers.
    """
    array = _complex(h)
    if array.ndim not in (6, 7):
        raise invalid("h", f"<shape {array.shape}>", f"{_SIONNA}, with a batch axis or without")
    array = array.reshape(-1, *array.shape[-6:])
    batch, num_rx, rx_ant, num_tx, tx_ant, steps, carriers = array.shape
    if all_streams:
        # (batch, num_rx, steps, carriers, rx_ant, num_tx, tx_ant)
        ordered = array.transpose(0, 1, 5, 6, 2, 3, 4)
        streams = num_tx * tx_ant
        samples = batch * num_rx
    else:
        ordered = array.transpose(0, 1, 3, 5, 6, 2, 4)
        streams, samples = tx_ant, batch * num_rx * num_tx
    return _kept(ordered.reshape(samples, steps, carriers, rx_ant, streams), path)


def from_deepmimo(data: Any, path: str | Path, *, uplink: bool = False) -> Recorded:
    """Keep the channels of a DeepMIMO data set, version 4 (or of one user set of version 3).

    Users without a path have all-zero channels, which are left out.

    Args:
        data: what ``deepmimo.load`` and ``compute_channels`` gave: a dataset with ``channel`` (or
            ["channel"]), or the array (users, rx antennas, tx antennas, subcarriers) complex; a
            further last axis holds snapshots.
        path: of the .npy file to write.
        uplink: the users transmit and the base station receives; default False.

    Returns:
        the channel model, with frequencies.

    Raises:
        InvalidInputError: for an array of another shape, or without complex numbers; and where no
            user has a path.
    """
    array = data
    if isinstance(data, Mapping):
        array = data.get("channel", data.get("channels"))
    elif not hasattr(data, "shape"):
        array = getattr(data, "channel", getattr(data, "channels", None))
    if array is None:
        raise invalid("data", f"<{type(data).__name__}>", "a dataset with computed channels")
    array = _complex(array)
    if array.ndim not in (4, 5):
        expected = "(users, rx antennas, tx antennas, subcarriers), or with snapshots behind"
        raise invalid("data", f"<shape {array.shape}>", expected)
    array = array.reshape(*array.shape[:4], -1)
    # Version 4 marks what it does not know by NaN.
    known = np.isfinite(array).all((1, 2, 3, 4)) & (array != 0).any((1, 2, 3, 4))
    if not known.any():
        raise invalid("data", f"<{len(array)} users without a path>", "users with paths")
    ordered = array[known].transpose(0, 4, 3, 1, 2)
    return _kept(ordered.swapaxes(-1, -2) if uplink else ordered, path)


def from_quadriga(
    file: str | Path,
    path: str | Path,
    *,
    bandwidth_hz: float,
    num_subcarriers: int,
    uplink: bool = False,
) -> Recorded:
    """Keep channels of QuaDRiGa over frequency, from coefficients and delays in a MATLAB file.

    A ``qd_channel`` object is none that other programs can read: save its fields,
    ``s = struct('coeff', c.coeff, 'delay', c.delay); save('c.mat', '-struct', 's')``. The response
    is that of ``qd_channel.fr``: sum_l coeff_l exp(-2 pi j f delay_l), f from 0 to the bandwidth.

    Args:
        file: a .mat file of version 7 or earlier with ``coeff`` (rx, tx, paths, snapshots) and
            ``delay`` (paths, snapshots) or of the shape of coeff, s.
        path: of the .npy file to write.
        bandwidth_hz: of all subcarriers, Hz.
        num_subcarriers: F, spaced bandwidth_hz / (F - 1) apart, as ``fr`` does.
        uplink: exchange both ends; default False.

    Returns:
        the channel model; each snapshot is a sample.

    Raises:
        InvalidInputError: for a file that lacks them, or whose shapes do not fit each other.
    """
    from scipy.io import loadmat  # here, because it is slow to import

    check_real("bandwidth_hz", bandwidth_hz, above=0)
    check_positive_int("num_subcarriers", num_subcarriers, 10**6)
    source = user_path(file)
    try:
        content = loadmat(source, variable_names=["coeff", "delay"])
    except (OSError, ValueError, NotImplementedError, TypeError) as error:
        words = "version 7.3 is not read here: save with '-v7'"
        reason = words if isinstance(error, NotImplementedError) else str(error).splitlines()[0]
        raise InvalidInputError(f"file: {source} cannot be read: {reason}") from None
    missing = [name for name in ("coeff", "delay") if name not in content]
    if missing:
        raise invalid("file", str(source), f"variables coeff and delay; it lacks {missing[0]!r}")
    coeff, delay = (np.asarray(content[name]) for name in ("coeff", "delay"))
    # MATLAB drops last axes of length 1.
    coeff = coeff.reshape(*coeff.shape, *(1,) * (4 - coeff.ndim))
    each = delay.reshape(*delay.shape, *(1,) * (4 - delay.ndim))
    if each.shape != coeff.shape:
        each = delay.reshape(1, 1, *delay.shape, *(1,) * (2 - delay.ndim))
    if each.shape[-2:] != coeff.shape[-2:] or coeff.ndim != 4 or each.ndim != 4:
        got = f"<coeff {coeff.shape}, delay {delay.shape}>"
        raise invalid("file", got, "coeff (rx, tx, paths, snapshots), delay (paths, snapshots)")
    spacing = bandwidth_hz / max(num_subcarriers - 1, 1)
    response = np.empty((coeff.shape[3], 1, num_subcarriers, *coeff.shape[:2]), np.complex64)
    for k in range(num_subcarriers):
        turned = coeff * np.exp(-2j * np.pi * k * spacing * each)
        response[:, 0, k] = turned.sum(2).transpose(2, 0, 1)
    return _kept(response.swapaxes(-1, -2) if uplink else response, path)


def from_parts(
    real: str | Path, imaginary: str | Path, path: str | Path, *, axes: str = "nrt"
) -> Recorded:
    """Join real and imaginary parts that lie in two .npy files.

    Args:
        real: the file of the real part.
        imaginary: the file of the imaginary part.
        path: of the .npy file to write.
        axes: as for ``Recorded``; default "nrt".

    Raises:
        InvalidInputError: for files that cannot be read, are complex, or have different shapes.
    """
    parts = []
    for field, source in (("real", real), ("imaginary", imaginary)):
        try:
            part = np.load(user_path(source), allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InvalidInputError(f"{field}: {source} cannot be read: {error}") from None
        if not isinstance(part, np.ndarray) or part.dtype.kind not in "fiu":
            raise invalid(field, str(source), "an .npy file of real numbers")
        parts.append(part)
    if parts[0].shape != parts[1].shape:
        expected = f"the shape of the real part, {parts[0].shape}"
        raise invalid("imaginary", f"<shape {parts[1].shape}>", expected)
    return _kept(parts[0] + 1j * parts[1], path, axes)


def _complex(value: Any) -> np.ndarray:
    if isinstance(value, list | tuple) and len(value) == 2:
        real, imaginary = (np.asarray(part) for part in value)
        return real + 1j * imaginary
    array = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    if array.dtype.kind != "c":
        raise invalid("channels", f"<{array.dtype} {array.shape}>", "complex numbers")
    return array


def _kept(array: np.ndarray, path: str | Path, axes: str = "nsfrt") -> Recorded:
    """Write samples to an .npy file, and read it."""
    target = user_path(path)
    if target.suffix != ".npy":
        raise invalid("path", str(path), "a name that ends in .npy")
    data = np.ascontiguousarray(array, np.complex64)
    content = io.BytesIO()
    np.save(content, data)
    write_atomically(target, content.getvalue())
    return Recorded(path=str(target), axes=axes)
