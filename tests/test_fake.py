"""Models on fake tensors: any size, forward and backward, nothing allocated and nothing changed."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import tracer
from tracer.graph import Graph

HUGE = 10**6  # a layer of this width has 10**12 weights: four terabytes


class Block(nn.Module):
    """A bit of everything that modules hold: parameters, buffers, tensors in plain attributes, lists, caches."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv1d(4, 4, 3, padding=1), nn.BatchNorm1d(4), nn.Dropout(0.5)
        self.rnn = nn.LSTM(4, 4, batch_first=True)
        self.head = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
        self.mask = torch.ones(4)
        self.scales, self.cache, self.calls = [torch.ones(1)], list[Tensor](), 0
        self.register_buffer("steps", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.last = x
        self.steps += 1
        self.cache.append(x)
        x = self.drop(torch.relu(self.norm(self.conv(x.mT)))).mT
        return self.head(self.rnn(x)[0]) * self.mask * self.scales[0]  # type: ignore[no-any-return]


def state(model: nn.Module) -> list[Any]:
    """Everything that a model is, with the identity of what it holds."""
    found: list[Any] = []
    for name, module in model.named_modules():
        held = vars(module)
        found.append((name, type(module), module.training, list(held), [id(held[each]) for each in held]))
        found.append([(key, id(each)) for key, each in [*module._parameters.items(), *module._buffers.items()]])
        found.append([len(each) for each in held.values() if isinstance(each, (dict, list, set))])
    return found


def numbers(model: nn.Module) -> list[Any]:
    return [(tensor.tolist(), tensor.dtype, tensor.requires_grad) for tensor in model.state_dict().values()]


def facts(graph: Graph) -> list[Any]:
    """What ran, on what shapes."""
    shape = {value.id: (value.name, value.kind, value.shape, value.dtype, value.device) for value in graph.values}
    return [
        (node.target, node.phase, [shape[value] for value in node.inputs], [shape[value] for value in node.outputs])
        for node in graph.nodes
    ]


def test_it_is_the_graph_of_the_real_run() -> None:
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.LayerNorm(8), nn.Linear(8, 2)), torch.randn(3, 4)
    real, fake = tracer.trace(model, x), tracer.trace(model, x, fake=True)
    assert facts(fake) == facts(real)
    assert fake.totals() == real.totals()
    assert [value.name for value in fake.values if value.id in fake.inputs] == ["input"]
    assert all(value.data is None for value in fake.values)


def test_a_model_is_as_it_was() -> None:
    model, x = Block(), torch.randn(2, 5, 4)
    seen: list[Any] = []
    model.register_forward_hook(lambda *call: seen.append(type(call[2])))
    model.head.requires_grad_(False)
    model.conv.weight.grad = torch.ones_like(model.conv.weight)
    before, values, random = state(model), numbers(model), torch.get_rng_state()
    graph = tracer.trace(lambda: model(x).sum().backward(), fake=True)
    assert {node.phase for node in graph.nodes} == {"forward", "backward"}
    assert (state(model), numbers(model)) == (before, values)
    assert torch.equal(torch.get_rng_state(), random)
    assert seen == [FakeTensor]
    assert not hasattr(model, "last")
    assert model.cache == []
    assert model.conv.weight.grad.eq(1).all()
    assert [name for name, each in model.named_parameters() if each.grad is not None] == ["conv.weight"]
    model(x).sum().backward()  # and it still runs


def test_a_model_is_as_it_was_after_an_error() -> None:
    model = Block()
    before, values = state(model), numbers(model)
    with pytest.raises(RuntimeError, match=r"size|shape"):
        tracer.trace(model, torch.ones(2, 5, 3), fake=True)
    assert (state(model), numbers(model)) == (before, values)


def test_nothing_is_allocated_for_a_model_on_the_meta_device() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(HUGE, HUGE), nn.Tanh(), nn.Linear(HUGE, 2))
    x = torch.zeros(2, HUGE)
    graph = tracer.trace(lambda: model(x).sum().backward(), fake=True)
    assert {value.device for value in graph.values} == {"cpu"}
    assert graph.totals().parameters == HUGE * HUGE + HUGE + 2 * HUGE + 2
    assert graph.totals().forward_flops == 2 * 2 * HUGE * HUGE + 2 * 2 * 2 * HUGE
    assert graph.totals().saved_bytes == 4 * 2 * HUGE * 2  # what both layers were given
    assert all(parameter.is_meta and parameter.grad is None for parameter in model.parameters())


def test_a_meta_model_without_fake_tensors_is_recorded_too() -> None:
    with torch.device("meta"):
        model, x = nn.Linear(HUGE, HUGE), torch.zeros(2, HUGE)
    graph = tracer.trace(lambda: model(x).sum().backward())
    assert graph.totals().parameters == HUGE * HUGE + HUGE
    assert {value.device for value in graph.values} == {"meta"}


def test_a_callable_may_build_its_model_itself() -> None:
    def step() -> Tensor:
        model = nn.Sequential(nn.Linear(HUGE, HUGE), nn.ReLU())
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        loss = model(torch.randn(1, HUGE)).sum()
        loss.backward()
        optimizer.step()
        return loss

    graph = tracer.trace(step, fake=True)
    assert {node.phase for node in graph.nodes} == {"forward", "backward", "update"}
    assert graph.totals("0").parameters == HUGE * HUGE + HUGE
    assert graph.loss is not None
    assert graph.loss.name == "loss"


def test_a_model_that_is_fake_already() -> None:
    with FakeTensorMode():
        model, x = nn.Linear(HUGE, 3), torch.randn(1, HUGE)
    assert tracer.trace(model, x, fake=True).totals().parameters == 3 * HUGE + 3
    assert tracer.trace(lambda: model(x), fake=True).totals().parameters == 3 * HUGE + 3


def test_a_program_may_use_fake_tensors_by_itself() -> None:
    with tracer.record() as run, FakeTensorMode():
        model = nn.Sequential(nn.Linear(HUGE, HUGE), nn.ReLU())
        loss = model(torch.randn(2, HUGE)).sum()
        loss.backward()
    assert run.graph.totals().parameters == HUGE * HUGE + HUGE
    assert [node.op for node in run.graph.nodes if node.phase == "forward"] == ["randn", "t", "addmm", "relu", "sum"]


class Holder:
    """Calls its model in a method."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def run(self, x: Tensor) -> Tensor:
        loss = self.model(x).sum()
        loss.backward()
        return loss  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "way",
    [
        lambda model: model.forward,
        lambda model: Holder(model).run,
        lambda model: functools.partial(torch.func.functional_call, model, dict(model.named_parameters())),
        lambda model: lambda x: next(part(x) for part in [model]),
    ],
    ids=["method", "holder", "functional", "hidden"],
)
def test_modules_are_found_wherever_they_are(way: Callable[[nn.Module], Any]) -> None:
    model = nn.Linear(4, 3)
    before = state(model)
    graph = tracer.trace(way(model), torch.ones(2, 4), fake=True)
    assert graph.totals().parameters == 15
    assert state(model) == before
    assert all(parameter.grad is None for parameter in model.parameters())


def test_loose_tensors_keep_their_gradients_and_numbers() -> None:
    w, v = torch.ones(4, requires_grad=True), torch.ones(4)
    graph = tracer.trace(lambda: (w * v.add_(1)).sum().backward(), fake=True)
    assert graph.totals().parameters == 4
    assert w.grad is None
    assert v.tolist() == [1.0] * 4


def test_tied_weights_stay_tied() -> None:
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight
    with torch.device("meta"):
        meta = copy.deepcopy(model).to("meta")
    meta[1].weight = meta[0].weight
    for each in (model, meta):
        assert tracer.trace(each, torch.ones(1, 4), fake=True).totals().parameters == 16


def test_arguments_in_containers_become_fake() -> None:
    def total(batch: dict[str, Any], *, scale: Tensor) -> Tensor:
        assert isinstance(batch["x"][0], FakeTensor)
        assert isinstance(scale, FakeTensor)
        return batch["x"][0] * scale

    x = torch.ones(2)
    graph = tracer.trace(total, {"x": [x]}, scale=torch.ones(1), fake=True)
    assert [graph.value_by_id[value].name for value in graph.inputs] == ["batch", "scale"]


def branch(x: Tensor) -> Tensor:
    if x.sum() > 0:
        return x
    return -x


def pick(x: Tensor) -> Tensor:
    return x[x > 0] * 2


def report(x: Tensor) -> str:
    return f"{x.sum():.3f}"


def to_numpy(x: Tensor) -> Any:
    return x.mul(2).numpy()


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (branch, "in branch: `if x.sum() > 0:` asks for the numbers in a tensor"),
        (pick, "in pick: `return x[x > 0] * 2` has a result whose size depends on the numbers in a tensor"),
        (report, 'in report: `return f"{x.sum():.3f}"` asks for the numbers in a tensor'),
        (to_numpy, "in to_numpy: `return x.mul(2).numpy()` asks for the numbers in a tensor"),
    ],
)
def test_the_line_that_needs_a_number_is_named(function: Any, line: str) -> None:
    with pytest.raises(tracer.NumberNeeded) as caught:
        tracer.trace(function, torch.ones(3), fake=True)
    number = function.__code__.co_firstlineno + 1
    assert str(caught.value).startswith(f"test_fake.py, line {number}, {line}")
    assert "without fake=True" in str(caught.value)


def test_a_constant_has_its_number() -> None:
    assert tracer.trace(lambda x: x * torch.tensor(2).item(), torch.ones(3), fake=True).nodes


def test_a_lazy_module_says_what_to_do() -> None:
    with pytest.raises(TypeError, match="run it once on real tensors"):
        tracer.trace(nn.LazyLinear(3), torch.ones(2, 4), fake=True)


def test_a_parameter_called_fake_is_not_taken_for_the_option() -> None:
    with pytest.raises(TypeError, match=r"fake must be True or False, not Tensor: .* by position"):
        tracer.trace(lambda real, fake: real - fake, torch.ones(1), fake=torch.ones(1))  # type: ignore[arg-type]
    assert tracer.trace(lambda fake: fake * 2, torch.ones(1)).nodes
    assert tracer.trace(lambda model_or_function: model_or_function * 2, model_or_function=torch.ones(1)).nodes


def test_modes_below_are_asked_as_often_as_without_us() -> None:
    class Below(TorchDispatchMode):
        def __init__(self) -> None:
            super().__init__()
            self.asked: list[str] = []

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.asked.append(str(func))
            return func(*args, **(kwargs or {}))

    def asked(recorded: bool) -> list[str]:
        with FakeTensorMode(), Below() as below, tracer.record() if recorded else contextlib.nullcontext():
            x = torch.ones(2, 3, requires_grad=True)
            (x @ x.mT).sum().backward()
        return below.asked

    assert "prim.device.default" in asked(False)
    assert Counter(asked(True)) == Counter(asked(False))


def test_devices_are_those_of_the_fakes() -> None:
    with FakeTensorMode(), tracer.record() as run:
        x = torch.ones(2, 3, device="cuda")
        assert (x @ x.mT).sum().device.type == "cuda"
        assert (x.cpu() + 1).device.type == "cpu"
    assert {value.device for value in run.whole.values} == {"cuda:0", "cpu"}
