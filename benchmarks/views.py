"""Seconds that each view takes by itself, on an LSTM written by hand that is unrolled into ever more operations."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import render
import tracer
from benchmarks.pictures import lstm_by_hand
from benchmarks.timing import Effort, Row, clock

# A third of what the whole picture may take: the rest is for layout. Operations, seconds.
BOUNDS = {10_000: 1.3, 100_000: 15.0}
OPERATIONS = 17  # in a step
VIEWS = (
    "auto", "autograd", "backward", "collapse", "collapse:depth=0", "fold", "focus:around=loss,hops=50",
    "hide:function=tanh", "roll", "saved", "time",
)  # fmt: skip


def rows(effort: Effort) -> Iterator[Row]:
    """A row for each view and size; those that ask for the operations of backward have more than twice as many."""
    for size, bound in BOUNDS.items():
        graph = unrolled(effort.of(size // OPERATIONS, 3))
        forward = sum(node.phase == "forward" for node in graph.nodes)
        for view in VIEWS:
            gc.collect()
            start = clock()
            _ = render.draw(graph, view=view).view
            yield Row(f"--view {view}, {forward:,} operations", "s", clock() - start, bound)


def unrolled(steps: int) -> tracer.Graph:
    """What an LSTM of so many steps ran, forward and backward."""
    with tracer.record() as recording:
        loss = lstm_by_hand(steps)
        loss.backward()
    return recording.graph
