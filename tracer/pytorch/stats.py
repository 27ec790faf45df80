"""A tensor -> the `Stats` that are kept of it; the tensor itself is not kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy
import torch

from tracer.graph import DRAWABLE, Nested, Stats

_STRETCH: Final = 1 << 17  # elements that stay in a core's cache while they are looked at from several sides
_UNCUT: Final = 2 * _STRETCH  # up to here a second stretch costs more than the cache saves
_SAFE: Final = {torch.float32: (1e-28, 1e36), torch.float64: (1e-280, 1e300)}  # sums of squares that lose no digits
_guards: Final[Any] = torch._C
_least: Final = numpy.minimum.reduce  # what `numpy.min` calls in the end
_greatest: Final = numpy.maximum.reduce
_marks: list[Any] = []


class Moments(NamedTuple):
    """What can be said of a stretch of numbers, so that it can be said of several together.

    Attributes:
        finite: How many are finite; the following are about them, and mean nothing where there are none.
        mean: Their mean.
        spread: Root of the sum of their squared deviations from it.
        norm: Root of the sum of their squares.
        low: The least of them.
        high: The greatest.
        zeros: How many are 0.
        nan: Number of those that are not a number.
        inf: Number of infinite ones.
    """

    finite: int
    mean: float = 0.0
    spread: float = 0.0
    norm: float = 0.0
    low: float = 0.0
    high: float = 0.0
    zeros: int = 0
    nan: int = 0
    inf: int = 0


def stats(tensor: torch.Tensor, kept: int = DRAWABLE) -> Stats | None:
    """Statistics of the finite elements of `tensor`, of any shape, dtype and device.

    Args:
        tensor: What to look at.
        kept: Of how many elements at most the numbers themselves are kept.

    Returns:
        None where the numbers cannot be read: meta and fake tensors, wrapper subclasses, and types without arithmetic.
    """
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter) or tensor.is_meta:
        return None
    with _guards.DisableTorchFunction(), _guards._DisableTorchDispatch(), _guards._AutoDispatchBelowAutograd():
        try:
            elements = _elements(tensor)
            once = elements if elements.numel() <= kept else _once(elements)
            found = _stats(once, kept)
            return found if once is elements else _repeated(found, elements.numel() // once.numel())
        except (RuntimeError, NotImplementedError):
            return None


def _elements(tensor: torch.Tensor) -> torch.Tensor:
    """A strided tensor of the numbers: the stored ones of a sparse tensor, the represented ones of a quantized one."""
    if tensor.is_sparse:
        return tensor.coalesce().values()
    if tensor.layout is not torch.strided:
        return tensor.values()
    return tensor.dequantize() if tensor.is_quantized else tensor


def _once(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor without the repetitions of one that was expanded, which may have more elements than any memory."""
    if 0 not in tensor.stride():
        return tensor
    return tensor[tuple([slice(0, 1) if stride == 0 else slice(None) for stride in tensor.stride()])]


def _repeated(of: Stats, times: int) -> Stats:
    """The statistics of a tensor whose every element stands there so many times."""
    norm = None if of.norm is None else of.norm * math.sqrt(times)
    return replace(of, norm=norm, zeros=of.zeros * times, nan=of.nan * times, inf=of.inf * times, value=None)


def _stats(tensor: torch.Tensor, kept: int) -> Stats:
    count = tensor.numel()
    if count == 0:
        return Stats()
    if count <= kept and not tensor.is_complex():
        return of_few(tensor.reshape(-1).tolist(), tuple(tensor.shape))
    if tensor.is_complex():
        tensor = tensor.abs()
    return together([_moments(part) for part in torch.split(tensor.detach().reshape(-1), _STRETCH)])


def _as_stored(tensor: torch.Tensor) -> list[int]:
    """The dimensions of a tensor in the order in which they lie in memory, which says nothing to statistics."""
    return sorted(range(tensor.dim()), key=tensor.stride().__getitem__, reverse=True)


def _moments(part: torch.Tensor) -> Moments:
    """What can be said of a stretch of numbers of any real type, on any device."""
    if not part.is_cpu:
        return _elsewhere(part)
    if not part.is_floating_point():
        part = part.to(torch.float64)
    elif part.element_size() < 4:
        part = part.to(torch.float32)
    return _of_stretch(part)


def of_many(tensor: torch.Tensor) -> tuple[Moments, ...] | None:
    """The same for many numbers in single or double precision on the CPU, to be put `together` later.

    Returns:
        None for a tensor whose elements are not together in memory.
    """
    with _guards.DisableTorchFunction(), _guards._DisableTorchDispatch(), _guards._AutoDispatchBelowAutograd():
        if not tensor.is_contiguous():
            tensor = tensor.permute(_as_stored(tensor))
            if not tensor.is_contiguous():
                return None
        row = tensor.detach().view(-1)
        return (_of_stretch(row),) if len(row) <= _UNCUT else tuple(map(_of_stretch, torch.split(row, _STRETCH)))


def _of_stretch(part: torch.Tensor) -> Moments:
    """The same for single or double precision on the CPU: each look at the numbers is a pass over a cache.

    The passes are few, and mostly of one kind: between two kernels of the program's, code is as cold as numbers are.
    Numbers that are all alike, as of a gradient that begins as zeros, need only two of them.
    The deviation is `sqrt(E[x**2] - mean**2)`; where that would lose digits, the mean is taken off first. Where a
    square leaves the range of the type, or a number is not finite, `exactly` looks again.
    """
    numbers = part.numpy()
    count = len(numbers)
    low, high = float(_least(numbers)), float(_greatest(numbers))
    if low == high and math.isfinite(low):
        return Moments(count, low, 0.0, abs(low) * math.sqrt(count), low, high, 0 if low else count)
    total, squares = part.sum().item(), torch.dot(part, part).item()
    least, most = _SAFE[part.dtype]
    if not least < squares < most:
        return exactly(numbers)
    mean = total / count
    spread = squares - total * mean
    if spread <= 0.1 * total * mean:
        off = part - mean
        spread = max(0.0, torch.dot(off, off).item() - off.sum().item() ** 2 / count)
    zeros = _zeros(numbers) if low <= 0 <= high else 0
    return Moments(count, mean, math.sqrt(spread), math.sqrt(squares), low, high, zeros)


def _zeros(numbers: Any) -> int:
    """How many are 0; the marks go into memory that is used again, since new memory costs more than to compare."""
    marks = _marks.pop() if _marks else numpy.empty(_UNCUT, numpy.bool_)  # another thread takes another
    found = int(numpy.count_nonzero(numpy.equal(numbers, 0, out=marks[: len(numbers)])))
    _marks.append(marks)
    return found


def exactly(numbers: Any) -> Moments:
    """The same in double precision and with scaled squares: for numbers that are tiny, huge or not finite."""
    with numpy.errstate(invalid="ignore"):  # of a NaN that signals, numpy would tell the program's author
        numbers = numbers.astype(numpy.float64)
    finite = numbers[numpy.isfinite(numbers)]
    nan = int(numpy.isnan(numbers).sum())
    inf, count = len(numbers) - len(finite) - nan, len(finite)
    if not count:
        return Moments(0, nan=nan, inf=inf)
    low, high = float(finite.min()), float(finite.max())
    scale = max(-low, high) or 1.0
    scaled = finite / scale
    mean, zeros = float(scaled.mean()), int(numpy.count_nonzero(finite == 0))
    spread, norm = (scale * math.sqrt(numpy.square(each).sum()) for each in (scaled - mean, scaled))
    return Moments(count, scale * mean, spread, norm, low, high, zeros, nan, inf)


def _elsewhere(part: torch.Tensor) -> Moments:
    """The same on another device: no number but the results comes over."""
    part = part.to(torch.float32 if part.device.type == "mps" else torch.float64)
    finite = part[part.isfinite()]
    nan = int(part.isnan().sum())
    inf, count = len(part) - len(finite) - nan, len(finite)
    if count == 0:
        return Moments(0, nan=nan, inf=inf)
    mean, zeros = float(finite.mean()), count - int(finite.count_nonzero())
    spread, norm = (float(torch.linalg.vector_norm(each)) for each in (finite - mean, finite))
    return Moments(count, mean, spread, norm, float(finite.min()), float(finite.max()), zeros, nan, inf)


def together(parts: Sequence[Moments]) -> Stats:
    """The statistics of several stretches as one (Chan, Golub, LeVeque: Updating Formulae, 1979)."""
    if len(parts) == 1 and parts[0].finite:
        count, mean, spread, norm, low, high, zeros, nan, inf = parts[0]
        return Stats(mean, spread / math.sqrt(count), low + 0.0, high + 0.0, norm, zeros, nan, inf)  # +0.0: not -0.0
    nan, inf = sum(part.nan for part in parts), sum(part.inf for part in parts)
    parts = [part for part in parts if part.finite]
    if not parts:
        return Stats(nan=nan, inf=inf)
    count = sum(part.finite for part in parts)
    mean = math.fsum(part.mean * (part.finite / count) for part in parts)
    between = [math.sqrt(part.finite) * (part.mean - mean) for part in parts]
    return Stats(
        mean=mean,
        std=math.hypot(*[part.spread for part in parts], *between) / math.sqrt(count),
        min=min(part.low for part in parts) + 0.0,
        max=max(part.high for part in parts) + 0.0,
        norm=math.hypot(*[part.norm for part in parts]),
        zeros=sum(part.zeros for part in parts),
        nan=nan,
        inf=inf,
    )


def of_few(numbers: list[float], shape: tuple[int, ...]) -> Stats:
    """The same for a handful of numbers, in Python: a tenth of the time that torch's calls would take."""
    value: Nested | None = numbers[0] if len(numbers) == 1 else _nest(numbers, shape)
    if len(numbers) != math.prod(shape):  # of a nested tensor, which has no shape to show them in
        value = None
    total = math.fsum(numbers) if _all_finite(numbers) else None
    nan = inf = 0
    if total is None:
        nan = sum(math.isnan(number) for number in numbers)
        finite = [number for number in numbers if math.isfinite(number)]
        inf, numbers = len(numbers) - len(finite) - nan, finite
        if not numbers:
            return Stats(nan=nan, inf=inf, value=value)
        total = math.fsum(numbers)
    mean = total / len(numbers)
    std = math.hypot(*[number - mean for number in numbers]) / math.sqrt(len(numbers))
    low, high = min(numbers) + 0.0, max(numbers) + 0.0
    return Stats(mean, std, low, high, math.hypot(*numbers), numbers.count(0), nan, inf, value)


def _all_finite(numbers: list[float]) -> bool:
    """Whether no number is NaN or infinite (nor their sum, which is as good a reason to look closer)."""
    total = sum(numbers)
    return total - total == 0


def _nest(numbers: list[float], shape: tuple[int, ...]) -> Nested:
    """Flat numbers as the nested tuples of a shape."""
    rows: list[Nested] = list(numbers)
    for size in reversed(shape[1:]):
        rows = [tuple(rows[start : start + size]) for start in range(0, len(rows), size or 1)]
    return tuple(rows)
