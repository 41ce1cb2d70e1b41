"""Odd tensors and modes of torch, over the table of every detector: right, or refused in one line.

The rows are those of ``contract.table``, and weights that ship. A case that is refused leaves the
detector as it was.
"""

import contextlib
import copy

import pytest
import torch
from torch import Tensor
from torch._subclasses import FakeTensorMode

from mimolearn.constellation import Constellation
from mimolearn.foundation.tensors import made_once as constants

from ..torch_modes import MODES, default_dtype, global_random_state, refused
from .battery import (
    ROWS,
    SHIPPED,
    Answer,
    Case,
    answers,
    assert_equal,
    build,
    case_id,
    drawn,
    quick_rows,
    quick_shipped,
    size,
)
from .contract.table import Draw, soft

# Shipped weights go through these by default, and through all with --soak.
BY_DEFAULT = {
    "test_the_answer_is_the_same_in_every_mode",
    "test_tensors_without_values_are_refused_and_leave_nothing",
    "test_answers_may_be_edited",
    "test_strides_change_nothing",
}
# The tracer of torch takes seconds a detector.
TRACED = ["lmmse", "ml", "k-best", "lcgnet-v", "nn-det"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A row of each way to detect in single precision; with --soak all rows in both precisions."""
    soak = metafunc.config.getoption("--soak")
    if "case" in metafunc.fixturenames:
        cases = quick_rows()
        if metafunc.function.__name__ in BY_DEFAULT:
            cases += quick_shipped()
        if metafunc.function is test_a_trace_of_the_user_leaves_nothing_behind:
            cases = [case for case in cases if case[0].name in TRACED]
        metafunc.parametrize("case", [*ROWS, *SHIPPED] if soak else cases, ids=case_id)
    if "dtype" in metafunc.fixturenames:
        dtypes = [torch.complex64, torch.complex128]
        metafunc.parametrize("dtype", dtypes if soak else dtypes[:1], ids=str)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.soak
def test_the_answer_is_the_same_in_every_mode(case: Case, mode: str, dtype: torch.dtype) -> None:
    y, h, noise_var, _ = drawn(case, dtype)
    detector = build(case)
    plain = detector(y, h, noise_var)
    apart = detector.detect(detector.prepare(h, noise_var), y)
    with MODES[mode]():
        assert_equal(detector(y, h, noise_var), plain)
        assert_equal(detector.detect(detector.prepare(h, noise_var), y), apart)


@pytest.mark.soak
def test_a_detector_made_under_another_default_dtype_is_the_same(case: Case) -> None:
    y, h, noise_var, _ = drawn(case)
    plain = build(case)
    with default_dtype(torch.float64):
        made = build(case)
        for name, tensor in made.state_dict().items():
            assert tensor.dtype == plain.state_dict()[name].dtype, name
            torch.testing.assert_close(tensor, plain.state_dict()[name], equal_nan=True)
        assert_equal(made(y, h, noise_var), plain(y, h, noise_var))


@pytest.mark.soak
def test_making_one_and_running_it_leaves_global_generators_alone(case: Case) -> None:
    y, h, noise_var, _ = drawn(case)

    before = global_random_state()
    answers(build(case)(y, h, noise_var))
    assert global_random_state() == before


@pytest.mark.soak
def test_gradients_after_a_first_use_in_inference_mode(case: Case) -> None:
    if not case[0].differentiable:
        return
    y, h, noise_var, _ = drawn(case, torch.complex128, (2,), 2)
    constants.forget()
    detector = build(case).requires_grad_()
    with torch.inference_mode():
        answers(detector(y, h, noise_var))
    h.requires_grad_()
    detector(y, h, noise_var).llr().tanh().square().sum().backward()
    assert h.grad is not None
    assert torch.isfinite(torch.view_as_real(h.grad)).all()


@pytest.mark.soak
def test_autocast_does_not_reach_gradients(case: Case) -> None:
    if not case[0].differentiable:
        return
    y, h, noise_var, _ = drawn(case, batch=(2,), num_vectors=2)

    def gradient(enabled: bool) -> Tensor:
        own = h.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            llr = detector(y, own, noise_var).llr()
        # Outside of it, as torch asks of its users.
        llr.tanh().square().sum().backward()
        assert own.grad is not None
        return own.grad

    detector = build(case)
    assert torch.equal(gradient(True), gradient(False))


@pytest.mark.soak
def test_tensors_without_values_are_refused_and_leave_nothing(
    case: Case, dtype: torch.dtype
) -> None:
    y, h, noise_var, _ = drawn(case, dtype)
    detector = build(case)
    plain = detector(y, h, noise_var)
    prepared = detector.prepare(h, noise_var)
    constants.forget()
    mode = FakeTensorMode()
    fake = [mode.from_tensor(tensor) for tensor in (y, h, noise_var)]
    with mode:
        assert "without values, a FakeTensor" in refused(lambda: detector(*fake))
        assert "in FakeTensorMode" in refused(lambda: detector(y, h, noise_var))
        assert "y: got" in refused(lambda: detector.detect(prepared, y))
    assert "without values, a FakeTensor" in refused(lambda: detector(*fake))
    assert "y: got" in refused(lambda: detector.detect(prepared, fake[0]))
    assert "noise_var: got" in refused(lambda: detector.prepare(h, fake[2]))
    meta = [tensor.to("meta") for tensor in (y, h, noise_var)]
    assert "on the meta device" in refused(lambda: detector(*meta))
    assert "y: got <a tensor" in refused(lambda: detector(meta[0], h, noise_var))
    assert "call .to_dense()" in refused(lambda: detector(y, h.to_sparse(), noise_var))
    assert_equal(detector(y, h, noise_var), plain)


class Watched(Tensor):
    """A user's own tensors, of which compiled kernels know nothing."""


@pytest.mark.soak
def test_own_tensor_classes_give_the_same_answers(case: Case) -> None:
    y, h, noise_var, _ = drawn(case, torch.complex128)
    detector = build(case)
    found = detector(y.as_subclass(Watched), h.as_subclass(Watched), noise_var)
    expected = detector(y, h, noise_var)
    assert torch.equal(found.indices().as_subclass(Tensor), expected.indices())


# The compiler of torch warns of its own deprecated parts.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.soak
def test_a_trace_of_the_user_leaves_nothing_behind(case: Case) -> None:
    y, h, noise_var, _ = drawn(case)
    detector = build(case)
    plain = detector(y, h, noise_var)
    before = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    constants.forget()
    traced = None
    # Which error a step that depends on the data raises is torch's own business.
    with contextlib.suppress(Exception), torch.no_grad():
        traced = torch.export.export(Answer(detector), (y, h, noise_var), strict=False)
    if traced is not None:
        for mine, other in zip(traced.module()(y, h, noise_var), answers(plain), strict=True):
            torch.testing.assert_close(mine, other, rtol=case[0].llr_tol, atol=0.1)
    assert_equal(detector(y, h, noise_var), plain)
    assert_equal(build(case)(y, h, noise_var), plain)
    for name, tensor in detector.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0, equal_nan=True)


@pytest.mark.soak
def test_strides_change_nothing(case: Case, dtype: torch.dtype) -> None:
    c = Constellation(case[1])
    y, h, noise_var, indices = drawn(case, dtype, (2, 3))
    detector = build(case)
    shared, x = h[:1, :1].expand_as(h).contiguous(), c.map(indices, dtype)
    same = Draw(y + x @ (shared - h).mT, shared, noise_var, indices)
    y = same.y
    expected = detector(same.y, same.h, noise_var)
    tol = 1e-4 if dtype == torch.complex64 else 1e-9
    layouts = [
        (y, h[:1, :1].expand_as(h), noise_var[:1, :1].expand_as(noise_var)),
        (y.mT.contiguous().mT, same.h.mT.contiguous().mT, noise_var.mT.contiguous().mT),
        (y.repeat_interleave(2, -1)[..., ::2], same.h.repeat_interleave(2, -2)[..., ::2, :], 0.2),
        (y.conj().resolve_conj().conj(), same.h.conj().resolve_conj().conj(), noise_var),
        (-(-y).resolve_neg(), torch.view_as_complex(torch.view_as_real(same.h)), noise_var),
    ]
    for layout in layouts:
        found = detector(*layout)
        assert torch.equal(found.indices(), expected.indices())
        if case[0].name == "guarded":
            # Where both detectors decide alike, rounding chooses whose LLRs are kept.
            continue
        torch.testing.assert_close(
            soft(found, detector), soft(expected, detector), rtol=tol, atol=tol
        )


@pytest.mark.parametrize(("batch", "num_vectors"), [((3,), 0), ((0,), 4), ((2, 0), 4), ((), 0)])
@pytest.mark.soak
def test_an_axis_of_length_zero_gives_an_empty_answer(
    case: Case, dtype: torch.dtype, batch: tuple[int, ...], num_vectors: int
) -> None:
    c = Constellation(case[1])
    y, h, noise_var, _ = drawn(case, dtype, batch, num_vectors)
    detector = build(case)
    for found in (
        detector(y, h, noise_var),
        detector.detect(detector.prepare(h, noise_var), y),
    ):
        symbols = (*batch, num_vectors, size(case)[1])
        assert found.indices().shape == found.soft_symbols().shape == symbols
        assert found.bits().shape == (*symbols, c.bits_per_symbol)
        assert found.finite().shape == symbols[:-1]
        if detector.soft:
            assert found.llr().shape == (*symbols, c.bits_per_symbol)


@pytest.mark.soak
def test_answers_may_be_edited(case: Case, dtype: torch.dtype) -> None:
    y, h, noise_var, _ = drawn(case, dtype)
    detector = build(case)
    inputs = [tensor.clone() for tensor in (y, h, noise_var)]
    prepared = detector.prepare(h, noise_var)
    expected = answers(detector(y, h, noise_var)), answers(detector.detect(prepared, y))
    for found in (detector(y, h, noise_var), detector.detect(prepared, y)):
        before = [answer.clone() for answer in answers(found)]
        for answer in answers(found):
            answer.zero_() if answer.dtype == torch.bool else answer.neg_()
        for mine, other in zip(answers(found), before, strict=True):
            assert torch.equal(mine, other)
        # The parts of a detection are its own as well.
        for part in vars(found).values():
            if isinstance(part, Tensor):
                part.zero_()
    for tensor, other in zip((y, h, noise_var), inputs, strict=True):
        assert torch.equal(tensor, other)
    again = answers(detector(y, h, noise_var)), answers(detector.detect(prepared, y))
    for mine, other in zip(again, expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, other, strict=True))


@pytest.mark.parametrize("batch", [(3,), (20,)])
@pytest.mark.soak
def test_inputs_may_be_edited_after_prepare(
    case: Case, dtype: torch.dtype, batch: tuple[int, ...]
) -> None:
    y, h, noise_var, _ = drawn(case, dtype, batch)
    detector = build(case)
    expected = answers(detector.detect(detector.prepare(h, noise_var), y))
    own_y, own_h, own_noise = y.clone(), h.clone(), noise_var.clone()
    prepared = detector.prepare(own_h, own_noise)
    own_h.zero_()
    own_noise.fill_(9.0)
    found = detector.detect(prepared, own_y)
    own_y.zero_()
    assert all(torch.equal(a, b) for a, b in zip(answers(found), expected, strict=True))


@pytest.mark.soak
def test_a_noise_that_single_precision_cannot_hold_is_refused(case: Case) -> None:
    y, h, noise_var, _ = drawn(case)
    detector = build(case)
    for value in (1e-60, 1e60):
        wide = noise_var.double()
        wide[1] = value
        for given in (wide, torch.tensor(value, dtype=torch.float64), value):
            message = refused(lambda given=given: detector(y, h, given))
            assert message.startswith("noise_var: got 1e")
            assert "float32" in message


@pytest.mark.soak
def test_an_edited_constellation_changes_no_result(case: Case) -> None:
    mine = Constellation(case[1])
    y, h, noise_var, _ = drawn(case, constellation=mine)
    expected = build(case)(y, h, noise_var)
    mine.points *= 2
    mine.labels ^= 1
    for dtype in (torch.complex64, torch.complex128):
        mine.points_as(dtype).zero_()
        for part in mine.axis(dtype.to_real()):
            part.zero_()
    detector = build(case, mine)
    assert_equal(detector(y, h, noise_var), expected)
    detector.constellation.points *= 2
    assert_equal(build(case)(y, h, noise_var), expected)


@pytest.mark.soak
def test_a_copy_of_a_detector_is_a_detector_of_its_own(case: Case) -> None:
    y, h, noise_var, _ = drawn(case)
    detector = build(case)
    expected = detector(y, h, noise_var)
    other = copy.deepcopy(detector)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    assert_equal(detector(y, h, noise_var), expected)
