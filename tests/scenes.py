"""Scenes built by hand for the tests of layout and formats: boxes in the sizes of the default theme, not yet placed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import pairwise

from render.scene import Box, Direction, Edge, Scene, Text

Pair = tuple[str, str]


def tensor(name: str, group: str | None = None, *, height: float = 66) -> Box:
    return Box(name, "tensor", width=92, height=height, group=group)


def operation(name: str, group: str | None = None, *, width: float = 62, height: float = 38) -> Box:
    return Box(name, "operation", outline="pill", width=width, height=height, group=group)


def group(name: str, inside: str | None = None) -> Box:
    title = ((Text(name, 14.5, "#1f2937", bold=True, width=88),),)
    return Box(name, "group", title, outline="rounded", width=120, height=28, group=inside)


def scene(
    boxes: Iterable[Box],
    pairs: Iterable[Pair],
    *,
    gradients: Iterable[Pair] = (),
    labels: Mapping[Pair, str] | None = None,
    direction: Direction = "LR",
) -> Scene:
    """A scene with an edge for each of `pairs` (operands in that order), and a gradient back along some."""
    numbered = tuple(replace(box, order=order) for order, box in enumerate(boxes))
    operands: dict[str, int] = {}
    edges: list[Edge] = []
    for number, (tail, head) in enumerate(pairs):
        order = operands[head] = operands.get(head, -1) + 1
        words = (labels or {}).get((tail, head))
        label = None if words is None else Text(words, 12, "#6b7280", width=6.4 * len(words))
        edges.append(Edge(f"e{number}", tail, head, order=order, label=label))
    back = set(gradients)
    twins = [
        Edge(f"g{edge.id}", edge.head, edge.tail, "gradient", twin=edge.id, dashed=True)
        for edge in edges
        if (edge.tail, edge.head) in back
    ]
    return Scene(boxes=numbered, edges=(*edges, *twins), direction=direction)


def chain_pairs(*names: str) -> list[Pair]:
    return list(pairwise(names))


def rnn_cell(direction: Direction = "LR") -> Scene:
    """One step of a recurrent cell, tensors in boxes, gradients on the way back."""
    boxes = [tensor("x", height=48), tensor("prev_h", height=48), tensor("W_h"), tensor("W_x")]
    boxes += [operation("t1"), operation("mm1"), tensor("i2h"), operation("t2"), operation("mm2"), tensor("h2h")]
    boxes += [
        operation("add"),
        tensor("next_h"),
        operation("tanh"),
        tensor("next_h2"),
        operation("sum"),
        tensor("loss"),
    ]
    pairs = [("W_x", "mm1"), ("x", "t1"), ("t1", "mm1"), ("W_h", "mm2"), ("prev_h", "t2"), ("t2", "mm2")]
    pairs += [("mm1", "i2h"), ("mm2", "h2h"), ("i2h", "add"), ("h2h", "add")]
    pairs += chain_pairs("add", "next_h", "tanh", "next_h2", "sum", "loss")
    inputs = {"x", "prev_h", "t1", "t2"}
    return scene(boxes, pairs, gradients=[pair for pair in pairs if pair[0] not in inputs], direction=direction)


def residual(direction: Direction = "LR") -> Scene:
    """A residual block, open, between other operations; shapes on the edges."""
    inside = ("conv1", "bn1", "relu", "conv2", "bn2")
    boxes = [tensor("images"), operation("stem"), group("block"), *(operation(name, "block") for name in inside)]
    boxes += [operation("add", "block"), operation("head"), tensor("loss")]
    pairs = [*chain_pairs("images", "stem", *inside), ("stem", "add"), *chain_pairs("bn2", "add", "head", "loss")]
    labels = {("stem", "conv1"): "4×16×32×32", ("add", "head"): "4×16×32×32", ("head", "loss"): "4×10"}
    return scene(boxes, pairs, labels=labels, direction=direction)


def nested(direction: Direction = "LR") -> Scene:
    """Groups three deep, with edges that cross all borders, and an empty group."""
    boxes = [tensor("x"), group("a"), operation("a1", "a"), group("b", "a"), operation("b1", "b"), group("c", "b")]
    boxes += [
        operation("c1", "c"),
        operation("c2", "c"),
        operation("b2", "b"),
        operation("a2", "a"),
        group("none", "a"),
    ]
    boxes += [operation("out"), tensor("w", "c")]
    pairs = [("x", "a1"), ("a1", "b1"), ("b1", "c1"), ("c1", "c2"), ("c2", "b2"), ("b2", "a2"), ("a2", "out")]
    pairs += [("x", "c2"), ("c1", "out"), ("w", "c2"), ("b1", "b2")]
    return scene(boxes, pairs, gradients=pairs, labels={("c2", "b2"): "2×3", ("x", "a1"): "8"}, direction=direction)


def many_ends(direction: Direction = "LR") -> Scene:
    """Several inputs, several outputs, and an operation that gives more than one value."""
    boxes = [*(tensor(f"in{each}") for each in range(4)), operation("split"), operation("merge")]
    boxes += [*(tensor(f"out{each}") for each in range(3))]
    pairs = [("in0", "merge"), ("in1", "split"), ("in2", "merge"), ("in3", "merge"), ("split", "merge")]
    pairs += [("split", "out0"), ("merge", "out1"), ("merge", "out2")]
    labels = {("split", "merge"): "2×3", ("split", "out0"): "2×5"}
    return scene(boxes, pairs, labels=labels, gradients=pairs[:4], direction=direction)


def hub(direction: Direction = "LR") -> Scene:
    """One weight with thirty readers in a row."""
    names = [f"step{each}" for each in range(30)]
    boxes = [tensor("W"), *(operation(name) for name in names)]
    return scene(boxes, [*chain_pairs(*names), *(("W", name) for name in names)], direction=direction)


def parallel(direction: Direction = "LR") -> Scene:
    """`x * x`, and `x` thrice in one call that lies further on."""
    boxes = [tensor("x"), operation("mul"), tensor("square"), operation("cat")]
    pairs = [("x", "mul"), ("x", "mul"), ("mul", "square"), ("square", "cat"), ("x", "cat"), ("x", "cat"), ("x", "cat")]
    return scene(boxes, pairs, gradients=[("x", "mul")], direction=direction)


def apart(direction: Direction = "LR") -> Scene:
    """Parts that no edge connects, at the top and in a group."""
    boxes = [tensor("a"), operation("b"), tensor("c"), tensor("alone"), group("g"), tensor("d", "g"), tensor("e", "g")]
    boxes += [operation("f", "g")]
    return scene(boxes, [("a", "b"), ("b", "c"), ("d", "f"), ("a", "f")], direction=direction)


def cycle(direction: Direction = "LR") -> Scene:
    """Values that lead back: around three boxes, onto one box, and between groups."""
    boxes = [tensor("x"), operation("a"), operation("b"), operation("c"), group("g"), operation("d", "g")]
    boxes += [operation("e"), operation("f", "g")]
    pairs = [("x", "a"), *chain_pairs("a", "b", "c", "a"), ("b", "b"), ("c", "d"), ("d", "e"), ("e", "f")]
    return scene(boxes, pairs, labels={("c", "a"): "h", ("b", "b"): "self"}, direction=direction)


def long_chain(direction: Direction = "LR", *, length: int = 5000) -> Scene:
    """A chain of boxes without a branch."""
    names = [f"n{each}" for each in range(length)]
    return scene([operation(name) for name in names], chain_pairs(*names), direction=direction)


def empty(direction: Direction = "LR") -> Scene:
    """Nothing at all."""
    return scene([], [], direction=direction)


SCENES: dict[str, Callable[[Direction], Scene]] = {
    function.__name__: function
    for function in (rnn_cell, residual, nested, many_ends, hub, parallel, apart, cycle, empty)
}
