"""The scalar engine against micrograd: the same code, forward and backward, and chains that micrograd cannot do."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tracer
import tracer.scalar
from benchmarks.timing import Effort, Row, clock, installed, interleaved, ratios, row, timed


def rows(effort: Effort) -> Iterator[Row]:
    """The rows of a small network, then of long chains."""
    for wrapped in (True, False):
        work = f"MLP(8, [16, 16, 1]), 32 samples, {'wrapped' if wrapped else 'plain'} inputs"
        ways = [timed("ours", network(tracer.scalar, tracer.scalar.Value, wrapped))]
        if installed("micrograd"):
            from micrograd import engine, nn

            ways.insert(0, timed("micrograd", network(nn, engine.Value, wrapped)))
        times = interleaved(ways, effort.rounds)
        yield row(work, "ours, ms", [1000 * each for each in times["ours"]])
        if "micrograd" in times:
            yield row(work, "micrograd / ours", ratios(times, "micrograd", "ours"), 4, least=True)
    yield from chain_rows(effort)


def network(nn: Any, value: Any, wrapped: bool) -> Callable[[], object]:
    """A step of training as micrograd's demo writes it."""
    random.seed(0)
    model = nn.MLP(8, [16, 16, 1])
    data = [([random.uniform(-1, 1) for _ in range(8)], random.choice((-1, 1))) for _ in range(32)]

    def step() -> object:
        inputs = [list(map(value, x)) if wrapped else x for x, _ in data]
        scores = list(map(model, inputs))
        loss = sum((score - y) ** 2 for score, (_, y) in zip(scores, data)) * (1.0 / len(data))
        model.zero_grad()
        loss.backward()
        return loss

    return step


def chain_rows(effort: Effort) -> Iterator[Row]:
    """A chain a million deep, plain and recorded, once."""
    depth = effort.of(1_000_000, 100)
    times = interleaved([timed("plain", lambda: chain(depth)), lambda: recorded(depth)], 1)
    for name in ("plain", "recorded", "with graph"):
        yield row(f"chain of {depth:,}", f"{name}, µs an operation", [1e6 * each / depth for each in times[name]])


def chain(depth: int) -> None:
    y = tracer.scalar.Value(1.0)
    for _ in range(depth):
        y = y * 1.0
    y.backward()


def recorded(depth: int) -> Mapping[str, float]:
    start = clock()
    with tracer.record() as recording:
        chain(depth)
    left = clock()
    assert len(recording.graph.nodes) == depth
    return {"recorded": left - start, "with graph": clock() - start}
