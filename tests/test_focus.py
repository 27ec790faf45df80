"""The views `focus` and `hide`: what stays, what passes it by, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from render import draw
from render.errors import RenderError
from render.views.collapse import collapse
from render.views.focus import focus
from render.views.hide import hide
from tests.graphs import Sketch, empty, mlp, residual_net, rnn_cell
from tracer.graph import Graph


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def rnn() -> Graph:
    return draw(rnn_cell(), level="function").view


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"around": ("i2h",), "hops": 1}, ["mm", "+"]),
        ({"around": ("i2h",)}, ["t", "mm", "mm", "+", "tanh"]),
        ({"around": ("i2h",), "hops": 0}, []),
        ({"around": ("tanh",), "hops": 0}, ["tanh"]),
        ({"around": ("tanh",), "hops": 1}, ["+", "tanh", "sum"]),
        ({"around": ("W_?",), "hops": 1}, ["mm", "mm"]),
        ({}, ["tanh", "sum"]),
        ({"start": ("prev_h",), "end": ("next_h",)}, ["t", "mm", "+", "tanh"]),
        ({"start": ("+",)}, ["+", "tanh", "sum"]),
        ({"end": ("h2h",)}, ["t", "mm"]),
        ({"start": ("prev_h",), "hops": 2}, ["t", "mm"]),
        ({"start": ("mm",), "hops": 1}, ["mm", "mm", "+"]),
        ({"end": ("loss",), "hops": 2}, ["tanh", "sum"]),
        ({"start": ("prev_h",), "around": ("loss",), "hops": 3}, ["+", "tanh", "sum"]),
    ],
)
def test_what_is_near_or_between_is_kept(options: dict[str, Any], expected: list[str]) -> None:
    if expected:
        assert ops(focus(rnn(), **options)) == expected
    else:
        with pytest.raises(RenderError, match="within hops=0 of i2h"):
            focus(rnn(), **options)


def test_what_a_part_hands_on_is_drawn_at_its_end() -> None:
    part = focus(rnn(), end=("h2h",))
    assert [part.value_by_id[value].name for value in part.outputs] == ["h2h"]
    assert [box.kind for box in draw(rnn_cell(), view="focus:end=h2h", style="operations").composed.boxes].count(
        "tensor"
    ) == 2
    assert focus(rnn(), around=("loss",)).outputs == rnn().outputs


def test_derivatives_stay_with_what_they_differentiate() -> None:
    graph = draw(rnn_cell(), view=["focus:around=tanh,hops=1", "backward"]).view
    assert ops(graph) == ["+", "tanh", "sum", "ones_like", "∂sum", "∂tanh", "∂+"]
    graph = draw(rnn_cell(), view=["focus:end=h2h", "phase:keep=forward,keep=backward"]).view
    assert ops(graph) == ["t", "mm"]


def test_around_a_module_is_all_that_is_in_it_and_what_touches_it() -> None:
    graph = focus(collapse(residual_net(3)), around=("blocks.1",), hops=1)
    assert ops(graph) == ["+", "conv2d", "batch_norm", "relu", "conv2d", "batch_norm", "+", "conv2d", "+"]
    assert graph.meta["notes"] == ("not drawn: 13 operations further away",)


def test_a_module_that_is_drawn_in_part_still_has_all_its_parameters() -> None:
    whole = draw(residual_net(3), level="function").composed
    part = draw(residual_net(3), view="focus:around=blocks.1,hops=1").composed
    titles = [
        ["".join(run.text for run in box.lines[0]) for box in each.boxes if box.kind == "group"]
        for each in (whole, part)
    ]
    assert titles[0][0] == titles[1][0] == "SmallResNet 14,618 params"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"around": ("i2j",)}, r"no tensor, module or function matches 'i2j' \(nearest are .*i2h"),
        ({"start": ("loss",), "end": ("x",)}, "no way leads from loss to x"),
        ({"start": ("i2h",), "end": ("h2h",)}, "no way leads from i2h to h2h"),
        ({"start": ("x",), "end": ("loss",), "hops": 3}, "hops says how far from one thing: leave it out, or one of"),
        ({"start": ("x",), "hops": 0}, "nothing lies within hops=0 of x: ask for more hops"),
    ],
)
def test_what_cannot_be_found_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RenderError, match=message):
        focus(rnn(), **options)
    assert focus(empty(), **options) == empty()


def test_what_no_name_is_means_the_names_that_end_so() -> None:
    graph = collapse(residual_net(2))
    assert ops(focus(graph, around=("1.bn2",), hops=0)) == ["batch_norm"]
    assert ops(focus(graph, around=("bn2",), hops=0)) == ["batch_norm"] * 2
    assert ops(hide(graph, tensor=("bn?.weight",), module=("conv1",))) == ops(hide(graph, module=("blocks.*.conv1",)))
    assert ops(collapse(residual_net(2), module=("head",)))[-2:] == ["head", "cross_entropy"]
    with pytest.raises(RenderError, match=r"no module matches 'n2' \(nearest are blocks.1.bn2, "):
        hide(graph, module=("n2",))


def test_hidden_functions_are_passed_by() -> None:
    graph = hide(rnn(), function=("t", "tanh"))
    assert ops(graph) == ["mm", "mm", "+", "sum"]
    assert [graph.value_by_id[value].name for value in graph.nodes[0].inputs] == ["W_x", "x"]
    assert graph.value_by_id[graph.nodes[-1].inputs[0]].name == "next_h"


def test_hidden_modules_are_passed_by_from_their_data_not_their_weights() -> None:
    graph = hide(collapse(residual_net(1)), type=("BatchNorm2d",), module=("head",))
    assert ops(graph) == ["conv2d", "conv2d", "relu", "conv2d", "+", "mean", "cross_entropy"]
    made = {value for node in graph.nodes for value in node.outputs}
    read = {value for node in graph.nodes for value in node.inputs}
    assert all(graph.value_by_id[value].kind != "result" for value in read - made)


def test_the_end_moves_to_what_is_left() -> None:
    graph = hide(rnn(), function=("sum",))
    assert graph.outputs == graph.nodes[-1].outputs
    assert graph.loss is not None
    assert graph.loss.name == "next_h"


def test_hidden_tensors_are_no_operands() -> None:
    assert [len(node.inputs) for node in hide(rnn(), tensor=("W_*",)).nodes] == [1, 1, 1, 1, 2, 1, 1]


def test_hiding_nothing_changes_nothing_and_hiding_all_is_refused() -> None:
    assert hide(mlp()) == mlp()
    with pytest.raises(RenderError, match="nothing is left to draw"):
        hide(collapse(mlp()), function=("*",))
    with pytest.raises(RenderError, match=r"no function matches 'tahn' \(nearest are tanh"):
        hide(rnn(), function=("tahn",))


def test_a_hidden_factory_leaves_its_result() -> None:
    s = Sketch()
    noise, y = s.value("noise", (2,), kind="input"), s.value("y", (2,))
    s.call("randn", [], [noise])
    s.call("relu", [noise], [y])
    assert ops(hide(s.graph(outputs=(y,)), function=("randn",))) == ["relu"]
