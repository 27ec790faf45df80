"""Views: what each keeps, drops and closes, on graphs built by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from render import draw, text
from render.errors import RenderError
from render.views import get
from render.views.auto import MAX_BOXES, auto, count_boxes
from render.views.autograd import autograd
from render.views.closing import is_closed_module
from render.views.collapse import collapse
from render.views.levels import select
from render.views.merging import turns
from render.views.phase import phase
from render.views.prune import prune
from render.views.skip import skip
from tests.graphs import Sketch, mlp, residual_net, rnn_cell, several_outputs, square
from tracer.graph import Graph

ITEMS = frozenset({"views"})


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def names(graph: Graph, values: tuple[int, ...]) -> list[str | None]:
    return [graph.value_by_id[value].name for value in values]


def test_an_unknown_view_is_an_error_with_the_choices() -> None:
    with pytest.raises(RenderError, match=r"'colapse'.*one of auto, autograd, .*did you mean 'collapse'"):
        get("colapse")


def test_prune_drops_factories_and_draws_their_results_as_inputs() -> None:
    graph = prune(phase(rnn_cell()))
    assert ops(graph) == ["t", "mm", "t", "mm", "+", "tanh", "sum"]
    assert graph.values == rnn_cell().values


def test_prune_drops_initialisation_and_what_leads_nowhere() -> None:
    s = Sketch()
    noise = s.value(None, (2,), kind="input")
    weight = s.value("W", (2,), kind="parameter")
    x, unused, kept, y = (
        s.value("x", (2,), kind="input"),
        s.value(None, (2,)),
        s.value("mask", (2,)),
        s.value(None, (2,)),
    )
    s.node("randn", [], [noise])
    s.node("mul", [noise], [weight])
    s.node("neg", [x], [unused])
    s.node("gt", [x], [kept])
    s.node("mul", [x, weight], [y])
    graph = prune(s.graph(outputs=(y,)))
    assert ops(graph) == ["gt", "mul"]
    assert graph.inputs == (x,)


def test_prune_drops_running_statistics_although_they_have_a_name() -> None:
    s = Sketch()
    count = s.value("bn.num_batches_tracked", (), kind="buffer")
    x, y = s.value("x", (2,), kind="input"), s.value("y", (2,))
    more = s.value("bn.num_batches_tracked", (), version_of=count)
    s.node("add_", [count], [more])
    s.node("relu", [x], [y])
    assert ops(prune(s.graph(outputs=(y,)))) == ["relu"]


def test_prune_keeps_everything_where_nothing_is_an_output_or_has_a_name() -> None:
    s = Sketch()
    x, y = s.value("x", (2,), kind="input"), s.value(None, (2,))
    s.node("relu", [x], [y])
    assert ops(prune(s.graph())) == ["relu"]


def test_an_unnamed_factory_result_becomes_a_constant_with_its_name() -> None:
    s = Sketch()
    x, zeros, y = s.value("x", (2,), kind="input"), s.value(None, (2,), kind="input"), s.value("y", (2,))
    s.call("zeros", [], [zeros])
    s.node("add", [x, zeros], [y])
    made = prune(s.graph(outputs=(y,))).value_by_id[zeros]
    assert (made.name, made.kind) == ("zeros", "constant")


def test_collapse_to_functions_keeps_operands_in_the_order_of_the_code() -> None:
    graph = collapse(phase(mlp()), to="functions")
    assert ops(graph) == ["linear", "relu", "linear", "cross_entropy", "argmax"]
    assert names(graph, graph.nodes[0].inputs) == ["x", "fc1.weight", "fc1.bias"]
    assert names(graph, graph.nodes[3].inputs) == ["logits", "y"]


def test_collapse_keeps_repeated_operands() -> None:
    graph = collapse(square())
    assert names(graph, graph.nodes[0].inputs) == ["x", "x"]


def test_collapse_to_modules_counts_parameters_and_operations() -> None:
    graph = collapse(phase(mlp()), to="modules")
    first = graph.nodes[0]
    assert is_closed_module(first)
    assert (first.op, dict(first.attrs)) == ("fc1", {"type": "Linear", "parameters": 64 * 32 + 32, "operations": 1})
    assert ops(graph) == ["fc1", "relu", "fc2", "cross_entropy", "argmax"]
    assert names(graph, graph.nodes[2].outputs) == ["logits"]


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (0, ["SmallResNet", "cross_entropy"]),
        (1, ["stem", "0", "mean", "head", "cross_entropy"]),
        (2, ["stem", "conv1", "bn1", "relu", "conv2", "bn2", "+", "mean", "head", "cross_entropy"]),
    ],
)
def test_depth_closes_what_lies_deeper(depth: int, expected: list[str]) -> None:
    assert ops(collapse(residual_net(), to="modules", depth=depth)) == expected


def test_depth_at_function_level_leaves_shallow_modules_open() -> None:
    assert ops(collapse(residual_net(), depth=1)) == ["stem", "0", "mean", "head", "cross_entropy"]
    assert "conv2d" in ops(collapse(residual_net(), depth=3))


def test_a_closed_function_hands_on_no_running_statistics() -> None:
    s = Sketch()
    mean = s.value("bn.running_mean", (2,), kind="buffer")
    x, y = s.value("x", (4, 2), kind="input"), s.value("y", (4, 2))
    after = s.value("bn.running_mean", (2,), version_of=mean)
    s.node("batch_norm", [x, mean], [y, after], scope=s.scope("batch_norm", inputs=(x, mean), outputs=(y,)))
    graph = collapse(s.graph(outputs=(y,)))
    assert names(graph, graph.nodes[0].outputs) == ["y"]


def test_where_there_are_no_modules_to_close_it_says_so() -> None:
    for options in ({"depth": 0}, {"to": "modules"}):
        assert collapse(square(), **options).meta["notes"] == ("there are no modules to close here",)  # type: ignore[arg-type]
    assert "notes" not in collapse(square()).meta


def test_a_closed_module_hands_on_only_what_is_read_outside() -> None:
    graph = collapse(residual_net(), to="modules", depth=0)
    assert names(graph, graph.nodes[0].outputs) == ["logits"]
    assert graph.nodes[0].inputs[0] == graph.inputs[0]


def test_backward_is_collapsed_beside_forward_and_stays_paired() -> None:
    graph = collapse(prune(rnn_cell()))
    backward = [node for node in graph.nodes if node.phase == "backward"]
    assert [node.op for node in backward] == ["ones_like", "SumBackward0", "TanhBackward0"]
    assert [graph.node_by_id[node.forward].op for node in backward if node.forward is not None] == ["sum", "tanh"]


def test_a_function_around_an_open_module_is_drawn_before_and_after_it() -> None:
    s = Sketch()
    x, a, b, y = s.value("x", (2,), kind="input"), s.value(None, (2,)), s.value(None, (2,)), s.value("y", (2,))
    around = s.scope("checkpoint", inputs=(x,), outputs=(y,))
    module = s.scope("act", "module", "ReLU", parent=around)
    for op, value, made, scope in (("neg", x, a, around), ("relu", a, b, module), ("neg", b, y, around)):
        s.node(op, [value], [made], scope=scope)
    graph = collapse(s.graph(outputs=(y,)), to="functions")
    assert ops(graph) == ["checkpoint", "relu", "checkpoint"]
    assert [node.inputs for node in graph.nodes] == [(x,), (a,), (b,)]


def test_collapse_says_what_is_wrong() -> None:
    with pytest.raises(RenderError, match="must be one of functions, modules, kernels"):
        collapse(square(), to="layers")  # type: ignore[arg-type]
    with pytest.raises(RenderError, match="whole number from 0 up, not -1"):
        collapse(square(), depth=-1)


def test_autograd_keeps_one_operation_for_each_autograd_node() -> None:
    graph = autograd(prune(phase(mlp())))
    assert ops(graph) == ["AccumulateGrad", "TBackward0", "AccumulateGrad", "AddmmBackward0"] * 2
    leaves = [names(graph, node.inputs) for node in graph.nodes if node.op == "AccumulateGrad"]
    assert leaves == [["fc1.weight"], ["fc1.bias"], ["fc2.weight"], ["fc2.bias"]]


def test_autograd_passes_through_operations_without_a_node() -> None:
    graph = autograd(prune(phase(mlp())))  # relu has no grad_fn in this graph
    second = graph.nodes[-1]
    readers = {graph.producer[value].op for value in second.inputs}
    assert readers == {"AccumulateGrad", "TBackward0", "AddmmBackward0"}


def test_skip_reads_through_views_but_keeps_named_ones() -> None:
    graph = skip(prune(phase(rnn_cell())))
    assert ops(graph) == ["mm", "mm", "+", "tanh", "sum"]
    assert names(graph, graph.nodes[0].inputs) == ["W_x", "x"]
    assert "chunk" in ops(skip(several_outputs()))


def test_auto_draws_functions_where_they_fit() -> None:
    graph = select(residual_net(2), items=ITEMS)
    assert "conv2d" in ops(graph)
    assert "notes" not in graph.meta


def unlike_blocks(blocks: int) -> Graph:
    """A network whose blocks are not quite alike, so that none can stand for the others."""
    graph = residual_net(blocks)
    scopes = (replace(scope, attrs={"number": scope.id}) if scope.name == "conv2d" else scope for scope in graph.scopes)
    return replace(graph, scopes=tuple(scopes))


def test_auto_closes_modules_until_it_fits_and_says_so() -> None:
    large = unlike_blocks(12)
    graph = select(large, items=ITEMS)
    before = count_boxes(select(large, level="function", items=ITEMS))
    assert count_boxes(graph) <= MAX_BOXES < before
    assert graph.meta["notes"] == (
        f"closed 11 modules to draw {count_boxes(graph)} boxes instead of {before}; "
        "--level function opens all, --view auto:boxes=80 more",
    )


def test_auto_opens_modules_of_a_class_together_or_the_first_of_them() -> None:
    graph = unlike_blocks(12)
    assert ops(auto(graph, boxes=30))[:8] == [
        *("conv2d", "conv2d", "batch_norm", "relu", "conv2d", "batch_norm", "+", "1"),
    ]
    assert ops(auto(graph, boxes=20)) == ["conv2d", *map(str, range(12)), "mean", "linear", "cross_entropy"]
    assert ops(auto(graph, boxes=5)) == ["SmallResNet", "cross_entropy"]
    assert len(auto(graph, boxes=100).nodes) == 76


def test_auto_draws_what_repeats_once() -> None:
    graph = auto(residual_net(12))
    block = ["conv2d", "batch_norm", "relu", "conv2d", "batch_norm", "+"]
    assert ops(graph) == ["conv2d", *block, "mean", "linear", "cross_entropy"]
    assert graph.meta["notes"] == ("what is alike is drawn once, with the numbers of the last: blocks.0 to 11",)


def test_auto_without_modules_or_loops_draws_everything() -> None:
    s = Sketch()
    y = s.value("x", (2,), kind="input")
    for number in range(100):
        z = s.value(None, (2,))
        s.call(f"op{number}", [y], [z])
        y = z
    graph = select(s.graph(outputs=(y,)), items=ITEMS)
    assert len(graph.nodes) == 100
    assert "notes" not in graph.meta


@pytest.mark.parametrize("options", [{"level": "kernal"}, {"depth": "2"}, {"level": "autograd", "depth": 1}])
def test_select_says_what_is_wrong(options: dict[str, object]) -> None:
    with pytest.raises(RenderError):
        select(square(), items=ITEMS, **options)  # type: ignore[arg-type]


def test_views_do_not_recurse_on_depth() -> None:
    s = Sketch()
    scope = None
    for number in range(3_000):
        scope = s.scope(f"m.{number}", "module", "M", parent=scope)
    x, y = s.value("x", (2,), kind="input"), s.value("y", (2,))
    s.node("relu", [x], [y], scope=scope)
    graph = collapse(s.graph(outputs=(y,)), to="modules")
    assert len(graph.nodes) == 1


def test_a_closed_module_is_given_a_thing_once_and_no_constant_of_torchs_own() -> None:
    s = Sketch()
    x, mask = s.value("x", (4, 7), kind="input"), s.value(None, (7, 7), kind="constant")
    h = s.value("h", (4, 7))
    module = s.scope("attn", "module", "Attention", inputs=(x, x, x), outputs=(h,))
    s.call("attention", [x, x, x, mask], [h], parent=module)
    graph = s.graph(outputs=(h,))
    assert [node.inputs for node in collapse(graph, to="modules").nodes] == [(x,)]
    assert [node.inputs for node in collapse(graph).nodes] == [(x, x, x)]


@pytest.mark.parametrize("asked", ["auto:boxes=0", "fold:least=1", "roll:turns=1"])
def test_a_number_that_makes_no_sense_is_refused(asked: str) -> None:
    with pytest.raises(RenderError, match=f"{asked.partition('=')[0]} must be a whole number from "):
        _ = draw(rnn_cell(), view=asked).view


def test_what_is_drawn_once_leaves_parameters_and_gradients_of_what_is_closed_around_it_whole() -> None:
    torch = pytest.importorskip("torch")
    import tracer

    class Body(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            block = [torch.nn.Linear(4, 4), torch.nn.Tanh()]
            self.blocks = torch.nn.Sequential(*(torch.nn.Sequential(*block, torch.nn.Linear(4, 4)) for _ in range(5)))
            self.head = torch.nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.blocks(x))

    model = Body()
    with tracer.record() as recording:
        model(torch.ones(3, 4)).sum().backward()
    (graph,) = recording.graphs

    def said(view: str | list[str]) -> set[tuple[str, ...]]:
        boxes = draw(graph, view=view, style="operations").composed.boxes
        return {tuple(text.plain(line) for line in box.lines) for box in boxes if box.kind != "tensor" and box.lines}

    plain = said("collapse:depth=0")
    assert said(["fold", "collapse:depth=0"]) == said(["fold:pattern=none", "auto:boxes=4"]) == plain
    assert len(plain) == 2
    closed = "collapse:module=blocks"
    assert said(["fold", closed, "collapse:depth=0"]) == plain
    assert said(["fold", closed]) == said(closed)


def test_auto_shows_how_many_are_alike_rather_than_what_is_around_them() -> None:
    s = Sketch()
    x = s.value("x", (4, 4), kind="input")
    stack = s.scope("net", "module", "Stack")
    for number in range(8):
        block = s.scope(f"net.{number}", "module", "Block", parent=stack)
        for op in ("exp", "tanh", "relu", "sin", "cos", "exp"):
            y = s.value(None, (4, 4))
            s.call(op, [x], [y], parent=block)
            x = y
    graph = auto(s.graph(outputs=(x,)), boxes=3)
    assert ops(graph) == ["7"]
    assert [turns(scope) for scope in graph.scopes if scope.kind == "module"] == [1, 8]
