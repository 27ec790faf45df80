"""The view `backward`: which operation stands opposite which, what a gradient passes through, and how it is drawn."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

import tracer
from render import RenderError, draw, text
from render.scene import Scene
from render.views.backward import backward
from tests.geometry import problems
from tests.graphs import Sketch, mlp, rnn_cell, square
from tracer.graph import Graph


def chained() -> Graph:
    """`y = exp(x @ W); loss = sum(y + y)`, with what backward ran: a sum where gradients meet, and the collecting."""
    s = Sketch()
    x, w = s.value("x", (2, 2), kind="input"), s.value("W", (2, 2), kind="parameter", requires_grad=True, grad=1.5)
    h, y, both = (s.value(name, (2, 2), requires_grad=True, grad=1.0) for name in ("h", "y", None))
    loss = s.value("loss", (), requires_grad=True, grad=1.0)
    module = s.scope("exp", "module", "Exp")
    mm, exp = s.call("@", [x, w], [h]), s.call("exp", [h], [y], parent=module)
    add, total = s.call("+", [y, y], [both]), s.call("sum", [both], [loss])
    seed, spread, one, other, met, passed, turned, collected = (s.value(None, (2, 2)) for _ in range(8))
    s.call("ones_like", [loss], [seed], phase="backward")

    def ran(op: str, inputs: list[int], outputs: list[int], forward: int | None) -> None:
        scope = s.scope(f"{op}Backward0", type=f"{op}Backward0")
        s.node(op.lower(), inputs, outputs, scope=scope, phase="backward", forward=forward)

    ran("Sum", [seed], [spread], total)
    ran("Add", [spread], [one, other], add)
    ran("Accumulate", [one, other], [met], None)
    ran("Exp", [met, y], [passed], exp)
    ran("Turn", [x], [turned], mm)
    ran("Mm", [turned, passed], [collected], mm)
    ran("AccumulateGrad", [collected], [], None)
    return s.graph("chained", outputs=(loss,), loss=loss)


def test_each_operation_has_one_opposite_in_mirrored_order() -> None:
    graph = draw(chained(), view="backward").view
    forward = [node for node in graph.nodes if node.phase == "forward"]
    opposite = [node for node in graph.nodes if node.forward is not None]
    assert [node.op for node in opposite] == ["∂sum", "∂+", "∂exp", "∂@"]
    assert [node.forward for node in opposite] == [node.id for node in reversed(forward)]


def test_gradients_meet_without_a_box_and_are_collected_in_the_parameter() -> None:
    graph = draw(chained(), view="backward").view
    add, exp, mm = (next(node for node in graph.nodes if node.op == op) for op in ("∂+", "∂exp", "∂@"))
    assert exp.inputs[:2] == add.outputs
    assert exp.outputs[0] in mm.inputs
    assert not any("Accumulate" in node.op for node in graph.nodes)


def test_backward_lies_in_the_module_of_forward() -> None:
    graph = draw(chained(), view="backward").view
    exp = next(node for node in graph.nodes if node.op == "∂exp")
    assert [scope.name for scope in graph.path(exp.scope)] == ["exp", "ExpBackward0"]


def test_without_backward_it_says_so() -> None:
    graph = backward(square())
    assert (graph.nodes, graph.meta["notes"]) == (square().nodes, ("there is no backward to draw",))


def by_words(scene: Scene) -> dict[str, str]:
    return {box.id: "".join(run.text + run.subscript for run in box.lines[0]) for box in scene.boxes if box.lines}


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_the_two_are_drawn_side_by_side_and_gradients_run_the_other_way(direction: str) -> None:
    scene = draw(chained(), view="backward", direction=direction, style="data").scene
    assert problems(scene) == []
    words, boxes = by_words(scene), {box.id: box for box in scene.boxes}
    along = (lambda box: box.x) if direction == "LR" else (lambda box: box.y)
    gradients = [(words[edge.tail], words[edge.head]) for edge in scene.edges if edge.against]
    assert ("∂sum", "∂+") in gradients
    assert ("∂@", "W") in gradients
    assert all(along(boxes[edge.head]) < along(boxes[edge.tail]) for edge in scene.edges if edge.against)
    assert not any(edge.kind == "gradient" for edge in scene.edges)
    pairs: dict[str | None, list[str]] = {}
    for box in scene.boxes:
        if box.kind == "operation":
            pairs.setdefault(box.group, []).append(words[box.id])
    assert ["@", "∂@"] in pairs.values()
    assert ["exp", "∂exp"] in pairs.values()


def test_what_runs_against_the_flow_is_a_gradient_in_the_legend() -> None:
    scene = draw(rnn_cell(), view="backward").scene
    assert [label.runs[0].text for label in scene.labels][:2] == ["value", "gradient"]
    assert scene.samples[1].path[0][0] > scene.samples[1].path[-1][0]


def test_a_real_program(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.programs import run

    recording, _ = run(
        tmp_path,
        """
        import torch

        x, h = torch.randn(5, 2, 4), torch.zeros(2, 3)
        cell = torch.nn.RNNCell(4, 3)
        for t in range(5):
            h = cell(x[t], h)
        loss = h.sum()
        loss.backward()
        """,
    )
    graph = draw(recording.graphs[0], view="backward").view
    cells = [node for node in graph.nodes if node.op == "∂rnn_tanh_cell"]
    assert len(cells) == 5
    for later, earlier in itertools.pairwise(cells):  # only the state: no sums of the gradients of weights
        read = [graph.producer[value].id for value in earlier.inputs if value in later.outputs]
        assert read == [later.id]
    assert problems(draw(recording.graphs[0], view="backward").scene) == []


def detours(graph: Graph) -> list[tuple[str, str]]:
    """The gradients that do not run against an arrow: what made each, and what reads it."""
    found = []
    for node in graph.nodes:
        opposite = None if node.forward is None else graph.node_by_id[node.forward]
        for value in node.inputs if opposite is not None else ():
            maker = graph.producer.get(value)
            if maker is not None and opposite is not None and maker.phase == "backward":
                given = (graph.loss.id if graph.loss else -1,)
                read = given if maker.forward is None else graph.node_by_id[maker.forward].inputs
                found += [] if set(read) & set(opposite.outputs) else [(maker.op, node.op)]
    return found


class Residual(torch.nn.Module):
    """A block beside its short cut, each with an operation before the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear = torch.nn.LayerNorm(4), torch.nn.Linear(4, 4)
        self.shift = torch.nn.Parameter(torch.zeros(2, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.relu(self.linear(self.norm(x))) + self.shift


@pytest.mark.parametrize("before", [(), ("collapse:to=kernels",), ("collapse:depth=1",), ("fold",)])
def test_every_gradient_runs_against_an_arrow(before: tuple[str, ...]) -> None:
    encoder = torch.nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1, batch_first=True)
    x, losses = torch.randn(1, 2, 4), list[torch.Tensor]()
    with tracer.record() as recording:
        for block in (Residual(), Residual()):
            x = block(x)
            losses.append((x - 1).pow(2).mean())
        (sum(losses) + encoder(x).sum()).backward()
    graph = draw(recording.graphs[0], view=[*before, "backward"]).view
    assert len([node for node in graph.nodes if node.op in ("∂+", "∂add")]) >= 3
    assert detours(graph) == []


def test_a_sum_passes_its_gradient_on_to_a_bias_too() -> None:
    b = torch.zeros(2, requires_grad=True)
    with tracer.record() as recording:
        (torch.ones(2) + b).tanh().sum().backward()
    drawing = draw(recording.graphs[0], view="backward", style="data")
    assert [node.op for node in drawing.view.nodes if node.forward is not None] == ["∂sum", "∂tanh", "∂+"]
    words = by_words(drawing.composed)
    assert ("∂+", "b") in [(words[edge.tail], words[edge.head]) for edge in drawing.composed.edges]


def test_a_derivative_is_named_as_the_module_opposite_and_leaves_the_rest_to_it() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.ReLU())
    with tracer.record() as recording:
        model(torch.ones(1, 4)).sum().backward()
    (graph,) = recording.graphs
    for view in ("backward", ["collapse:to=modules", "backward"]):
        scene = draw(graph, view=view, style="operations").composed
        lines = {box.lines[0][0].text: len(box.lines) for box in scene.boxes if box.lines}
        assert lines["∂Linear"] == lines["∂ReLU"] == 1 < lines["Linear"]


def test_a_tall_mirror_is_broken_into_columns_with_both_its_sides() -> None:
    model = torch.nn.Sequential(*(layer for _ in range(12) for layer in (torch.nn.Linear(4, 4), torch.nn.Tanh())))
    with tracer.record() as recording:
        model(torch.ones(2, 4)).sum().backward()
    drawing = draw(recording.graphs[0], view="backward", direction="TB")
    pairs: dict[str | None, list[float]] = {}
    for box in drawing.scene.boxes:
        if box.kind == "operation" and box.group is not None and box.group.startswith("p"):
            pairs.setdefault(box.group, []).append(box.y + box.height / 2)
    assert all(one == pytest.approx(other) for one, other in pairs.values())
    assert drawing.scene.height < 2 * drawing.scene.width
    assert problems(drawing.scene) == []


def test_words_say_what_is_differentiated_except_in_the_graph_of_autograd() -> None:
    said = set(by_words(draw(rnn_cell(), view="backward").composed).values())
    assert {"∂tanh", "∂sum"} <= said
    assert not any("Backward" in words for words in said)
    assert "TanhBackward0" in set(by_words(draw(rnn_cell(), view="autograd").composed).values())


def test_the_graph_of_autograd_names_leaves_and_shapes() -> None:
    scene = draw(mlp(), view="autograd", style="operations").composed
    lines = [["".join(run.text for run in line) for line in box.lines] for box in scene.boxes]
    assert ["AccumulateGrad", "fc1.weight · 32×64", "|grad| 0.21"] in lines
    assert "64×32" in [edge.label.text for edge in scene.edges if edge.label is not None]


def test_what_a_loop_makes_and_reads_stays_in_it() -> None:
    s = Sketch()
    h = s.value("h0", (2,), kind="input")
    for _ in range(3):
        made, turned = s.value("next_h", (2,)), s.value("h", (2,))
        s.call("tanh", [h], [made], line=3)
        s.call("t", [made], [turned], line=4)
        h = turned
    end = s.value("out")
    s.call("sum", [made], [end], line=5)
    scene = draw(s.graph(outputs=(end,)), view="roll", style="data").scene
    (box,) = (box for box in scene.boxes if box.lines and box.lines[0][0].text == "next_h")
    assert box.group is not None
    assert problems(scene) == []


def test_a_loop_rolls_before_backward_is_set_opposite_and_not_after() -> None:
    weight, h = torch.full((3, 3), 0.1, requires_grad=True), torch.ones(2, 3)
    with tracer.record() as recording:
        for _ in range(4):
            h = torch.tanh(h @ weight)
        h.sum().backward()
    (graph,) = recording.graphs
    shown = draw(graph, view=["roll", "backward"]).view
    opposite = [node.forward for node in shown.nodes if node.phase == "backward" and node.forward is not None]
    assert len(opposite) == len(set(opposite)) == 3
    with pytest.raises(RenderError, match="ask for the view 'backward' last, as in --view roll --view backward"):
        draw(graph, view=["backward", "roll"]).view  # noqa: B018 - made when asked for


def test_the_gradient_of_a_parameter_is_told_in_text_and_drawn_in_the_parameter() -> None:
    w = torch.ones(2, 2, requires_grad=True)
    with tracer.record() as recording:
        (w @ torch.ones(2, 1)).tanh().sum().backward()
        torch.optim.SGD([w], lr=0.1).step()
    drawing = draw(recording.graphs[0], view="backward", style="data")
    assert "w.grad" not in by_words(drawing.composed).values()
    assert "w.grad 2×2 = ∂@(" in str(drawing.render("text"))


def test_the_legend_explains_the_words_of_autograd_where_they_are_used() -> None:
    views = ("autograd", "backward", "prune")
    said = {view: {text.plain(label.runs) for label in draw(rnn_cell(), view=view).scene.labels} for view in views}
    assert "AccumulateGrad adds to the .grad of a parameter" in said["autograd"]
    assert any(words.startswith("MmBackward0 sends gradients back through mm") for words in said["autograd"])
    assert "∂f gradient through f" in said["backward"]
    assert not any("Grad" in words or "Backward0" in words for words in said["backward"] | said["prune"])


def test_gradients_that_meet_are_passed_on_as_one() -> None:
    layers = [torch.nn.Linear(4, 4) for _ in range(4)]
    h = torch.ones(2, 4)
    with tracer.record() as recording:
        for layer in layers:
            h = h + torch.relu(layer(h))
        h.sum().backward()
    graph = draw(recording.graphs[0], view="backward").view
    sent = [
        (graph.producer[value].id, node.id)
        for node in graph.nodes
        for value in node.inputs
        if value in graph.producer and node.phase == graph.producer[value].phase == "backward"
    ]
    assert len(sent) == len(set(sent)) < 5 * len(layers)
    assert detours(graph) == []
