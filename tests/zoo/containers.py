"""Several outputs, and tensors inside dicts, lists, dataclasses, named tuples and keyword arguments."""

from __future__ import annotations

import copy
import dataclasses
import io
from typing import Any, NamedTuple

import numpy
import torch
from torch import nn

from tests.zoo.registry import program


class State(NamedTuple):
    hidden: torch.Tensor
    cell: torch.Tensor


@dataclasses.dataclass
class Batch:
    features: torch.Tensor
    rest: Any = None


@program
def nested_arguments() -> Any:
    class Model(nn.Module):
        def forward(self, x: torch.Tensor, *, given: dict[str, torch.Tensor]) -> Batch:
            return Batch(x * given["scale"], [x + 1])

    out = Model()(torch.ones(2), given={"scale": torch.ones(2)})
    return out.features, out.rest


@program
def named_tuples() -> Any:
    class Cell(nn.Module):
        def forward(self, x: torch.Tensor, state: State) -> tuple[torch.Tensor, State]:
            state = State(hidden=torch.tanh(x + state.hidden), cell=state.cell + 1)
            return state.hidden * 2, state

    state, cell = State(torch.zeros(2, requires_grad=True), torch.zeros(2)), Cell()
    out, after = cell(torch.randn(2), state)
    out, after = cell(out, after)
    out.sum().backward()
    return out, after, state.hidden.grad


@program
def dictionaries_of_dictionaries() -> Any:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.heads = nn.ModuleDict({"mean": nn.Linear(3, 1), "scale": nn.Linear(3, 2)})

        def forward(self, batch: dict[str, Any]) -> dict[str, Any]:
            x = batch["inputs"]["x"]
            return {"out": {name: head(x) for name, head in self.heads.items()}, "x": x}

    model = Heads()
    out = model({"inputs": {"x": torch.randn(2, 3)}, "name": "first"})["out"]
    (out["mean"].sum() + out["scale"].square().sum()).backward()
    return out, [parameter.grad for parameter in model.parameters()]


@program
def lists_and_dataclasses_of_tensors() -> Any:
    class Mean(nn.Module):
        def forward(self, batches: list[Batch], *extra: torch.Tensor, **named: torch.Tensor) -> list[Batch]:
            shift = sum(extra) + named["bias"]
            return [dataclasses.replace(batch, features=batch.features.mean(0) + shift) for batch in batches]

    found = Mean()(
        [Batch(torch.randn(3, 2)), Batch(torch.ones(1, 2))], torch.ones(2), torch.ones(2), bias=torch.ones(2)
    )
    return [batch.features for batch in found]


@program
def several_results() -> Any:
    halves = torch.split(torch.arange(6), 2)
    rows = torch.stack([torch.ones(2)] * 2).unbind()
    return torch.einsum("ij,jk->ik", torch.ones(2, 3), torch.ones(3, 2)), halves, rows


@program
def results_that_are_structures_of_torchs() -> Any:
    a = torch.randn(4, 4, requires_grad=True)
    largest, eigen = a.max(dim=1), torch.linalg.eigh(a + a.T)
    largest.values.sum().backward()
    return largest.indices, torch.topk(a, 2).values, eigen.eigenvalues, a.grad


@program
def parameters_in_lists_and_dicts() -> Any:
    class Bank(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows = nn.ParameterList(torch.ones(2) * n for n in range(3))
            self.scales = nn.ParameterDict({"a": torch.ones(1), "b": torch.full((1,), 2.0)})

        def forward(self) -> torch.Tensor:
            return sum(self.rows) * self.scales["a"] * self.scales["b"]

    bank = Bank()
    bank().sum().backward()
    return {name: parameter.grad for name, parameter in bank.named_parameters()}


@program
def copies_and_files() -> Any:
    state = io.BytesIO()
    torch.save(copy.deepcopy(nn.Linear(2, 2)).state_dict(), state)
    state.seek(0)
    return torch.load(state)["weight"]


@program
def state_is_loaded() -> Any:
    source, target = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    source(torch.randn(8, 3))
    target.load_state_dict(source.state_dict())
    return target.eval()(torch.ones(2, 3)), dict(target.named_buffers())


@program
def to_python_and_numpy() -> Any:
    numbers = torch.from_numpy(numpy.ones(3)).numpy().sum(), torch.ones(3).tolist(), int(torch.tensor(3))
    return *numbers, bool(torch.ones(1) > 0), numpy.asarray(torch.ones(2)).sum(), f"{torch.ones(1)}"


@program
def numpy_shares_memory() -> Any:
    array = numpy.zeros(3)
    tensor = torch.from_numpy(array)
    before = tensor + 1
    array[1] = 5
    tensor[2] = 7
    return before, tensor + 1, array.tolist()
