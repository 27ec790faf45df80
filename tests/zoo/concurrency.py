"""Threads, processes, data loaders with workers, and coroutines."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
import torch.multiprocessing
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from tests.zoo.registry import program


@program
def worker_threads() -> Any:
    results: list[Any] = []
    layer = nn.Linear(2, 2)
    for work in (lambda: torch.ones(3) * 2, lambda: layer(torch.ones(1, 2)).sum().item()):
        thread = threading.Thread(target=lambda work=work: results.append(work()))
        thread.start()
        thread.join()
    return results


@program
def pool_of_threads() -> Any:
    weight = torch.randn(2, 2, requires_grad=True)
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda n: (weight * n).sum(), range(1, 3)))
    sum(parts).backward()
    return parts, weight.grad


@program
def backward_in_a_thread() -> Any:
    w = torch.randn(2, requires_grad=True)
    loss = (w * w).sum()
    thread = threading.Thread(target=loss.backward)
    thread.start()
    thread.join()
    return w.grad


def _double(a: torch.Tensor) -> torch.Tensor:
    return a * 2


@program
def processes() -> Any:
    with torch.multiprocessing.get_context("fork").Pool(1) as pool:
        return [a.tolist() for a in pool.map(_double, [torch.ones(2), torch.zeros(2)])]


def batches(**options: Any) -> DataLoader[Any]:
    """A loader of numbered batches, which is torch's own work."""
    data = TensorDataset(torch.arange(6.0).reshape(6, 1), torch.arange(6))
    return DataLoader(data, batch_size=3, **options)


class Noise(IterableDataset[Any]):
    """A data set that computes its items."""

    def __iter__(self) -> Any:
        for n in range(4):
            yield {"x": torch.randn(2) + n, "n": n}


@program
def data_loader() -> Any:
    return [(features * 2, targets) for features, targets in batches(shuffle=True)]


@program
def data_loader_with_workers() -> Any:
    loader = batches(num_workers=1, multiprocessing_context="fork")
    return [(features * 2, targets.clone()) for features, targets in loader]


@program
def data_set_of_the_authors() -> Any:
    return [batch["x"].sum() + batch["n"].sum() for batch in DataLoader(Noise(), batch_size=2)]


@program
def coroutines() -> Any:
    async def double(a: torch.Tensor) -> torch.Tensor:
        await asyncio.sleep(0)
        return a * 2

    async def main() -> None:  # gives back nothing: Python prints the result of a main task, and so runs kernels
        results.append(await double(torch.ones(3)))

    results: list[torch.Tensor] = []
    asyncio.run(main())
    return results


@program
def coroutines_that_take_turns() -> Any:
    async def count(a: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            a = a + 1
            await asyncio.sleep(0)
        return a

    async def main() -> None:
        results.extend(await asyncio.gather(count(torch.zeros(1)), count(torch.ones(1))))

    results: list[torch.Tensor] = []
    asyncio.run(main())
    return results
