"""Branches, loops, recursion and calls: the control flow of Python around tensors."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from tests.zoo.registry import program


@program
def branches_on_data() -> Any:
    def signed_root(a: torch.Tensor) -> torch.Tensor:
        if a.sum() > 0:
            return a.abs().sqrt()
        return -a.abs().sqrt() if bool(a.any()) else a

    return [signed_root(a) for a in (torch.ones(2), -torch.ones(2), torch.zeros(2))]


@program
def loop_until_small() -> Any:
    x = torch.randn(4, requires_grad=True)
    h, turns = x, 0
    while h.norm() > 0.5:
        h, turns = h * 0.7, turns + 1
    h.sum().backward()
    return h, turns, x.grad


@program
def loop_over_rows() -> Any:
    rows = torch.arange(6.0).reshape(3, 2)
    total = torch.zeros(2)
    for row in rows:
        if row[0] == 2:
            continue
        total = total + row
    return total


@program
def recursion() -> Any:
    def count(x: torch.Tensor, n: int) -> torch.Tensor:
        return x if n == 0 else count(x + 1, n - 1)

    return count(torch.ones(2), 300)


@program
def recursion_5000_deep() -> Any:
    def count(x: torch.Tensor, n: int) -> torch.Tensor:
        return x if n == 0 else count(x + 1, n - 1)

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        return count(torch.ones(1), 5_000)
    finally:
        sys.setrecursionlimit(limit)


@program
def long_chain() -> Any:
    x = torch.ones(1, requires_grad=True)
    h = x
    for _ in range(1_000):
        h = h + 1
    h.backward()
    return h, x.grad


@program
def module_called_many_times() -> Any:
    cell, h = nn.Linear(3, 3), torch.zeros(2, 3)
    for _ in range(5):
        h = torch.tanh(cell(h))
    h.sum().backward()
    return h, cell.weight.grad


@program
def module_shared_by_two_parents() -> Any:
    shared = nn.Linear(3, 3)
    first, second = nn.Sequential(shared, nn.ReLU()), nn.Sequential(nn.Tanh(), shared)
    y = second(first(torch.randn(2, 3)))
    y.sum().backward()
    return y, shared.weight.grad


@program
def recursive_module() -> Any:
    class Tree(nn.Module):
        def __init__(self, depth: int) -> None:
            super().__init__()
            self.own = nn.Linear(2, 2)
            self.children_ = nn.ModuleList(Tree(depth - 1) for _ in range(2) if depth)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.own(x) + sum((child(x) for child in self.children_), torch.zeros(2))

    tree = Tree(2)
    tree(torch.ones(1, 2)).sum().backward()
    return [parameter.grad for parameter in tree.parameters()]


@program
def functions_without_modules() -> Any:
    def layer(x: torch.Tensor, weight: torch.Tensor, *, activation: Any = torch.tanh) -> torch.Tensor:
        return activation(x @ weight)

    weight = torch.randn(3, 3, requires_grad=True)
    relu_layer = functools.partial(layer, activation=torch.relu)
    y = relu_layer(layer(torch.ones(1, 3), weight), weight).sum()
    y.backward()
    return y, weight.grad


@program
def lambdas_and_maps() -> Any:
    double, compose = lambda a: a * 2, lambda *fs: lambda a: functools.reduce(lambda x, f: f(x), fs, a)
    parts = list(map(double, torch.ones(2, 2)))
    return compose(double, torch.exp, double)(parts[0]), sum(parts), max(parts, key=lambda a: float(a.sum()))


@program
def generator() -> Any:
    def powers(a: torch.Tensor) -> Iterator[torch.Tensor]:
        for _ in range(3):
            a = a * 2
            yield a

    return list(powers(torch.ones(2)))


@program
def generator_that_is_given_tensors() -> Any:
    def running_sum() -> Any:
        total = torch.zeros(2)
        while True:
            total = total + (yield total)

    sums = running_sum()
    next(sums)
    return [sums.send(torch.full((2,), float(n))) for n in range(3)], sums.close()


@program
def caught_failure() -> Any:
    try:
        torch.mm(torch.ones(2, 3), torch.ones(2, 3))
    except RuntimeError:
        return torch.ones(2) + 1


@program
def failure_caught_inside_a_module() -> Any:
    class Careful(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            try:
                return nn.functional.linear(x, torch.ones(2, 9))
            except RuntimeError as error:
                return x * len(str(error))

    return Careful()(torch.ones(2, 2))
