"""What recording costs a program, forward and backward, against the plain program, bare modes and the peers.

`bare modes` is a floor: a function mode and a dispatch mode that do nothing; `benchmarks.floors` has those above it.
Leaving the recording and having its graph are timed apart, for the graph is made when it is first asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import tracer
from benchmarks.floors import Look, five_looks, least_modes, read_once
from benchmarks.programs import Program, programs
from benchmarks.timing import Effort, Row, clock, installed, interleaved, ratios, row, timed


class BareFunctionMode(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class BareDispatchMode(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def rows(effort: Effort) -> Iterator[Row]:
    """The rows of programs that are recorded whole, then of their peers, then of a pass out of many."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for program in programs(effort):
            yield from program_rows(program, effort)
            yield from peer_rows(program, effort)
        yield from selected_rows(effort)
    finally:
        torch.set_num_threads(threads)


def program_rows(program: Program, effort: Effort) -> Iterator[Row]:
    def bare() -> None:
        with BareFunctionMode(), BareDispatchMode():
            program.run()

    def least(look: Look | None = None) -> None:
        with least_modes(look):
            program.run()

    floors = [timed("plain", program.run), timed("bare", bare), timed("least", least)]
    looks = [timed("read", lambda: least(read_once)), timed("looked at", lambda: least(five_looks))]
    times = interleaved([*floors, *looks, lambda: recorded(program.run)], effort.rounds)
    yield row(program.name, "plain, ms", [1000 * each for each in times["plain"]])
    yield row(program.name, "bare modes / plain", ratios(times, "bare", "plain"))
    yield row(program.name, "least recorder in Python / plain", ratios(times, "least", "plain"))
    yield row(program.name, "  and each number read once / plain", ratios(times, "read", "plain"))
    yield row(program.name, "  and sums, extremes, zeros / plain", ratios(times, "looked at", "plain"))
    yield row(program.name, "recorded / plain", ratios(times, "recorded", "plain"), program.bound)
    yield row(program.name, "recorded / bare modes", ratios(times, "recorded", "bare"), program.floor_bound)
    yield row(program.name, "recorded, graph made / plain", ratios(times, "with graph", "plain"))


def recorded(run: Callable[[], None]) -> Mapping[str, float]:
    """Seconds until the recording is left, and until its graph is there."""
    start = clock()
    with tracer.record() as recording:
        run()
    left = clock()
    graph = recording.graph
    made = clock()
    del graph
    return {"recorded": left - start, "with graph": made - start}


def peer_rows(program: Program, effort: Effort) -> Iterator[Row]:
    """What the peers take for the forward pass, once they are warm; nothing of those that are not installed or fail."""
    for name, trace in PEERS.items():
        if installed(name) and effort.rounds > 1:  # some take seconds at any size
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    times = interleaved(
                        [timed("plain", program.forward), timed("peer", lambda trace=trace: trace(program))],
                        rounds=2,
                    )
                except Exception as error:  # theirs; the table goes on
                    yield row(program.name, f"{name}: {type(error).__name__}", [float("nan")])
                else:
                    yield row(program.name, f"{name}, forward / plain forward", ratios(times, "peer", "plain"))


def torchlens(program: Program) -> object:
    import torchlens as peer

    return peer.trace(program.model, program.x)


def torchview(program: Program) -> object:
    import torchview as peer

    return peer.draw_graph(program.model, input_data=program.x, device="cpu")


PEERS: dict[str, Callable[[Program], object]] = {"torchlens": torchlens, "torchview": torchview}


def selected_rows(effort: Effort) -> Iterator[Row]:
    """A training loop of which one pass is recorded."""
    program, steps = programs(effort)[-1], effort.of(1000, 3)
    optimizer = torch.optim.SGD(program.model.parameters(), lr=0.01)

    def train() -> None:
        for _ in range(steps):
            program.run()
            optimizer.step()

    def first_pass() -> object:
        with tracer.record("first") as recording:
            train()
        return recording.graph

    times = interleaved([timed("plain", train), timed("one pass", first_pass)], min(effort.rounds, 3))
    yield row(f"training, {steps} steps", "one pass recorded / plain", ratios(times, "one pass", "plain"), 1.05)
