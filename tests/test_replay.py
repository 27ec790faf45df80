"""Replay as the oracle of the capture: a graph run again, kernel by kernel, gives the program's own bits."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import numpy
import pytest
import torch

import tracer
from tests.zoo import ZOO
from tracer.graph import Graph, Value
from tracer.pytorch.fx import to_fx
from tracer.pytorch.replay import NotReplayable, Replay, replay
from tracer.pytorch.stats import stats
from tracer.pytorch.tensors import tensors_in

CONTROL = "it is no operator of torch's: what ran inside it was not seen"
ELSEWHERE = "a result is no value of the graph"
# What cannot be proved, and why. The list is exact, so that it can only shrink.
UNPROVED = {
    "data_loader": ELSEWHERE,  # nothing is computed with a batch
    "model_is_saved_and_copied_between_steps": ELSEWHERE,  # nor with a parameter that was loaded
    "wrapper_subclass": ELSEWHERE,  # the graph knows the wrapper, the result is what it wraps
    "wrapper_subclass_with_gradients": ELSEWHERE,
    "numpy_shares_memory": "a result differs",  # numpy writes memory of torch's unseen
    "conditional": f"cond: {CONTROL}",
    "conditional_with_gradient": f"cond: {CONTROL}",
    "loop_as_an_operator": f"while_loop: {CONTROL}",
}


def test_what_is_unproved_is_in_the_zoo() -> None:
    assert set(UNPROVED) <= set(ZOO)


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors hold the same bits, where NaN is NaN."""
    if (a.shape, a.dtype, a.layout) != (b.shape, b.dtype, b.layout) or a.is_meta != b.is_meta:
        return False
    if a.is_meta or type(a).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        return True  # without numbers, or with those of a class of its own
    a, b = (each.detach().to_dense() if each.layout is not torch.strided else each.detach() for each in (a, b))
    a, b = (each.dequantize() if each.is_quantized else each.resolve_conj() for each in (a, b))
    return torch.equal(a, b) or bool(((a == b) | ((a != a) & (b != b))).all())


def wrong(graph: Graph, found: Replay) -> list[Value]:
    """Values whose numbers are not those that the recording saw; what unfilled memory holds does not count."""
    seen = [value for value in graph.values if value.data is not None and "float" in value.dtype]
    return [value for value in seen if not agrees(value, found.values[value.id])]


def agrees(value: Value, tensor: torch.Tensor) -> bool:
    if tensor.layout is not torch.strided or tensor.is_nested:  # its parts may be written without it
        return True
    a, b = value.data, stats(tensor)
    if a is None or b is None:
        return a is b
    return repr((a.value, a.min, a.max, a.zeros, a.nan, a.inf)) == repr((b.value, b.min, b.max, b.zeros, b.nan, b.inf))


def verdict(name: str) -> str | None:
    """None where a program of the zoo is replayed bit for bit, else what is wrong."""
    torch.manual_seed(0)
    numpy.random.seed(0)
    random.seed(0)
    with tracer.record(keep=True) as run:
        results = list(tensors_in(ZOO[name]()))
        ids = [run.known([tensor]) for tensor in results]
    graph = run.whole
    state = torch.get_rng_state()
    try:
        found = replay(graph, run.materials)
    except NotReplayable as error:
        return f"{error.node.op}: {error.reason}"
    assert torch.equal(state, torch.get_rng_state())
    if any(not known or known[0] not in found.values for known in ids):
        return ELSEWHERE
    if not all(same(found.values[known[0]], tensor) for known, tensor in zip(ids, results)):
        return "a result differs"
    different = wrong(graph, found)
    return f"value {different[0].id} ({different[0].name}) differs" if different else None


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ZOO)
def test_the_zoo_is_replayed_bit_for_bit(name: str) -> None:
    assert verdict(name) == UNPROVED.get(name)


def training() -> tuple[tracer.Recording, Any, torch.Tensor]:
    """A step of training that drops out, normalizes, writes in place and updates; with its model and data."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Dropout(), torch.nn.ReLU(True))
    optimizer, x = torch.optim.Adam(model.parameters()), torch.randn(5, 3)
    with tracer.record(keep=True) as run:
        model(x).pow(2).sum().backward()
        optimizer.step()
    return run, model, x


def test_gradients_buffers_and_updates_are_replayed() -> None:
    run, model, _ = training()
    found = replay(run.whole, run.materials)
    for name, parameter in model.named_parameters():
        versions = run.whole.named(name)
        assert torch.equal(found.gradients[versions[0].id], parameter.grad)
        assert torch.equal(found.values[versions[-1].id], parameter)
        assert not torch.equal(found.values[versions[0].id], parameter)
    for name, buffer in model.named_buffers():
        assert torch.equal(found.values[run.whole.named(name)[-1].id], buffer)


def test_materials_are_left_as_they_are_and_serve_again() -> None:
    run, _, _ = training()
    first, second = (replay(run.whole, run.materials) for _ in range(2))
    assert not wrong(run.whole, first)
    assert not wrong(run.whole, second)


def test_a_graph_read_from_a_file_is_replayed() -> None:
    run, _, _ = training()
    found = replay(tracer.Graph.from_json(run.whole.to_json()), run.materials)
    assert torch.equal(found.outputs[0], replay(run.whole, run.materials).outputs[0])


def test_without_keep_no_tensor_is_kept() -> None:
    with tracer.record() as run:
        torch.ones(2) + 1
    assert run.materials is None


def test_what_lies_on_one_memory_is_written_together() -> None:
    base = torch.zeros(2, 3)
    row, column = base[0], base[:, 0]
    with tracer.record(keep=True) as run:
        row.add_(1)
        column.mul_(5)
        result = run.known(row + base)
        parameter = torch.nn.Parameter(base)
        with torch.no_grad():
            parameter.add_(column[:, None])
        last = run.known([base * 2, row * 2])
    found = replay(run.whole, run.materials)
    assert not base.equal(torch.zeros(2, 3))
    assert [found.values[value].tolist() for value in last] == [(base * 2).tolist(), (row * 2).tolist()]
    assert found.values[result[0]].tolist() == [[10.0, 2.0, 2.0], [5.0, 1.0, 1.0]]


def test_a_value_is_as_it_was_when_it_was_made() -> None:
    with tracer.record(keep=True) as run:
        a = torch.ones(2)
        view = a[:1]
        view += 1
        a.mul_(3)
        b = a + 0
        view.zero_()
    values = replay(run.whole, run.materials).values
    assert [values[value.id].tolist() for value in run.whole.named("a")] == [[1, 1], [2, 1], [6, 3]]
    assert [values[value.id].tolist() for value in run.whole.named("view")] == [[1], [2], [6], [0]]
    assert values[run.whole.named("b")[0].id].tolist() == b.tolist() == [6, 3]


def test_a_generator_of_the_authors_is_replayed() -> None:
    generator = torch.Generator().manual_seed(3)
    torch.rand(2, generator=generator)
    with tracer.record(keep=True) as run:
        a, b = torch.rand(2, generator=generator), torch.rand(2)
        known = run.known([a, b])
    found = replay(run.whole, run.materials)
    assert torch.equal(found.values[known[0]], a)
    assert torch.equal(found.values[known[1]], b)


def changed(graph: Graph, op: str, **changes: Any) -> Graph:
    """A graph with the first node of an operation changed."""
    at = next(place for place, node in enumerate(graph.nodes) if node.op == op)
    nodes = (*graph.nodes[:at], dataclasses.replace(graph.nodes[at], **changes), *graph.nodes[at + 1 :])
    return dataclasses.replace(graph, nodes=nodes)


@pytest.mark.parametrize(
    ("op", "changes", "message"),
    [
        ("mul", {"target": "aten.nothing.default"}, "it is no operator of torch's"),
        ("mul", {"target": "load_library"}, "it is no operator of torch's"),
        ("mul", {"call": "t0, ..."}, "argument 2 is no plain data"),
        ("mul", {"call": "t0, t7"}, "names more tensors than the 2 it was given"),
        ("mul", {"call": "t0, 'x'"}, "it fails: RuntimeError"),
        (
            "mul",
            {"target": "aten.native_dropout.default", "call": "t0, 0.5, True"},
            "the state of the generator was not",
        ),
        ("mul", {"outputs": ()}, "it gives 1 tensors where the graph has 0"),
        ("mul", {"inputs": (99, 99)}, "it reads value 99, which no node before it made"),
    ],
)
def test_what_cannot_be_replayed_says_where_and_why(op: str, changes: dict[str, Any], message: str) -> None:
    with tracer.record(keep=True) as run:
        a, b = torch.ones(2), torch.ones(2)
        a * b
    assert run.materials is not None
    assert replay(run.whole, run.materials).values
    values = (*run.whole.values, Value(99))
    graph = dataclasses.replace(changed(run.whole, op, **changes), values=values)
    with pytest.raises(NotReplayable, match=message) as caught:
        replay(graph, run.materials)
    assert caught.value.node.op == op
    assert f"node {caught.value.node.id} (" in str(caught.value)


def test_the_oracle_can_fail() -> None:
    run, _, _ = training()
    assert not wrong(run.whole, replay(run.whole, run.materials))
    graph = changed(run.whole, "pow", call="t0, 3")
    assert wrong(graph, replay(graph, run.materials))


def test_a_module_of_fx_runs_the_same_kernels() -> None:
    run, model, x = training()
    found = replay(run.whole, run.materials)
    module = to_fx(run.whole, run.materials)
    assert [node.target for node in module.graph.nodes if node.op == "placeholder"] == ["x"]
    torch.manual_seed(0)
    torch.nn.Linear(3, 4), torch.randn(5, 3)  # draws what came before the recording
    (loss,), gradients = module(x)
    assert torch.equal(loss, found.outputs[0])
    for name, parameter in model.named_parameters():
        assert torch.equal(gradients[name], parameter.grad)
        assert torch.equal(getattr(module, f"_{name}".replace(".", "_")), parameter)


def test_a_module_of_fx_takes_all_that_comes_from_outside() -> None:
    layer, x = torch.nn.Linear(2, 2), torch.randn(3, 2)
    with tracer.record(keep=True) as run:
        y = layer(x) * torch.tensor([1.0, 2.0])
    module = to_fx(run.graph)
    assert [node.target for node in module.graph.nodes if node.op == "placeholder"][::2] == ["x", "weight"]
    (z,), gradients = module(x, torch.tensor([1.0, 2.0]), layer.weight.detach(), layer.bias.detach())
    assert torch.equal(y, z)
    assert gradients == {}
