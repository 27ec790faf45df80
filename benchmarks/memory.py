"""What a trace holds in memory: bytes an operation, and tensors that would have died without it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import torch

import tracer
from benchmarks.timing import Effort, Row


def rows(effort: Effort) -> Iterator[Row]:
    """The rows of a chain of operations, each with a result of its own."""
    operations = effort.of(100_000, 100)
    work = f"{operations:,} operations"
    chain(10)  # what torch and we load and remember for good is not the trace's
    before = tensors()
    tracemalloc.start()
    try:
        base = tracemalloc.get_traced_memory()[0]
        graph = chain(operations)
        gc.collect()
        held, most = (each - base for each in tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()
    yield Row(work, "bytes an operation, held by the graph", held / len(graph.nodes), 1000)
    yield Row(work, "bytes an operation, at most meanwhile", most / len(graph.nodes))
    yield Row(work, "tensors kept alive", tensors() - before, 0)


def chain(operations: int) -> tracer.Graph:
    x = torch.zeros(1)
    with tracer.record() as recording:
        for _ in range(operations):
            x = x + 1
    return recording.graph


def tensors() -> int:
    gc.collect()
    return sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())  # not asking objects for their class
