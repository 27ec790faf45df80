"""What repeats: how it is found, and how `roll` and `fold` draw it once, on graphs built by hand and on real loops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from render import draw
from render.errors import RenderError
from render.scene import Scene
from render.views.closing import is_closed_module
from render.views.collapse import collapse
from render.views.fold import fold
from render.views.merging import alike, carried, step, turns
from render.views.repeats import Span, spans
from render.views.roll import roll
from render.views.time import time
from tests.geometry import problems
from tests.graphs import Sketch, chain, residual_net, shared
from tracer.graph import Graph, Scope


def found(word: str, least: int = 2) -> list[tuple[int, str, int]]:
    signs = [ord(letter) for letter in word]
    return [(each.start, word[each.start : each.start + each.period], each.turns) for each in spans(signs, least)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("", []),
        ("abc", []),
        ("aaaa", [(0, "a", 4)]),
        ("xabababy", [(1, "ab", 3)]),
        ("aabaabaab", [(0, "aab", 3)]),  # not "aa" and what is left
        ("abcabcxx", [(0, "abc", 2), (6, "x", 2)]),
    ],
)
def test_the_stretch_that_covers_most_is_found(word: str, expected: list[tuple[int, str, int]]) -> None:
    assert found(word) == expected


def test_short_stretches_can_be_left_alone() -> None:
    assert found("aabbb", least=3) == [(2, "b", 3)]


@given(st.lists(st.integers(0, 3), max_size=60))
def test_stretches_repeat_and_do_not_overlap(signs: list[int]) -> None:
    end = 0
    for each in spans(signs):
        assert each.start >= end
        end = each.start + each.period * each.turns
        first = signs[each.start : each.start + each.period]
        assert signs[each.start : end] == first * each.turns


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True), st.integers(2, 9))
def test_a_turn_is_found_whatever_is_in_it(turn: list[int], times: int) -> None:
    assert list(spans([9, *turn * times, 8])) == [Span(1, len(turn), times)]


# Loops.


def loop(length: int = 4, *, weights: Sequence[str] = ("W",), zero: bool = False) -> Graph:
    """`for t in range(length): h = tanh(W @ h + x[t])`, then `loss = sum(h)`; with a line before it that is alike."""
    s = Sketch()
    x, h = s.value("x", (length, 3), kind="input"), s.value("h0", (3,), kind="input")
    parameters = [s.value(name, (3, 3), kind="parameter", requires_grad=True, grad=1.0) for name in weights]
    for number in range(length):
        names = [s.value(None, (3,)) for _ in range(4)]
        s.call("[t]", [x], names[:1], line=3, attrs={"index": number})
        first = [] if zero and not number else [h]
        s.call("@", [parameters[number % len(weights)], *first], names[1:2], line=4)
        s.call("+", [names[1], names[0]], names[2:3], line=5)
        h = s.value("h", (3,), grad=float(number), data=float(number))
        s.call("tanh", [names[2]], [h], line=6)
    loss = s.value("loss")
    s.call("sum", [h], [loss], line=7)
    return s.graph("loop", outputs=(loss,), loss=loss)


def only_loop(graph: Graph) -> Scope:
    (scope,) = (scope for scope in graph.scopes if turns(scope) > 1)
    return scope


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def names(graph: Graph, values: Sequence[int]) -> list[str | None]:
    return [graph.value_by_id[value].name for value in values]


def test_a_loop_is_drawn_once_from_its_start_with_what_it_hands_on() -> None:
    graph = roll(loop())
    assert ops(graph) == ["[t]", "@", "+", "tanh", "sum"]
    scope = only_loop(graph)
    assert (scope.kind, turns(scope), alike(scope)) == ("loop", 4, ())
    assert names(graph, graph.nodes[1].inputs) == ["W", "h0"]
    ((value, reader),) = carried(scope)
    assert (value, reader) == (graph.nodes[3].outputs[0], graph.nodes[1].id)
    assert graph.value_by_id[value].grad == loop().named("h")[-1].grad  # of the last turn
    assert graph.meta["notes"] == ("a loop is drawn once, with the numbers of the last turn",)


def test_a_state_that_starts_as_nothing_is_only_handed_on() -> None:
    graph = roll(loop(zero=True))
    assert ops(graph) == ["[t]", "@", "+", "tanh", "sum"]
    assert names(graph, graph.nodes[1].inputs) == ["W"]
    assert carried(only_loop(graph))[0][1] == graph.nodes[1].id


def test_a_loop_over_weights_of_its_own_each_turn_is_no_loop() -> None:
    graph = loop(weights=("W1", "W2", "W3", "W4"))
    assert roll(graph) == graph


def test_short_loops_can_be_left_alone() -> None:
    assert roll(loop(3), turns=4) == loop(3)
    assert turns(only_loop(roll(loop(4), turns=4))) == 4


def test_loops_in_loops_are_all_rolled() -> None:
    s = Sketch()
    x = s.value("x", (3,), kind="input")
    for _ in range(3):
        for line, times in ((2, 1), (3, 4), (5, 1)):
            for _ in range(times):
                y = s.value(None, (3,))
                s.call("relu", [x], [y], line=line)
                x = y
    graph = roll(s.graph(outputs=(x,)))
    assert ops(graph) == ["relu"] * 3
    outer, inner = (scope for scope in graph.scopes if turns(scope) > 1)
    assert (turns(outer), turns(inner), inner.parent) == (3, 4, outer.id)
    assert carried(inner) == ((graph.nodes[1].outputs[0], graph.nodes[1].id),)
    assert carried(outer) == ((graph.nodes[2].outputs[0], graph.nodes[0].id),)
    assert graph.nodes[0].inputs == (0,)


def test_backward_is_rolled_beside_forward_and_stays_paired() -> None:
    s = Sketch()
    y, made = s.value("x", (2,), kind="input"), []
    for _ in range(5):
        z = s.value(None, (2,))
        made.append((s.call("exp", [y], [z], line=3), z))
        y = z
    gradient = s.value(None, (2,))
    s.call("ones_like", [y], [gradient], phase="backward")
    for node, value in reversed(made):
        passed = s.value(None, (2,))
        scope = s.scope("ExpBackward0", type="ExpBackward0")
        s.node("mul", [gradient, value], [passed], scope=scope, phase="backward", forward=node)
        gradient = passed
    graph = roll(s.graph(outputs=(y,)))
    assert ops(graph) == ["exp", "ones_like", "mul"]
    assert graph.nodes[2].forward == graph.nodes[0].id


def test_what_reads_every_turn_reads_the_one_that_is_drawn_once() -> None:
    s = Sketch()
    h, outs = s.value("h", (2,), kind="input"), []
    for _ in range(5):
        outs.append(s.value("h", (2,)))
        s.call("tanh", [h], [outs[-1]], line=2)
        h = outs[-1]
    end = s.value("out", (5, 2))
    s.call("stack", outs, [end], line=3)
    graph = roll(s.graph(outputs=(end,)))
    assert graph.nodes[-1].inputs == (outs[-1],)


def test_twenty_thousand_steps_are_rolled() -> None:
    assert turns(only_loop(roll(chain(20_000)))) == 20_000


# Along time.


def columns(graph: Graph) -> list[Scope]:
    return [scope for scope in graph.scopes if step(scope) is not None]


def test_every_turn_is_a_column_with_its_number() -> None:
    graph = time(loop(4))
    assert [(scope.name, step(scope), scope.source and scope.source.line) for scope in columns(graph)] == [
        *(("t = 1", 0, 3), ("t = 2", 1, 3), ("t = 3", 2, 3), ("t = 4", 3, 3)),
    ]
    assert graph.nodes == loop(4).nodes
    assert "notes" not in graph.meta


def test_turns_in_between_are_one_operation_that_hands_on_the_state() -> None:
    graph = time(loop(200), steps=3)
    assert ops(graph) == [*["[t]", "@", "+", "tanh"] * 2, "… 197 more", *["[t]", "@", "+", "tanh"], "sum"]
    assert [step(scope) for scope in columns(graph)] == [0, 1, 199]
    between = graph.nodes[8]
    assert between.inputs == graph.nodes[7].outputs
    assert between.outputs == graph.nodes[10].inputs[1:]
    assert graph.meta["notes"] == ("not drawn: 197 turns in between; --view time:steps=6 draws more",)


def test_a_reader_of_every_turn_reads_those_that_are_drawn_and_what_stands_for_the_others() -> None:
    s = Sketch()
    h, outs = s.value("h", (2,), kind="input"), []
    for _ in range(6):
        outs.append(s.value("h", (2,)))
        s.call("tanh", [h], [outs[-1]], line=2)
        h = outs[-1]
    end = s.value("out", (6, 2))
    s.call("stack", outs, [end], line=3)
    graph = time(s.graph(outputs=(end,)), steps=3)
    assert graph.nodes[-1].inputs == (outs[0], outs[1], outs[4], outs[5])


def test_at_least_two_turns_are_drawn() -> None:
    with pytest.raises(RenderError, match="time:steps must be 2 or more, not 1"):
        time(loop(), steps=1)


@pytest.mark.parametrize("steps", [2, 4, 6])
def test_weights_stand_once_beside_the_columns_and_as_a_tag_in_each(steps: int) -> None:
    scene = draw(loop(5), view=[("time", {"steps": steps})], show="params").scene
    assert problems(scene) == []
    assert scene.direction == "LR"
    boxes = [box for box in scene.boxes if box.lines and box.lines[0][0].text == "W"]
    assert [(box.kind, box.group is None) for box in boxes] == [("tensor", True)] + [("tag", False)] * min(steps, 5)
    groups = [box for box in scene.boxes if box.kind == "group"]
    assert [box.x for box in groups] == sorted(box.x for box in groups)
    assert titles(scene) == [f"t = {number + 1}" for number in (*range(min(steps, 5) - 1), 4)]


# Modules that are alike.


def test_copies_are_drawn_once_and_count_with_all_their_weights() -> None:
    graph = fold(collapse(residual_net(5)))
    scope = only_loop(graph)
    assert (scope.kind, scope.name, turns(scope), alike(scope)) == ("module", "blocks.4", 5, ("blocks.0", "blocks.4"))
    assert carried(scope) == ()
    whole = collapse(residual_net(5), depth=0).nodes[0]
    folded = collapse(graph, depth=0).nodes[0]
    assert is_closed_module(folded)
    assert folded.attrs == whole.attrs


def test_blocks_of_other_sizes_are_not_alike() -> None:
    s = Sketch()
    x = s.value("x", (4, 8), kind="input")
    for number, size in enumerate((8, 8, 16, 16)):
        y = s.value(None, (4, size))
        module = s.scope(f"layers.{number}", "module", "Layer", inputs=(x,), outputs=(y,))
        s.call("linear", [x], [y], parent=module)
        x = y
    graph = fold(s.graph(outputs=(x,)))
    assert [(scope.name, turns(scope)) for scope in graph.scopes if scope.kind == "module"] == [
        *(("layers.1", 2), ("layers.2", 1), ("layers.3", 1)),  # the third reads 8 and makes 16, the fourth reads 16
    ]


def test_few_can_be_left_alone() -> None:
    graph = collapse(residual_net(3))
    assert fold(graph, least=4, pattern=("none",)) == graph


# As drawn.


def titles(scene: Scene) -> list[str]:
    return ["".join(run.text for run in box.lines[0]) for box in scene.boxes if box.kind == "group"]


def test_a_loop_has_a_box_and_a_way_back() -> None:
    scene = draw(loop(200), view="roll").scene
    assert titles(scene) == ["×200 loop at cell.py:3 · 9 params"]
    (back,) = (edge for edge in scene.edges if edge.back)
    assert back.label is not None
    assert back.label.text == "t → t+1"
    heads = {box.id: box for box in scene.boxes}
    if scene.direction == "LR":
        assert heads[back.head].x < heads[back.tail].x
    else:
        assert heads[back.head].y < heads[back.tail].y
    outside = {"W", "x", "h0"}
    assert {box.lines[0][0].text for box in scene.boxes if box.kind == "tensor" and box.group is None} >= outside


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("build", [loop, lambda: loop(zero=True), lambda: chain(9)], ids=["loop", "zero", "chain"])
def test_the_way_back_crosses_no_box(build: Callable[[], Graph], direction: str) -> None:
    assert problems(draw(build(), view="roll", direction=direction).scene) == []


def test_copies_say_how_many_there_are_open_and_closed() -> None:
    opened = draw(residual_net(5), view="fold").composed
    assert "blocks.0 … 4 Block · 5 alike · 4,672 params each" in titles(opened)
    assert titles(opened)[0] == "SmallResNet 23,962 params"  # as without folding
    closed = draw(residual_net(5), view=["fold", "collapse:type=Block"]).composed
    said = [["".join(run.text for run in line) for line in box.lines] for box in closed.boxes]
    assert ["Block 5 alike", "blocks.0 … 4 · 4,672 params each", "6 operations · 4×16×32×32"] in said


def test_one_operation_alone_says_how_often_it_ran() -> None:
    scene = draw(chain(100), view="roll").composed
    assert ["".join(run.text for run in box.lines[0]) for box in scene.boxes if box.id.startswith("n")] == ["+ 1 ×100"]
    assert [(edge.tail, edge.head) for edge in scene.edges if edge.back] != []


def test_weights_that_are_used_again_are_times_not_alike() -> None:
    scene = draw(shared(), view="roll").composed
    assert [box.lines[0][-1].text.strip() for box in scene.boxes if box.id.startswith("n")] == ["×3"]
