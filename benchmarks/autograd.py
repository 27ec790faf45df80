"""What reading an autograd graph after the fact costs a node, against a bare walk and against torchviz."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping

import torch

import render
import tracer
from benchmarks.timing import Effort, Row, installed, interleaved, row, timed


def rows(effort: Effort) -> Iterator[Row]:
    """The rows of chains of two depths."""
    for depth in (effort.of(100_000, 10), effort.of(1_000_000, 20)):
        ways = {"walk alone": walk, "from_tensor": tracer.from_tensor, "make_dot": render.make_dot}
        times = interleaved([fresh(name, read, depth) for name, read in ways.items()], effort.rounds)
        for name, bound in (("walk alone", None), ("from_tensor", 5), ("make_dot", 5)):
            yield row(f"chain of {depth:,}", f"{name}, µs a node", [1e6 * each / depth for each in times[name]], bound)
    if installed("torchviz"):
        yield from torchviz_rows(effort)


def fresh(name: str, read: Callable[[torch.Tensor], object], depth: int) -> Callable[[], Mapping[str, float]]:
    """A way that reads a graph nobody has looked at: torch makes the Python objects at the first look."""

    def way() -> Mapping[str, float]:
        y = chain(depth)
        gc.collect()
        found = timed(name, lambda: read(y))()
        tracer.from_tensor(y)  # leaves guards, without which freeing a deep graph that was looked at ends the process
        return found

    return way


def chain(depth: int) -> torch.Tensor:
    y = torch.zeros(1, requires_grad=True)
    for _ in range(depth):
        y = y + 1
    return y


def walk(y: torch.Tensor) -> object:
    """The least there is to do: every function once."""
    seen = {y.grad_fn}
    stack = [y.grad_fn]
    gc.disable()
    while stack:
        function = stack.pop()
        for operand, _ in function.next_functions if function is not None else ():
            if operand is not None and operand not in seen:
                seen.add(operand)
                stack.append(operand)
    gc.enable()
    return seen


def torchviz_rows(effort: Effort) -> Iterator[Row]:
    """torchviz recurses: a tenth of the depth at which it fails."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchviz

    depth = effort.of(100, 10)
    y = chain(depth)
    ways = [timed("theirs", lambda: torchviz.make_dot(y)), timed("ours", lambda: render.make_dot(y))]
    times = interleaved(ways, effort.rounds)
    for name in ("theirs", "ours"):
        yield row(f"chain of {depth:,}", f"make_dot, {name}, µs a node", [1e6 * each / depth for each in times[name]])
