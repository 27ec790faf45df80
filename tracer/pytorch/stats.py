"""A tensor -> the `Stats` that are kept of it; the tensor itself is not kept."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import numpy
import torch

from tracer.graph import DRAWABLE, Nested, Stats

_STRETCH: Final = 1 << 16  # elements that stay in a core's cache while they are looked at from several sides


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
    with torch._C.DisableTorchFunction(), torch._C._DisableTorchDispatch(), torch._C._AutoDispatchBelowAutograd():
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
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.float64)
    elif tensor.element_size() < 4:
        tensor = tensor.to(torch.float32)
    if tensor.device.type == "cpu" and tensor.is_contiguous():
        found = _of_many(tensor.detach().numpy().reshape(-1))
        if found is not None:
            return found
    return _elsewhere(tensor)


def _of_many(numbers: Any) -> Stats | None:
    """The same for many numbers on the CPU, a stretch at a time that stays in the cache; None where one is not finite.

    The deviation is `sqrt(E[x**2] - mean**2)`; where the mean is so large that the difference would lose digits, the
    mean is taken off first.
    """
    total = squares = 0.0
    zeros, lows, highs = 0, [], []
    stretches = [numbers[start : start + _STRETCH] for start in range(0, len(numbers), _STRETCH)]
    for part in stretches:
        shared = torch.from_numpy(part)
        total += float(shared.sum())
        squares += float(torch.dot(shared, shared))
        low, high = part.min(), part.max()
        zeros += int(numpy.count_nonzero(part == 0)) if low <= 0 <= high else 0
        lows.append(float(low))
        highs.append(float(high))
    if not (math.isfinite(squares) and math.isfinite(total)):
        return None
    mean, variance = total / len(numbers), squares / len(numbers) - (total / len(numbers)) ** 2
    if variance <= 0.1 * mean * mean:
        variance = math.fsum(float(numpy.square(part - mean, dtype=numpy.float64).sum()) for part in stretches)
        variance /= len(numbers)
    return Stats(mean, math.sqrt(variance), min(lows), max(highs), math.sqrt(squares), zeros)


def _elsewhere(tensor: torch.Tensor) -> Stats:
    """The same by torch's own calls: for other devices, and for numbers that are not all finite."""
    norm = float(torch.linalg.vector_norm(tensor))
    nan = inf = 0
    if not math.isfinite(norm):
        nan, inf = int(tensor.isnan().sum()), int(tensor.isinf().sum())
        tensor = tensor[tensor.isfinite()].to(torch.float64)
        if tensor.numel() == 0:
            return Stats(nan=nan, inf=inf)
        norm = float(torch.linalg.vector_norm(tensor))
    mean = float(tensor.mean())
    low, high = float(tensor.amin()), float(tensor.amax())
    zeros = tensor.numel() - int(tensor.count_nonzero()) if low <= 0 <= high else 0
    return Stats(mean, _deviation(tensor, mean, norm), low, high, norm, zeros, nan, inf)


def _deviation(tensor: torch.Tensor, mean: float, norm: float) -> float:
    """The standard deviation as in `_of_many` (`torch.std` takes fifty times as long)."""
    count = tensor.numel()
    variance = norm * norm / count - mean * mean
    if variance > 0.1 * mean * mean:
        return math.sqrt(variance)
    return float(torch.linalg.vector_norm(tensor - mean)) / math.sqrt(count)


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
    low, high = float(min(numbers)), float(max(numbers))
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
