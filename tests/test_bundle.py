"""Operations and modules that are drawn as one where a page has no room for each of them."""

from __future__ import annotations

import pytest

from render import draw
from render.fit import fitted
from render.page import Target
from render.views.auto import closings, count_boxes, opened
from render.views.bundle import bundled, joined, unbundled
from tests.geometry import problems
from tests.graphs import Sketch
from tracer.graph import Graph

pytest.importorskip("torch")

from tests.test_layout_graphs import graphs
from tests.zoo import ZOO

SLIDE = Target(40 / 3, 7.5, 12)


def part(s: Sketch, name: str, kind: str, parent: int, given: list[int], ops: tuple[str, ...], made: int = 1) -> int:
    """A module with a chain of operations in it, which hands back `made` tensors; gives the last."""
    scope = s.scope(name, "module", kind, parent=parent, inputs=tuple(given))
    value = given[0]
    for number, op in enumerate(ops):
        outs = [s.value(None, (8, 16 + len(s.values))) for _ in range(made if number == len(ops) - 1 else 1)]
        s.call(op, [value, *given[1:]] if number == 0 else [value], outs, parent=scope, line=len(s.nodes) + 1)
        value = outs[-1]
    return value


def unet(depth: int = 3) -> Graph:
    """Small operations, blocks downwards and upwards with two tensors for each block opposite, a head of one each."""
    s = Sketch()
    noisy, time = s.value("noisy", (8, 16), kind="input"), s.value("time", (8,), kind="input")
    root = s.scope("", "module", "UNet", inputs=(noisy, time))
    value = time
    for op in ("expand", "exp", "sin", "cos"):
        made = s.value(None, (8, 32))
        s.call(op, [value], [made], parent=root)
        value = made
    embedded, value, skips = value, noisy, []
    for number in range(depth):
        first = len(s.values)
        ops = ("conv2d", "relu", "exp", "sigmoid", "tanh", "split")
        value = part(s, f"down_blocks.{number}", f"Down{number}", root, [value, embedded], ops, made=3)
        skips.append(list(range(first, len(s.values)))[-3:-1])
    for number in range(depth):
        given = [value, embedded, *skips.pop()]
        value = part(s, f"up_blocks.{number}", f"Up{number}", root, given, ("cat", "conv2d", "relu", "exp", "tanh"))
    for name, op in (("norm_out", "group_norm"), ("act", "silu"), ("conv_out", "conv2d")):
        value = part(s, name, name.title(), root, [value], (op,))
    loss = s.value("loss", ())
    s.call("mean", [value], [loss])
    return s.graph("UNet", outputs=[loss], loss=loss)


def names(graph: Graph) -> list[str]:
    return [scope.name for scope in graph.scopes if scope.kind == "module"]


def test_what_may_be_one_box() -> None:
    found = bundled(unet(2))
    made = {scope.name: scope.type for scope in found.scopes if "bundle" in scope.attrs}
    assert made == {"expand … cos": "", "down_blocks": "2 modules", "up_blocks": "2 modules", "norm_out … conv_out": ""}
    inside = {found.scope_by_id[scope.parent].name for scope in found.scopes if scope.name.startswith("down_blocks.")}
    assert inside == {"down_blocks"}


def test_what_lies_outside_of_modules_and_what_has_none_beside_it_stays() -> None:
    s = Sketch()
    value = s.value("x", (4, 4), kind="input")
    layer = s.scope("layer", "module", "Layer")
    for parent in (None, layer):
        for op in ("exp", "tanh", "sin", "cos"):
            made = s.value(None, (4, 4))
            s.call(op, [value], [made], parent=parent)
            value = made
    graph = s.graph(outputs=[value])
    assert bundled(graph) is graph


@pytest.mark.parametrize("name", sorted(ZOO)[::4])
def test_bundles_open_again_and_closed_ones_make_no_circle(name: str) -> None:
    for graph in graphs(ZOO[name]):
        made = opened(graph)
        found = bundled(made)
        again = unbundled(found, {scope.id for scope in found.scopes})
        assert (again.nodes, again.scopes) == (made.nodes, made.scopes)
        for closed in closings(found, range(count_boxes(found), 1, -4), 1):
            seen: set[int] = set()
            for node in closed.nodes:
                makers = (closed.producer.get(value) for value in node.inputs)
                assert all(maker is None or maker.id in seen for maker in makers)
                seen.add(node.id)


def test_the_largest_module_is_opened_first_and_small_ones_wait_for_it() -> None:
    s = Sketch()
    root = s.scope("", "module", "Net")
    value = s.value("x", (4, 4), kind="input")
    value = part(s, "head", "Head", root, [value], ("exp", "tanh"))
    body = s.scope("body", "module", "Body", parent=root)
    for number in range(6):
        ops = ("conv2d", "relu", "exp", ("sin", "cos")[number % 2])
        value = part(s, f"body.part{number}", f"Part{number}", body, [value], ops)
    graph = s.graph("Net", outputs=[value])
    shown = [[node.op for node in closed.nodes] for closed in closings(graph, range(30, 1, -1), 30)]
    assert ["head", *(f"part{number}" for number in range(6))] in shown
    assert not any("body" in ops and "tanh" in ops for ops in shown)


def test_one_arrow_stands_for_several_between_two_boxes() -> None:
    once = joined(next(closings(bundled(unet()), (12,), 40)))
    pairs = [
        (once.producer[value].id, node.id) for node in once.nodes for value in node.inputs if value in once.producer
    ]
    assert len(pairs) == len(set(pairs))
    assert joined(once) is once


def test_a_net_of_blocks_fills_the_slide_little_by_little() -> None:
    counts = []
    for side in (16.0, 40 / 3, 11.0, 9.0):
        drawing = fitted(draw(unet()), Target(side, 0.5625 * side, 12))
        assert problems(drawing.scene) == []
        boxes = sum(box.kind != "group" for box in drawing.scene.boxes)
        assert not drawing.notes or f"{boxes} boxes for 41 operations" in drawing.notes[0]
        counts.append(boxes)
    assert counts == sorted(counts, reverse=True)
    assert counts[1] >= 12
    assert counts[-1] >= 5
