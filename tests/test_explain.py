"""The chain rule in words and numbers: each rule against torch's own gradients, and what is said when numbers lack."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

import tracer
from render import draw
from render.explain import Line, explained
from render.rules import RULES
from tests import graphs
from tracer import Graph
from tracer.scalar import Scalar

A, B, C = torch.tensor([[0.5, 1.5], [2.0, 0.25]]), torch.tensor([[1.5, -0.5], [0.75, 2.0]]), torch.tensor([0.1, -0.2])
CLASSES = torch.tensor([1, 0])

# A call for each rule, of operands that take a gradient; numbers and classes are given here.
CALLS: dict[str, Callable[..., Tensor]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "pow": lambda a: a**3,
    "neg": lambda a: -a,
    "tanh": lambda a: a.tanh(),
    "sigmoid": lambda a: a.sigmoid(),
    "relu": lambda a: (a - 1).relu(),
    "exp": lambda a: a.exp(),
    "log": lambda a: a.log(),
    "log2": lambda a: a.log2(),
    "sin": lambda a: a.sin(),
    "cos": lambda a: a.cos(),
    "xlogy": lambda a, b: torch.xlogy(a, b.abs()),
    "logsumexp": lambda a: a.logsumexp(1),
    "getitem": lambda a: a[:, 1],
    "sqrt": lambda a: a.sqrt(),
    "abs": lambda a: (a - 1).abs(),
    "sum": lambda a: a.sum(1),
    "mean": lambda a: a.mean(dim=0, keepdim=True),
    "matmul": lambda a, b: a @ b,
    "mm": lambda a, b: torch.mm(a, b),
    "addmm": lambda a, b: torch.addmm(C, a, b),
    "linear": lambda a, b: functional.linear(a, b, C),
    "dot": lambda a, b: torch.dot(a[0], b[0]),
    "softmax": lambda a: a.softmax(1),
    "log_softmax": lambda a: a.log_softmax(-1),
    "nll_loss": lambda a: functional.nll_loss(a, CLASSES),
    "cross_entropy": lambda a: functional.cross_entropy(a, CLASSES, reduction="sum"),
    "mse_loss": lambda a, b: functional.mse_loss(a, b),
    "t": lambda a: a.t(),
    "transpose": lambda a: a.transpose(0, 1),
    "permute": lambda a: a.permute(1, 0),
    "T": lambda a: a.T,
    "view": lambda a: a.view(4),
    "reshape": lambda a: a.reshape(4),
    "flatten": lambda a: a.flatten(),
    "squeeze": lambda a: a.squeeze(),
    "unsqueeze": lambda a: a.unsqueeze(0),
    "clone": lambda a: a.clone(),
    "expand": lambda a: a[:1].expand(2, 2),
}


def ran(function: Callable[..., Tensor], *operands: Tensor, elements: int = 16) -> Graph:
    """The graph, as it is drawn, of a function, a weighted sum of what it gives, and backward."""
    with tracer.record(elements=elements) as run:
        leaves = [each.clone().requires_grad_() for each in operands]
        result = function(*leaves)
        weights = torch.arange(1.0, result.numel() + 1).reshape(result.shape)
        loss = (result * weights).sum()
        loss.backward()
    return draw(run.graph, level="function").view


def told(graph: Graph) -> list[Line]:
    """What is said of all operations of forward."""
    return [line for node in graph.nodes if node.phase == "forward" for line in explained(graph, node)]


def test_every_rule_is_tried() -> None:
    assert set(CALLS) == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_comes_to_what_autograd_found(name: str) -> None:
    count = CALLS[name].__code__.co_argcount
    graph = ran(CALLS[name], *(A, B)[:count])
    lines = told(graph)
    assert any(line.agrees for line in lines)
    assert not [line.text for line in lines if line.agrees is False]
    ours = next(node for node in graph.nodes if node.inputs and node.phase == "forward" and explained(graph, node))
    assert explained(graph, ours)[0].text.startswith("δ = ∂L/∂")


NUMBERS = st.floats(0.125, 2, width=32)
SHAPES = st.sampled_from([(2, 2), (1, 2), (2, 1), (2,), (1, 1), ()])


@settings(max_examples=40, deadline=None)
@given(st.data(), st.sampled_from(["add", "sub", "mul", "div"]), SHAPES, SHAPES)
def test_operands_that_were_expanded_get_the_sum(
    data: st.DataObject, name: str, one: tuple[int, ...], other: tuple[int, ...]
) -> None:
    operands = [
        torch.tensor(data.draw(st.lists(NUMBERS, min_size=size, max_size=size))).reshape(shape)
        for shape in (one, other)
        for size in [torch.Size(shape).numel()]
    ]
    lines = told(ran(CALLS[name], *operands))
    assert [line.text for line in lines if line.agrees is False] == []
    assert sum(line.agrees is True for line in lines) >= 2


def test_an_operand_that_is_read_twice_gets_the_sum() -> None:
    lines = told(ran(lambda a: a * a.tanh(), torch.tensor(0.5)))
    adding = [line for line in lines if "+=" in line.text]
    assert len(adding) == 2
    assert all(line.agrees and "Σ" in line.text for line in adding)


def test_scalars_are_explained_with_all_their_numbers() -> None:
    with tracer.record() as run:
        x, w = Scalar(2.0), Scalar(-3.0)
        y = (x * w).tanh()
        y.backward()
    texts = [line.text for line in told(draw(run.graph).view)]
    assert any(re.fullmatch(r"∂y/∂w = δ × x = \S+ × 2 = \S+", each) for each in texts)
    assert {line.agrees for line in told(draw(run.graph).view)} == {None, True}


def test_without_numbers_formula_and_shapes_are_told_and_nothing_is_claimed() -> None:
    lines = told(ran(lambda a, b: torch.mm(a, b), torch.ones(20, 30), torch.ones(30, 5)))
    product = next(line for line in lines if "ᵀ · δ" in line.text)
    assert product.text.endswith("ᵀ · δ  (30×20 · 20×5 = 30×5)")
    assert product.agrees is None


def test_products_of_matrices_are_checked_where_their_numbers_were_kept() -> None:
    def cell(w_x: Tensor, w_h: Tensor) -> Tensor:
        x, prev_h = torch.arange(10.0).reshape(1, 10) / 10, torch.ones(1, 20)
        i2h = torch.mm(w_x, x.t())
        h2h = torch.mm(w_h, prev_h.t())
        next_h = i2h + h2h
        next_h = next_h.tanh()
        return next_h.clone()

    weights = torch.linspace(-1, 1, 200).reshape(20, 10), torch.linspace(-0.1, 0.1, 400).reshape(20, 20)
    with tracer.record(elements=400) as run:
        loss = cell(*(each.requires_grad_() for each in weights)).sum()
        loss.backward()
    board = draw(run.graph, level="function").storyboard(explain=True)
    said = [fact for step in board.steps if step.kind == "backward" for fact in step.facts]
    assert said[:2] == ["L = loss", "∂L/∂L = 1"]
    assert "∂L/∂w_x = δ · x  (20×1 · 1×10 = 20×10)" in said
    assert "∂L/∂w_h = δ · prev_h  (20×1 · 1×20 = 20×20)" in said
    assert "checked with autograd: 400 of 400 equal" in said
    assert "∂L/∂(i2h + h2h) = δ × (1 − next_h²)  (20×1)" in said  # two tensors have the name next_h
    assert sum(fact.startswith("checked with autograd") for fact in said) == 6  # each operation that passed one on


def test_more_elements_than_a_picture_has_room_for_change_no_picture() -> None:
    pictures = [
        draw(ran(lambda a: a.tanh(), torch.linspace(-1, 1, 40).reshape(5, 8), elements=elements)).render("text")
        for elements in (16, 40)
    ]
    assert pictures[0] == pictures[1]


def test_numbers_of_views_and_of_expanded_tensors_are_kept_too() -> None:
    graph = ran(lambda a: a.t() @ a[:1].expand(6, 8), torch.linspace(-1, 1, 48).reshape(6, 8), elements=64)
    assert {value.data is not None and value.data.value is not None for value in graph.values} == {True}
    assert [line.text for line in told(graph) if line.agrees is False] == []


def test_a_gradient_that_was_changed_on_its_way_does_not_agree() -> None:
    graph = ran(lambda a: a.exp(), torch.tensor(0.5))
    leaf = next(value for value in graph.values if value.requires_grad and value.id not in graph.producer)
    wrong = replace(leaf, grad=replace(leaf.grad, value=7.0))
    changed = replace(graph, values=tuple(wrong if value is leaf else value for value in graph.values))
    assert any(line.agrees is False for line in told(changed))


def test_a_deck_says_what_to_record_with_where_numbers_were_not_kept() -> None:
    few, many = (ran(lambda a: a.exp(), torch.ones(5, 5), elements=elements) for elements in (16, 25))
    said = [note for note in draw(few).storyboard(explain=True).remarks if "elements=8192" in note]
    assert len(said) == 1
    assert said[0] not in draw(few).storyboard().remarks
    assert said[0] not in draw(many).storyboard(explain=True).remarks


def test_what_has_no_rule_or_no_gradient_is_not_explained() -> None:
    s = graphs.Sketch()
    s.call("relu", [s.value("x", (2,), kind="input")], [s.value("y", (2,))], line=3)
    graph = s.graph()
    assert told(graph) == []
    unknown = ran(torch.erfinv, torch.tensor(0.5))
    assert explained(unknown, next(node for node in unknown.nodes if node.op == "erfinv")) == ()


def test_names_are_cleaned() -> None:
    graph = ran(lambda a: a.tanh(), torch.tensor(0.5))
    values = tuple(replace(value, name="\u202e<script>\n" + "x" * 5000) for value in graph.values)
    for line in told(replace(graph, values=values)):
        assert len(line.text) < 200
        assert not re.search("[\u202e\n]", line.text)


def test_the_chain_rule_stands_in_the_steps_of_backward() -> None:
    with tracer.record() as run:
        x = torch.tensor(0.5, requires_grad=True)
        y = x.tanh()
        y.backward()
    steps = draw(run.graph).storyboard(explain=True).steps
    facts = [fact for step in steps if step.kind == "backward" for fact in step.facts]
    assert facts == [
        "∂y/∂y = 1",
        "δ = ∂y/∂y = 1",
        "∂y/∂x = δ × (1 − y²) = 1 × 0.786 = 0.786",
        "autograd finds the same",
    ]
    russian = draw(run.graph).storyboard(explain=True, lang="ru").steps
    assert any("autograd даёт то же самое" in step.facts for step in russian)
    assert not any("δ" in fact for step in draw(run.graph).storyboard().steps for fact in step.facts)


def test_nothing_is_claimed_of_a_step_of_which_a_part_was_not_computed() -> None:
    with tracer.record() as run:
        a, b = torch.ones(1, 64, requires_grad=True), torch.zeros(2, requires_grad=True)
        torch.nn.functional.linear(a, torch.ones(2, 64), b).sum().backward()
    steps = draw(run.graph).storyboard(explain=True).steps
    (linear,) = (step for step in steps if step.kind == "backward" and "linear" in step.title)
    assert "autograd finds the same" not in linear.notes


@pytest.mark.filterwarnings("error")
def test_what_overflows_neither_warns_nor_agrees() -> None:
    lines = told(ran(lambda a: a.exp() / a.exp().sum(), torch.tensor([1000.0, 1.0])))
    assert lines
    assert not [line.text for line in lines if line.agrees and "nan" in line.text]
