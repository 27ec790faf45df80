"""The scalar engine against torch as an independent oracle, and what it promises beyond: depth, order, identity."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import random
import subprocess
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tracer.scalar import MLP, Layer, Neuron, Scalar, Value, exp, log, relu, sigmoid, sqrt, tanh

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

UNARY = ("exp", "log", "tanh", "relu", "sigmoid", "sqrt", "abs", "neg")
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "max": lambda a, b: a.max(b) if isinstance(a, Scalar) else torch.maximum(a, b),
}
CORNERS = (-math.inf, -1000.0, -2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0, 1000.0, math.inf, math.nan)


def unary(x: Any, op: str) -> Any:
    return -x if op == "neg" else getattr(x, op)()


def double(x: float) -> torch.Tensor:
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)


def agree(ours: float, theirs: torch.Tensor | None, tolerance: float = 1e-9) -> bool:
    expected = 0.0 if theirs is None else theirs.item()
    return math.isclose(ours, expected, rel_tol=tolerance, abs_tol=tolerance) or (
        math.isnan(ours) and math.isnan(expected)
    )


@pytest.mark.parametrize("x", CORNERS)
@pytest.mark.parametrize("op", UNARY)
def test_functions_agree_with_torch_at_the_corners(op: str, x: float) -> None:
    ours, theirs = Scalar(x), double(x)
    out, expected = unary(ours, op), unary(theirs, op)
    out.backward()
    expected.backward()
    assert agree(out.data, expected)
    assert agree(ours.grad, theirs.grad)
    assert (out.op, out.operands) == (op, (ours,))


@pytest.mark.parametrize("x", CORNERS)
@pytest.mark.parametrize("op", BINARY)
def test_operators_agree_with_torch_at_the_corners(op: str, x: float) -> None:
    for y in CORNERS:
        a, b, p, q = Scalar(x), Scalar(y), double(x), double(y)
        out, expected = BINARY[op](a, b), BINARY[op](p, q)
        out.backward()
        expected.backward()
        assert agree(out.data, expected), (x, y)
        assert agree(a.grad, p.grad), (x, y)
        assert agree(b.grad, q.grad), (x, y)


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[float], list[tuple[str, int, int]]]:
    """Leaves, and operations on what stands before them."""
    leaves = draw(st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=4))
    steps = draw(st.lists(st.sampled_from((*UNARY, *BINARY)), min_size=1, max_size=12))
    pick = [st.integers(0, len(leaves) + i - 1) for i in range(len(steps))]
    return leaves, [(op, draw(at), draw(at)) for op, at in zip(steps, pick, strict=True)]


def run(leaves: Sequence[Any], steps: Sequence[tuple[str, int, int]]) -> list[Any]:
    made = list(leaves)
    for op, i, j in steps:
        made.append(BINARY[op](made[i], made[j]) if op in BINARY else unary(made[i], op))
    return made


@settings(max_examples=300, deadline=None, derandomize=True)
@given(programs())
def test_any_program_agrees_with_torch(program: tuple[list[float], list[tuple[str, int, int]]]) -> None:
    leaves, steps = program
    ours = run([Scalar(x) for x in leaves], steps)
    theirs = run([double(x) for x in leaves], steps)
    for tensor in theirs:
        tensor.retain_grad()
    for _ in range(2):  # the second time adds to what the first left
        ours[-1].backward()
        theirs[-1].backward(retain_graph=True)
    for scalar, tensor in zip(ours, theirs, strict=True):
        assert agree(scalar.data, tensor, 1e-6)
        assert agree(scalar.grad, tensor.grad, 1e-6)


def test_operands_keep_order_and_repeats() -> None:
    x, y = Scalar(3), Scalar(4)
    assert (x * x).operands == (x, x)
    assert ((y - x).op, (y - x).operands) == ("-", (y, x))
    assert ((y / x).op, (y / x).operands) == ("/", (y, x))
    assert ((2 - x).op, [o.data for o in (2 - x).operands]) == ("-", [2.0, 3.0])
    assert [(o.data, o.requires_grad) for o in (x**2).operands] == [(3.0, True), (2.0, False)]
    assert [(2**x).data, (2 / y).data, (2 + x).data, (2 * x).data, (-x).data] == [8.0, 0.5, 5.0, 6.0, -3.0]


def test_square_and_shared_operands_get_the_whole_gradient() -> None:
    x = Scalar(3)
    square = x * x
    (square + square * x).backward()
    assert x.grad == 2 * 3 + 3 * 3**2
    assert square.grad == 1 + 3


def test_numbers_in_a_formula_get_no_gradient() -> None:
    x = Scalar(0.0)
    out = x * math.inf + 2  # the slope by inf is 0, by x it is inf
    out.backward()
    assert x.grad == math.inf
    assert [constant.grad for constant in (out.operands[1], out.operands[0].operands[1])] == [0.0, 0.0]
    with pytest.raises(RuntimeError, match="requires_grad=True"):
        (Scalar(1, requires_grad=False) * 2).backward()


def test_gradients_accumulate_until_cleared() -> None:
    x = Scalar(2)
    y = x * 3
    (y * y).backward()
    (y * y).backward()
    assert (x.grad, y.grad) == (2 * 36, 2 * 12)
    out = y + 1
    out.zero_grad()
    assert (x.grad, y.grad) == (0.0, 0.0)
    x.grad = 5.0
    out.backward()
    assert x.grad == 8.0


def test_data_and_grad_are_assignable_and_gradients_are_those_of_the_forward_pass() -> None:
    w = Scalar(2)
    loss = w * w
    w.data -= 0.5
    loss.backward()
    assert (w.data, w.grad, loss.data) == (1.5, 4.0, 4.0)


def test_a_chain_of_a_million_runs_backward_and_is_freed() -> None:
    x = Scalar(0.5)
    y = Scalar(0.0)
    for _ in range(1_000_000):
        y = y + x
    y.backward()
    assert (y.data, x.grad) == (500_000.0, 1_000_000.0)
    gone = weakref.ref(y)
    del y
    assert gone() is None, "no cycle keeps a graph alive: counting references frees it"
    gc.collect()


def test_comparisons_are_by_number_and_identity_is_of_the_object() -> None:
    a, b = Scalar(1), Scalar(2)
    assert a < b <= 2 < 3 >= b > a
    assert not a > b
    assert max(a, b) is b
    assert sorted([b, a]) == [a, b]
    assert Scalar(1) != Scalar(1)
    assert len({a, b, a}) == 2
    assert abs(Scalar(-2)).data == 2.0


@pytest.mark.parametrize("function", [exp, log, tanh, relu, sigmoid, sqrt])
def test_functions_equal_methods_and_take_numbers(function: Callable[[Any], Scalar]) -> None:
    x = Scalar(0.7)
    assert function(x).data == getattr(x, function.__name__)().data == function(0.7).data
    assert function(x).operands == (x,)
    assert not function(0.7).requires_grad


@pytest.mark.parametrize("wrong", ["3", None, [1], 1j, torch.ones(2)])
def test_what_is_no_number_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="one real number"):
        Scalar(wrong)
    for op in ("+", "-", "*", "/", "**"):
        with pytest.raises(TypeError):
            BINARY[op](Scalar(1), wrong)
        with pytest.raises(TypeError):
            BINARY[op](wrong, Scalar(1))


def test_numpy_numbers_are_numbers_from_both_sides() -> None:
    x = Scalar(np.float32(0.5))
    for out in (x * np.float64(2), np.float64(2) * x, np.float32(2) * x):
        assert isinstance(out, Scalar)
        assert (out.op, out.data) == ("*", 1.0)


def test_copies_are_leaves_and_mix_with_what_was_there() -> None:
    model = MLP(2, [2, 1])
    out = model([1.0, 2.0])
    out.backward()
    twin = copy.deepcopy(model)
    assert [p.grad for p in twin.parameters()] == [p.grad for p in model.parameters()]
    restored = pickle.loads(pickle.dumps(out))
    assert (restored.data, restored.operands, restored.grad) == (out.data, (), 1.0)
    (restored * out).backward()
    assert restored.grad == 1.0 + out.data


def test_threads_may_share_parameters() -> None:
    w = Scalar(1.0)
    losses = [sum((w * 1.0 for _ in range(200)), Scalar(0)) for _ in range(8)]
    threads = [threading.Thread(target=loss.backward) for loss in losses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert w.grad == 8 * 200


def test_networks_are_those_of_micrograd() -> None:
    random.seed(7)
    model = MLP(3, [4, 1])
    random.seed(7)
    weights = [random.uniform(-1, 1) for _ in range(3 * 4 + 4)]
    assert [p.data for p in model.parameters() if p is not None and p.data != 0.0] == weights
    assert len(model.parameters()) == 4 * (3 + 1) + 1 * (4 + 1)
    assert repr(model) == (
        "MLP of [Layer of [ReLUNeuron(3), ReLUNeuron(3), ReLUNeuron(3), ReLUNeuron(3)], Layer of [LinearNeuron(4)]]"
    )
    assert isinstance(model([1.0, 2.0, 3.0]), Scalar)
    assert [type(out) for out in Layer(2, 2)([1, 2])] == [Scalar, Scalar]
    assert MLP(1, [1, 1, 1])([0.5]).requires_grad


def test_a_network_agrees_with_torch() -> None:
    random.seed(3)
    model = MLP(4, [5, 3, 1])
    x = [0.3, -1.2, 0.8, 2.0]
    out = model(x)
    out.backward()
    row = torch.tensor(x, dtype=torch.float64)
    layers = []
    for layer in model.layers:
        weight = torch.tensor([[w.data for w in n.w] for n in layer.neurons], dtype=torch.float64, requires_grad=True)
        bias = torch.tensor([n.b.data for n in layer.neurons], dtype=torch.float64, requires_grad=True)
        row = weight @ row + bias
        row = row.relu() if layer.neurons[0].nonlin else row
        layers.append((weight, bias))
    row.backward()
    assert agree(out.data, row)
    for layer, (weight, bias) in zip(model.layers, layers, strict=True):
        assert weight.grad is not None
        assert bias.grad is not None
        for i, neuron in enumerate(layer.neurons):
            assert agree(neuron.b.grad, bias.grad[i])
            assert all(agree(w.grad, g) for w, g in zip(neuron.w, weight.grad[i], strict=True))
    assert any(p.grad for p in model.parameters())
    model.zero_grad()
    assert not any(p.grad for p in model.parameters())


def test_parameters_are_the_leaves_behind() -> None:
    a, b = Scalar(1), Scalar(2)
    loss = (b * a + 3).tanh() * a
    assert loss.parameters() == [a, b]
    assert a.parameters() == [a]


def test_repr_shows_number_gradient_and_name() -> None:
    assert Value is Scalar
    assert repr(Scalar(2)) == "Scalar(data=2.0, grad=0.0)"
    assert repr(Scalar(2, name="x")) == "Scalar(data=2.0, grad=0.0, name='x')"
    assert repr(Neuron(2, nonlin=False)) == "LinearNeuron(2)"


def test_needs_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import tracer.scalar\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new - sys.stdlib_module_names - {'tracer'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
