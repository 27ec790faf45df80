"""from_tensor against what torch itself says of its autograd graph."""

from __future__ import annotations

import gc
import threading
from collections import Counter
from typing import Any

import pytest
import torch
from torch import nn

import tracer
from tracer.graph import Graph, Value
from tracer.pytorch.autograd import from_tensor
from tracer.pytorch.backward_graph import walk


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0] * 2


def rnn_cell() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    w_h, w_x = torch.randn(20, 20, requires_grad=True), torch.randn(20, 10, requires_grad=True)
    x, h = torch.randn(1, 10), torch.randn(1, 20)
    return (torch.mm(w_x, x.t()) + torch.mm(w_h, h.t())).tanh().sum(), {"W_h": w_h, "W_x": w_x}


def edges(graph: Graph) -> Counter[tuple[str, str]]:
    return Counter(
        (graph.producer[value].op, node.op) for node in graph.nodes for value in node.inputs if value in graph.producer
    )


def by_name(graph: Graph, name: str) -> Value:
    (found,) = graph.named(name)
    return found


def test_the_rnn_cell() -> None:
    loss, params = rnn_cell()
    loss.backward()
    graph = from_tensor({"loss": loss}, params)
    assert [node.op for node in graph.nodes] == [
        "AccumulateGrad",
        "MmBackward0",
        "AccumulateGrad",
        "MmBackward0",
        "AddBackward0",
        "TanhBackward0",
        "SumBackward0",
    ]
    assert edges(graph) == Counter(
        {
            ("AccumulateGrad", "MmBackward0"): 2,
            ("MmBackward0", "AddBackward0"): 2,
            ("AddBackward0", "TanhBackward0"): 1,
            ("TanhBackward0", "SumBackward0"): 1,
        }
    )
    assert [graph.value_by_id[node.outputs[0]].shape for node in graph.nodes] == [
        (20, 10), (20, 1), (20, 20), (20, 1), (20, 1), (20, 1), (),
    ]  # fmt: skip
    assert graph.loss == by_name(graph, "loss")
    assert graph.loss.data is not None
    assert graph.loss.data.value == loss.item()
    for name, tensor in params.items():
        value = by_name(graph, name)
        assert (value.kind, value.shape, value.dtype, value.device) == (
            "parameter",
            tuple(tensor.shape),
            "float32",
            "cpu",
        )
        assert value.nbytes == tensor.numel() * 4
        assert value.grad is not None
        assert value.grad.norm == pytest.approx(tensor.grad.norm().item())  # type: ignore[union-attr]


def test_every_function_and_edge_of_torch_is_there() -> None:
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    out = model(torch.randn(2, 5, 8)).sum()
    graph = from_tensor(out, model)
    functions, pairs, todo = {out.grad_fn}, Counter[tuple[str, str]](), [out.grad_fn]
    while todo:
        function = todo.pop()
        for operand, _ in function.next_functions:
            if operand is not None:
                pairs[type(operand).__name__, type(function).__name__] += 1
                if operand not in functions:
                    functions.add(operand)
                    todo.append(operand)
    assert Counter(node.op for node in graph.nodes) == Counter(type(f).__name__ for f in functions)
    assert edges(graph) == pairs
    assert {v.name for v in graph.values if v.kind == "parameter"} == {name for name, _ in model.named_parameters()}
    made: set[int] = set()
    for node in graph.nodes:
        assert all(value in made for value in node.inputs if value in graph.producer), "operands come first"
        made.update(node.outputs)


def test_repeats_order_and_several_outputs() -> None:
    x = torch.ones(4, requires_grad=True)
    a, b = x.split(2)
    graph = from_tensor([b - a, b * b])
    _, split, sub, mul = graph.nodes
    assert [node.op for node in graph.nodes] == ["AccumulateGrad", "SplitBackward0", "SubBackward0", "MulBackward0"]
    first, second = split.outputs
    assert sub.inputs == (second, first)
    assert mul.inputs == (second, second)
    assert graph.outputs == (*sub.outputs, *mul.outputs)
    assert "loss" not in graph.meta


def test_same_weights_are_one_value() -> None:
    layer = nn.Linear(2, 2)
    graph = from_tensor(layer(layer(torch.ones(1, 2))), layer)
    assert [value.name for value in graph.values if value.kind == "parameter"] == ["bias", "weight"]


def test_a_retained_gradient_of_an_output() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * 3
    y.retain_grad()
    (y * 2).sum().backward()
    found = from_tensor(y).value_by_id[from_tensor(y).outputs[0]].grad
    assert found is not None
    assert found.value == (2.0, 2.0)


def test_tensors_without_history() -> None:
    weight = nn.Parameter(torch.ones(2))
    graph = from_tensor({"w": weight, "x": torch.ones(3), "again": weight})
    assert graph.nodes == ()
    assert [(v.name, v.kind, v.shape) for v in graph.values] == [("w", "parameter", (2,)), ("x", "input", (3,))]
    assert graph.outputs == (0, 1)


def test_saved_tensors_are_marked_and_brought_in() -> None:
    x, w = torch.ones(3), torch.ones(3, requires_grad=True)
    out = Doubled.apply((w * x).tanh()).sum()
    graph = from_tensor(out, saved=True)
    product = next(node for node in graph.nodes if node.op == "MulBackward0")
    kinds = [graph.value_by_id[value].kind for value in product.inputs]
    assert kinds == ["result", "constant"]
    assert {node.op for v in graph.values if v.saved_for_backward and (node := graph.producer.get(v.id))} == {
        "TanhBackward0"
    }
    assert not any(value.saved_for_backward for value in from_tensor(out).values)
    assert "notes" not in graph.meta
    out.backward()
    freed = from_tensor(out, saved=True)
    assert "freed" in freed.meta["notes"][0]
    assert edges(freed) == edges(graph)


def test_settings_are_plain_data() -> None:
    x = torch.ones(2, 3, requires_grad=True)
    graph = from_tensor(x.mean(dim=1, keepdim=True), attrs=True)
    assert graph.nodes[-1].attrs["keepdim"] is True
    assert Graph.from_json(graph.to_json()) == graph


def test_custom_functions_are_called_by_their_full_name() -> None:
    graph = from_tensor(Doubled.apply(torch.ones(1, requires_grad=True)))
    assert (graph.nodes[-1].op, graph.nodes[-1].target) == ("DoubledBackward", f"{__name__}.Doubled")
    assert graph.nodes[0].target == "torch.autograd.AccumulateGrad"


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.complex64], ids=str)
def test_dtypes(dtype: torch.dtype) -> None:
    graph = from_tensor(torch.ones(2, dtype=dtype, requires_grad=True) * 2)
    assert {(v.dtype, v.nbytes) for v in graph.values} == {(str(dtype).removeprefix("torch."), 2 * dtype.itemsize)}


def test_nothing_of_the_program_changes() -> None:
    x = torch.ones(3, requires_grad=True)
    y = (x * 2).exp().sum()
    enabled, callbacks = gc.isenabled(), list(gc.callbacks)
    state = torch.get_rng_state()
    from_tensor(y, saved=True, attrs=True)
    assert (gc.isenabled(), gc.callbacks) == (enabled, callbacks), "only very deep graphs need the collector's call"
    assert torch.equal(torch.get_rng_state(), state)
    y.backward()
    assert torch.equal(x.grad, 2 * torch.exp(torch.full((3,), 2.0)))


def test_the_walk_can_be_left_and_visits_each_once() -> None:
    x = torch.ones(1, requires_grad=True)
    y = x
    for _ in range(30):
        y = y + y  # 2**30 paths
    heights: dict[Any, int] = {}
    steps = Counter(step for step, _, _ in walk(y.grad_fn, heights))
    assert steps == {"enter": 31, "leave": 31, "edge": 60}
    assert heights[y.grad_fn] == 30
    partial = walk(y.grad_fn, {})
    next(partial)
    partial.close()
    assert list(walk(y.grad_fn, heights)) == []


def test_a_deep_graph_is_freed_on_a_small_stack_and_in_part() -> None:
    x = y = torch.zeros(1, requires_grad=True)
    for step in range(60_000):
        y = y + 1
        if step == 30_000:
            half = y
    from_tensor(y)
    box = [y]
    del y

    def functions() -> int:
        gc.collect()
        return sum(type(thing).__name__ == "AddBackward0" for thing in gc.get_objects())

    size = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=box.clear)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert functions() == 30_001
    half.backward()
    assert x.grad == 1
    del half
    assert functions() == 0


def test_the_callers_variables_give_the_names() -> None:
    W_h = torch.randn(2, 2, requires_grad=True)  # noqa: N806
    model = torch.nn.Linear(2, 1)
    loss = model(torch.tanh(torch.ones(1, 2) @ W_h)).sum()
    graph = tracer.from_tensor(loss)
    assert {value.name for value in graph.values if value.kind == "parameter"} == {"W_h", "weight", "bias"}
    assert graph.loss is not None
    assert graph.loss.name == "loss"
