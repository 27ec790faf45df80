"""What a pass costs, against torch's own counter and against what autograd and the kernels really held in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

import tracer
from tests.zoo import ZOO
from tracer import costs
from tracer.graph import Graph, Node, Scope, Value


class Tied(nn.Module):
    """Embeds, attends to itself, and predicts with the weights of the embedding; one part is never used."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm, self.drop = nn.Embedding(20, 8), nn.LayerNorm(8), nn.Dropout(0.3)
        self.unused, self.head = nn.Linear(3, 3), nn.Linear(8, 20, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        h = self.norm(self.drop(self.embed(tokens))).unsqueeze(1)
        h = functional.scaled_dot_product_attention(h, h, h, is_causal=True)
        return self.head(functional.gelu(h.squeeze(1)))


class Twice(nn.Module):
    """The same layer two times, the second in place of the first's result."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(torch.relu_(self.layer(x))).chunk(2, 1)[0].exp().mul(2)


def mlp() -> tuple[nn.Module, Tensor]:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), torch.randn(3, 4)


def convolutions() -> tuple[nn.Module, Tensor]:
    first = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2)
    then = nn.Conv2d(8, 8, 3, groups=2, bias=False), nn.ReLU(), nn.ConvTranspose2d(8, 4, 2, stride=2)
    return nn.Sequential(*first, *then, nn.Flatten(), nn.Linear(4 * 144, 10)), torch.randn(2, 3, 16, 16)


def encoder() -> tuple[nn.Module, Tensor]:
    return nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), torch.randn(2, 5, 16)


def gru() -> tuple[nn.Module, Tensor]:
    return nn.GRU(4, 8, 2), torch.randn(5, 2, 4)


def tied() -> tuple[nn.Module, Tensor]:
    return Tied(), torch.randint(20, (2, 6))


def twice() -> tuple[nn.Module, Tensor]:
    return Twice(), torch.randn(3, 4)


MODELS = pytest.mark.parametrize("build", [mlp, convolutions, encoder, gru, tied, twice])
Build = Callable[[], tuple[nn.Module, Tensor]]


def loss_of(model: nn.Module, x: Tensor) -> Tensor:
    found = model(x)
    return (found[0] if isinstance(found, tuple) else found).square().mean()


def storages(*tensors: Any) -> dict[int, Any]:
    """Storages by address, which stays their own while this is kept."""
    return {tensor.untyped_storage()._cdata: tensor.untyped_storage() for tensor in tensors}


def held_by(model: nn.Module) -> dict[int, Any]:
    return storages(*model.parameters(), *model.buffers())


def kept_for_backward(model: nn.Module, run: Callable[[], Any]) -> int:
    """The memory that autograd asks to keep, each piece once, parameters and buffers left out."""
    kept: dict[int, Any] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept.update(storages(tensor))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(kept[key].nbytes() for key in kept if key not in held_by(model))


class Memory(TorchDispatchMode):  # type: ignore[misc]
    """Holds on to all that kernels make of tensors, so that no address is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[int, Any] = {}
        self.others: dict[int, Any] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        returned = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        known = storages(*given)
        self.others.update((key, one) for key, one in known.items() if key not in self.made)
        into = self.made if given else self.others
        into.update((key, one) for key, one in storages(*returned).items() if key not in self.others)
        return result


@MODELS
@pytest.mark.parametrize("backward", [True, False])
def test_flops_are_those_of_torchs_own_counter(build: Build, backward: bool) -> None:
    model, x = build()

    def run() -> Any:
        loss = loss_of(model, x)
        return loss.backward() if backward else loss

    with FlopCounterMode(display=False) as counter:
        run()
    totals = tracer.trace(run).totals()
    assert totals.flops == counter.get_total_flops() > 0
    assert (totals.backward_flops > 0) == backward


# Control flow is compiled under torch's counter, which also fails at some double backward.
COUNTABLE = [
    name
    for name, program in ZOO.items()
    if program.__module__.rpartition(".")[2] in ("layers", "sequences", "training", "memory", "containers")
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", COUNTABLE)
def test_flops_of_the_zoo_are_those_of_torchs_own_counter(name: str) -> None:
    torch.manual_seed(0)
    with FlopCounterMode(display=False) as counter:
        ZOO[name]()
    torch.manual_seed(0)
    with tracer.record() as run:
        ZOO[name]()
    assert run.whole.totals().flops == counter.get_total_flops()


@MODELS
def test_parameters_are_those_of_the_model(build: Build) -> None:
    model, x = build()
    graph = tracer.trace(model, x)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert graph.totals().parameters == count
    for name, module in model.named_modules():
        if any(scope.name == name and scope.kind == "module" for scope in graph.scopes):
            assert graph.totals(name).parameters == sum(each.numel() for each in module.parameters())


@MODELS
@pytest.mark.parametrize("backward", [True, False])
def test_saved_bytes_are_what_autograd_keeps(build: Build, backward: bool) -> None:
    model, x = build()

    def run() -> Any:
        loss = loss_of(model, x)
        return loss.backward() if backward else loss

    expected = kept_for_backward(model, lambda: loss_of(model, x))
    for _ in range(2):  # the second time, gradients are there to be added to
        assert tracer.trace(run).totals().saved_bytes == expected > 0


@MODELS
def test_activation_bytes_are_what_kernels_made(build: Build) -> None:
    model, x = build()
    with Memory() as memory:
        loss_of(model, x)
    expected = sum(one.nbytes() for one in memory.made.values())
    assert tracer.trace(loss_of, model, x).totals().activation_bytes == expected > 0


@MODELS
def test_modules_add_up_and_a_saved_graph_knows_it_all(build: Build) -> None:
    model, x = build()
    graph = tracer.trace(lambda: loss_of(model, x).backward())
    again = Graph.from_json(graph.to_json())
    assert again.totals() == graph.totals()
    rows = costs.table(again)
    assert rows == costs.table(graph)
    assert rows[0].totals.flops == graph.totals().flops  # the loss has none
    assert costs.table(again, depth=1) == rows[:1]
    children = [row.totals for row in rows if row.depth == 1]
    assert sum(totals.moved_bytes for totals in children) <= rows[0].totals.moved_bytes
    if build is mlp:
        assert sum(totals.saved_bytes for totals in children) == rows[0].totals.saved_bytes
        assert [(row.name, row.type, row.calls) for row in rows[1:]] == [
            ("0", "Linear", 1), ("1", "ReLU", 1), ("2", "Linear", 1),
        ]  # fmt: skip


def test_a_module_that_is_called_twice_has_one_set_of_parameters() -> None:
    model, x = twice()
    graph = tracer.trace(model, x)
    row = costs.table(graph)[1]
    assert (row.name, row.calls, row.totals.parameters) == ("layer", 2, 20)
    calls = [scope for scope in graph.scopes if scope.name == "layer"]
    assert [graph.totals(scope).forward_flops for scope in calls] == [96, 96]
    assert graph.totals("layer").forward_flops == 192


def test_models_that_share_weights_count_them_once_and_loose_parameters_count_too() -> None:
    first, second, w = nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4)), torch.randn(4, 4, requires_grad=True)
    second[0].weight = first.weight
    graph = tracer.trace(lambda x: second(first(x)) @ w, torch.ones(2, 4))
    assert graph.totals().parameters == 16 + 4 + 4 + 16


def test_the_inside_of_inference_mode_is_counted() -> None:
    model, x = mlp()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(x)
    with torch.inference_mode():
        graph = tracer.trace(model, x)
    assert graph.totals().flops == counter.get_total_flops() > 0
    assert graph.totals().saved_bytes == 0


def test_bytes_are_those_read_and_written() -> None:
    x, y = torch.ones(10, 10), torch.ones(10)
    row = torch.ones(10)

    def moved(run: Callable[[], Any]) -> list[tuple[str, float]]:
        return [(node.op, node.cost.get("bytes", 0)) for node in tracer.trace(run).nodes]

    assert moved(lambda: x + y) == [("add", 400 + 40 + 400)]
    assert moved(lambda: x * x) == [("mul", 400 + 400)]
    assert moved(lambda: x[0].t().clone()) == [("select", 0), ("t", 0), ("clone", 40 + 40)]
    assert moved(lambda: x.unbind()[0] + 1)[0] == ("unbind", 0)
    assert moved(lambda: row.mul_(y)) == [("mul_", 40 + 40 + 40)]
    assert moved(lambda: torch.empty_like(x).fill_(1.0)) == [("empty_like", 0), ("fill_", 400 + 400)]


def test_a_checkpoint_keeps_what_it_was_given_and_asking_does_not_run_it() -> None:
    model, calls = nn.Linear(4, 4), []

    def block(x: Tensor) -> Tensor:
        calls.append(1)
        return torch.relu(model(x)).exp()

    def run(x: Tensor) -> Tensor:
        return torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False).sum()  # type: ignore[no-any-return]

    x = torch.randn(3, 4)
    assert tracer.trace(run, x).totals().saved_bytes == 0
    assert len(calls) == 1
    assert tracer.trace(lambda: run(x).backward()).totals().saved_bytes == 48


def test_an_unknown_module_is_named_with_those_there_are() -> None:
    model, x = mlp()
    with pytest.raises(KeyError, match=r"there is no module 'fc1' \(there are .*0, 1, 2\)"):
        tracer.trace(model, x).totals("fc1")


def test_a_graph_without_torch_has_totals_too() -> None:
    from tracer.scalar import Scalar

    graph = tracer.trace(lambda: Scalar(2.0) * Scalar(3.0))
    assert graph.totals() == costs.Totals(activation_bytes=8)
    assert costs.table(graph) == ()


def chained() -> Graph:
    """A view of a view of a parameter, written in place, in two modules."""
    values = (
        Value(0, "w", "parameter", (8,), nbytes=32), Value(1, None, "result", (2, 4), nbytes=32, view_of=0),
        Value(2, None, "result", (4,), nbytes=16, view_of=1), Value(3, None, "result", (4,), nbytes=16, version_of=2),
        Value(4, None, "result", (4,), nbytes=16), Value(5, None, "result", (4,), nbytes=16, version_of=4),
    )  # fmt: skip
    nodes = (
        Node(0, "view", inputs=(0,), outputs=(1,), scope=1), Node(1, "select", inputs=(1,), outputs=(2,), scope=1),
        Node(2, "relu_", inputs=(2,), outputs=(3,), scope=2), Node(3, "exp", inputs=(3,), outputs=(4,), scope=1),
        Node(4, "relu_", inputs=(4,), outputs=(5,), scope=2),
    )  # fmt: skip
    scopes = (Scope(0, kind="module", name="m"), Scope(1, 0, "module", "a"), Scope(2, 0, "module", "b"))
    return Graph(nodes=nodes, values=values, scopes=scopes)


def test_memory_belongs_to_who_made_it_first() -> None:
    graph = chained()
    assert {value: first.id for value, first in costs.memory(graph.values, graph.nodes).items()} == {
        0: 0,
        1: 0,
        2: 0,
        3: 0,
        4: 4,
        5: 4,
    }
    assert [row.totals.activation_bytes for row in costs.table(graph)] == [16, 16, 0]
    assert [row.totals.parameters for row in costs.table(graph)] == [8, 8, 8]


def test_a_chain_of_any_length_is_walked_without_recursion() -> None:
    values = tuple(Value(n, version_of=n - 1 if n else None, nbytes=4) for n in range(20_000))
    nodes = tuple(Node(n, "add_", inputs=(n,), outputs=(n + 1,)) for n in range(19_999))
    assert Graph(nodes=nodes, values=values).totals().activation_bytes == 4
    reverse = Graph(nodes=nodes, values=values[::-1])
    assert reverse.totals().activation_bytes == 4
