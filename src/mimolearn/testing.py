"""What every detector has to do, as checks that anybody's detector can be run through."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mimolearn.constellation import Constellation
from mimolearn.detection import Detection
from mimolearn.detectors import Detector
from mimolearn.foundation.errors import InvalidInputError, check_one_of
from mimolearn.link.scenario import Block, Scenario
from mimolearn.plans.contender import Contender, ContenderLike

_SEED = 20
_CHANNELS, _VECTORS = 6, 4
# Receivers that recover nothing at all get as many symbols wrong as a guess would.
_MOST_WRONG = 0.02


class CheckError(AssertionError):
    """A detector does not keep the contract; one line says which part of it."""


class _Subject(NamedTuple):
    """A detector with draws of its size, in double precision.

    Attributes:
        detector: what is checked.
        block: at 10 dB.
        clear: the same link at 60 dB, with twice the receive antennas.
        tol: relative and absolute difference of LLRs that counts as rounding.
    """

    detector: Detector
    block: Block
    clear: Block
    tol: float

    def detect(self, block: Block | None = None) -> Detection:
        given = self.block if block is None else block
        return self.detector(given.y, given.h_hat, given.noise_var)


def check_detector(
    detector: ContenderLike,
    constellation: Constellation | str = "qpsk",
    *,
    num_rx_ant: int = 6,
    num_tx_ant: int = 3,
    tol: float = 1e-4,
    skip: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Run a detector through the contract of this library's own.

    Args:
        detector: an object, its name, "package.module:Name", or a function of y, h and noise_var.
        constellation: of the symbols; an object has its own.
        num_rx_ant: Nr of the channels that it is tried on.
        num_tx_ant: Nt of them.
        tol: difference of LLRs that counts as rounding, relative and absolute.
        skip: names of checks that are left out.

    Returns:
        names of the checks that were run; all have passed.

    Raises:
        CheckError: one line, for the first check that fails.
        InvalidInputError: for a detector or a check that does not exist.

    >>> check_detector("lmmse")[:3]
    ('shapes', 'inputs', 'repeated')
    """
    for name in skip:
        check_one_of("skip", name, _CHECKS)
    built = detector if isinstance(detector, Detector) else None
    if built is None:
        built = Contender.parse(detector).build(constellation)
    fields: dict[str, Any] = {
        "num_tx_ant": num_tx_ant,
        "num_rx_ant": num_rx_ant,
        "constellation": built.constellation.name,
        "channel_reuse": _VECTORS,
    }
    link = Scenario(**fields)
    roomy = link.with_(num_rx_ant=2 * num_rx_ant)
    draws = [
        scenario.draw(snr_db, _CHANNELS, torch.Generator().manual_seed(_SEED), torch.complex128)
        for scenario, snr_db in ((link, 10.0), (roomy, 60.0))
    ]
    subject = _Subject(built, draws[0], draws[1], tol)
    chosen = [name for name in _CHECKS if name not in skip]
    for name in chosen:
        try:
            _CHECKS[name](subject)
        except CheckError as error:
            raise CheckError(f"{name}: {error}") from None
    return tuple(chosen)


def _shapes(subject: _Subject) -> None:
    block, points = subject.block, subject.detector.constellation
    for channels in ((), (2, 3)):
        h = block.h_hat[0] if not channels else block.h_hat.reshape(2, 3, *block.h_hat.shape[1:])
        y = block.y[0, :1] if not channels else block.y.reshape(2, 3, *block.y.shape[1:])
        found = subject.detector(y, h, 0.1)
        shape = (*y.shape[:-1], h.shape[-1])
        _same_shape("indices", found.indices(), shape)
        _same_shape("bits", found.bits(), (*shape, points.bits_per_symbol))
        _same_shape("soft symbols", found.soft_symbols(), shape)
        _same_shape("finite", found.finite(), shape[:-1])
        llr = _llr(found)
        if llr is not None:
            _same_shape("LLRs", llr, (*shape, points.bits_per_symbol))
        indices = found.indices()
        _expect(
            indices.dtype == torch.int64 and int(indices.min()) >= 0,
            f"indices are {indices.dtype} from {int(indices.min())}, expected int64 from 0",
        )
        most = points.num_points - 1
        _expect(int(indices.max()) <= most, f"an index is {int(indices.max())}, at most {most} is")


def _inputs(subject: _Subject) -> None:
    before = [value.clone() for value in subject.block]
    subject.detect()
    changed = [
        name
        for name, old, new in zip(Block._fields, before, subject.block, strict=True)
        if not torch.equal(old, new)
    ]
    _expect(not changed, f"detection changed its input {', '.join(changed)}")


def _repeated(subject: _Subject) -> None:
    state = torch.get_rng_state()
    first = subject.detect()
    _expect(torch.equal(state, torch.get_rng_state()), "detection drew from torch's generator")
    _same(subject, first, subject.detect(), "the same input gives another output a second time")


def _prepared(subject: _Subject) -> None:
    block = subject.block
    prepared = subject.detector.prepare(block.h_hat, block.noise_var)
    split = subject.detector.detect(prepared, block.y)
    _same(subject, subject.detect(), split, "prepare, then detect gives another output than a call")


def _batch(subject: _Subject) -> None:
    whole, block = subject.detect(), subject.block
    for i in range(2):
        part = slice(i, i + 1)
        one = subject.detector(block.y[part], block.h_hat[part], block.noise_var[part])
        _same(subject, _Part(whole, part), one, "a channel's output depends on the others")


def _vectors(subject: _Subject) -> None:
    block = subject.block
    one = subject.detector(block.y[:, 1:2], block.h_hat, block.noise_var)
    part = _Part(subject.detect(), (slice(None), slice(1, 2)))
    _same(subject, part, one, "a vector's output depends on the others of its channel")


def _noise_var(subject: _Subject) -> None:
    block = subject.block
    every = torch.full_like(block.noise_var, 0.2)
    _same(
        subject,
        subject.detector(block.y, block.h_hat, every),
        subject.detector(block.y, block.h_hat, 0.2),
        "a number as noise_var gives another output than a tensor of it",
    )


def _scale(subject: _Subject) -> None:
    block = subject.block
    scaled = subject.detector(17.0 * block.y, 17.0 * block.h_hat, 17.0**2 * block.noise_var)
    _same(subject, subject.detect(), scaled, "another unit of y, h and noise alters the output")


def _streams(subject: _Subject) -> None:
    block = subject.block
    order = torch.arange(block.h_hat.shape[-1]).flip(0)
    flipped = subject.detector(block.y, block.h_hat[..., order], block.noise_var)
    part = _Part(subject.detect(), (slice(None), slice(None), order))
    _same(subject, part, flipped, "streams in another order do not give the outputs in that order")


def _recovers(subject: _Subject) -> None:
    wrong = subject.detect(subject.clear).indices() != subject.clear.indices
    share = float(wrong.double().mean())
    _expect(share <= _MOST_WRONG, f"{share:.0%} of the symbols are wrong at 60 dB")


def _signs(subject: _Subject) -> None:
    llr = _llr(subject.detect(subject.clear))
    if llr is None:
        return
    points = subject.detector.constellation
    sent = points.indices_to_bits(subject.clear.indices)
    share = float(((llr > 0) != (sent == 1)).double().mean())
    words = f"the sign of {share:.0%} of the LLRs is wrong at 60 dB"
    _expect(share <= _MOST_WRONG, f"{words}; they are ln P(b=1)/P(b=0), positive for a 1")


def _silent_stream(subject: _Subject) -> None:
    block = subject.block
    h = block.h_hat.clone()
    h[..., 0] = 0
    found = subject.detector(block.y, h, block.noise_var)
    flagged = ~found.finite()
    nan = torch.isnan(torch.view_as_real(found.soft_symbols().resolve_conj())).flatten(-2).any(-1)
    _expect(
        not bool((nan & ~flagged).any()), "a stream without power gives NaN that is not flagged"
    )


def _refusals(subject: _Subject) -> None:
    block = subject.block
    for name in ("h", "y"):
        given = {"h": block.h_hat.clone(), "y": block.y.clone()}
        given[name].view(-1)[0] = float("nan")
        try:
            subject.detector(given["y"], given["h"], block.noise_var)
        except InvalidInputError:
            continue
        raise CheckError(f"a NaN in {name} is not refused")


_CHECKS: dict[str, Callable[[_Subject], None]] = {
    "shapes": _shapes,
    "inputs": _inputs,
    "repeated": _repeated,
    "prepared": _prepared,
    "batch": _batch,
    "vectors": _vectors,
    "noise_var": _noise_var,
    "scale": _scale,
    "streams": _streams,
    "recovers": _recovers,
    "signs": _signs,
    "silent_stream": _silent_stream,
    "refusals": _refusals,
}


def check_names() -> tuple[str, ...]:
    """Names of the checks of ``check_detector``, in their order."""
    return tuple(_CHECKS)


class _Part(NamedTuple):
    """A part of the output of a detection."""

    detection: Detection
    part: slice | tuple[slice | Tensor, ...]


def _same(subject: _Subject, expected: Detection | _Part, found: Detection, otherwise: str) -> None:
    whole, part = expected if isinstance(expected, _Part) else (expected, slice(None))
    _expect(torch.equal(whole.indices()[part], found.indices()), otherwise)
    llr, other = _llr(whole), _llr(found)
    if llr is not None and other is not None:
        close = torch.allclose(llr[part], other, subject.tol, subject.tol, equal_nan=True)
        _expect(close, f"{otherwise}, in its LLRs")


def _llr(detection: Detection) -> Tensor | None:
    try:
        return detection.llr()
    except TypeError:
        # Hard decisions only.
        return None


def _same_shape(name: str, value: Tensor, shape: tuple[int, ...]) -> None:
    had = tuple(value.shape)
    _expect(had == shape, f"{name} have shape {had}, expected {shape}")


def _expect(kept: bool, otherwise: str) -> None:
    if not kept:
        raise CheckError(otherwise)
