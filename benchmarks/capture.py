"""What recording costs, as ratios to the plain program measured in one interleaved run: `python benchmarks/capture.py`.

`bare modes` is the floor: a function mode and a dispatch mode that do nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import tracer

ROUNDS = 7


class BareFunctionMode(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


class BareDispatchMode(TorchDispatchMode):
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


def lstm_by_hand() -> Callable[[], None]:
    """200 steps of an LSTM written with operators; about 3,400 calls forward."""
    x, b = torch.randn(200, 1, 8), torch.zeros(64, requires_grad=True)
    w, u = torch.randn(8, 64, requires_grad=True), torch.randn(16, 64, requires_grad=True)

    def run() -> None:
        h = c = torch.zeros(1, 16)
        for t in range(200):
            i, f, o, n = (x[t] @ w + h @ u + b).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(n)
            h = torch.sigmoid(o) * torch.tanh(c)
        h.sum().backward()

    return run


def mlp() -> Callable[[], None]:
    """784-256-128-10, batch 64."""
    model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))
    return step(model, torch.randn(64, 784))


def encoder() -> Callable[[], None]:
    """24 transformer encoder layers of width 512, batch 1, 128 tokens."""
    layer = nn.TransformerEncoderLayer(512, 8, 2048, batch_first=True)
    return step(nn.TransformerEncoder(layer, 24), torch.randn(1, 128, 512))


def step(model: nn.Module, x: torch.Tensor) -> Callable[[], None]:
    def run() -> None:
        model(x).square().mean().backward()

    return run


@contextlib.contextmanager
def bare_modes() -> Any:
    with BareFunctionMode(), BareDispatchMode():
        yield


WAYS: dict[str, Callable[[], Any]] = {
    "plain": contextlib.nullcontext,
    "bare modes": bare_modes,
    "recording": tracer.record,
}


def main() -> None:
    """Prints the table."""
    torch.set_num_threads(1)
    table = Table("program", "plain ms", *[f"{way} / plain" for way in list(WAYS)[1:]], "recording / bare modes")
    for build in (lstm_by_hand, mlp, encoder):
        run = build()
        times: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(ROUNDS):
            for way, context in WAYS.items():
                start = time.perf_counter()
                with context():
                    run()
                times[way].append(time.perf_counter() - start)
        plain, bare, recording = (median(times[way]) for way in WAYS)
        ratios = (bare / plain, recording / plain, recording / bare)
        table.add_row(build.__name__, f"{1000 * plain:.1f}", *[f"{ratio:.2f}" for ratio in ratios])
    Console().print(table)


if __name__ == "__main__":
    main()
