"""Chains that a rule of `fold` names, as conv · norm · relu, and the stack that copies are drawn as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from render import draw
from render.errors import RenderError
from render.layout.outline import STACK, sheets
from render.views.chains import RULES, chained
from render.views.collapse import collapse
from render.views.fold import fold
from tests.geometry import problems
from tests.graphs import Sketch, residual_net
from tracer.graph import Graph


def row(*operations: str, also: int | None = None) -> Graph:
    """Operations one after the other; the result of one of them is read by an `exp` besides."""
    s = Sketch()
    x = s.value("x", (4, 8), kind="input")
    made = [x]
    for op in operations:
        made.append(s.value(None, (4, 8)))
        s.call(op, made[-2:-1], made[-1:])
    ends = [made[-1]]
    if also is not None:
        ends.append(s.value("other", (4, 8)))
        s.call("exp", [made[also]], ends[1:])
    return s.graph(outputs=tuple(ends))


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ("conv2d batch_norm relu", ["conv · norm · relu"]),
        ("conv2d batch_norm +", ["conv · norm", "+"]),
        ("linear gelu linear", ["linear · gelu", "linear"]),
        ("relu conv1d leaky_relu", ["relu", "conv · leaky_relu"]),
        ("sum norm relu", ["sum", "norm", "relu"]),  # the norm of a tensor is no layer
    ],
)
def test_the_rules_name_what_readers_know(operations: str, expected: list[str]) -> None:
    assert ops(fold(row(*operations.split()))) == expected


def test_a_chain_reads_what_its_operations_read_and_makes_what_the_last_makes() -> None:
    graph = collapse(residual_net(1))
    first, *_ = (node for node in chained(graph).nodes if node.op == "conv · norm · relu")
    parts = [node for node in graph.nodes if node.id >= first.id][:3]
    assert first.outputs == parts[-1].outputs
    assert set(first.inputs) == {each for node in parts for each in node.inputs} - {node.outputs[0] for node in parts}
    assert first.attrs == {"operations": 3, "kernel_size": (3, 3)}


@pytest.mark.parametrize("also", [1, 2])
def test_what_is_read_elsewhere_is_no_link_of_a_chain(also: int) -> None:
    assert ops(fold(row("conv2d", "batch_norm", "relu", also=also)))[0] != "conv · norm · relu"


def test_users_give_rules_of_their_own() -> None:
    graph = row("conv2d", "batch_norm", "softmax", "dropout")
    assert ops(fold(graph, pattern=("softmax+dropout",))) == ["conv2d", "batch_norm", "softmax · dropout"]
    assert ops(fold(graph, pattern=("conv*+norm+s*",))) == ["conv · norm · softmax", "dropout"]
    assert ops(fold(graph, pattern=("none",))) == ops(graph)
    net = draw(residual_net(2), view="fold:pattern=Conv2d+BatchNorm2d").view
    assert ops(net).count("conv · norm") == 2


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (("conv3d+batch_norm",), "no operation matches 'conv3d' .nearest are conv2d"),
        (("relu",), r"must be operations with \+ between, such as conv\+norm\+act, not 'relu'"),
        (("relu+",), r"must be operations with \+ between"),
        (("relu+conv2d",), r"no operations follow each other as in relu\+conv2d"),
        (("none", "conv+act"), "pattern=none leaves all rules out: give it alone"),
    ],
)
def test_a_rule_that_cannot_be_is_an_error(pattern: tuple[str, ...], message: str) -> None:
    with pytest.raises(RenderError, match=message):
        fold(row("conv2d", "batch_norm", "relu"), pattern=pattern)


def test_a_closed_module_counts_the_operations_of_its_chains() -> None:
    whole = collapse(residual_net(2), depth=0).nodes[0]
    assert collapse(chained(collapse(residual_net(2))), depth=0).nodes[0].attrs == whole.attrs


@given(st.lists(st.sampled_from(["conv2d", "batch_norm", "relu", "linear", "+"]), max_size=12))
def test_no_operation_is_lost_in_chains(operations: list[str]) -> None:
    graph = fold(row(*operations))
    assert sum(node.attrs.get("operations", 1) for node in graph.nodes) == len(operations)
    assert [node for node in chained(graph, RULES).nodes if "·" in node.op] == [n for n in graph.nodes if "·" in n.op]


# Copies as a stack.


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("view", [["fold"], ["fold", "collapse:type=Block"]], ids=["open", "closed"])
def test_copies_are_a_stack_whose_outline_arrows_end_on(view: list[str], direction: str) -> None:
    scene = draw(residual_net(5), view=view, direction=direction).scene
    (box,) = (each for each in scene.boxes if each.stacked)
    assert problems(scene) == []
    behind, middle, front = sheets(box)
    assert (behind.x - front.x, front.y - behind.y) == (STACK, STACK)
    assert behind.lines == middle.lines == ()
    assert (behind.y, behind.x + behind.width) == (box.y, box.x + box.width)
    assert (front.x, front.y + front.height) == (box.x, box.y + box.height)


def test_the_same_weights_again_are_no_stack() -> None:
    s = Sketch()
    x = s.value("x", (4, 8), kind="input")
    for _ in range(3):
        y = s.value(None, (4, 8))
        s.call("relu", [x], [y], parent=s.scope("act", "module", "ReLU", inputs=(x,), outputs=(y,)))
        x = y
    scene = draw(s.graph(outputs=(x,)), view="fold").composed
    assert not any(box.stacked for box in scene.boxes)


@pytest.mark.parametrize(
    ("format_", "mark"), [("svg", "_0"), ("dot", "box3d"), ("mermaid", "[["), ("tikz", "rectangle")]
)
def test_every_format_shows_the_stack(format_: str, mark: str) -> None:
    stacked, plain = (draw(residual_net(n), view=["fold", "collapse:type=Block"]).render(format_) for n in (3, 1))
    assert isinstance(stacked, str)
    assert isinstance(plain, str)
    assert stacked.count(mark) > plain.count(mark)


def test_what_is_alike_is_folded_though_part_of_it_is_a_chain() -> None:
    s = Sketch()
    net, x = s.scope("net", "module", "Net"), s.value("x", (2, 4), kind="input")
    for number in range(4):
        weight = s.value(f"blocks.{number}.weight", (4, 4), kind="parameter")
        made, bent, x_next = s.value(None, (2, 4)), s.value(None, (2, 4)), s.value("x", (2, 4))
        s.call(
            "linear", [x, weight], [made], parent=s.scope(f"blocks.{number}", "module", "Linear", parent=net), line=2
        )
        s.call("relu", [made], [bent], parent=net, line=3)
        s.call("+", [x, bent], [x_next], parent=net, line=4)
        x = x_next
    graph = fold(collapse(s.graph(outputs=(x,))))
    assert [node.op for node in graph.nodes] == ["linear · relu", "+"]
    assert [scope.attrs["turns"] for scope in graph.scopes if "turns" in scope.attrs] == [4]
