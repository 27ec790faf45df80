"""Statistics of tensors against torch in double precision, however they lie in memory and whatever they hold."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tracer
from tracer.graph import Stats
from tracer.pytorch.numbers import Numbers
from tracer.pytorch.stats import stats
from tracer.pytorch.tensors import facts_of

# On both sides of where the way to look at them changes.
SIZES = (1, 16, 17, 300, 8192, 8193, 20_000, (1 << 17) + 5, (1 << 18) + 5)

TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)


def recorded(tensor: torch.Tensor) -> Stats | None:
    """What a recording knows of a tensor."""
    numbers = Numbers()
    numbers.take(0, tensor, facts_of(tensor))
    numbers.finish()
    return numbers.get(0, tuple(tensor.shape))


def expect(tensor: torch.Tensor, found: Stats | None, *, rel: float = 2e-5) -> None:
    assert found is not None
    x = tensor.detach().to(torch.float64).reshape(-1)
    finite = x[x.isfinite()]
    assert (found.nan, found.inf) == (int(x.isnan().sum()), int(x.isinf().sum()))
    assert found.zeros == int((x == 0).sum())
    if not len(finite):
        assert found.mean is found.std is found.min is found.max is found.norm is None
        return
    scale = float(finite.abs().max()) or 1.0
    assert (found.min, found.max) == (float(finite.min()), float(finite.max()))
    assert found.mean == pytest.approx(float((finite / scale).mean()) * scale, rel=rel, abs=1e-6 * scale)
    assert found.std == pytest.approx(float((finite / scale).std(correction=0)) * scale, rel=1e-3, abs=2e-7 * scale)
    assert found.norm == pytest.approx(float(torch.linalg.vector_norm(finite / scale)) * scale, rel=rel)


@given(
    st.sampled_from(SIZES),
    st.sampled_from(
        (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)
    ),
    st.sampled_from((0.0, 1.0, 30.0, -1e3)),
    st.sampled_from((0.0, 1e-6, 1.0, 100.0)),
    st.sampled_from((None, 0.0, math.nan, math.inf, -math.inf)),
    st.integers(0, 100),
)
@settings(max_examples=60, deadline=None)
def test_statistics_are_those_of_torch(
    size: int, dtype: torch.dtype, mean: float, std: float, odd: float | None, seed: int
) -> None:
    x = torch.randn(size, generator=torch.Generator().manual_seed(seed)) * std + mean
    if odd is not None and (dtype.is_floating_point or odd == 0):
        x[:: max(1, size // 3)] = odd
    x = x.clamp(0, 200).to(dtype) if not dtype.is_floating_point else x.to(dtype)
    expect(x, stats(x))
    expect(x, recorded(x))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("number", [0.0, 1e-30, 1e30, -3e-41, 5.0])
def test_numbers_that_are_alike_tiny_or_huge(size: int, number: float) -> None:
    for x in (torch.full((size,), number), torch.linspace(0, 1, size) * number):
        expect(x, stats(x), rel=1e-4)
        expect(x, recorded(x), rel=1e-4)


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
def test_a_stretch_without_any_finite_number_is_left_out(number: float) -> None:
    mask = torch.full((400_000,), number)
    expect(mask, recorded(mask))
    mask[300_000:] = 2.0
    expect(mask, stats(mask))
    expect(mask, recorded(mask))


@pytest.mark.parametrize("size", [300, 20_000])
def test_a_signalling_nan_is_counted_in_silence(size: int) -> None:
    x = torch.randn(size)
    x.view(torch.int32)[7] = 0x7F800001
    expect(x, stats(x))
    expect(x, recorded(x))


def test_one_odd_number_in_one_stretch_of_many() -> None:
    x = torch.randn(400_000)
    x[150_000] = math.nan
    expect(x, recorded(x))


@pytest.mark.parametrize("lie", [
    lambda x: x.t(), lambda x: x[:, ::2], lambda x: x[:, :1].expand(-1, 7), lambda x: x.reshape(-1, 2, 2, 5).mT,
    lambda x: x.reshape(-1, 2, 2, 5).contiguous(memory_format=torch.channels_last), lambda x: x[:0],
    lambda x: torch.nn.Parameter(x.t()),
])  # fmt: skip
@pytest.mark.parametrize("rows", [3, 60, 3000])
def test_it_does_not_matter_how_they_lie(lie: object, rows: int) -> None:
    x = lie(torch.randn(rows, 20))  # type: ignore[operator]
    if x.numel():
        expect(x, recorded(x))
    assert recorded(x) == stats(x) or x.numel()


def test_no_minus_zero() -> None:
    for size in SIZES:
        found = recorded(torch.full((size,), -0.0))
        assert found is not None
        assert math.copysign(1, found.min or 0.0) == math.copysign(1, found.max or 0.0) == 1


def test_to_look_leaves_random_numbers_and_autograd_alone() -> None:
    w = torch.randn(20_000, requires_grad=True)
    state, sequence = torch.get_rng_state(), torch.autograd._get_sequence_nr()
    assert stats(w) == recorded(w)
    assert torch.equal(state, torch.get_rng_state())
    assert sequence == torch.autograd._get_sequence_nr()


def test_a_copy_has_the_statistics_of_what_was_copied_until_it_is_written() -> None:
    x = torch.randn(100, 30)
    with tracer.record() as run:
        y = x.t().contiguous()
        z = y.clone()
        z[0] = 5.0
        y.zero_()
        w = z.reshape(-1, 2).clone()
    graph = run.graph
    assert graph.named("x")[0].data == graph.named("y")[0].data == graph.named("z")[0].data
    expect(z, graph.named("z")[-1].data)
    expect(w, graph.named("w")[-1].data)
    expect(y, graph.named("y")[-1].data)
    expect(x, graph.named("x")[-1].data)


@pytest.mark.parametrize("use", [lambda w: w.grad * 2, lambda w: w.grad.mul_(2), lambda w: (w * w).sum().backward()])
def test_an_old_gradient_is_looked_at_before_it_is_used(use: Callable[[torch.Tensor], object]) -> None:
    w = torch.randn(20_000, requires_grad=True)
    w.grad = torch.ones_like(w) * 3
    with tracer.record() as run:
        assert w.grad is not None
        use(w)
    old = [value for value in run.whole.values if value.data is not None and value.data.mean == 3.0]
    assert len(old) == 1


def test_an_old_gradient_that_nobody_uses_is_not_looked_at() -> None:
    w = torch.randn(20_000, requires_grad=True)
    w.grad = torch.ones_like(w) * 3
    with tracer.record() as run:
        w.grad = None
        (w * w).sum().backward()
    assert all(value.data is None or value.data.mean != 3.0 for value in run.whole.values)
    expect(2 * w, run.graph.named("w")[0].grad)
